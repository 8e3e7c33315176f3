//! `compile`: the real program against release servers on loopback, good ones and bad ones.
//!
//! Every failure is checked for three things: its id, its exit status, and that build dir, cache and env dir
//! are byte for byte as they were (`Build::compile_fails`).

mod support;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use support::build::{Build, built_from, cached_name};
use support::mirror::{
    Archive, Mirror, PLATFORM, VERSION, agent, agent_that, archive_name, archive_path, checksum_line, gzip, noise,
};
use support::run::Run;
use support::server::{NOBODY, Ranges, ReleaseServer, Reply};
use support::tree::{THIS_PROGRAM, Tree, places_with, sha256};
use url::Url;

/// Another version than the one most tests install.
const OTHER: &str = "1.150.2";

/// The path under which a server has the tarball of [`VERSION`].
fn tarball_path() -> String {
    format!("/{}", archive_path(VERSION))
}

/// The path under which a server has the checksums of [`VERSION`].
fn checksums_path() -> String {
    format!("/{VERSION}/checksums.txt")
}

/// The paths a server was asked for, in order, since the last time.
fn take_paths(server: &ReleaseServer) -> Vec<String> {
    server.take_requests().into_iter().map(|request| request.path).collect()
}

/// A folder of the repository.
fn fixtures(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The entries of a folder in order.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).expect("the folder can be listed");
    let mut paths: Vec<_> = listed
        .map(|entry| entry.expect("a listed entry can be read").path())
        .collect();
    paths.sort();
    paths
}

// ---------------------------------------------------------------------------------------------------------
// Good builds

#[test]
fn the_latest_version_is_installed_where_nothing_else_is_asked_for() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let build = Build::from(&server.url());

    let run = build.compile();

    run.succeeds_quietly().shows(&["-----> ", VERSION]);
    build.assert_installed(VERSION, &run);
    assert_eq!(take_paths(&server), ["/latest.txt", &checksums_path(), &tarball_path()]);
    assert_eq!(build.cached(), [cached_name(VERSION, &mirror.digest(VERSION))]);
}

#[test]
fn the_slug_gets_exactly_these_files() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());

    build.compile().succeeds_quietly();

    let slug = Tree::of(build.app());
    let expected = [
        (".hoop", "folder 0755"),
        (".hoop/bin", "folder 0755"),
        (".hoop/bin/hoop", "file 0755"),
        (".hoop/bin/hoop_rs", "file 0755"),
        (".hoop/bin/hoopstart", "file 0755"),
        (".hoop/bin/hoopwrapper", "link to hoopstart"),
        (".hoop/manifest.yml", "file 0644"),
        (".profile.d", "folder 0755"),
        (".profile.d/hoop.sh", "file 0644"),
        ("Procfile", "file"),
        ("bin", "folder 0755"),
        ("bin/hoopstart", "link to ../.hoop/bin/hoopstart"),
    ];
    assert_eq!(slug.paths(), expected.map(|(path, _)| path), "{slug:?}");
    for (path, kind) in expected {
        assert!(slug.entry(path).unwrap().starts_with(kind), "{path}: {slug:?}");
    }
    assert_eq!(build.read(".hoop/bin/hoop"), agent(VERSION));
    assert_eq!(fs::read(build.app().join(".hoop/bin/hoop_rs")).unwrap(), noise(200_000));
}

#[test]
fn hoopstart_in_the_slug_is_this_program() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());

    build.compile().succeeds_quietly();

    let slug = Tree::of(build.app());
    assert_eq!(
        slug.entry(".hoop/bin/hoopstart"),
        Some(format!("file 0755 {THIS_PROGRAM}").as_str())
    );
}

#[test]
fn the_manifest_says_what_was_installed_and_from_where() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let build = Build::from(&server.url());

    build.compile().succeeds_quietly();

    let manifest = build.manifest();
    assert_eq!(manifest["agent_version"], VERSION);
    assert_eq!(manifest["sha256"], mirror.digest(VERSION).as_str());
    assert_eq!(
        manifest["platform"],
        format!("linux/{}", PLATFORM.architecture).as_str()
    );
    assert_eq!(manifest["buildpack_version"], env!("CARGO_PKG_VERSION"));
    let source = manifest["source"].as_str().unwrap();
    assert!(source.starts_with(&server.url()), "{source}");
}

#[test]
fn the_manifest_lists_the_process_types_of_the_procfile() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.put(
        "Procfile",
        "# two types\nweb: hoopstart -- ./server\n\nworker:hoopstart -- ./worker --all\n",
    );

    build.compile().succeeds();

    let manifest = build.manifest();
    let types: Vec<_> = manifest["process_types"]
        .as_sequence()
        .unwrap()
        .iter()
        .filter_map(serde_yaml::Value::as_str)
        .collect();
    assert_eq!(types, ["web", "worker"]);
}

#[test]
fn an_exact_version_is_installed_without_asking_for_the_latest() {
    let server = Mirror::of(OTHER)
        .release(VERSION, &Archive::of_agent(VERSION).packed())
        .serve();
    let build = Build::from(&server.url()).with("HOOP_VERSION", VERSION);

    build.compile_installs(VERSION);
    assert_eq!(take_paths(&server), [checksums_path(), tarball_path()]);
}

#[test]
fn every_way_to_write_a_version_is_understood() {
    let server = Mirror::of(VERSION).serve();
    for text in [
        VERSION.to_owned(),
        format!("v{VERSION}"),
        // Tools other than the platform write env dirs with echo.
        format!("{VERSION}\n"),
        format!("v{VERSION}\n"),
        "latest".to_owned(),
        "latest\n".to_owned(),
    ] {
        let build = Build::from(&server.url()).with("HOOP_VERSION", &text);
        build.compile_installs(VERSION);
    }
}

#[test]
fn a_trailing_newline_of_any_config_var_is_cut() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let build = Build::from(&format!("{}\n", server.url()))
        .with("HOOP_SHA256", &format!("{}\n", mirror.digest(VERSION)))
        .with("HOOP_INSTALL", "required\n");

    build.compile_installs(VERSION);
}

#[test]
fn a_pre_release_is_installed_where_it_is_asked_for() {
    let version = "1.23.0-rc.1";
    let server = Mirror::of(version).serve();
    let build = Build::from(&server.url()).with("HOOP_VERSION", version);

    build.compile_installs(version);
}

#[test]
fn a_mirror_may_lie_below_a_path_with_or_without_a_slash_at_its_end() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    server.answer("/some/where/latest.txt", [Reply::ok(VERSION)]);
    for (path, file) in [
        (checksums_path(), "checksums.txt".to_owned()),
        (tarball_path(), archive_name(VERSION)),
    ] {
        let bytes = if file == "checksums.txt" {
            checksum_line(&archive_name(VERSION), mirror.archive(VERSION)).into_bytes()
        } else {
            mirror.archive(VERSION).to_vec()
        };
        server.answer(&format!("/some/where{path}"), [Reply::ok(bytes)]);
    }

    for base in ["/some/where", "/some/where/"] {
        let build = Build::from(&format!("{}{base}", server.url()));
        build.compile_installs(VERSION);
    }
}

#[test]
fn a_folder_is_a_release_server_too() {
    let mirror = Mirror::of(VERSION);
    let build = Build::new();
    let folder = build.root().join("a mirror");
    mirror.write_to(&folder);
    build.set("HOOP_RELEASES_URL", Url::from_directory_path(&folder).unwrap().as_str());

    build.compile_installs(VERSION);
    assert_eq!(build.cached(), [cached_name(VERSION, &mirror.digest(VERSION))]);
}

#[test]
fn a_release_server_with_an_authority_of_its_own_is_trusted_through_ssl_cert_file() {
    let server = Mirror::of(VERSION).serve_over_tls();
    let build = Build::from(&server.url()).variable("SSL_CERT_FILE", server.authority());

    build.compile_installs(VERSION);
}

#[test]
fn a_release_server_nobody_vouches_for_is_refused() {
    let server = Mirror::of(VERSION).serve_over_tls();
    let build = Build::from(&server.url());

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
fn two_builds_of_the_same_input_are_byte_identical() {
    let server = Mirror::of(VERSION).serve();
    let (first, second) = (Build::from(&server.url()), Build::from(&server.url()));

    first.compile().succeeds_quietly();
    second.compile().succeeds_quietly();

    assert_eq!(first.snapshot(), second.snapshot());
}

#[test]
fn a_build_from_the_cache_gives_the_same_slug_as_one_from_the_network() {
    let server = Mirror::of(VERSION).serve();
    let first = built_from(&server.url());
    let second = Build::from(&server.url()).with_cache(first.cache());

    let run = second.compile();

    run.succeeds_quietly();
    assert_eq!(Tree::of(first.app()), Tree::of(second.app()));
}

#[test]
fn the_umask_of_the_build_does_not_reach_the_slug() {
    let server = Mirror::of(VERSION).serve();
    let strict = Build::from(&server.url()).with_umask("077");
    let loose = Build::from(&server.url()).with_umask("000");

    strict.compile_installs(VERSION);
    loose.compile_installs(VERSION);

    assert_eq!(Tree::of(strict.app()), Tree::of(loose.app()));
}

#[test]
fn a_second_build_in_the_same_folder_changes_nothing() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url());
    let before = build.snapshot();

    let run = build.compile();

    run.succeeds_quietly();
    build.assert_unchanged(&before, &run);
}

#[test]
fn a_newer_version_replaces_the_agent_and_the_cached_archive() {
    let mirror = Mirror::of(VERSION).release(OTHER, &Archive::holding(&agent(OTHER)).packed());
    let server = mirror.serve();
    let build = built_from(&server.url());

    server.answer("/latest.txt", [Reply::ok(OTHER)]);
    build.compile_installs(OTHER);
    assert_eq!(build.cached(), [cached_name(OTHER, &mirror.digest(OTHER))]);
    // The other version came without the helper; an old one must not stay beside it.
    assert!(!build.app().join(".hoop/bin/hoop_rs").exists());
}

#[test]
fn the_twin_is_installed_where_the_first_name_is_not_listed() {
    let mirror = Mirror::of(VERSION).without_first_name(VERSION);
    let server = mirror.serve();
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
    let twin = format!("/{VERSION}/hoop_{VERSION}_Linux_{}.tar.gz", PLATFORM.twin);
    assert_eq!(take_paths(&server), ["/latest.txt", &checksums_path(), &twin]);
}

#[test]
fn every_release_of_the_fixture_mirror_installs() {
    let releases = Url::from_directory_path(fixtures("releases")).unwrap();
    let versions: Vec<_> = entries(&fixtures("releases"))
        .into_iter()
        .filter(|path| path.is_dir())
        .collect();
    assert!(versions.len() >= 3, "{versions:?}");

    for folder in versions {
        let version = folder.file_name().unwrap().to_str().unwrap();
        let build = Build::from(releases.as_str()).with("HOOP_VERSION", version);
        let run = build.compile();

        run.succeeds();
        assert_eq!(build.manifest()["agent_version"], version);
        assert_eq!(
            places_with(build.app(), "old script out of the release"),
            Vec::<String>::new()
        );
    }
}

#[test]
fn every_fixture_app_builds_or_is_left_alone() {
    let releases = Url::from_directory_path(fixtures("releases")).unwrap();
    let apps = entries(&fixtures("apps"));
    assert!(!apps.is_empty());

    for app in apps {
        let build = Build::of_app(&app).with("HOOP_RELEASES_URL", releases.as_str());
        let before = Tree::of(build.app());
        let run = build.compile();

        if run.stderr().contains("Failure id:") {
            run.fails_with("install::blocked");
            assert_eq!(Tree::of(build.app()), before);
        } else {
            run.succeeds();
            let lost = before.lost_in(&Tree::of(build.app()));
            assert!(lost.paths().is_empty(), "{} lost or changed {lost:?}", app.display());
        }
    }
}

#[test]
fn scripts_of_old_releases_do_not_reach_the_slug() {
    let old = "#!/bin/sh\necho 'a script of the release'\n";
    let tarball = Archive::of_agent("1.19.63")
        .file("./hoopstart", 0o755, old.as_bytes())
        .file("./hoopwrapper", 0o755, old.as_bytes())
        .packed();
    let server = Mirror::with("1.19.63", &tarball).serve();
    let build = Build::from(&server.url());

    let run = build.compile();

    run.succeeds().shows(&["hoopstart", "hoopwrapper"]);
    build.assert_installed("1.19.63", &run);
    assert_eq!(
        places_with(build.app(), "a script of the release"),
        Vec::<String>::new()
    );
}

#[test]
fn a_download_of_unknown_length_is_installed() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    server.answer(&tarball_path(), [Reply::ok(mirror.archive(VERSION)).without_length()]);
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
}

#[test]
fn the_agent_is_executable_whatever_mode_the_archive_gives_it() {
    for mode in [0o600, 0o4777, 0o000] {
        let tarball = Archive::default()
            .file("hoop", mode, agent(VERSION).as_bytes())
            .packed();
        let server = Mirror::with(VERSION, &tarball).serve();
        let build = Build::from(&server.url());

        build.compile_installs(VERSION);
    }
}

#[test]
fn the_digest_covers_what_follows_the_end_of_the_archive() {
    // A tar reader may stop at the end mark, long before the last byte.
    let mut tarball = Archive::of_agent(VERSION).packed();
    let sound = tarball.clone();
    tarball.extend(gzip(&vec![0; 1_000_000]));
    let mirror = Mirror::with(VERSION, &tarball);
    let server = mirror.serve();
    let build = Build::from(&server.url());

    server.answer(&tarball_path(), [Reply::ok(&sound)]);
    build.compile_fails("fetch::checksum-mismatch");

    server.answer(&tarball_path(), [Reply::ok(&tarball)]);
    build.compile_installs(VERSION);
    assert_eq!(build.cached(), [cached_name(VERSION, &mirror.digest(VERSION))]);
}

#[test]
fn a_missing_cache_dir_is_made() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    let cache = build.root().join("not/there/yet");
    let build = build.with_cache(cache);

    let run = build.compile();

    run.succeeds_quietly();
    assert_eq!(build.cached().len(), 1);
}

#[test]
fn a_failed_build_does_not_make_a_missing_cache_dir() {
    let server = Mirror::of(VERSION).serve();
    server.answer(&tarball_path(), [Reply::ok("not the archive")]);
    let build = Build::from(&server.url());
    let cache = build.root().join("not/there/yet");
    let build = build.with_cache(cache);

    build.compile_fails("fetch::checksum-mismatch");

    assert!(!build.root().join("not").exists());
}

#[test]
fn files_of_other_buildpacks_in_the_cache_are_left_alone() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    fs::create_dir(build.cache().join("node")).unwrap();
    fs::write(build.cache().join("node/modules.tar"), "theirs").unwrap();
    let theirs = Tree::of(build.cache());

    build.compile().succeeds_quietly();

    assert!(theirs.lost_in(&Tree::of(build.cache())).paths().is_empty());
}

#[test]
fn a_build_needs_no_variable_but_path() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url())
        .without_variable("HOME")
        .without_variable("STACK");

    build.compile_installs(VERSION);
}

#[test]
fn a_proxy_of_the_process_environment_is_used() {
    let proxy = Mirror::of(VERSION).serve();
    let build = Build::from("http://releases.example").variable("http_proxy", proxy.url());

    // Nobody can vouch for what comes over http from another machine.
    build.compile_warns(VERSION, &["HOOP_RELEASES_URL", "http"]);
    assert_eq!(take_paths(&proxy).len(), 3);
}

#[test]
fn a_proxy_of_the_env_dir_is_the_apps_own_business() {
    let proxy = ReleaseServer::plain();
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url())
        .with("http_proxy", &proxy.url())
        .with("HTTP_PROXY", &proxy.url());

    build.compile().succeeds_quietly();

    assert!(proxy.take_requests().is_empty());
}

#[test]
fn a_missing_third_argument_is_an_empty_env_dir() {
    let server = Mirror::of(VERSION).serve();
    // The real release server is asked, through a proxy that is not there: no byte leaves this machine.
    let build = built_from(&server.url()).variable("HTTPS_PROXY", NOBODY);

    let run = build.compile_without_env_dir();

    run.succeeds().warns(&["https://releases.hoop.dev/release"]);
    build.assert_installed(VERSION, &run);
    assert_eq!(take_paths(&server).len(), 3, "only the first build knew of this server");
}

#[test]
fn compile_with_too_few_arguments_is_wrong_usage() {
    let build = Build::new();

    build.run(["compile"]).exits(2);
    build.run([OsStr::new("compile"), build.app().as_ref()]).exits(2);
}

// ---------------------------------------------------------------------------------------------------------
// The cache

#[test]
fn a_pinned_and_cached_version_touches_no_network() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url());
    server.take_requests();

    build.set("HOOP_VERSION", VERSION);
    build.compile_installs(VERSION);
    assert_eq!(take_paths(&server), Vec::<String>::new());
}

#[test]
fn a_pinned_cached_and_digest_pinned_version_touches_no_network() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let build = built_from(&server.url());
    server.take_requests();

    build.set("HOOP_VERSION", VERSION);
    build.set("HOOP_SHA256", mirror.digest(VERSION));
    let run = build.compile();

    run.succeeds_quietly();
    assert_eq!(take_paths(&server), Vec::<String>::new());
}

#[test]
fn an_unchanged_latest_version_is_not_downloaded_again() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url());
    server.take_requests();

    build.compile().succeeds_quietly();

    assert_eq!(take_paths(&server), ["/latest.txt", &checksums_path()]);
}

#[test]
fn a_cached_archive_that_was_damaged_is_downloaded_again() {
    let server = Mirror::of(VERSION).serve();
    for harm in [noise(50_000), Vec::new()] {
        let build = built_from(&server.url());
        let before = build.snapshot();
        let cached = build.cache().join("hoop").join(&build.cached()[0]);
        fs::write(&cached, harm).unwrap();
        build.set("HOOP_VERSION", VERSION);
        server.take_requests();

        let run = build.compile_installs(VERSION);
        assert!(take_paths(&server).contains(&tarball_path()));
        build.unset("HOOP_VERSION");
        build.assert_unchanged(&before, &run);
    }
}

#[test]
fn what_older_and_broken_builds_left_in_our_part_of_the_cache_goes() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let build = Build::from(&server.url());
    let long_ago = SystemTime::now() - Duration::from_hours(24);
    fs::create_dir(build.cache().join("hoop")).unwrap();
    for name in ["partial-1", &cached_name("1.0.0", &sha256(b"old"))] {
        let file = fs::File::create(build.cache().join("hoop").join(name)).unwrap();
        // A young one may belong to a build that is still going on.
        file.set_modified(long_ago).unwrap();
    }

    build.compile_installs(VERSION);

    assert_eq!(build.cached(), [cached_name(VERSION, &mirror.digest(VERSION))]);
}

#[test]
fn builds_at_the_same_time_may_share_a_cache() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let first = Build::from(&server.url());
    let others: Vec<_> = (0..3)
        .map(|_| Build::from(&server.url()).with_cache(first.cache()))
        .collect();

    std::thread::scope(|scope| {
        for build in others.iter().chain([&first]) {
            scope.spawn(|| {
                // Without looking into the cache, in which the other builds are still at work.
                let run = build.run(build.compile_arguments());
                run.succeeds();
                build.assert_installed(VERSION, &run);
            });
        }
    });

    assert_eq!(first.cached(), [cached_name(VERSION, &mirror.digest(VERSION))]);
}

#[test]
fn the_cached_version_is_used_where_the_server_of_the_latest_is_down() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url());
    drop(server);
    build.set("HOOP_RELEASES_URL", NOBODY);
    let before = Tree::of(build.cache());

    build.compile_warns(VERSION, &[VERSION, "127.0.0.99"]);
    assert_eq!(Tree::of(build.cache()), before);
}

#[test]
fn a_server_that_is_down_fails_the_build_where_nothing_is_cached() {
    let build = Build::from(NOBODY);

    build.compile_fails("fetch::unreachable").tells(&["127.0.0.99"]);
}

#[test]
fn the_cache_does_not_stand_in_for_another_version() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url());
    build.set("HOOP_RELEASES_URL", NOBODY);
    build.set("HOOP_VERSION", OTHER);

    build.compile_fails("fetch::unreachable");
}

#[test]
fn republished_bytes_of_the_latest_version_stop_the_build() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url());
    let republished = Mirror::with(VERSION, &Archive::holding(&agent(VERSION)).packed());
    let old = build.manifest()["sha256"].as_str().unwrap().to_owned();
    let server = republished.serve();
    build.set("HOOP_RELEASES_URL", server.url());

    let run = build.compile_fails("release::digest-changed");

    run.tells(&[&old, &republished.digest(VERSION), "HOOP_SHA256"]);
    assert!(server.requests_for(&tarball_path()).is_empty());

    // The way out the message names.
    build.set("HOOP_SHA256", republished.digest(VERSION));
    build.compile_installs(VERSION);
    assert_eq!(build.cached(), [cached_name(VERSION, &republished.digest(VERSION))]);
}

#[test]
fn republished_bytes_stop_the_build_also_where_the_cached_archive_is_damaged() {
    let build = built_from(&Mirror::of(VERSION).serve().url());
    let cached = build.cache().join("hoop").join(&build.cached()[0]);
    fs::write(cached, "damaged").unwrap();
    let republished = Mirror::with(VERSION, &Archive::holding(&agent(VERSION)).packed());
    let server = republished.serve();
    build.set("HOOP_RELEASES_URL", server.url());
    build.set("HOOP_VERSION", VERSION);

    build.compile_fails("release::digest-changed");
}

#[test]
fn republished_bytes_of_a_pinned_version_are_taken_where_their_digest_is_given() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url());
    let republished = Mirror::with(VERSION, &Archive::holding(&agent(VERSION)).packed());
    let server = republished.serve();
    build.set("HOOP_RELEASES_URL", server.url());
    build.set("HOOP_VERSION", VERSION);
    build.set("HOOP_SHA256", republished.digest(VERSION));

    let run = build.compile();

    run.succeeds_quietly();
    assert_eq!(build.cached(), [cached_name(VERSION, &republished.digest(VERSION))]);
}

#[test]
fn a_cache_that_cannot_be_written_costs_a_warning() {
    let server = Mirror::of(VERSION).serve();
    let other = Build::new();
    other.put("a file", "not a folder");
    let file = other.app().join("a file");

    // Unwritable for root as well: no folder can be made in the kernel's own file systems, nor below a file.
    for cache in [Path::new("/proc/no-such-cache"), Path::new("/sys"), &file] {
        let build = Build::from(&server.url()).with_cache(cache);
        build.compile_warns(VERSION, &[cache.to_str().unwrap()]);
    }
    assert_eq!(other.read("a file"), "not a folder");
}

#[test]
fn a_file_where_our_part_of_the_cache_should_be_costs_a_warning() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    fs::write(build.cache().join("hoop"), "not a folder").unwrap();
    let before = Tree::of(build.cache());

    build.compile_warns(VERSION, &["cache"]);
    assert_eq!(Tree::of(build.cache()), before);
}

#[test]
fn nothing_is_written_through_a_link_in_the_cache() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    let outside = build.root().join("outside");
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, build.cache().join("hoop")).unwrap();

    build.compile_warns(VERSION, &["cache"]);
    assert_eq!(Tree::of(&outside).paths(), Vec::<&str>::new());
}

// ---------------------------------------------------------------------------------------------------------
// HOOP_INSTALL=optional

#[test]
fn an_optional_agent_that_cannot_be_had_costs_a_warning() {
    let build = Build::from(NOBODY).with("HOOP_INSTALL", "optional");

    build.compile_leaves_agent_out(&["127.0.0.99", "HOOP_INSTALL"]);
}

#[test]
fn an_optional_agent_is_never_an_unverified_one() {
    let server = Mirror::of(VERSION).serve();
    server.answer(
        &tarball_path(),
        [Reply::ok(Archive::of_agent(VERSION).folder("more").packed())],
    );
    let build = Build::from(&server.url()).with("HOOP_INSTALL", "optional");

    build.compile_leaves_agent_out(&["Expected", "HOOP_INSTALL"]);
    assert_eq!(build.cached(), Vec::<String>::new());
}

#[test]
fn an_optional_agent_that_does_not_run_is_left_out() {
    let server = Mirror::with(VERSION, &Archive::of_foreign_machine().packed()).serve();
    let build = Build::from(&server.url()).with("HOOP_INSTALL", "optional");

    build.compile_leaves_agent_out(&["HOOP_INSTALL"]);
}

#[test]
fn an_agent_that_does_not_run_leaves_the_cached_one_of_the_last_build() {
    let build = built_from(&Mirror::of(VERSION).serve().url());
    let cached = build.cached();
    let server = Mirror::with("1.149.0", &Archive::holding(&agent_that("exit 3")).packed()).serve();
    build.set("HOOP_RELEASES_URL", server.url());
    build.set("HOOP_INSTALL", "optional");

    build.compile_leaves_agent_out(&["does not run"]);
    assert_eq!(build.cached(), cached);
}

#[test]
fn an_optional_agent_that_can_be_had_is_installed() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url()).with("HOOP_INSTALL", "optional");

    build.compile_installs(VERSION);
}

#[test]
fn a_build_without_an_agent_takes_the_one_of_an_earlier_build_away() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url());
    build.set("HOOP_RELEASES_URL", NOBODY);
    build.set("HOOP_VERSION", OTHER);
    build.set("HOOP_INSTALL", "optional");

    // An agent nobody asked for must not start under a manifest that does not know it.
    build.compile_leaves_agent_out(&["HOOP_INSTALL"]);
}

// ---------------------------------------------------------------------------------------------------------
// Config vars

#[test]
fn an_empty_version_is_refused() {
    for value in ["", "\n", " "] {
        let build = Build::from(NOBODY).with("HOOP_VERSION", value);
        build.compile_fails("config::version-empty").tells(&["HOOP_VERSION"]);
    }
}

#[test]
fn what_is_not_a_version_is_refused_and_quoted() {
    let server = ReleaseServer::plain();
    for value in [
        "1.2",
        "banana",
        "../../etc",
        "1.148.0/../../etc",
        "1.148.0?x",
        "%2e%2e",
        "-1.2.3",
    ] {
        let build = Build::from(&server.url()).with("HOOP_VERSION", value);
        build
            .compile_fails("config::version-invalid")
            .tells(&["HOOP_VERSION", value]);
    }
    assert!(server.take_requests().is_empty());
}

#[test]
fn what_a_version_hides_is_shown_in_words() {
    let build = Build::from(NOBODY).with("HOOP_VERSION", "1.2.3\u{1b}[31m");

    build.compile_fails("config::version-invalid").tells(&["u{1b}"]);
}

#[test]
fn a_digest_that_agrees_is_accepted_in_either_case() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    for digest in [mirror.digest(VERSION), mirror.digest(VERSION).to_uppercase()] {
        let build = Build::from(&server.url()).with("HOOP_SHA256", &digest);
        build.compile_installs(VERSION);
    }
}

#[test]
fn a_digest_that_differs_from_the_published_one_stops_the_build() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let other = sha256(b"another file");
    let build = Build::from(&server.url()).with("HOOP_SHA256", &other);

    let run = build.compile_fails("release::digest-differs");

    run.tells(&["HOOP_SHA256", &other, &mirror.digest(VERSION)]);
    assert!(server.requests_for(&tarball_path()).is_empty());
}

#[test]
fn a_digest_that_is_none_is_refused() {
    for value in [
        "",
        "abc",
        &"g".repeat(64),
        &"a".repeat(63),
        &format!("sha256:{}", "a".repeat(64)),
    ] {
        let build = Build::from(NOBODY).with("HOOP_SHA256", value);
        build.compile_fails("config::sha256-invalid").tells(&["HOOP_SHA256"]);
    }
}

#[test]
fn a_releases_url_that_cannot_be_read_from_is_refused_and_its_token_not_shown() {
    for value in [
        "",
        "releases.example/release",
        "ftp://robot:T0K3N@releases.example/",
        "https://robot:T0K3N@releases.example/?a=b",
        "https://robot:T0K3N@",
    ] {
        let build = Build::new().with("HOOP_RELEASES_URL", value);
        build
            .compile_fails("config::releases-url-invalid")
            .tells(&["HOOP_RELEASES_URL"])
            .hides(&["T0K3N"]);
    }
}

#[test]
fn an_install_that_is_neither_required_nor_optional_is_refused() {
    for value in ["", "maybe", "true"] {
        let build = Build::from(NOBODY).with("HOOP_INSTALL", value);
        build
            .compile_fails("config::install-invalid")
            .tells(&["HOOP_INSTALL", "optional", "required"]);
    }
}

#[test]
fn a_config_var_of_ours_that_is_not_utf8_is_refused() {
    for name in [
        "HOOP_VERSION",
        "HOOP_SHA256",
        "HOOP_RELEASES_URL",
        "HOOP_INSTALL",
        "HOOP_KEY",
        "HOOP_CONNECTION",
    ] {
        let build = Build::from(NOBODY);
        build.set(name, b"S3CR3T\xff\xfe");

        build
            .compile_fails("config::not-utf8")
            .tells(&[name])
            .hides(&["S3CR3T"]);
    }
}

#[test]
fn a_config_var_of_others_may_hold_anything() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.set("BLOB", b"\xff\x00\xfe");
    fs::create_dir(build.env().join("FOLDER")).unwrap();

    build.compile().succeeds_quietly();
}

#[test]
fn an_env_dir_that_is_none_is_refused() {
    let build = Build::new();
    let before = build.snapshot();
    let file = build.app().join("Procfile");

    let run = build.run([
        OsStr::new("compile"),
        build.app().as_ref(),
        build.cache().as_ref(),
        file.as_ref(),
    ]);

    run.fails_with("config::env-dir-unreadable")
        .tells(&[file.to_str().unwrap()]);
    build.assert_unchanged(&before, &run);
}

#[test]
fn a_config_var_that_cannot_be_read_is_refused() {
    let build = Build::new();
    fs::create_dir(build.env().join("HOOP_VERSION")).unwrap();

    build
        .compile_fails("config::env-dir-unreadable")
        .tells(&["HOOP_VERSION"]);
}

// ---------------------------------------------------------------------------------------------------------
// What the release server says

#[test]
fn a_version_that_does_not_exist_is_named() {
    for status in [403, 404] {
        let server = Mirror::of(VERSION).serve();
        server.answer("/1.36.99/checksums.txt", [Reply::status(status, "no")]);
        let build = Build::from(&server.url()).with("HOOP_VERSION", "1.36.99");

        let run = build.compile_fails("version::not-found");

        run.tells(&["1.36.99", "HOOP_VERSION", &status.to_string(), "/1.36.99/checksums.txt"]);
        // Asking again would not help.
        assert_eq!(take_paths(&server), ["/1.36.99/checksums.txt"]);
    }
}

#[test]
fn a_version_that_does_not_exist_in_a_folder_is_named() {
    let build = Build::new();
    let folder = build.root().join("mirror");
    Mirror::of(VERSION).write_to(&folder);
    build.set("HOOP_RELEASES_URL", Url::from_directory_path(&folder).unwrap().as_str());
    build.set("HOOP_VERSION", "1.36.99");

    build.compile_fails("version::not-found").tells(&["1.36.99"]);
}

#[test]
fn a_release_server_without_a_latest_version_is_an_error() {
    for status in [403, 404] {
        let server = Mirror::of(VERSION).serve();
        server.answer("/latest.txt", [Reply::status(status, "no")]);
        let build = Build::from(&server.url());

        build
            .compile_fails("version::latest-not-found")
            .tells(&["/latest.txt", &status.to_string()]);
        assert_eq!(take_paths(&server), ["/latest.txt"]);
    }
}

#[test]
fn a_folder_without_a_latest_version_is_an_error() {
    let build = Build::new();
    build.set(
        "HOOP_RELEASES_URL",
        Url::from_directory_path(build.root()).unwrap().as_str(),
    );

    build.compile_fails("version::latest-not-found").tells(&["latest.txt"]);
}

#[test]
fn a_tarball_that_cannot_be_read_from_a_folder_is_an_error() {
    let build = Build::new();
    let folder = build.root().join("mirror");
    Mirror::of(VERSION).write_to(&folder);
    let tarball = folder.join(archive_path(VERSION));
    build.set("HOOP_RELEASES_URL", Url::from_directory_path(&folder).unwrap().as_str());

    fs::remove_file(&tarball).unwrap();
    build
        .compile_fails("fetch::refused")
        .tells(&[&archive_name(VERSION), "no such file"]);

    // Not even root can read a folder as a file.
    fs::create_dir(&tarball).unwrap();
    build
        .compile_fails("fetch::file-unreadable")
        .tells(&[tarball.to_str().unwrap()]);
}

#[test]
fn a_latest_version_that_is_none_is_refused() {
    for (what, reply) in [
        ("a page", Reply::html_page()),
        ("nothing", Reply::ok("")),
        ("two numbers", Reply::ok("1.148")),
        ("a path", Reply::ok("../../etc")),
        ("two versions", Reply::ok("1.148.0\n1.149.0\n")),
        (
            "more than a version is long",
            Reply::ok(format!("1.148.0{}", " ".repeat(100))),
        ),
        ("not text", Reply::ok(b"\xff\xfe1\x00")),
    ] {
        let server = Mirror::of(VERSION).serve();
        server.answer("/latest.txt", [reply]);
        let build = Build::from(&server.url());

        let run = build.compile_fails("version::latest-invalid");

        run.tells(&["/latest.txt"]);
        assert_eq!(take_paths(&server), ["/latest.txt"], "{what}");
    }
}

#[test]
fn a_latest_version_may_end_its_line() {
    let server = Mirror::of(VERSION).latest(&format!("{VERSION}\n")).serve();

    built_from(&server.url());
}

#[test]
fn checksums_that_are_none_are_refused() {
    let listed = archive_name(VERSION);
    for (what, reply) in [
        ("a page", Reply::html_page()),
        (
            "no hex",
            Reply::ok(format!("{}  ./dist/binaries/{listed}\n", "x".repeat(64))),
        ),
        (
            "too few digits",
            Reply::ok(format!("{}  ./dist/binaries/{listed}\n", "a".repeat(40))),
        ),
        ("not text", Reply::ok(b"\xff\xfe\x00\n")),
    ] {
        let server = Mirror::of(VERSION).serve();
        server.answer(&checksums_path(), [reply]);
        let build = Build::from(&server.url());

        let run = build.compile_fails("release::checksums-invalid");

        run.tells(&["/checksums.txt"]);
        assert!(server.requests_for(&tarball_path()).is_empty(), "{what}");
    }
}

#[test]
fn checksums_without_this_platform_are_an_error() {
    let other = checksum_line(&format!("hoop_{VERSION}_Darwin_arm64.tar.gz"), b"");
    let similar = checksum_line(&format!("old-{}", archive_name(VERSION)), b"");
    let longer = checksum_line(&format!("{}.sig", archive_name(VERSION)), b"");
    for text in [String::new(), format!("{other}{similar}{longer}")] {
        let server = Mirror::of(VERSION).serve();
        server.answer(&checksums_path(), [Reply::ok(text)]);
        let build = Build::from(&server.url());

        build
            .compile_fails("release::platform-missing")
            .tells(&[VERSION, PLATFORM.architecture]);
    }
}

#[test]
fn a_file_listed_with_two_digests_is_an_error() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let name = archive_name(VERSION);
    let text = checksum_line(&name, mirror.archive(VERSION)) + &checksum_line(&name, b"another");
    server.answer(&checksums_path(), [Reply::ok(text)]);
    let build = Build::from(&server.url());

    build
        .compile_fails("release::checksums-conflict")
        .tells(&[&name, &mirror.digest(VERSION), &sha256(b"another")]);
}

#[test]
fn checksum_mismatch_leaves_slug_and_cache_untouched() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let other = Archive::of_agent(VERSION).folder("more").packed();
    for reply in [Reply::ok(&other), Reply::html_page(), Reply::ok("")] {
        server.answer(&tarball_path(), [reply]);
        let build = Build::from(&server.url());

        build.compile_fails("fetch::checksum-mismatch").tells(&[
            &archive_name(VERSION),
            &mirror.digest(VERSION),
            "Expected",
            "Received",
        ]);
    }
}

#[test]
fn a_wrong_digest_is_not_asked_for_again() {
    let server = Mirror::of(VERSION).serve();
    server.answer(&tarball_path(), [Reply::html_page()]);
    let build = Build::from(&server.url());

    build.compile_fails("fetch::checksum-mismatch");

    assert_eq!(server.requests_for(&tarball_path()).len(), 1);
}

#[test]
fn a_failed_build_keeps_the_slug_and_the_cache_of_the_last_one() {
    let mirror = Mirror::of(VERSION).release(OTHER, &Archive::of_agent(OTHER).packed());
    let server = mirror.serve();
    let build = built_from(&server.url());
    server.answer("/latest.txt", [Reply::ok(OTHER)]);
    server.answer(&format!("/{}", archive_path(OTHER)), [Reply::ok("something else")]);

    let run = build.compile_fails("fetch::checksum-mismatch");

    build.assert_installed(VERSION, &run);
    assert_eq!(build.cached(), [cached_name(VERSION, &mirror.digest(VERSION))]);
}

#[test]
fn an_answer_that_trying_again_does_not_change_is_not_tried_again() {
    for status in [400, 401, 405, 451] {
        let server = Mirror::of(VERSION).serve();
        server.answer("/latest.txt", [Reply::status(status, "no")]);
        let build = Build::from(&server.url());

        build.compile_fails("fetch::refused").tells(&[&status.to_string()]);
        assert_eq!(take_paths(&server).len(), 1, "{status}");
    }
}

#[test]
fn a_listed_tarball_that_is_not_there_is_not_asked_for_again() {
    let server = Mirror::of(VERSION).without(&archive_path(VERSION)).serve();
    let build = Build::from(&server.url());

    build
        .compile_fails("fetch::refused")
        .tells(&[&archive_name(VERSION), "404"]);

    assert_eq!(server.requests_for(&tarball_path()).len(), 1);
}

#[test]
fn a_server_that_recovers_is_asked_again() {
    let mirror = Mirror::of(VERSION);
    for (path, body) in [
        ("/latest.txt".to_owned(), VERSION.as_bytes()),
        (tarball_path(), mirror.archive(VERSION)),
    ] {
        let server = mirror.serve();
        let troubles = [500, 502, 503, 408].map(|status| Reply::status(status, "not now"));
        server.answer(&path, troubles.into_iter().chain([Reply::ok(body)]));
        let build = Build::from(&server.url());

        build.compile_installs(VERSION);
        assert_eq!(server.requests_for(&path).len(), 5);
    }
}

#[test]
fn a_server_that_says_when_to_come_back_is_asked_again() {
    let server = Mirror::of(VERSION).serve();
    let busy = Reply::status(429, "slow down").header("Retry-After", "1");
    server.answer("/latest.txt", [busy, Reply::ok(VERSION)]);
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
    assert_eq!(server.requests_for("/latest.txt").len(), 2);
}

#[test]
fn a_server_that_does_not_recover_is_given_up_after_five_retries() {
    for status in [429, 500, 503] {
        let server = Mirror::of(VERSION).serve();
        server.answer("/latest.txt", [Reply::status(status, "not now")]);
        let build = Build::from(&server.url());

        build.compile_fails("fetch::server-error").tells(&[&status.to_string()]);
        assert_eq!(take_paths(&server).len(), 6, "{status}");
    }
}

#[test]
fn a_redirect_is_followed() {
    let mirror = Mirror::of(VERSION);
    let (server, storage) = (mirror.serve(), mirror.serve());
    server.answer(
        &tarball_path(),
        [Reply::redirect(&format!("{}{}", storage.url(), tarball_path()))],
    );
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
    assert_eq!(take_paths(&storage), [tarball_path()]);
}

#[test]
fn a_redirect_takes_no_token_to_another_server() {
    let mirror = Mirror::of(VERSION);
    let (server, storage) = (mirror.serve(), mirror.serve());
    server.answer(
        &tarball_path(),
        [Reply::redirect(&format!("{}{}", storage.url(), tarball_path()))],
    );
    let build = Build::from(&server.url_with("robot", "T0K3N"));

    build.compile().succeeds_quietly();

    assert!(
        server
            .take_requests()
            .iter()
            .all(|request| request.headers.contains_key("authorization"))
    );
    assert!(
        storage
            .take_requests()
            .iter()
            .all(|request| !request.headers.contains_key("authorization"))
    );
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
fn a_redirect_that_leads_nowhere_is_refused() {
    let server = Mirror::of(VERSION).serve();
    server.answer("/latest.txt", [Reply::redirect("/latest.txt")]);
    let build = Build::from(&server.url());

    build.compile_fails("fetch::refused");
}

// ---------------------------------------------------------------------------------------------------------
// Connections that break

#[test]
fn a_broken_download_is_resumed_where_it_stopped() {
    let mirror = Mirror::of(VERSION);
    let whole = Reply::ok(mirror.archive(VERSION)).etag("one", Ranges::Honoured);
    let server = mirror.serve();
    server.answer(
        &tarball_path(),
        [whole.clone().cut_after(100_000), whole.clone().cut_after(50_000), whole],
    );
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
    let requests = server.requests_for(&tarball_path());
    let starts: Vec<_> = requests.iter().map(support::server::Request::range_start).collect();
    assert_eq!(starts, [None, Some(100_000), Some(150_000)]);
    for request in &requests[1..] {
        assert_eq!(request.headers["if-range"], "\"one\"");
    }
}

#[test]
fn a_reset_download_is_resumed() {
    let mirror = Mirror::of(VERSION);
    let whole = Reply::ok(mirror.archive(VERSION)).etag("one", Ranges::Honoured);
    let server = mirror.serve();
    server.answer(&tarball_path(), [whole.clone().reset_after(100_000), whole]);
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
    assert_eq!(server.requests_for(&tarball_path()).len(), 2);
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

#[test]
fn a_download_of_another_file_than_before_starts_over() {
    let mirror = Mirror::of(VERSION);
    let before = Reply::ok(noise(150_000))
        .etag("one", Ranges::Honoured)
        .cut_after(100_000);
    let server = mirror.serve();
    server.answer(
        &tarball_path(),
        [before, Reply::ok(mirror.archive(VERSION)).etag("two", Ranges::Honoured)],
    );
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
}

#[test]
fn the_rest_of_another_file_than_before_is_not_taken() {
    let mirror = Mirror::of(VERSION);
    let before = Reply::ok(noise(150_000))
        .etag("one", Ranges::Honoured)
        .cut_after(100_000);
    let server = mirror.serve();
    server.answer(
        &tarball_path(),
        [before, Reply::ok(mirror.archive(VERSION)).etag("two", Ranges::Careless)],
    );
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
}

#[test]
fn a_rest_from_another_place_than_asked_for_is_not_taken() {
    let mirror = Mirror::of(VERSION);
    let archive = mirror.archive(VERSION);
    let whole = Reply::ok(archive).etag("one", Ranges::Honoured);
    let elsewhere = Reply::status(206, &archive[10..])
        .header(
            "Content-Range",
            &format!("bytes 10-{}/{}", archive.len() - 1, archive.len()),
        )
        .etag("one", Ranges::Ignored);
    let server = mirror.serve();
    server.answer(&tarball_path(), [whole.clone().cut_after(100_000), elsewhere, whole]);
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
}

#[test]
fn a_server_that_knows_no_ranges_starts_over() {
    let mirror = Mirror::of(VERSION);
    for ranges in [Ranges::Ignored, Ranges::Refused] {
        let whole = Reply::ok(mirror.archive(VERSION)).etag("one", ranges);
        let server = mirror.serve();
        server.answer(&tarball_path(), [whole.clone().cut_after(100_000), whole]);
        let build = Build::from(&server.url());

        build.compile_installs(VERSION);
    }
}

#[test]
fn a_server_that_does_not_name_its_files_starts_over() {
    let mirror = Mirror::of(VERSION);
    let whole = Reply::ok(mirror.archive(VERSION));
    let server = mirror.serve();
    server.answer(&tarball_path(), [whole.clone().cut_after(100_000), whole]);
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
}

#[test]
fn a_download_that_breaks_every_time_is_given_up() {
    let mirror = Mirror::of(VERSION);
    let whole = Reply::ok(mirror.archive(VERSION));
    for reply in [whole.clone().cut_after(100_000), whole.cut_after(0)] {
        let server = mirror.serve();
        server.answer(&tarball_path(), [reply]);
        let build = Build::from(&server.url());

        build.compile_fails("fetch::cut-short").tells(&[&archive_name(VERSION)]);
        assert_eq!(server.requests_for(&tarball_path()).len(), 6);
    }
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let mirror = Mirror::of(VERSION);
    for (path, reply) in [
        ("/latest.txt".to_owned(), Reply::silence()),
        (tarball_path(), Reply::ok(mirror.archive(VERSION)).stall_after(100_000)),
    ] {
        let server = mirror.serve();
        server.answer(&path, [reply]);
        let build = Build::from(&server.url()).variable("HOOP_BUILDPACK_STALL_MS", "200");

        build.compile_fails("fetch::stalled").tells(&[&path]);
    }
}

#[test]
fn a_download_that_falls_silent_once_is_resumed() {
    let mirror = Mirror::of(VERSION);
    let whole = Reply::ok(mirror.archive(VERSION)).etag("one", Ranges::Honoured);
    let server = mirror.serve();
    server.answer(&tarball_path(), [whole.clone().stall_after(100_000), whole]);
    let build = Build::from(&server.url()).variable("HOOP_BUILDPACK_STALL_MS", "2000");

    build.compile_installs(VERSION);
    assert_eq!(server.requests_for(&tarball_path())[1].range_start(), Some(100_000));
}

#[test]
fn a_download_larger_than_any_release_is_refused_before_it_is_received() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    server.answer(
        &tarball_path(),
        [Reply::ok(mirror.archive(VERSION)).announcing((512 << 20) + 1)],
    );
    let build = Build::from(&server.url());

    build.compile_fails("fetch::too-large");

    assert_eq!(server.requests_for(&tarball_path()).len(), 1);
}

// ---------------------------------------------------------------------------------------------------------
// Archives

/// Builds with a tarball whose checksum is right, and asserts that it fails.
#[track_caller]
fn archive_fails(tarball: &[u8], id: &str) -> Run {
    let server = Mirror::with(VERSION, tarball).serve();
    Build::from(&server.url()).compile_fails(id)
}

#[test]
fn an_archive_cut_short_before_it_was_listed_is_damaged() {
    let whole = Archive::of_agent(VERSION).packed();

    for length in [0, 1, 10, 100_000, whole.len() - 1] {
        archive_fails(&whole[..length], "archive::damaged").tells(&[VERSION]);
    }
}

#[test]
fn an_archive_that_is_none_is_damaged() {
    let page = b"<!DOCTYPE html>\n<html></html>\n".repeat(100);
    let mut flipped = Archive::of_agent(VERSION).packed();
    let last = flipped.len() - 6;
    // A byte of the checksum gzip keeps at its end.
    flipped[last] ^= 1;
    let short_tar = Archive::of_agent(VERSION).packed_short(100_000);

    for tarball in [
        &page[..],
        &noise(5000),
        &gzip(&page),
        &gzip(&noise(5000)),
        &flipped,
        &short_tar,
    ] {
        archive_fails(tarball, "archive::damaged");
    }
}

#[test]
fn an_archive_without_an_agent_is_an_error() {
    let agent = agent(VERSION);
    let bytes = agent.as_bytes();
    for (what, archive) in [
        ("nothing", Archive::default()),
        (
            "only the helper",
            Archive::default().folder("./").file("./hoop_rs", 0o755, bytes),
        ),
        (
            "deeper",
            Archive::default().folder("bin").file("./bin/hoop", 0o755, bytes),
        ),
        ("above", Archive::default().file("../hoop", 0o755, bytes)),
        ("way above", Archive::default().file("./x/../../hoop", 0o755, bytes)),
        ("absolute", Archive::default().file("/hoop", 0o755, bytes)),
        ("a folder", Archive::default().folder("./hoop/")),
        ("a pipe", Archive::default().pipe("./hoop")),
        ("a link", Archive::default().symlink("./hoop", "/bin/sh")),
        (
            "a hard link",
            Archive::default()
                .file("./other", 0o755, bytes)
                .hard_link("./hoop", "./other"),
        ),
        ("another case", Archive::default().file("./Hoop", 0o755, bytes)),
    ] {
        let run = archive_fails(&archive.packed(), "archive::no-agent");
        run.assert(run.prose().contains(VERSION), what);
    }
}

#[test]
fn entries_that_lead_out_of_the_archive_write_nothing() {
    let tarball = Archive::of_agent(VERSION)
        .file("../outside", 0o644, b"out")
        .file("../../outside", 0o644, b"out")
        .symlink("./link", "../..")
        .file("./link/outside", 0o644, b"out")
        .packed();
    let server = Mirror::with(VERSION, &tarball).serve();
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
    let everything = Tree::of(build.root());
    assert!(
        !everything.paths().iter().any(|path| path.contains("outside")),
        "{everything:?}"
    );
}

#[test]
fn an_archive_with_two_agents_is_an_error() {
    let agent = agent(VERSION);
    for second in ["./hoop", "hoop"] {
        let archive = Archive::of_agent(VERSION).file(second, 0o755, agent.as_bytes());
        archive_fails(&archive.packed(), "archive::duplicate");
    }
    let helpers = Archive::of_agent(VERSION).file("./hoop_rs", 0o755, b"again");
    archive_fails(&helpers.packed(), "archive::duplicate");
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_an_error() {
    let archive = Archive::default().claim("./hoop", (2 << 30) + 1);

    archive_fails(&archive.packed(), "archive::too-large");
}

#[test]
fn an_agent_that_does_not_run_here_is_an_error() {
    for (what, archive) in [
        ("for another machine", Archive::of_foreign_machine()),
        ("nothing", Archive::holding("")),
        ("without its interpreter", Archive::holding("#!/no/such/interpreter\n")),
        (
            "fails",
            Archive::holding(&agent_that("echo 'no luck today' >&2; exit 3")),
        ),
        ("crashes", Archive::holding(&agent_that("kill -SEGV $$"))),
        ("says nothing", Archive::holding(&agent_that(":"))),
        (
            "says something else",
            Archive::holding(&agent_that("echo hoop 1.148.0")),
        ),
        (
            "talks without a point",
            Archive::holding(&agent_that("head -c 1000000 /dev/zero")),
        ),
    ] {
        let run = archive_fails(&archive.packed(), "install::agent-does-not-run");
        run.assert(run.prose().contains(VERSION), what);
    }
}

#[test]
fn an_agent_that_does_not_answer_is_an_error() {
    // Takes the ten seconds an agent is given.
    let archive = Archive::holding(&agent_that("exec sleep 600"));

    archive_fails(&archive.packed(), "install::agent-does-not-run");
}

#[test]
fn an_agent_of_another_version_is_an_error() {
    let archive = Archive::holding(&agent(OTHER));

    archive_fails(&archive.packed(), "install::agent-version-differs").tells(&[VERSION, OTHER]);
}

#[test]
fn an_agent_that_does_not_run_is_not_kept_in_the_cache() {
    let server = Mirror::with(VERSION, &Archive::of_foreign_machine().packed()).serve();
    let build = Build::from(&server.url()).with("HOOP_VERSION", VERSION);

    for _ in 0..2 {
        build.compile_fails("install::agent-does-not-run");
    }

    assert_eq!(server.requests_for(&tarball_path()).len(), 2);
}

// ---------------------------------------------------------------------------------------------------------
// The build dir

#[test]
fn a_missing_build_dir_is_an_error_before_anything_is_asked_for() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    let missing = build.root().join("no such app");
    let build = build.with_app(&missing);

    build
        .compile_fails("install::build-dir-missing")
        .tells(&["no such app"]);

    assert!(!missing.exists());
    assert!(server.take_requests().is_empty());
}

#[test]
fn a_read_only_build_dir_is_an_error() {
    let server = Mirror::of(VERSION).serve();
    // Nobody can make a file here, root included.
    let build = Build::from(&server.url()).with_app("/sys");

    let run = build.compile();

    run.fails_with("install::build-dir-unwritable").tells(&["/sys"]);
    assert_eq!(Tree::of(build.cache()).paths(), Vec::<&str>::new());
}

#[test]
fn a_build_dir_of_someone_else_is_an_error() {
    use std::os::unix::fs::PermissionsExt as _;
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere; the test before this one covers it.
        return;
    }
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    fs::set_permissions(build.app(), fs::Permissions::from_mode(0o555)).unwrap();

    build.compile_fails("install::build-dir-unwritable");

    fs::set_permissions(build.app(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn files_of_the_app_are_kept() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.put("bin/hoopstart", "#!/bin/sh\n# the app's own\n");
    build.put("bin/rails", "#!/bin/sh\n");
    build.put(".profile.d/app.sh", "export APP=1\n");
    build.put(".hoop/config.toml", "theirs = true\n");
    let before = Tree::of(build.app());

    build.compile_installs(VERSION);
    let lost = before.lost_in(&Tree::of(build.app()));
    assert!(lost.paths().is_empty(), "{lost:?}");
}

#[test]
fn a_link_within_the_app_does_not_make_hoopstart_a_link_to_itself() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.link(".hoop", ".");

    let run = build.compile();

    run.succeeds();
    let hoopstart = build.app().join(".hoop/bin/hoopstart");
    assert!(fs::symlink_metadata(hoopstart).unwrap().is_file());
}

#[test]
fn nothing_is_written_through_a_link_out_of_the_build_dir() {
    let server = Mirror::of(VERSION).serve();
    for (path, target, id) in [
        (".hoop", "../outside", Some("install::blocked")),
        (".hoop/bin", "../../outside", Some("install::blocked")),
        (".profile.d", "../outside", Some("install::blocked")),
        (".hoop", "../outside/dangling", Some("install::blocked")),
        (".profile.d", "../outside/dangling", Some("install::blocked")),
        ("bin", "../outside", None),
        ("bin", "../outside/dangling", None),
        ("bin/hoopstart", "../../outside/precious", None),
        (".hoop/manifest.yml", "../../outside/precious", None),
        (".hoop/bin/hoop", "../../../outside/precious", None),
        (".hoop/bin/hoopstart", "../../../outside/precious", None),
        (".profile.d/hoop.sh", "../../outside/precious", None),
        (".profile.d/hoop.sh", "../../outside/dangling", None),
        ("Procfile", "../outside/precious", None),
    ] {
        for absolute in [false, true] {
            let build = Build::from(&server.url());
            let outside = build.root().join("outside");
            fs::create_dir(&outside).unwrap();
            fs::write(outside.join("precious"), "web: not yours\n").unwrap();
            let before = Tree::of(&outside);
            if path == "Procfile" {
                fs::remove_file(build.app().join(path)).unwrap();
            }
            let name = target.rsplit("../").next().unwrap();
            if absolute {
                build.link(path, build.root().join(name));
            } else {
                build.link(path, target);
            }

            let untouched = build.snapshot();
            let run = build.compile();

            run.assert(
                Tree::of(&outside) == before,
                &format!("something outside changed through {path}"),
            );
            match id {
                Some(id) => {
                    run.fails_with(id).tells(&[path]);
                    build.assert_unchanged(&untouched, &run);
                }
                None => build.assert_installed(VERSION, run.succeeds()),
            }
        }
    }
}

#[test]
fn a_file_where_a_folder_is_needed_is_an_error() {
    let server = Mirror::of(VERSION).serve();
    for path in [".hoop", ".hoop/bin", ".profile.d"] {
        let build = Build::from(&server.url());
        build.put(path, "a file of the app\n");

        build.compile_fails("install::blocked").tells(&[path]);
    }
}

#[test]
fn a_folder_where_a_file_is_needed_is_an_error() {
    let server = Mirror::of(VERSION).serve();
    for path in [
        ".hoop/bin/hoop",
        ".hoop/bin/hoopstart",
        ".hoop/manifest.yml",
        ".profile.d/hoop.sh",
    ] {
        let build = Build::from(&server.url());
        build.put(&format!("{path}/file"), "a file of the app\n");

        build.compile_fails("install::blocked").tells(&[path]);
    }
}

#[test]
fn a_file_called_bin_costs_only_the_short_way_to_hoopstart() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.put("bin", "a file of the app\n");

    build.compile_installs(VERSION);
    assert_eq!(build.read("bin"), "a file of the app\n");
}

// ---------------------------------------------------------------------------------------------------------
// Secrets

/// Asserts that the secrets are in no text and no file of a build.
#[track_caller]
fn assert_kept(secrets: &[&str], build: &Build, run: &Run) {
    run.hides(secrets);
    let facts = format!("{:?}", build.report());
    for secret in secrets {
        for folder in [build.app(), build.cache(), build.scratch()] {
            let places = places_with(folder, secret);
            run.assert(
                places.is_empty(),
                &format!("{secret} is in {places:?} of {}", folder.display()),
            );
        }
        assert!(!facts.contains(secret), "{facts}");
    }
}

#[test]
fn secrets_are_neither_printed_nor_written() {
    let server = Mirror::of(VERSION).serve();
    let secrets = ["xagt-S3CR3T", "T0K3N-in-a-url", "robot-with-a-name"];
    let key = "grpcs://agent:xagt-S3CR3T@127.0.0.1:8443?mode=standard";
    let base = Build::from(&server.url_with("robot-with-a-name", "T0K3N-in-a-url"));
    for name in ["HOOP_KEY", "HOOP_DSN"] {
        base.set(name, key);
    }

    let run = base.compile();
    run.succeeds();
    assert_kept(&secrets, &base, &run);
    let authorized = |request: &support::server::Request| request.headers.contains_key("authorization");
    assert!(server.take_requests().iter().all(authorized), "the token was not used");

    // Most failures quote the URL.
    for (path, reply) in [
        ("/latest.txt".to_owned(), Reply::status(404, "no")),
        ("/latest.txt".to_owned(), Reply::status(401, "no")),
        ("/latest.txt".to_owned(), Reply::status(503, "no")),
        ("/latest.txt".to_owned(), Reply::html_page()),
        ("/latest.txt".to_owned(), Reply::ok(VERSION).announcing(20)),
        (checksums_path(), Reply::html_page()),
        (tarball_path(), Reply::html_page()),
        (tarball_path(), Reply::ok("x").announcing(5_000_000)),
        (
            tarball_path(),
            Reply::redirect("https://robot:T0K3N-in-a-url@127.0.0.99:1/?sig=T0K3N-in-a-url"),
        ),
    ] {
        let server = Mirror::of(VERSION).serve();
        server.answer(&path, [reply]);
        let build = Build::from(&server.url_with("robot-with-a-name", "T0K3N-in-a-url")).with("HOOP_KEY", key);

        let run = build.compile();

        run.exits(1);
        assert_kept(&secrets, &build, &run);
    }

    let nobody = NOBODY.replace("://", "://robot-with-a-name:T0K3N-in-a-url@");
    let build = Build::from(&nobody)
        .with("HOOP_KEY", key)
        .with("HOOP_INSTALL", "optional");
    let run = build.compile();
    run.succeeds();
    assert_kept(&secrets, &build, &run);
}

#[test]
fn an_agent_key_that_cannot_be_read_is_advised_on_without_being_shown() {
    let server = Mirror::of(VERSION).serve();
    for key in [
        "S3CR3T",
        "grpcs://S3CR3T",
        "grpcs://agent:S3CR3T@",
        "ftp://agent:S3CR3T@127.0.0.1:8443",
        "grpcs://agent:S3CR3T@127.0.0.1:port",
        "'grpcs://agent:S3CR3T@127.0.0.1:8443'",
    ] {
        let build = Build::from(&server.url()).with("HOOP_KEY", key);
        let run = build.compile_warns(VERSION, &["HOOP_KEY"]);
        assert_kept(&["S3CR3T"], &build, &run);
    }
}

// ---------------------------------------------------------------------------------------------------------
// Advice

#[test]
fn a_procfile_that_forgets_hoopstart_is_quoted_with_the_line_that_would_be_right() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.put("Procfile", "web: bundle exec puma -C config/puma.rb\n");

    build.compile_warns(
        VERSION,
        &[
            "web: bundle exec puma -C config/puma.rb",
            "web: hoopstart -- bundle exec puma -C config/puma.rb",
        ],
    );
}

#[test]
fn a_procfile_that_forgets_hoopstart_is_fine_where_the_agent_starts_by_itself() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url()).with("HOOP_AUTOSTART", "on");
    build.put("Procfile", "web: ./server\n");

    build.compile().succeeds_quietly();
}

#[test]
fn every_way_to_reach_hoopstart_counts() {
    let server = Mirror::of(VERSION).serve();
    for line in [
        "web: hoopstart -- ./server",
        "web: bin/hoopstart -- ./server",
        "web: ./bin/hoopstart -- ./server",
        "web: .hoop/bin/hoopstart -- ./server",
        "web: hoopwrapper -- ./server",
        "web: env A=1 hoopstart -- ./server",
    ] {
        let build = Build::from(&server.url());
        build.put("Procfile", &format!("{line}\nworker: ./worker\n"));

        let run = build.compile();

        run.succeeds().assert(run.stderr().is_empty(), line);
    }
}

#[test]
fn hoopstart_without_its_dashes_is_quoted_with_the_line_that_would_be_right() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.put("Procfile", "web: hoopstart bundle exec puma\n");

    build.compile_warns(
        VERSION,
        &["web: hoopstart bundle exec puma", "web: hoopstart -- bundle exec puma"],
    );
}

#[test]
fn an_app_without_a_procfile_builds() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    fs::remove_file(build.app().join("Procfile")).unwrap();

    build.compile_warns(VERSION, &["Procfile"]);
}

#[test]
fn a_procfile_that_cannot_be_read_does_not_fail_a_build() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    fs::write(build.app().join("Procfile"), b"web: caf\xe9 --serve\n\x00\x1b[31m\n").unwrap();

    build.compile_warns(VERSION, &["Procfile"]);
}

#[test]
fn connections_that_cannot_be_published_are_quoted() {
    let server = Mirror::of(VERSION).serve();
    // One byte more than any generation of the agent takes.
    let build = Build::from(&server.url()).with("HOOP_CONNECTION", &"orders-db,".repeat(26)[..256]);

    build.compile_warns(VERSION, &["HOOP_CONNECTION", "256", "orders-db,orders-db"]);
}
