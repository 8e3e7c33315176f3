//! Every failure of a build, met once by the lifecycle's builder. `tests/compile/` has what leads to each, in every
//! form.

use crate::image::Image;
use crate::support::mirror::{Archive, Mirror, VERSION, agent_that, archive_path, gzip};
use crate::support::server::{BareServer, NOBODY, ReleaseServer, Reply};
use hoop_buildpack::failure::Failure;
use std::collections::BTreeSet;
use std::fs;

/// Another version.
const OTHER: &str = "1.149.0";

/// What a server does wrong.
type Fault = Box<dyn Fn(&ReleaseServer)>;

/// Has the server answer for this file in this way, whenever it is asked.
fn answers(path: String, reply: impl Fn() -> Reply + 'static) -> Fault {
    Box::new(move |server| server.answer(&path, (0..6).map(|_| reply())))
}

/// Has the server give this archive, as what it has published.
fn publishes(archive: Vec<u8>) -> Fault {
    Box::new(move |server| {
        let mirror = Mirror::with(VERSION, &archive);
        let checksums = format!("/{VERSION}/checksums.txt");
        let listed = mirror.file_at(&checksums[1..]).to_vec();
        server.answer(&checksums, [Reply::ok(listed)]);
        server.answer(&format!("/{}", archive_path(VERSION)), [Reply::ok(&archive)]);
    })
}

fn faults() -> Vec<(&'static str, Fault)> {
    let latest = || "/latest.txt".to_owned();
    let checksums = || format!("/{VERSION}/checksums.txt");
    let tarball = || format!("/{}", archive_path(VERSION));
    let whole = Archive::of_agent(VERSION).packed();
    let half = whole[..whole.len() / 2].to_vec();
    vec![
        ("version::latest-invalid", answers(latest(), Reply::html_page)),
        (
            "version::latest-not-found",
            answers(latest(), || Reply::status(404, "")),
        ),
        ("version::not-found", answers(checksums(), || Reply::status(404, ""))),
        (
            "release::platform-missing",
            answers(checksums(), || {
                Reply::ok(format!("{}  hoop_{VERSION}_Darwin_arm64.tar.gz\n", "ab".repeat(32)))
            }),
        ),
        ("release::checksums-invalid", answers(checksums(), Reply::html_page)),
        (
            "release::checksums-conflict",
            answers(checksums(), || {
                let name = crate::support::mirror::archive_name(VERSION);
                Reply::ok(format!("{}  {name}\n{}  {name}\n", "ab".repeat(32), "cd".repeat(32)))
            }),
        ),
        ("fetch::refused", answers(tarball(), || Reply::status(401, ""))),
        ("fetch::server-error", answers(tarball(), || Reply::status(500, ""))),
        (
            "fetch::cut-short",
            answers(tarball(), move || Reply::ok(vec![7; 4096]).cut_after(100)),
        ),
        (
            "fetch::checksum-mismatch",
            answers(tarball(), || Reply::ok("something else")),
        ),
        ("archive::damaged", publishes(half)),
        ("archive::no-agent", publishes(gzip(&[0; 1024]))),
        (
            "archive::duplicate",
            publishes(Archive::of_agent(VERSION).file("hoop", 0o755, b"again").packed()),
        ),
        (
            "archive::too-large",
            publishes(Archive::default().claim("./hoop", (2 << 30) + 1).packed()),
        ),
        (
            "install::agent-does-not-run",
            publishes(Archive::holding("#!/bin/sh\nexit 3\n").packed()),
        ),
        (
            "install::agent-version-differs",
            publishes(Archive::of_agent(OTHER).packed()),
        ),
        (
            "install::agent-changed",
            publishes(
                Archive::holding(&agent_that(&format!(
                    "echo '# changed' >>\"$0\"; {}",
                    crate::support::mirror::agent(VERSION).lines().nth(2).unwrap().trim()
                )))
                .packed(),
            ),
        ),
    ]
}

#[test]
fn every_failure_of_a_build_is_told_by_the_lifecycle_and_changes_no_layer() {
    let Some(image) = Image::new() else { return };
    let mut met = BTreeSet::new();
    let mut fails = |id: &'static str| {
        met.insert(id);
        image.fails(id)
    };
    let unset = |name: &str| fs::remove_file(image.path(&format!("platform/env/{name}"))).unwrap();

    for (id, fault) in faults() {
        let server = Mirror::of(VERSION).serve();
        fault(&server);
        image.set("HOOP_RELEASES_URL", &server.url());
        fails(id);
    }
    let server = Mirror::of(VERSION).serve();
    for (name, value, id) in [
        ("HOOP_VERSION", "banana", "config::version-invalid"),
        ("HOOP_VERSION", "", "config::version-empty"),
        ("HOOP_INSTALL", "perhaps", "config::install-invalid"),
        ("HOOP_SHA256", "abc", "config::sha256-invalid"),
        ("HOOP_SHA256", &"ab".repeat(32), "release::digest-differs"),
    ] {
        image.set("HOOP_RELEASES_URL", &server.url());
        image.set(name, value);
        fails(id);
        unset(name);
    }
    let bare = BareServer::new(b"", b"SSH-2.0-server\r\n");
    for (url, id) in [
        ("ftp://example.com", "config::releases-url-invalid"),
        (NOBODY, "fetch::unreachable"),
        (&bare.url("http"), "fetch::not-http"),
        (&server.url().replacen("http:", "https:", 1), "fetch::tls"),
    ] {
        image.set("HOOP_RELEASES_URL", url);
        fails(id);
    }
    // No file of a mirror, a value that is no text, a folder in the place of a file, and a proxy that is none.
    image.set("HOOP_VERSION", VERSION);
    image.put(&format!("mirror/{VERSION}/checksums.txt/a-folder"), "");
    image.set(
        "HOOP_RELEASES_URL",
        &format!("file://{}", image.path("mirror").display()).replace(' ', "%20"),
    );
    fails("fetch::file-unreadable");
    image.set("HOOP_RELEASES_URL", "https://releases.example");
    image.set("HTTPS_PROXY", "ftp://proxy.example:1");
    fails("fetch::proxy");
    unset("HTTPS_PROXY");
    fs::write(image.path("platform/env/HOOP_VERSION"), b"1.2\xff").unwrap();
    fails("config::not-utf8");
    unset("HOOP_VERSION");
    fs::create_dir(image.path("platform/env/HOOP_VERSION")).unwrap();
    fails("config::env-dir-unreadable");
    fs::remove_dir(image.path("platform/env/HOOP_VERSION")).unwrap();

    // Those that are left: what takes a build before, minutes or a machine short of something, and what only a classic
    // build meets.
    let elsewhere = [
        "release::digest-changed",
        "fetch::stalled",
        "fetch::too-large",
        "install::no-resources",
        "install::write-failed",
        "install::layers-unwritable",
        "install::build-dir-missing",
        "install::build-dir-unwritable",
        "install::blocked",
    ];
    let all = Failure::ALL.iter().map(|failure| failure.id());
    let of_builds: BTreeSet<&str> = all
        .filter(|id| !id.starts_with("start::") && !id.starts_with("slug::"))
        .collect();
    assert_eq!(met.into_iter().chain(elsewhere).collect::<BTreeSet<_>>(), of_builds);
}

#[test]
fn an_authority_of_its_own_is_a_variable_of_the_build() {
    let Some(image) = Image::new() else { return };
    let server = Mirror::of(VERSION).serve_over_tls();
    let image = image.with("HOOP_RELEASES_URL", &server.url());
    image.fails("fetch::tls");

    fs::copy(server.authority(), image.path("authority.pem")).unwrap();
    image.set("SSL_CERT_FILE", image.path("authority.pem").to_str().unwrap());
    image.builds();
}
