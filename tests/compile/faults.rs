//! Everything a release server, or what is between here and it, can do wrong: each fault over http and over TLS.

use crate::case;
use crate::checksums_path;
use crate::support::build::Build;
use crate::support::mirror::{Mirror, VERSION, gzip};
use crate::support::run::Run;
use crate::support::server::{Certificate, FullServer, MuteServer, NOBODY, Ranges, ReleaseServer, Reply};
use crate::tarball_path;
use std::time::{Duration, SystemTime};

/// How the release server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Http,
    Tls,
}

impl Over {
    /// Serves `mirror`.
    fn serve(self, mirror: &Mirror) -> ReleaseServer {
        match self {
            Over::Http => mirror.serve(),
            Over::Tls => mirror.serve_over_tls(),
        }
    }

    /// Prepares a build that trusts `server`, within the memory of a good build.
    fn build(self, server: &ReleaseServer) -> Build {
        let build = Build::from(&server.url()).with_memory_limit();
        match self {
            Over::Http => build,
            Over::Tls => build.variable("SSL_CERT_FILE", server.authority()),
        }
    }
}

/// What a build makes of a fault.
#[derive(Clone, Copy)]
enum Outcome {
    /// It fails with this id, and has changed nothing.
    Fails(&'static str),
    /// It gets over it.
    Installs,
}

use Outcome::{Fails, Installs};

/// One fault: its name, the file it happens to, the answers to one request after the other, and what comes of it.
type Case = (&'static str, String, Vec<Reply>, Outcome);

/// A build that waits for no answer longer than a second or two.
fn impatient(build: Build) -> Build {
    build
        .variable("HOOP_BUILDPACK_STALL_MS", "500")
        .variable("CURL_CONNECT_TIMEOUT", "1")
        .variable("CURL_TIMEOUT", "2")
}

/// Builds from a server that answers as each case says.
fn meet(over: Over, cases: Vec<Case>, prepare: fn(Build) -> Build) {
    let mirror = Mirror::of(VERSION);
    for (what, path, replies, outcome) in cases {
        case(format!("{what} of {path}, over {over:?}"));
        let server = over.serve(&mirror);
        server.answer(&path, replies);
        let build = prepare(over.build(&server));
        match outcome {
            Fails(id) => build.compile_fails(id),
            Installs => build.compile_installs(VERSION),
        };
    }
}

/// Bodies that stop before their end, by the number of bytes that come.
fn stops(size: usize) -> [usize; 4] {
    [0, 1, size / 2, size - 1]
}

/// The faults that take no time.
fn quick_faults(over: Over) -> Vec<Case> {
    let mirror = Mirror::of(VERSION);
    let bytes = mirror.archive(VERSION);
    let size = bytes.len() as u64;
    let whole = Reply::ok(bytes);
    let named = whole.clone().etag("one", Ranges::Honoured);
    let latest = || "/latest.txt".to_owned();
    let files = [latest(), checksums_path(), tarball_path()];
    let mut cases: Vec<Case> = Vec::new();
    let mut add = |what, path: &str, replies: Vec<Reply>, outcome| {
        cases.push((what, path.to_owned(), replies, outcome));
    };
    let (tarball, checksums) = (tarball_path(), checksums_path());

    for length in stops(bytes.len()) {
        add(
            "closed each time",
            &tarball,
            vec![whole.clone().cut_after(length)],
            Fails("fetch::cut-short"),
        );
        add(
            "closed once",
            &tarball,
            vec![named.clone().cut_after(length), named.clone()],
            Installs,
        );
        add(
            "reset each time",
            &tarball,
            vec![whole.clone().reset_after(length)],
            Fails("fetch::cut-short"),
        );
        add(
            "reset once",
            &tarball,
            vec![named.clone().reset_after(length), named.clone()],
            Installs,
        );
    }
    for path in &files[..2] {
        add(
            "closed each time",
            path,
            vec![Reply::ok(VERSION).announcing(20)],
            Fails("fetch::cut-short"),
        );
    }
    add(
        "Content-Length too large",
        &tarball,
        vec![whole.clone().announcing(size + 10)],
        Fails("fetch::cut-short"),
    );
    add(
        "Content-Length too small",
        &tarball,
        vec![whole.clone().announcing(size - 10)],
        Fails("fetch::checksum-mismatch"),
    );
    for path in &files {
        add(
            "endless headers",
            path,
            vec![Reply::endless_head()],
            Fails("fetch::cut-short"),
        );
    }
    add("chunks", &tarball, vec![whole.clone().chunked()], Installs);
    add(
        "chunks without their end",
        &tarball,
        vec![whole.clone().chunked().cut_after(100_000)],
        Fails("fetch::cut-short"),
    );
    // Over http nothing tells such an end from the right one but the digest. TLS has an end of its own.
    let unknown = match over {
        Over::Http => "fetch::checksum-mismatch",
        Over::Tls => "fetch::cut-short",
    };
    add(
        "no length, and closed",
        &tarball,
        vec![whole.clone().without_length().cut_after(100_000)],
        Fails(unknown),
    );
    for (path, text, id) in [
        (&files[0], VERSION.as_bytes(), "version::latest-invalid"),
        (&files[1], b"0  hoop".as_slice(), "release::checksums-invalid"),
        (&files[2], bytes, "fetch::checksum-mismatch"),
    ] {
        let squeezed = Reply::ok(gzip(text)).header("Content-Encoding", "gzip");
        add("Content-Encoding nobody asked for", path, vec![squeezed], Fails(id));
        add("an HTML page", path, vec![Reply::html_page()], Fails(id));
    }
    for (path, status, id) in [
        (&files[0], 403, "version::latest-not-found"),
        (&files[0], 404, "version::latest-not-found"),
        (&files[1], 403, "version::not-found"),
        (&files[1], 404, "version::not-found"),
        (&files[2], 403, "fetch::refused"),
        (&files[2], 404, "fetch::refused"),
    ] {
        add("no such file", path, vec![Reply::status(status, "no")], Fails(id));
    }
    for path in &files {
        for status in [408, 429, 500, 503] {
            add(
                "trouble each time",
                path,
                vec![Reply::status(status, "not now")],
                Fails("fetch::server-error"),
            );
        }
        for status in [204, 300, 418] {
            add(
                "an answer without sense",
                path,
                vec![Reply::status(status, "")],
                Fails("fetch::refused"),
            );
        }
        add(
            "a part, where all was asked for",
            path,
            vec![Reply::status(206, "x").header("Content-Range", "bytes 1-1/9")],
            Fails("fetch::refused"),
        );
        for location in [path.as_str(), "file:///etc/passwd", "ftp://127.0.0.1/", "//"] {
            add(
                "a redirect that leads nowhere",
                path,
                vec![Reply::redirect(location)],
                Fails("fetch::refused"),
            );
        }
        add(
            "a redirect without a place",
            path,
            vec![Reply::status(302, "moved")],
            Fails("fetch::refused"),
        );
    }
    let passing = |reply: Reply| vec![Reply::status(500, "not now"), Reply::status(503, "not now"), reply];
    add("trouble twice", &tarball, passing(whole.clone()), Installs);
    add("trouble twice", "/latest.txt", passing(Reply::ok(VERSION)), Installs);
    add(
        "trouble in the middle",
        &tarball,
        vec![
            named.clone().cut_after(100_000),
            Reply::status(503, "not now"),
            named.clone(),
        ],
        Installs,
    );
    for ranges in [Ranges::Ignored, Ranges::Refused] {
        let reply = whole.clone().etag("one", ranges);
        add(
            "a range ignored or refused",
            &tarball,
            vec![reply.clone().cut_after(100_000), reply],
            Installs,
        );
    }
    for ranges in [Ranges::Honoured, Ranges::Careless] {
        add(
            "a range of another file",
            &tarball,
            vec![
                Reply::ok("x".repeat(150_000))
                    .etag("one", Ranges::Honoured)
                    .cut_after(100_000),
                whole.clone().etag("two", ranges),
            ],
            Installs,
        );
    }
    let rest = Reply::status(206, "x".repeat(bytes.len() - 100_000))
        .header("Content-Range", &format!("bytes 100000-{}/{size}", size - 1));
    add(
        "a rest that has no entity tag",
        &tarball,
        vec![named.clone().cut_after(100_000), rest, named.clone()],
        Installs,
    );
    add(
        "10 MB of rubbish",
        &checksums,
        vec![Reply::ok("rubbish\n".repeat(1_250_000))],
        Fails("fetch::too-large"),
    );
    add(
        "10 MB of rubbish",
        "/latest.txt",
        vec![Reply::ok("rubbish\n".repeat(1_250_000))],
        Fails("version::latest-invalid"),
    );
    add(
        "10 MB of rubbish without a length",
        &checksums,
        vec![Reply::ok("rubbish\n".repeat(1_250_000)).chunked()],
        Fails("fetch::too-large"),
    );
    cases
}

#[test]
fn every_fault_over_http_fails_with_its_id_or_is_overcome() {
    meet(Over::Http, quick_faults(Over::Http), |build| build);
}

#[test]
fn every_fault_over_tls_fails_with_its_id_or_is_overcome() {
    meet(Over::Tls, quick_faults(Over::Tls), |build| build);
}

/// The faults that only a limit of time can end.
fn slow_faults() -> Vec<Case> {
    let mirror = Mirror::of(VERSION);
    let bytes = mirror.archive(VERSION);
    let mut cases: Vec<Case> = Vec::new();
    for length in stops(bytes.len()) {
        let reply = Reply::ok(bytes).stall_after(length);
        cases.push(("silence", tarball_path(), vec![reply], Fails("fetch::stalled")));
    }
    for (what, reply) in [
        ("no answer", Reply::silence()),
        ("a header that trickles", Reply::trickling_head()),
        ("a body that trickles", Reply::ok(bytes).trickling()),
    ] {
        cases.push((what, tarball_path(), vec![reply], Fails("fetch::stalled")));
    }
    cases
}

#[test]
fn a_transfer_over_http_that_would_last_for_ever_is_ended() {
    meet(Over::Http, slow_faults(), impatient);
}

#[test]
fn a_transfer_over_tls_that_would_last_for_ever_is_ended() {
    meet(Over::Tls, slow_faults(), impatient);
}

#[test]
fn a_redirect_to_another_path_or_host_is_followed() {
    let mirror = Mirror::of(VERSION);
    for over in [Over::Http, Over::Tls] {
        for (location, path) in [
            ("elsewhere", format!("/{VERSION}/elsewhere")),
            ("../elsewhere", "/elsewhere".to_owned()),
            ("/else/where?a=b", "/else/where?a=b".to_owned()),
            ("{another host}/elsewhere", "/elsewhere".to_owned()),
        ] {
            case(format!("{location} over {over:?}"));
            let server = over.serve(&mirror);
            let host = server.url().replace("127.0.0.1", "localhost");
            assert_ne!(host, server.url());
            let location = location.replace("{another host}", &host);
            server.answer(&tarball_path(), [Reply::redirect(&location)]);
            server.answer(&path, [Reply::ok(mirror.archive(VERSION))]);

            over.build(&server).compile_installs(VERSION);
            assert_eq!(server.requests_for(&path).len(), 1);
        }
    }
}

#[test]
fn a_server_that_cannot_be_connected_to_is_unreachable() {
    let (mute, full) = (MuteServer::new(), FullServer::new());
    for url in [
        NOBODY.to_owned(),
        NOBODY.replace("http:", "https:"),
        // No server of names is asked for these, so they are unknown at once, with a network and without.
        "http://releases.invalid./release".to_owned(),
        "https://releases.invalid./release".to_owned(),
        // The handshake is a part of the connection.
        mute.url("https"),
        full.url("http"),
        full.url("https"),
    ] {
        case(&url);
        let build = Build::from(&url)
            .variable("CURL_CONNECT_TIMEOUT", "1")
            .with_memory_limit();

        let run = build.compile_fails("fetch::unreachable");

        // All of them within the test's time: it is the limit on a connection that ended each.
        run.tells(&["cannot be reached", "HOOP_INSTALL=optional", "6 times"]);
    }
}

/// A proxy that is asked for a file, and one that is asked for a tunnel.
#[test]
fn a_proxy_that_lets_nobody_through_is_told_as_that() {
    for (variable, url, asked_for) in [
        ("HTTP_PROXY", "http://mirror.example/release", "/release/latest.txt"),
        ("HTTPS_PROXY", "https://mirror.example/release", "mirror.example:443"),
    ] {
        case(variable);
        let proxy = ReleaseServer::plain();
        proxy.answer(asked_for, [Reply::status(407, "no")]);
        let build = Build::from(url).variable(variable, proxy.url());

        build
            .compile_fails("fetch::proxy")
            .tells(&["the proxy cannot be used", "roxy"]);
        assert_eq!(proxy.requests_for(asked_for).len(), 1, "not tried again");
    }
}

#[test]
fn a_password_of_a_proxy_that_would_be_read_as_a_host_is_not_shown() {
    let build = Build::from("https://mirror.example/release")
        .variable("HTTPS_PROXY", "http://bob:Hunter@SecretPart/x@127.0.0.1:1");

    build
        .compile_fails("fetch::proxy")
        .tells(&["HTTPS_PROXY"])
        .hides(&["Hunter", "ecretpart", "ecretPart"]);
}

#[test]
fn a_server_that_takes_a_connection_and_says_nothing_is_given_up() {
    let mute = MuteServer::new();

    impatient(Build::from(&mute.url("http")))
        .compile_fails("fetch::stalled")
        .tells(&["2 s for more"]);
}

#[test]
fn a_certificate_that_is_not_good_is_refused() {
    for (words, certificate) in [
        ("certificate expired", Certificate::Expired),
        ("not valid for name", Certificate::OfAnotherName),
    ] {
        case(words);
        let server = Mirror::of(VERSION).fill(ReleaseServer::over_tls_with(certificate));
        let run = Over::Tls.build(&server).compile_fails("fetch::tls");

        run.tells(&["is not trusted", words]);
        assert!(server.take_requests().is_empty());
    }
}

/// Builds where the first answer is that the server is busy until the moment that `header` names.
fn busy_until(header: &str, build: impl FnOnce(Build) -> Build, check: impl FnOnce(&Build) -> Run) -> usize {
    let server = Mirror::of(VERSION).serve();
    let busy = Reply::status(429, "slow down").header("Retry-After", header);
    server.answer("/latest.txt", [busy, Reply::ok(VERSION)]);
    check(&build(Build::from(&server.url())));
    server.requests_for("/latest.txt").len()
}

#[test]
fn a_date_after_which_to_ask_again_is_kept_to() {
    // Nothing is left of it, so the pause is our own.
    let over = httpdate::fmt_http_date(SystemTime::now() - Duration::from_hours(1));
    for header in [over.as_str(), "0"] {
        let own = |build: Build| build.variable("HOOP_BUILDPACK_RETRY_BASE_MS", "400");
        let requests = busy_until(header, own, |build| {
            let run = build.compile_installs(VERSION);
            // From 300 to 500 ms.
            run.assert(!run.stdout().contains("trying again in 0.0 s"), "no pause at all");
            run.shows(&["429 Too Many Requests; trying again in 0."]);
            run
        });
        assert_eq!(requests, 2);
    }

    // A pause that the whole transfer has no time for is not begun.
    let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_hours(1));
    let hurried = |build: Build| build.variable("CURL_TIMEOUT", "30");
    let requests = busy_until(&later, hurried, |build| build.compile_fails("fetch::server-error"));
    assert_eq!(requests, 1);
}
