//! The ways to the release server: names, proxies, certificates, redirects, and what answers in its place.

use crate::OTHER;
use crate::case;
use crate::checksums_path;
use crate::make_pipe;
use crate::support::build::Build;
use crate::support::dyno::{program, skipped};
use crate::support::mirror::{Mirror, VERSION, archive_path};
use crate::support::run::Run;
use crate::support::server::{BareServer, ReleaseServer, Reply};
use crate::take_paths;
use crate::tarball_path;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;
use url::Url;

/// Builds with this `/etc/hosts` and a name server that never answers. `None` where no user may have that.
fn compile_with_hosts(build: &Build, hosts: &[u8]) -> Option<Run> {
    program("unshare")?;
    let at = |name: &str| build.root().join(name);
    for (name, text) in [("hosts", hosts), ("resolv.conf", b"nameserver 127.0.0.98\n")] {
        fs::write(at(name), text).expect("a file can be written");
    }
    let unshared = |script: &str| {
        let program = build.command(build.compile_arguments());
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
            .arg(format!(
                "mount --bind hosts /etc/hosts && mount --bind resolv.conf /etc/resolv.conf && {script}"
            ))
            .arg("sh")
            .arg(program.get_program())
            .args(program.get_args())
            .env_clear()
            .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .current_dir(build.root());
        Run::of(command)
    };
    if !unshared("echo mounted").stdout().contains("mounted") {
        skipped("this machine lets no user mount a file");
        return None;
    }
    Some(unshared("exec \"$@\""))
}

#[test]
fn a_name_of_the_hosts_file_needs_no_name_server() {
    let server = Mirror::of(VERSION).serve();
    // Only root may be a name server. Without it, nobody is one at that address.
    let _mute = UdpSocket::bind("127.0.0.98:53");
    for (host, hosts) in [
        ("four-only.example", &b"127.0.0.1 four-only.example\n"[..]),
        ("four-only", b"127.0.0.1\tother Four-Only # a comment\n"),
        ("my_mirror.example", b"127.0.0.1 my_mirror.example\n"),
        ("_mirror", b"127.0.0.1 _mirror\n"),
        ("dotted.example.", b"127.0.0.1 dotted.example\n"),
        (
            "second.example",
            b"# caf\xe9\n::1 localhost\n127.0.0.1 first.example second.example",
        ),
        ("both.example", b"::1 both.example\n127.0.0.1 both.example\n"),
    ] {
        case(host);
        let build = Build::from(&server.url().replace("127.0.0.1", host));

        let Some(run) = compile_with_hosts(&build, hosts) else {
            return;
        };

        // It is no address of this machine by its name, so nobody can vouch for what comes over http.
        run.succeeds().warns(&["HOOP_RELEASES_URL is plain http"]).assert(
            !run.stdout().contains("trying again"),
            "expected the name to be found at once",
        );
        build.assert_installed(VERSION, &run);
    }
}

#[test]
fn what_answers_and_speaks_no_http_is_told_as_that() {
    for (what, greeting, answer) in [
        ("ssh", &b"SSH-2.0-OpenSSH_9.6\r\n"[..], &b""[..]),
        ("mail", b"220 mail.example ESMTP\r\n", b"500 what\r\n"),
        ("a database", b"J\0\0\0\n8.0.36\0", b""),
        ("another one", b"", b"-ERR unknown command 'GET'\r\n"),
        ("TLS", b"", b"\x15\x03\x01\x00\x02\x02\x46"),
        ("HTTP/0.9", b"", b"<html>hello</html>\n"),
        ("HTTP/2", b"", b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x80"),
        ("HTTP of a version to come", b"", b"HTTP/3.0 200 OK\r\n\r\n"),
        ("a status that is none", b"", b"HTTP/1.1 fine\r\n\r\n"),
        ("the bare version", b"", VERSION.as_bytes()),
        ("noise", b"", b"\0\x01\x02\xff\xfe\r\n\r\n"),
    ] {
        case(what);
        let server = BareServer::new(greeting, answer);
        let build = Build::from(&server.url("http")).with_memory_limit();
        build.compile_fails("fetch::not-http").tells(&[&format!(
            "what answers at {} does not speak HTTP",
            &server.url("http")[7..]
        )]);

        let build = Build::from(&server.url("https")).with_memory_limit();
        let run = build.compile_fails("fetch::tls");
        // An alert is an answer of TLS.
        if what != "TLS" {
            run.tells(&[&format!(
                "what answers at {} does not speak TLS",
                &server.url("https")[8..]
            )]);
        }
    }
}

#[test]
fn an_answer_that_never_begins_is_told_as_that() {
    for (what, answer) in [
        ("nothing", &b""[..]),
        ("empty lines", b"\r\n\r\n"),
        ("half a word", b"HTT"),
    ] {
        case(what);
        let server = BareServer::new(b"", answer);
        Build::from(&server.url("http"))
            .compile_fails("fetch::cut-short")
            .tells(&["the connection was closed before the answer was complete"]);
    }
}

#[test]
fn what_speaks_no_http_is_an_outage_to_the_latest_version() {
    let build = crate::support::build::built_from(&Mirror::of(VERSION).serve().url());
    let server = BareServer::new(b"SSH-2.0-OpenSSH_9.6\r\n", b"");
    build.set("HOOP_RELEASES_URL", server.url("http"));

    build.compile_warns(VERSION, &["the latest agent could not be fetched"]);
}

#[test]
fn a_redirect_to_what_speaks_no_http_is_told_as_that() {
    let server = Mirror::of(VERSION).serve();
    let elsewhere = BareServer::new(b"", b"<html>hello</html>\n");
    server.answer(&tarball_path(), [Reply::redirect(&elsewhere.url("http"))]);

    Build::from(&server.url()).compile_fails("fetch::not-http");
}

#[test]
fn a_redirect_takes_nothing_along_that_was_not_its_own() {
    let mirror = Mirror::of(VERSION);
    let (server, storage) = (mirror.serve(), mirror.serve());
    for path in ["/latest.txt".to_owned(), checksums_path(), tarball_path()] {
        server.answer(&path, [Reply::redirect(&format!("{}{path}", storage.url()))]);
    }
    let build = Build::from(&server.url_with("robot", "T0K3N"));

    build.compile().succeeds_quietly();

    let requests = storage.take_requests();
    assert_eq!(requests.len(), 3);
    for request in requests {
        let names: Vec<_> = request.headers.keys().map(String::as_str).collect();
        let known = ["accept", "host", "user-agent"];
        assert!(names.iter().all(|name| known.contains(name)), "{request:?}");
        assert!(!format!("{request:?}").contains("T0K3N"));
    }
}

#[test]
fn a_proxy_that_cannot_be_read_stops_the_build_and_is_not_shown() {
    let server = Mirror::of(VERSION).serve();
    for value in [
        "http://bob:Hunter2@proxy.example:3128\n",
        "http://bob:Hunter2@proxy.example\r\nX: y",
        "http://bob:Hunter 2@proxy.example",
        "ftp://bob:Hunter2@proxy.example",
        "socks5://bob:Hunter2@127.0.0.1:1080",
        "http:/bob:Hunter2@proxy.example",
        "http://bob:Hunter2@",
        "http://bob:Hunter2@:3128",
        "http://bob:Hunter2@proxy.example:port",
        "http://bob:Hunter2@proxy.example:99999",
        "http://bob:Hunt/er2@proxy.example",
    ] {
        for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
            case(format!("{name} {value:?}"));
            let build = Build::from(&server.url()).variable(name, value);
            build
                .compile_fails("fetch::proxy")
                .tells(&[name])
                .hides(&["bob", "Hunt", "er2", "proxy.example"]);
            // It is of no account where it is not obeyed.
            let build = build.variable("NO_PROXY", "localhost,127.0.0.0/8");
            if name.eq_ignore_ascii_case("http_proxy") && value.starts_with("ftp") {
                build.compile_installs(VERSION);
            }
        }
    }
    let not_text = std::os::unix::ffi::OsStrExt::from_bytes(b"http://proxy\xff.example");
    let not_text: &std::ffi::OsStr = not_text;
    Build::from(&server.url())
        .variable("http_proxy", not_text)
        .compile_fails("fetch::proxy")
        .tells(&["http_proxy is not UTF-8"]);
}

#[test]
fn a_proxy_that_only_a_redirect_asks_for_must_be_readable_too() {
    let server = Mirror::of(VERSION).serve();
    server.answer("/latest.txt", [Reply::redirect("https://127.0.0.99:1/latest.txt")]);
    let build = Build::from(&server.url()).variable("HTTPS_PROXY", "http://bob:Hun/ter@proxy.example");

    build
        .compile_fails("fetch::proxy")
        .tells(&["HTTPS_PROXY"])
        .hides(&["bob", "Hun/ter"]);
    assert_eq!(take_paths(&server), ["/latest.txt"]);
}

#[test]
fn an_empty_place_of_certificates_is_no_place() {
    let server = Mirror::of(VERSION).serve_over_tls();
    let folder = tempfile::tempdir().unwrap();
    fs::copy(server.authority(), folder.path().join("authority.pem")).unwrap();

    let build = || Build::from(&server.url());
    build()
        .variable("SSL_CERT_FILE", server.authority())
        .variable("SSL_CERT_DIR", "")
        .compile_installs(VERSION);
    build()
        .variable("SSL_CERT_FILE", "")
        .variable("SSL_CERT_DIR", folder.path())
        .compile_installs(VERSION);
    build()
        .variable("SSL_CERT_DIR", format!(":/nowhere:{}:", folder.path().display()))
        .compile_installs(VERSION);
    for build in [
        build().variable("SSL_CERT_FILE", ""),
        build().variable("SSL_CERT_DIR", ""),
        build().variable("SSL_CERT_FILE", "").variable("SSL_CERT_DIR", ""),
        build().variable("SSL_CERT_DIR", "::"),
    ] {
        build
            .compile_fails("fetch::tls")
            .tells(&["certificate was not accepted", "UnknownIssuer"]);
    }
}

#[test]
fn certificates_that_are_no_file_hang_nothing() {
    let server = Mirror::of(VERSION).serve_over_tls();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    make_pipe(&at("pipe"));
    let _socket = UnixListener::bind(at("socket")).unwrap();
    symlink("/dev/zero", at("device")).unwrap();
    symlink("pipe", at("link")).unwrap();
    fs::write(at("text"), "no certificate\n").unwrap();
    for (name, words) in [
        ("pipe", "a named pipe"),
        ("link", "a named pipe"),
        ("socket", "a socket"),
        ("device", "a device"),
        (".", "directory"),
        ("missing", "No such file"),
        ("text", "SSL_CERT_FILE and SSL_CERT_DIR lead to no certificate"),
    ] {
        case(name);
        Build::from(&server.url())
            .variable("SSL_CERT_FILE", at(name))
            .with_memory_limit()
            .compile_fails("fetch::tls")
            .tells(&["the CA certificates of this machine cannot be read", words]);
        Build::from(&server.url())
            .variable("SSL_CERT_DIR", at(name))
            .with_memory_limit()
            .compile_fails("fetch::tls");
    }
}

#[test]
fn a_release_folder_with_something_else_than_files_hangs_nothing() {
    for (kind, words) in [("pipe", "a named pipe"), ("socket", "a socket"), ("device", "a device")] {
        for path in [
            "latest.txt".to_owned(),
            format!("{VERSION}/checksums.txt"),
            archive_path(VERSION),
        ] {
            case(format!("a {kind} as {path}"));
            let build = Build::new();
            let folder = build.root().join("mirror");
            Mirror::of(VERSION).write_to(&folder);
            build.set("HOOP_RELEASES_URL", Url::from_directory_path(&folder).unwrap().as_str());
            let file = folder.join(path);
            fs::remove_file(&file).unwrap();
            let mut socket = None;
            match kind {
                "pipe" => make_pipe(&file),
                // Its path may be longer than a socket's name.
                "socket" => {
                    let here = std::env::temp_dir().join(format!("hoop-{:x}", fastrand::u64(..)));
                    socket = UnixListener::bind(&here).ok();
                    fs::rename(here, &file).unwrap();
                }
                _ => symlink("/dev/zero", &file).unwrap(),
            }

            build.compile_fails("fetch::file-unreadable").tells(&[words]);
            drop(socket);
        }
    }
}

#[test]
fn a_config_var_that_is_no_file_is_refused_and_hangs_nothing() {
    let server = ReleaseServer::plain();
    for name in [
        "HOOP_VERSION",
        "HOOP_SHA256",
        "HOOP_RELEASES_URL",
        "HOOP_INSTALL",
        "HOOP_KEY",
        "HOOP_DSN",
        "HOOP_CONNECTION",
        "HOOP_AUTOSTART",
    ] {
        for kind in ["a named pipe", "a socket", "a device", "a link to a pipe"] {
            case(format!("{kind} as {name}"));
            let build = Build::from(&server.url()).with("HOOP_VERSION", OTHER);
            let file = build.env().join(name);
            let _ = fs::remove_file(&file);
            let mut socket = None;
            match kind {
                "a named pipe" => make_pipe(&file),
                "a socket" => socket = UnixListener::bind(&file).ok(),
                "a device" => symlink("/dev/zero", &file).unwrap(),
                _ => {
                    make_pipe(&build.root().join("pipe"));
                    symlink(build.root().join("pipe"), &file).unwrap();
                }
            }

            build
                .compile_fails("config::env-dir-unreadable")
                .tells(&[file.to_str().unwrap(), "not a file"]);
            drop(socket);
        }
    }
    // What belongs to others is not looked at.
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    make_pipe(&build.env().join("OF_THE_APP"));
    build.compile_installs(VERSION);
}
