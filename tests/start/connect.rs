//! `hoopstart --check --connect`: the way to the gateway, against real listeners.

use crate::support::dyno::{Dyno, Launch, SECRET, Slug};
use crate::support::server::ReleaseServer;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::fs;
use std::net::TcpListener;
use std::path::Path;

/// Prepares a dyno whose gateway is `place`, and which trusts the certificates in `authority` only.
fn with_gateway(slug: &Slug, scheme: &str, place: &str, authority: &Path) -> Launch {
    slug.web()
        .with("HOOP_KEY", format!("{scheme}://web:{SECRET}@{place}?mode=standard"))
        .with("SSL_CERT_FILE", authority)
}

/// Returns the host and port of `server`.
fn place(server: &ReleaseServer) -> String {
    server.url().split_once("://").expect("it is a URL").1.to_owned()
}

/// Returns a gateway that never says a word, and its place. The kernel takes connections as long as it is there.
fn silent_gateway() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port can be had");
    let place = listener.local_addr().expect("it is bound").to_string();
    (listener, place)
}

/// Checks, and expects exit status `code`, each of `phrases`, and the key nowhere.
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
    dyno
}

#[test]
fn a_gateway_that_is_well_is_exit_0() {
    let slug = Slug::of_release("1.148.0");
    let gateway = ReleaseServer::over_tls();
    let place = place(&gateway);
    let launch = with_gateway(&slug, "grpcs", &place, gateway.authority());
    let phrases = [
        "resolved:     127.0.0.1\n",
        &format!("connected:    {place}\n"),
        "handshake:    TLS 1.3, certificate accepted\n",
    ];
    check(&slug, &launch, 0, &phrases);
    // Where people ask: in a one-off dyno.
    check(&slug, &launch.with("DYNO", "run.1"), 0, &phrases);
}

#[test]
fn a_name_is_looked_up_in_the_hosts_file_too() {
    let slug = Slug::of_release("1.148.0");
    let gateway = ReleaseServer::over_tls();
    let place = place(&gateway).replace("127.0.0.1", "localhost");
    let launch = with_gateway(&slug, "grpcs", &place, gateway.authority());
    check(&slug, &launch, 0, &["127.0.0.1", "certificate accepted"]);
}

#[test]
fn the_agents_own_authority_is_trusted_in_place_of_the_systems() {
    let slug = Slug::of_release("1.148.0");
    let (gateway, other) = (ReleaseServer::over_tls(), ReleaseServer::over_tls());
    let launch = with_gateway(&slug, "grpcs", &place(&gateway), other.authority());
    let pem = fs::read_to_string(gateway.authority()).expect("the authority can be read");
    for authority in [
        format!("file://{}", gateway.authority().display()),
        format!("base64://{}", BASE64_STANDARD.encode(&pem)),
        pem,
    ] {
        check(
            &slug,
            &launch.clone().with("HOOP_TLSCA", authority),
            0,
            &["certificate accepted"],
        );
    }
    for (authority, cause) in [
        ("file:///nowhere", "HOOP_TLSCA names /nowhere: No such file"),
        ("base64://*", "HOOP_TLSCA: Invalid"),
        ("nonsense", "HOOP_TLSCA holds no certificate"),
    ] {
        let launch = launch.clone().with("HOOP_TLSCA", authority);
        check(&slug, &launch, 78, &[cause, "[start::gateway-tls]\n"]);
    }
}

#[test]
fn a_certificate_that_is_not_the_gateways_is_told() {
    let slug = Slug::of_release("1.148.0");
    let (gateway, other) = (ReleaseServer::over_tls(), ReleaseServer::over_tls());
    let launch = with_gateway(&slug, "grpcs", &place(&gateway), other.authority());
    check(
        &slug,
        &launch,
        78,
        &["invalid peer certificate", "[start::gateway-tls]\n"],
    );

    let launch = with_gateway(&slug, "grpcs", &place(&gateway), gateway.authority());
    let launch = launch.with("HOOP_TLSSERVERNAME", "other.example");
    check(&slug, &launch, 78, &["other.example", "[start::gateway-tls]\n"]);
    let skipped = ["handshake:    not tried, HOOP_TLS_SKIP_VERIFY accepts any certificate\n"];
    check(&slug, &launch.with("HOOP_TLS_SKIP_VERIFY", "true"), 0, &skipped);
}

#[test]
fn a_gateway_that_speaks_no_tls_is_told_and_is_fine_where_none_is_asked_for() {
    let slug = Slug::of_release("1.148.0");
    let gateway = ReleaseServer::plain();
    let authority = ReleaseServer::over_tls();
    let of_scheme = |scheme| with_gateway(&slug, scheme, &place(&gateway), authority.authority());
    check(
        &slug,
        &of_scheme("grpcs"),
        78,
        &["connected:", "[start::gateway-tls]\n"],
    );
    check(&slug, &of_scheme("grpc"), 0, &["none, the key asks for plain text"]);
}

#[test]
fn a_gateway_that_says_nothing_is_not_waited_for() {
    let slug = Slug::of_release("1.148.0");
    let authority = ReleaseServer::over_tls();
    let (_listener, place) = silent_gateway();
    let launch = with_gateway(&slug, "grpcs", &place, authority.authority());
    let cause = "no answer from the gateway within 5 s";
    check(&slug, &launch, 78, &[cause, "[start::gateway-tls]\n"]);
}

#[test]
fn a_port_that_is_closed_is_told() {
    let slug = Slug::of_release("1.148.0");
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
    let slug = Slug::of_release("1.148.0");
    let authority = ReleaseServer::over_tls();
    // A name that no server is ever asked for: https://www.rfc-editor.org/rfc/rfc6761#section-6.4
    let launch = with_gateway(&slug, "grpcs", "gateway.invalid:8443", authority.authority());
    let phrases = ["\"gateway.invalid\" does not resolve", "[start::gateway-unresolved]\n"];
    let dyno = check(&slug, &launch, 78, &phrases);
    dyno.assert(!dyno.stdout().contains("resolved: "), "there is no address");
}

#[test]
fn a_gateway_of_its_own_variable_is_tried_as_well() {
    let slug = Slug::of_release("1.148.0");
    let gateway = ReleaseServer::over_tls();
    let launch = slug
        .dyno()
        .with("HOOP_TOKEN", SECRET)
        .with("HOOP_GRPCURL", place(&gateway))
        .with("SSL_CERT_FILE", gateway.authority());
    check(&slug, &launch, 0, &["certificate accepted"]);
}

#[test]
fn a_proxy_the_agent_may_use_is_told() {
    let slug = Slug::of_release("1.148.0");
    let gateway = ReleaseServer::over_tls();
    let launch = with_gateway(&slug, "grpcs", &place(&gateway), gateway.authority());
    let launch = launch.with("HTTPS_PROXY", "http://proxy.example:3128");
    check(&slug, &launch, 0, &["HTTPS_PROXY is set", "certificate accepted"]);
}

#[test]
fn nothing_is_tried_where_the_gateway_is_not_known() {
    let slug = Slug::of_release("1.148.0");
    let dyno = check(&slug, &slug.dyno(), 78, &["[start::key-missing]\n"]);
    dyno.assert(!dyno.stdout().contains("resolved:"), "there is nothing to resolve");
}

#[test]
fn connect_goes_with_check_only() {
    let slug = Slug::of_release("1.148.0");
    let mut dyno = slug.web().plain([slug.hoopstart().as_os_str(), "--connect".as_ref()]);
    dyno.exits(2).closes_output();
    dyno.assert(dyno.stderr().contains("--check"), "expected the option that is missing");
}
