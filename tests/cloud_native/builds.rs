//! Layers: what a first build makes, what a second one uses again, and what a failed one leaves.

use crate::image::{Buildpack, Image};
use crate::support::mirror::{Archive, Mirror, VERSION, agent, archive_path};
use crate::support::server::{NOBODY, Reply};
use crate::support::tree::Tree;
use std::fs;
use std::os::unix::fs::symlink;

/// The next version.
const OTHER: &str = "1.149.0";

#[test]
fn a_first_build_makes_one_layer_for_the_image() {
    let Some(image) = Image::new() else { return };
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let image = image
        .with("HOOP_VERSION", VERSION)
        .with("HOOP_RELEASES_URL", &server.url());
    let app = Tree::of(&image.path("app"));

    let run = image.builds();

    let tree = Tree::of(&image.layers());
    let shown: Vec<String> = tree
        .paths()
        .iter()
        .map(|path| {
            let entry = tree.entry(path).unwrap();
            let entry = entry
                .split_once(" bytes")
                .map_or(entry, |(entry, _)| entry.rsplit_once(' ').unwrap().0);
            format!("{path}: {entry}")
        })
        .collect();
    assert_eq!(
        shown,
        [
            "agent: folder 0755",
            "agent.sbom.cdx.json: file 0644",
            "agent.sbom.spdx.json: file 0644",
            "agent.toml: file 0644",
            "agent/bin: folder 0755",
            "agent/bin/hoop: file 0755",
            "agent/bin/hoop_rs: file 0755",
            "agent/bin/hoopstart: file 0755 hoop-buildpack",
            "agent/bin/hoopwrapper: link to hoopstart",
            "agent/exec.d: folder 0755",
            "agent/exec.d/hoop-notice: link to ../bin/hoopstart",
            "agent/manifest.yml: file 0644",
        ]
    );
    assert_eq!(
        image.read("agent.toml"),
        format!(
            "[types]\nlaunch = true\nbuild = false\ncache = false\n\n[metadata]\nagent_version = \"{VERSION}\"\n\
             sha256 = \"{}\"\nsource = \"{}\"\nplatform = \"linux/{}\"\nbuildpack_version = \"{}\"\n",
            mirror.digest(VERSION),
            server.url(),
            crate::support::mirror::PLATFORM.architecture,
            env!("CARGO_PKG_VERSION"),
        )
    );
    run.shows(&[
        "\n## Hoop Buildpack\n\n- Installing hoop agent 1.148.0",
        "\n  - Downloaded ",
        ", sha256 verified (",
        "\n- Done (finished in ",
    ]);
    assert_eq!(Tree::of(&image.path("app")), app);
}

#[test]
fn a_named_version_is_used_again_without_a_server_and_without_a_folder() {
    let Some(image) = Image::new() else { return };
    let server = Mirror::of(VERSION).serve();
    let image = image
        .with("HOOP_VERSION", VERSION)
        .with("HOOP_RELEASES_URL", &server.url());
    image.builds();
    let (record, sbom) = (image.read("agent.toml"), image.read("agent.sbom.cdx.json"));
    image.restore();
    server.take_requests();
    // Also where nobody answers.
    image.set("HOOP_RELEASES_URL", NOBODY);

    let run = image.builds();

    run.shows(&["- Reusing hoop 1.148.0 of the last image\n"]);
    assert!(server.take_requests().is_empty());
    assert_eq!(
        (image.read("agent.toml"), image.read("agent.sbom.cdx.json")),
        (record, sbom)
    );
    assert!(
        !image.layers().join("agent").exists(),
        "the image has the layer already"
    );
}

#[test]
fn the_same_input_gives_the_same_bytes_in_every_layer() {
    let server = Mirror::of(VERSION).serve();
    let trees: Vec<Tree> = (0..2)
        .filter_map(|_| {
            let image = Image::new()?.with("HOOP_RELEASES_URL", &server.url());
            image.builds();
            Some(Tree::of(&image.layers()))
        })
        .collect();

    assert_eq!(trees.first(), trees.last());
}

#[test]
fn what_is_wanted_now_takes_the_place_of_what_the_image_has() {
    let Some(image) = Image::new() else { return };
    let mirror = Mirror::of(VERSION).release(OTHER, &Archive::of_agent(OTHER).packed());
    let server = mirror.serve();
    let image = image
        .with("HOOP_VERSION", VERSION)
        .with("HOOP_RELEASES_URL", &server.url());
    image.builds();

    // Another version.
    image.restore();
    image.set("HOOP_VERSION", OTHER);
    image.builds().shows(&["- Installing hoop agent 1.149.0"]);
    assert!(
        image
            .read("agent/manifest.yml")
            .contains(&format!("agent_version: {OTHER}\n"))
    );

    // Another digest.
    image.restore();
    image.set("HOOP_SHA256", &mirror.digest(VERSION));
    image.fails("release::digest-differs");
    image.set("HOOP_SHA256", &mirror.digest(OTHER));
    image.builds().shows(&["- Reusing hoop 1.149.0"]);

    // Another buildpack, and a record that is none.
    for record in [
        image
            .read("agent.toml")
            .replace("buildpack_version = \"", "buildpack_version = \"9."),
        "[".to_owned(),
    ] {
        image.restore();
        image.put(&format!("layers/{}/agent.toml", "hoophq_hoop"), &record);
        image.builds().shows(&["- Installing hoop agent 1.149.0"]);
    }
}

#[test]
fn the_latest_version_is_kept_for_a_day_without_the_server() {
    let Some(image) = Image::new() else { return };
    let server = Mirror::of(VERSION).serve();
    let image = image.with("HOOP_RELEASES_URL", &server.url());
    image.builds();
    assert_eq!(
        image.read("downloads.toml"),
        "[types]\nlaunch = false\nbuild = false\ncache = true\n"
    );
    let first = Tree::of(&image.layers());
    server.take_requests();

    image.restore();
    image.builds().shows(&["  - Using the copy of the last build"]);
    assert_eq!(Tree::of(&image.layers()), first);
    assert!(server.requests_for(&format!("/{}", archive_path(VERSION))).is_empty());

    // The server is down.
    image.restore();
    image.set("HOOP_RELEASES_URL", NOBODY);
    let run = image.builds();
    run.shows(&["! Warning: the latest agent could not be fetched"]);
    assert!(image.layers().join("agent/bin/hoop").exists());

    // Pinned, it is in the image, and the tarball is needed no more.
    image.restore();
    image.set("HOOP_VERSION", VERSION);
    image.builds();
    assert!(!image.layers().join("downloads").exists() && !image.layers().join("downloads.toml").exists());
}

#[test]
fn a_failed_build_leaves_the_layers_and_the_app_as_they_were() {
    let Some(image) = Image::new() else { return };
    let server = Mirror::of(VERSION).serve();
    let image = image.with("HOOP_RELEASES_URL", &server.url());
    for built_before in [false, true] {
        if built_before {
            for name in ["HOOP_VERSION", "HOOP_SHA256", "HOOP_INSTALL"] {
                let _ = fs::remove_file(image.path(&format!("platform/env/{name}")));
            }
            image.set("HOOP_RELEASES_URL", &server.url());
            image.builds();
            image.restore();
        }
        for (name, value, id) in [
            ("HOOP_VERSION", "banana", "config::version-invalid"),
            ("HOOP_VERSION", "", "config::version-empty"),
            ("HOOP_VERSION", "9.9.9", "version::not-found"),
            ("HOOP_INSTALL", "perhaps", "config::install-invalid"),
            ("HOOP_SHA256", "abc", "config::sha256-invalid"),
            ("HOOP_RELEASES_URL", "ftp://example.com", "config::releases-url-invalid"),
        ] {
            let run = {
                let path = image.path(&format!("platform/env/{name}"));
                let before = fs::read(&path).ok();
                image.set(name, value);
                let run = image.fails(id);
                match before {
                    Some(bytes) => fs::write(path, bytes).unwrap(),
                    None => fs::remove_file(path).unwrap(),
                }
                run
            };
            let said = run.stdout();
            let is_for_both =
                said.contains("--env ") == said.contains("! --env is an option of pack build. On Heroku,");
            run.assert(is_for_both, "an image may be built on Heroku or elsewhere")
                .assert(!run.stdout().contains("slug"), "an image is no slug");
        }
    }
    image.set("HOOP_VERSION", "1.150.0");
    image.set("HOOP_RELEASES_URL", NOBODY);
    image.fails("fetch::unreachable");
    image.set("HOOP_INSTALL", "optional");
    image.builds().shows(&["! Warning: ", "hoopstart, without an agent,"]);
    assert!(!image.layers().join("agent/bin/hoop").exists());
    assert!(image.layers().join("agent/bin/hoopstart").exists());
}

#[test]
fn republished_bytes_of_the_version_in_the_last_image_stop_the_build() {
    let Some(image) = Image::new() else { return };
    let server = Mirror::of(VERSION).serve();
    let image = image
        .with("HOOP_VERSION", VERSION)
        .with("HOOP_RELEASES_URL", &server.url());
    image.builds();
    image.restore();
    // A newer buildpack builds the layer again.
    let record = image
        .read("agent.toml")
        .replace("buildpack_version = \"", "buildpack_version = \"9.");
    image.put("layers/hoophq_hoop/agent.toml", &record);
    let republished = Mirror::with(VERSION, &Archive::holding(&agent(VERSION)).packed());
    let server = republished.serve();
    image.set("HOOP_RELEASES_URL", &server.url());

    image.fails("release::digest-changed");

    // The way out that the message names.
    image.set("HOOP_SHA256", &republished.digest(VERSION));
    image.builds();
}

#[test]
fn damaged_bytes_never_become_a_layer() {
    let Some(image) = Image::new() else { return };
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let mut bytes = mirror.archive(VERSION).to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    server.answer(&format!("/{}", archive_path(VERSION)), [Reply::ok(bytes)]);

    image
        .with("HOOP_RELEASES_URL", &server.url())
        .fails("fetch::checksum-mismatch");
}

#[test]
fn a_service_binding_has_settings_and_the_environment_comes_first() {
    let Some(image) = Image::new() else { return };
    let server = Mirror::of(VERSION).serve();
    for (path, text) in [
        ("bindings/agent/type", "hoop"),
        ("bindings/agent/version", VERSION),
        (
            "bindings/agent/releases-url",
            &server.url_with("someone", "s3cr3t-0f-the-test"),
        ),
        ("bindings/other/type", "postgres"),
        ("bindings/other/version", "15"),
    ] {
        image.put(&format!("platform/{path}"), text);
    }

    let run = image.builds();
    run.shows(&[
        "- Using HOOP_VERSION of the service binding agent\n",
        "- Installing hoop agent 1.148.0 (HOOP_VERSION)",
    ])
    .hides(&["s3cr3t-0f-the-test"]);
    assert_eq!(
        crate::support::tree::places_with(&image.layers(), "s3cr3t-0f-the-test"),
        Vec::<String>::new()
    );

    // In another folder, as the platform says.
    image.restore();
    fs::rename(image.path("platform/bindings"), image.path("elsewhere")).unwrap();
    image.set("SERVICE_BINDING_ROOT", image.path("elsewhere").to_str().unwrap());
    image.builds().shows(&["- Reusing hoop 1.148.0"]);

    image.set("HOOP_VERSION", "banana");
    image.fails("config::version-invalid");
}

#[test]
fn a_hostile_app_changes_nothing() {
    let Some(image) = Image::new() else { return };
    let server = Mirror::of(VERSION).serve();
    image.put("app/.hoop/manifest.yml", "agent_version: 0.0.1\n");
    image.put("app/bin/hoop", "#!/bin/sh\nexit 9\n");
    image.put("app/agent.toml", "[");
    symlink("/", image.path("app/agent")).unwrap();
    symlink("nowhere", image.path("app/downloads")).unwrap();
    let image = image.with("HOOP_RELEASES_URL", &server.url());
    let app = Tree::of(&image.path("app/.hoop"));

    image.builds();

    assert_eq!(Tree::of(&image.path("app/.hoop")), app);
    assert_eq!(fs::read_link(image.path("app/agent")).unwrap().to_str(), Some("/"));
}

#[test]
fn processes_of_earlier_buildpacks_are_wrapped_where_it_is_asked_for() {
    let order = [Buildpack::Language, Buildpack::Procfile, Buildpack::Hoop];
    let Some(image) = Image::of(&order) else { return };
    let server = Mirror::of(VERSION).serve();
    let image = image
        .with("HOOP_RELEASES_URL", &server.url())
        .with("BP_HOOP_WRAP", "web,task, none");
    image.put("app/Procfile", "web: sh app.sh \"a 'b'\"\n");

    let run = image.builds();

    run.shows(&[
        "- Wrapping what BP_HOOP_WRAP names\n",
        "  - web starts hoopstart, unless a later buildpack provides another web\n",
        "  - task starts hoopstart, unless",
        "! Warning: BP_HOOP_WRAP names none, which no earlier buildpack\n",
        "! Provided: task, web\n",
    ]);
    let launch: toml::Table = toml::from_str(&image.read("launch.toml")).unwrap();
    let expected: toml::Table = toml::from_str(
        r#"
        [[processes]]
        type = "web"
        command = ["hoopstart", "--", "bash", "-c"]
        args = ["sh app.sh \"a 'b'\""]
        default = true
        [[processes]]
        type = "task"
        command = ["hoopstart", "--", "sh", "-c"]
        args = ["echo task; exit 4"]
        "#,
    )
    .unwrap();
    assert_eq!(launch, expected);
    let metadata = fs::read_to_string(image.path("layers/config/metadata.toml")).unwrap();
    assert!(
        metadata.contains("buildpack-default-process-type = \"web\""),
        "{metadata}"
    );
}
