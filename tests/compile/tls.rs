//! Release servers over TLS, those that are trusted and those that are not.

use crate::support::build::Build;
use crate::support::mirror::{Mirror, VERSION};
use crate::support::server::{Ranges, Reply};
use crate::tarball_path;

#[test]
fn a_release_server_with_an_authority_of_its_own_is_trusted_through_ssl_cert_file() {
    let server = Mirror::of(VERSION).serve_over_tls();
    let build = Build::from(&server.url()).variable("SSL_CERT_FILE", server.authority());

    build.compile_installs(VERSION);
}

#[test]
fn a_release_server_nobody_vouches_for_is_refused() {
    let server = Mirror::of(VERSION).serve_over_tls();
    let build = Build::from(&server.url()).with_memory_limit();

    build.compile_fails("fetch::tls");

    assert!(server.take_requests().is_empty());
}

#[test]
fn a_server_that_speaks_no_tls_is_refused_where_tls_was_asked_for() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url().replace("http://", "https://"));

    build.compile_fails("fetch::tls");
}

#[test]
fn a_redirect_from_https_to_http_is_refused() {
    let mirror = Mirror::of(VERSION);
    let (server, open) = (mirror.serve_over_tls(), mirror.serve());
    server.answer(
        &tarball_path(),
        [Reply::redirect(&format!("{}{}", open.url(), tarball_path()))],
    );
    let build = Build::from(&server.url()).variable("SSL_CERT_FILE", server.authority());

    build.compile_fails("fetch::refused");

    assert!(open.take_requests().is_empty());
}

#[test]
fn a_broken_download_over_tls_is_resumed() {
    let mirror = Mirror::of(VERSION);
    let whole = Reply::ok(mirror.archive(VERSION)).etag("one", Ranges::Honoured);
    let server = mirror.serve_over_tls();
    server.answer(&tarball_path(), [whole.clone().cut_after(100_000), whole]);
    let build = Build::from(&server.url()).variable("SSL_CERT_FILE", server.authority());

    build.compile_installs(VERSION);
    assert_eq!(server.requests_for(&tarball_path())[1].range_start(), Some(100_000));
}
