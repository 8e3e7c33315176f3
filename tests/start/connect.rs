//! `hoopstart --check --connect`, against real listeners.

use super::gateway::{Http2Server, Says, closer, dripper, reticent, speaker};
use crate::support::dyno::{Dyno, Launch, QUIET_AGENT, SECRET, Slug};
use crate::support::server::{Certificate, ReleaseServer};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::thread;

/// A slug with this agent, and a Procfile that starts it.
fn slug(version: &str) -> Slug {
    let slug = Slug::without_agent();
    slug.install(version, QUIET_AGENT);
    slug.put("Procfile", "web: hoopstart -- puma\n");
    slug
}

/// Prepares a dyno whose gateway is at `place`, and that trusts only the certificates in `authority`.
fn with_gateway(slug: &Slug, scheme: &str, place: &str, authority: &Path) -> Launch {
    slug.web()
        .with("HOOP_KEY", format!("{scheme}://web:{SECRET}@{place}?mode=standard"))
        .with("SSL_CERT_FILE", authority)
        .with("SSL_CERT_DIR", "/nowhere")
}

/// Prepares a dyno whose gateway is at `place`, in plain text.
fn in_plain_text(slug: &Slug, place: &str) -> Launch {
    with_gateway(slug, "grpc", place, Path::new("/nowhere"))
}

/// The host and port of `server`.
fn place(server: &ReleaseServer) -> String {
    server.url().split_once("://").expect("it is a URL").1.to_owned()
}

/// A gateway that says nothing, and its host and port. The kernel accepts connections while the listener exists.
fn silent_gateway() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port can be had");
    let place = listener.local_addr().expect("it is bound").to_string();
    (listener, place)
}

/// Runs the check. Expects exit status `code`, each of `phrases`, and no key anywhere.
#[track_caller]
fn check(slug: &Slug, launch: &Launch, code: i32, phrases: &[&str]) -> Dyno {
    let hoopstart = slug.hoopstart();
    let mut dyno = launch.plain([hoopstart.as_os_str(), "--check".as_ref(), "--connect".as_ref()]);
    dyno.exits(code).closes_output();
    dyno.assert(dyno.processes().is_empty(), "nothing must be started");
    let shown = dyno.stdout() + &dyno.stderr();
    dyno.assert(!shown.contains(SECRET), "the key must not be shown");
    for phrase in phrases {
        dyno.assert(dyno.stdout().contains(phrase), &format!("expected {phrase:?}"));
    }
    let faults = dyno
        .stdout()
        .lines()
        .filter(|line| line.starts_with("hoopstart: "))
        .count();
    dyno.assert(faults == usize::from(code != 0), "expected one fault, or none");
    dyno
}

/// The fault if something else answers.
const OTHER: &str = "[start::gateway-other-service]\n";

#[test]
fn a_gateway_that_is_well_is_exit_0_and_never_sees_the_key() {
    let slug = slug("1.148.0");
    for says in [Says::Health, Says::UnknownMethod, Says::Unauthenticated] {
        let gateway = Http2Server::over_tls(says);
        let place = gateway.place();
        let launch = with_gateway(&slug, "grpcs", &place, gateway.authority());
        let phrases = [
            &format!("gateway:      {place} (TLS)\n"),
            "resolved:     127.0.0.1\n",
            &format!("connected:    {place}\n"),
            "handshake:    TLS 1.3, certificate accepted\n",
            "answer:       the gateway's gRPC\n",
        ];
        check(&slug, &launch, 0, &phrases);
        // In a one-off dyno, where people ask.
        check(&slug, &launch.with("DYNO", "run.1"), 0, &phrases);
        let heard = gateway.heard();
        let question = format!("POST https://{place}/protobuf.Transport/HealthCheck");
        assert_eq!(heard.matches(&question).count(), 2, "{heard}");
        assert!(!heard.contains(SECRET) && !heard.contains("authorization"), "{heard}");

        let gateway = Http2Server::plain(says);
        let phrases = [
            &format!("gateway:      {} (plain text)\n", gateway.place()),
            "handshake:    none: the agent uses plain text here\n",
            "answer:       the gateway's gRPC\n",
        ];
        check(&slug, &in_plain_text(&slug, &gateway.place()), 0, &phrases);
        assert!(!gateway.heard().contains(SECRET), "{}", gateway.heard());
    }
}

#[test]
fn another_service_is_told_with_what_it_is() {
    let slug = slug("1.148.0");
    for (says, what) in [
        (Says::UnknownService, "it speaks gRPC, but is another service"),
        (
            Says::Unavailable,
            "it speaks gRPC, but answers with status 14 and \"no healthy upstream\"",
        ),
        (Says::Page, "it answers with HTTP status 200 and no gRPC"),
        (Says::NotFound, "it answers with HTTP status 404 and no gRPC"),
        (Says::Refusal, "it speaks HTTP/2, but it refused the call with error 7"),
    ] {
        let server = Http2Server::over_tls(says);
        let launch = with_gateway(&slug, "grpcs", &server.place(), server.authority());
        check(&slug, &launch, 78, &["certificate accepted\n", what, OTHER]);
        let server = Http2Server::plain(says);
        check(&slug, &in_plain_text(&slug, &server.place()), 78, &[what, OTHER]);
    }
    // Peers without HTTP/2, in plain text.
    let web = ReleaseServer::plain();
    for (place, what) in [
        (place(&web), "it speaks HTTP/1, as the gateway's API does"),
        (speaker(b"SSH-2.0-OpenSSH_9.6\r\n", false), "it speaks SSH"),
        (
            speaker(b"-ERR unknown command 'PRI'\r\n", true),
            "it begins with \"-ERR unkn\"",
        ),
        (speaker(b"\x1b[2J", true), "it begins with \"<escape>[2J\""),
        (closer(), "it closes"),
    ] {
        check(&slug, &in_plain_text(&slug, &place), 78, &["connected:", what, OTHER]);
    }
}

#[test]
fn a_server_with_tls_and_without_http2_is_told() {
    let slug = slug("1.148.0");
    let api = ReleaseServer::over_tls();
    let launch = with_gateway(&slug, "grpcs", &place(&api), api.authority());
    check(
        &slug,
        &launch,
        78,
        &["it does not agree on a protocol in the handshake (ALPN h2)", OTHER],
    );
    // Older agents do not insist on ALPN.
    let old = self::slug("1.23.3");
    let launch = with_gateway(&old, "grpcs", &place(&api), api.authority());
    check(
        &old,
        &launch,
        78,
        &["it speaks HTTP/1, as the gateway's API does", OTHER],
    );
    let lax = Http2Server::over_tls_with(Says::Health, Certificate::Good, &[]);
    let launch = with_gateway(&old, "grpcs", &lax.place(), lax.authority());
    check(&old, &launch, 0, &["the gateway's gRPC"]);
    let web = Http2Server::over_tls_with(Says::Page, Certificate::Good, &[b"http/1.1"]);
    let launch = with_gateway(&slug, "grpcs", &web.place(), web.authority());
    check(&slug, &launch, 78, &["it speaks TLS, but not HTTP/2", OTHER]);
}

#[test]
fn plain_text_against_tls_is_told_in_both_directions() {
    let slug = slug("1.148.0");
    let tls = Http2Server::over_tls(Says::Health);
    let told = "agent 1.148.0 does not speak TLS, but what answers at";
    check(&slug, &in_plain_text(&slug, &tls.place()), 78, &["connected:", told]);
    // A gateway closes such a connection without an answer.
    let mute = reticent(&tls.place());
    check(&slug, &in_plain_text(&slug, &mute), 78, &["connected:", told]);
    // An alert, which servers in Go send.
    let tls = speaker(b"\x15\x03\x01\x00\x02\x02\x16", true);
    let remedy = "Use a key that begins with grpcs://: heroku config:set HOOP_KEY=<key> [start::gateway-tls]\n";
    check(
        &slug,
        &in_plain_text(&slug, &tls),
        78,
        &["agent 1.148.0 does not speak TLS, but what answers at", remedy],
    );

    let plain = Http2Server::plain(Says::Health);
    let against_plain = |slug: &Slug, scheme, phrases: &[&str]| {
        let launch = with_gateway(slug, scheme, &plain.place(), Path::new("/etc/ssl/none"));
        let authority = ReleaseServer::over_tls();
        check(slug, &launch.with("SSL_CERT_FILE", authority.authority()), 78, phrases);
    };
    // A server in Go sends its settings first.
    let eager = speaker(b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0", false);
    let authority = ReleaseServer::over_tls();
    let launch = with_gateway(&slug, "grpcs", &eager, authority.authority());
    let told = "agent 1.148.0 speaks TLS, but what answers at";
    check(
        &slug,
        &launch,
        78,
        &[told, "a key that begins with grpc://", "[start::gateway-tls]\n"],
    );
    against_plain(&slug, "grpcs", &["connected:"]);
    // This agent ignores the scheme.
    let old = self::slug("1.22.0");
    let launch = with_gateway(&old, "grpc", &eager, authority.authority());
    let phrases = [
        "(TLS: agents before 1.23.3 use it whatever the key's scheme)\n",
        "agent 1.22.0 speaks TLS, but what answers at",
        "heroku config:unset HOOP_VERSION [start::gateway-tls]\n",
    ];
    check(&old, &launch, 78, &phrases);
    let web = ReleaseServer::plain();
    let launch = with_gateway(&slug, "grpcs", &place(&web), authority.authority());
    check(&slug, &launch, 78, &["connected:", "it does not speak TLS: it", OTHER]);
}

#[test]
fn an_agent_is_checked_by_what_its_version_does() {
    let gateway = Http2Server::over_tls(Says::UnknownMethod);
    // It uses TLS whatever the scheme.
    for version in ["1.16.0", "1.20.11", "1.21.49", "1.22.0", "1.23.2"] {
        let slug = slug(version);
        let launch = with_gateway(&slug, "grpc", &gateway.place(), gateway.authority());
        check(
            &slug,
            &launch,
            0,
            &[
                "(TLS: agents before 1.23.3",
                "certificate accepted",
                "the gateway's gRPC",
            ],
        );
    }
    let slug = slug("1.42.9");
    let launch = with_gateway(&slug, "ws", &gateway.place(), gateway.authority());
    check(
        &slug,
        &launch,
        0,
        &[
            "(TLS: agents before 1.43.0 use it for ws:// as well)",
            "certificate accepted",
        ],
    );
    // The variable for the name was another one.
    let other = Http2Server::over_tls_with(Says::Health, Certificate::OfAnotherName, &[b"h2"]);
    let old = self::slug("1.22.0");
    let launch = with_gateway(&old, "grpcs", &other.place(), other.authority());
    let newer = "heroku config:unset HOOP_VERSION [start::gateway-tls]\n";
    check(&old, &launch, 78, &["not valid for", newer]);
    let certificate = "certificate:  for releases.example (TLS_SERVER_NAME)\n";
    check(
        &old,
        &launch.with("TLS_SERVER_NAME", "releases.example"),
        0,
        &[certificate, "certificate accepted"],
    );
    // It starts with an HTTP API, which answers only with a secret.
    let oldest = self::slug("1.19.63");
    let key = format!("grpcs://web:{SECRET}@{}?mode=embedded", gateway.place());
    let launch = with_gateway(&oldest, "grpcs", &gateway.place(), gateway.authority())
        .with("HOOP_KEY", key)
        .with("HOOP_CONNECTION", "a");
    let hoopstart = oldest.hoopstart();
    let mut dyno = launch.plain([hoopstart.as_os_str(), "--check".as_ref(), "--connect".as_ref()]);
    dyno.ends();
    dyno.closes_output();
    dyno.assert(
        dyno.stdout().contains("(TLS, an HTTP API)\n"),
        "expected the kind of connection",
    );
    dyno.assert(
        dyno.stdout().contains("answer:       not checked"),
        "expected what was not done",
    );
}

#[test]
fn a_variable_that_this_agent_does_not_read_is_told() {
    let gateway = Http2Server::over_tls(Says::Health);
    let pem = fs::read_to_string(gateway.authority()).expect("the authority can be read");
    for (version, name, value, reason) in [
        (
            "1.23.2",
            "HOOP_TLSCA",
            pem.as_str(),
            "agent 1.23.2 does not read it; agents from 1.23.3 on do",
        ),
        (
            "1.21.22",
            "HOOP_TLSSERVERNAME",
            "localhost",
            "agent 1.21.22 does not read it; agents from 1.23.3 on do",
        ),
        (
            "1.42.9",
            "HOOP_TLS_SKIP_VERIFY",
            "true",
            "agent 1.42.9 does not read it; agents from 1.43.0 on do",
        ),
        (
            "1.148.0",
            "HOOP_TLS_SKIP_VERIFY",
            "1",
            "it is \"1\", and agents accept only true",
        ),
        (
            "1.148.0",
            "HOOP_TLS_SKIP_VERIFY",
            "TRUE",
            "it is \"TRUE\", and agents accept only true",
        ),
        (
            "1.42.9",
            "HOOP_TLS_SKIP_VERIFY",
            "yes",
            "agent 1.42.9 does not read it; agents from 1.43.0 on do",
        ),
    ] {
        let slug = slug(version);
        let launch = with_gateway(&slug, "grpcs", &gateway.place(), gateway.authority()).with(name, value);
        let told = format!("hoopstart: warning: {name} has no effect: {reason}; the app is not affected. ");
        check(
            &slug,
            &launch,
            78,
            &["certificate accepted", &told, "[start::tls-variable-ignored]\n"],
        );
    }
    for (version, name, value) in [
        ("1.22.0", "HOOP_TLS_SKIP_VERIFY", "false"),
        ("1.148.0", "HOOP_TLS_SKIP_VERIFY", "off"),
        ("1.22.0", "HOOP_TLSCA", ""),
        ("1.23.3", "HOOP_TLSSERVERNAME", "localhost"),
    ] {
        let slug = slug(version);
        let launch = with_gateway(&slug, "grpcs", &gateway.place(), gateway.authority()).with(name, value);
        check(&slug, &launch, 0, &["certificate accepted"]);
    }
    // An agent with a token reads all variables but this one.
    let slug = slug("1.148.0");
    let launch = slug
        .dyno()
        .with("DYNO", "web.1")
        .with("HOOP_TOKEN", SECRET)
        .with("HOOP_GRPCURL", gateway.place())
        .with("SSL_CERT_FILE", gateway.authority());
    check(&slug, &launch, 0, &["certificate accepted", "the gateway's gRPC"]);
    let told = "an agent with a token does not read it";
    check(
        &slug,
        &launch.with("HOOP_TLSCA", &pem),
        78,
        &[told, "heroku config:unset HOOP_TLSCA"],
    );
}

#[test]
fn a_name_is_looked_up_in_the_hosts_file_too() {
    let slug = slug("1.148.0");
    let gateway = Http2Server::over_tls(Says::Health);
    let place = gateway.place().replace("127.0.0.1", "localhost");
    let launch = with_gateway(&slug, "grpcs", &place, gateway.authority());
    check(&slug, &launch, 0, &["127.0.0.1", "certificate accepted"]);
}

#[test]
fn the_agents_own_authority_is_trusted_in_place_of_the_systems() {
    let slug = slug("1.148.0");
    let gateway = Http2Server::over_tls(Says::Health);
    let other = ReleaseServer::over_tls();
    let launch = with_gateway(&slug, "grpcs", &gateway.place(), other.authority());
    let pem = fs::read_to_string(gateway.authority()).expect("the authority can be read");
    slug.put("ca.pem", &pem);
    let coded = BASE64_STANDARD.encode(&pem);
    let (first, second) = coded.split_at(76);
    for authority in [
        format!("file://{}", gateway.authority().display()),
        "file://ca.pem".to_owned(),
        format!("base64://{coded}"),
        format!("base64://{first}\r\n{second}\n"),
        format!("# of ours\n{pem}\n-----BEGIN X-----\nAAAA\n-----END X-----\n"),
        pem.clone(),
    ] {
        let phrases = ["certificate:  signed by the CA in HOOP_TLSCA\n", "certificate accepted"];
        check(&slug, &launch.clone().with("HOOP_TLSCA", authority), 0, &phrases);
    }
    let folder = slug.home().display().to_string();
    for (authority, cause) in [
        (
            "file:///nowhere".to_owned(),
            "it names /nowhere: no such file or directory",
        ),
        (format!("file://{folder}"), "it names "),
        (
            "base64://*".to_owned(),
            "the text after base64:// is not valid: Invalid",
        ),
        ("nonsense".to_owned(), "it holds no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
            "it holds no certificate",
        ),
    ] {
        let launch = launch
            .clone()
            .with("SSL_CERT_FILE", gateway.authority())
            .with("HOOP_TLSCA", authority);
        let told = format!("HOOP_TLSCA cannot be used: {cause}");
        check(&slug, &launch, 78, &[&told, "[start::tls-variable-invalid]\n"]);
    }
}

#[test]
fn what_has_no_effect_in_plain_text_is_said_and_is_no_fault() {
    let slug = slug("1.148.0");
    let gateway = Http2Server::plain(Says::Health);
    let launch = in_plain_text(&slug, &gateway.place())
        .with("HOOP_TLSCA", "nonsense")
        .with("HOOP_TLS_SKIP_VERIFY", "true");
    let said = "certificate:  none: plain text does not use HOOP_TLSCA and HOOP_TLS_SKIP_VERIFY\n";
    check(&slug, &launch, 0, &[said, "the gateway's gRPC"]);
    // The agent reads the file anyway, and ends.
    let told = "HOOP_TLSCA cannot be used: it names /nowhere";
    check(&slug, &launch.with("HOOP_TLSCA", "file:///nowhere"), 78, &[told]);
}

#[test]
fn a_certificate_that_is_not_the_gateways_is_told_unless_any_is_accepted() {
    let slug = slug("1.148.0");
    let gateway = Http2Server::over_tls(Says::Health);
    let other = ReleaseServer::over_tls();
    let unknown = with_gateway(&slug, "grpcs", &gateway.place(), other.authority());
    let phrases = [
        "invalid peer certificate",
        "HOOP_TLSCA=\"$(cat <file>)\" [start::gateway-tls]\n",
    ];
    check(&slug, &unknown, 78, &phrases);

    let launch = with_gateway(&slug, "grpcs", &gateway.place(), gateway.authority());
    let other_name = launch.clone().with("HOOP_TLSSERVERNAME", "other.example");
    let phrases = ["other.example", "HOOP_TLSSERVERNAME=<name> [start::gateway-tls]\n"];
    check(&slug, &other_name, 78, &phrases);
    let expired = Http2Server::over_tls_with(Says::Health, Certificate::Expired, &[b"h2"]);
    let expired = with_gateway(&slug, "grpcs", &expired.place(), expired.authority());
    check(&slug, &expired, 78, &["xpired", "[start::gateway-tls]\n"]);

    let skipped = [
        "certificate:  any, HOOP_TLS_SKIP_VERIFY is true\n",
        "handshake:    TLS 1.3, certificate not checked\n",
        "answer:       the gateway's gRPC\n",
    ];
    for launch in [unknown, other_name, expired] {
        check(&slug, &launch.with("HOOP_TLS_SKIP_VERIFY", "true"), 0, &skipped);
    }
    // The handshake works, and the peer is asked.
    let web = Http2Server::over_tls(Says::NotFound);
    let launch = with_gateway(&slug, "grpcs", &web.place(), other.authority());
    check(
        &slug,
        &launch.with("HOOP_TLS_SKIP_VERIFY", "true"),
        78,
        &["not checked", "HTTP status 404", OTHER],
    );
}

#[test]
fn a_machine_without_authorities_has_no_others() {
    let slug = slug("1.148.0");
    let gateway = Http2Server::over_tls(Says::Health);
    let launch = with_gateway(&slug, "grpcs", &gateway.place(), Path::new("/nowhere"));
    check(
        &slug,
        &launch,
        78,
        &["this machine has no CA certificates", "[start::gateway-tls]\n"],
    );
}

#[test]
fn a_gateway_that_says_nothing_is_not_waited_for() {
    let slug = slug("1.148.0");
    let authority = ReleaseServer::over_tls();
    let (_listener, place) = silent_gateway();
    let launch = with_gateway(&slug, "grpcs", &place, authority.authority());
    let cause = "no answer from the gateway within 5 s";
    check(&slug, &launch, 78, &[cause, "[start::gateway-tls]\n"]);
    let cause = "no answer from it within 5 s";
    check(&slug, &in_plain_text(&slug, &place), 78, &[cause, OTHER]);
}

#[test]
fn one_that_drips_is_not_waited_for_either() {
    let slug = slug("1.148.0");
    let authority = ReleaseServer::over_tls();
    // A long TLS record that is never complete.
    let place = dripper(b"\x16\x03\x03\x3f\xff\x02");
    let over_tls = with_gateway(&slug, "grpcs", &place, authority.authority());
    // Endless settings, and a frame that is never complete.
    let endless = in_plain_text(&slug, &dripper(b"\0\x3f\xfc\x04\0\0\0\0\0\0"));
    let stuck = in_plain_text(&slug, &dripper(b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0\0"));
    // All at once, since each takes five seconds.
    thread::scope(|scope| {
        scope.spawn(|| check(&slug, &over_tls, 78, &["no answer from the gateway within 5 s"]));
        for launch in [&endless, &stuck] {
            scope.spawn(|| check(&slug, launch, 78, &["no answer from it within 5 s", OTHER]));
        }
    });
}

#[test]
fn a_port_that_is_closed_is_told() {
    let slug = slug("1.148.0");
    let authority = ReleaseServer::over_tls();
    let (listener, place) = silent_gateway();
    drop(listener);
    let launch = with_gateway(&slug, "grpcs", &place, authority.authority());
    let dyno = check(
        &slug,
        &launch,
        78,
        &["connection refused", "[start::gateway-unreachable]\n"],
    );
    dyno.assert(!dyno.stdout().contains("connected:"), "there is no connection");
}

#[test]
fn a_name_that_does_not_resolve_is_told() {
    let slug = slug("1.148.0");
    let authority = ReleaseServer::over_tls();
    // This name is never looked up: https://www.rfc-editor.org/rfc/rfc6761#section-6.4
    let launch = with_gateway(&slug, "grpcs", "gateway.invalid:8443", authority.authority());
    let phrases = ["\"gateway.invalid\" does not resolve", "[start::gateway-unresolved]\n"];
    let dyno = check(&slug, &launch, 78, &phrases);
    dyno.assert(!dyno.stdout().contains("resolved: "), "there is no address");
}

#[test]
fn a_proxy_the_agent_may_use_is_told() {
    let slug = slug("1.148.0");
    let gateway = Http2Server::over_tls(Says::Health);
    let launch = with_gateway(&slug, "grpcs", &gateway.place(), gateway.authority());
    let launch = launch.with("HTTPS_PROXY", "http://proxy.example:3128");
    check(&slug, &launch, 0, &["HTTPS_PROXY is set", "certificate accepted"]);
}

#[test]
fn nothing_is_tried_where_the_gateway_is_not_known() {
    let slug = slug("1.148.0");
    let dyno = check(
        &slug,
        &slug.dyno().with("DYNO", "web.1"),
        78,
        &["[start::key-missing]\n"],
    );
    dyno.assert(!dyno.stdout().contains("resolved:"), "there is nothing to resolve");
}

#[test]
fn connect_goes_with_check_only() {
    let slug = Slug::of_release("1.148.0");
    let mut dyno = slug.web().plain([slug.hoopstart().as_os_str(), "--connect".as_ref()]);
    dyno.exits(2).closes_output();
    dyno.assert(dyno.stderr().contains("--check"), "expected the option that is missing");
}
