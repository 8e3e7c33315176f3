//! Builds that go well, and what they put into the slug.

use crate::OTHER;
use crate::checksums_path;
use crate::support::build::{Build, built_from, cached_name};
use crate::support::mirror::{Archive, Mirror, PLATFORM, VERSION, agent, archive_name, checksum_line, noise};
use crate::support::server::{NOBODY, ReleaseServer, Reply};
use crate::support::tree::{THIS_PROGRAM, Tree, places_with};
use crate::take_paths;
use crate::tarball_path;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use url::Url;

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
        (".profile.d/zz-hoop-buildpack.sh", "file 0644"),
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
fn two_builds_of_the_same_input_are_byte_identical() {
    let server = Mirror::of(VERSION).serve();
    let (first, second) = (Build::from(&server.url()), Build::from(&server.url()));

    first.compile().succeeds_quietly();
    second.compile().succeeds_quietly();

    assert_eq!(first.snapshot(), second.snapshot());
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
