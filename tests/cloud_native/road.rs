//! The whole road of a platform: analyze, detect, restore, build, export, with images as OCI layouts, twice.

use crate::image::Image;
use crate::support::dyno::{program, skipped};
use crate::support::mirror::{Mirror, PLATFORM, VERSION, gzip};
use crate::support::run::Run;
use crate::support::tree::sha256;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Where the lifecycle looks for images. It takes the name as part of theirs.
const LAYOUT: [&str; 3] = ["-layout", "-layout-dir", "images"];

/// The folder of an image of this name.
fn folder(image: &Image, name: &str) -> PathBuf {
    image.path("images/index.docker.io/library").join(name).join("latest")
}

/// Makes an image to run on, with a layer of one folder.
fn put_run_image(image: &Image) {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_mode(0o1777);
    header.set_size(0);
    tar.append_data(&mut header, "tmp/", std::io::empty()).unwrap();
    let layer = tar.into_inner().unwrap();
    let root = folder(image, "run");
    fs::create_dir_all(root.join("blobs/sha256")).unwrap();
    let blob = |media_type: &str, bytes: &[u8]| {
        let digest = sha256(bytes);
        fs::write(root.join("blobs/sha256").join(&digest), bytes).unwrap();
        json!({
            "mediaType": format!("application/vnd.oci.image.{media_type}"),
            "digest": format!("sha256:{digest}"),
            "size": bytes.len(),
        })
    };
    let config = json!({
        "architecture": PLATFORM.architecture,
        "os": "linux",
        "config": {"Env": ["PATH=/usr/bin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer))]},
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob("config.v1+json", config.to_string().as_bytes()),
        "layers": [blob("layer.v1.tar+gzip", &gzip(&layer))],
    });
    let index = json!({
        "schemaVersion": 2,
        "manifests": [blob("manifest.v1+json", manifest.to_string().as_bytes())],
    });
    fs::write(root.join("index.json"), index.to_string()).unwrap();
    fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

/// Goes the whole road, from nothing but the images and the cache of a build before. Returns the last phase.
fn export(image: &Image) -> Run {
    fs::remove_dir_all(image.path("layers")).unwrap();
    fs::create_dir(image.path("layers")).unwrap();
    let launcher = image.path("launcher");
    let phase = |name: &str, options: &[&str]| {
        let run = image.phase(name, &[&LAYOUT, options].concat());
        run.exits(0);
        run
    };
    phase("analyze", &["-run-image", "run", "my-app"]);
    image.phase("detect", &[]).exits(0);
    phase("restore", &[]);
    image.builds();
    phase("export", &["-launcher", launcher.to_str().unwrap(), "my-app"])
}

/// A JSON file of the image that was made.
fn read(image: &Image, path: &str) -> Value {
    serde_json::from_slice(&fs::read(folder(image, "my-app").join(path)).unwrap()).unwrap()
}

/// Where the blob of a descriptor is.
fn blob(descriptor: &Value) -> String {
    let digest = descriptor["digest"].as_str().unwrap();
    format!("blobs/{}", digest.replace(':', "/"))
}

#[test]
fn the_second_image_has_the_layer_of_the_first() {
    let Some(image) = Image::new() else { return };
    let server = Mirror::of(VERSION).serve();
    let image = image
        .with("HOOP_VERSION", VERSION)
        .with("HOOP_RELEASES_URL", &server.url());
    put_run_image(&image);

    export(&image).shows(&["Adding layer 'hoophq/hoop:agent'"]);
    let first = read(&image, "index.json");
    server.take_requests();
    export(&image).shows(&["Reusing layer 'hoophq/hoop:agent'"]);

    assert_eq!(read(&image, "index.json"), first, "the same input is the same image");
    assert!(server.take_requests().is_empty());
    let manifest = read(&image, &blob(&first["manifests"][0]));
    let config = read(&image, &blob(&manifest["config"]));
    let label = config["config"]["Labels"]["io.buildpacks.lifecycle.metadata"]
        .as_str()
        .unwrap();
    let label: Value = serde_json::from_str(label).unwrap();
    let ours = label["buildpacks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["key"] == "hoophq/hoop");
    assert_eq!(ours.unwrap()["layers"]["agent"]["data"]["agent_version"], VERSION);

    let unpacked = image.path("unpacked");
    fs::create_dir(&unpacked).unwrap();
    for layer in manifest["layers"].as_array().unwrap() {
        let mut command = Command::new("tar");
        command
            .arg("-xf")
            .arg(folder(&image, "my-app").join(blob(layer)))
            .arg("-C")
            .arg(&unpacked);
        Run::of(command).exits(0);
    }
    let in_image = |path: &str| {
        let path = image.path(path);
        unpacked.join(path.strip_prefix("/").unwrap())
    };
    assert!(in_image("layers/hoophq_hoop/agent/bin/hoopstart").exists());
    assert!(in_image("layers/sbom/launch/hoophq_hoop/agent/sbom.cdx.json").exists());
    assert!(in_image("layers/sbom/launch/hoophq_hoop/agent/sbom.spdx.json").exists());

    // With nothing in it but what the buildpacks have put there.
    let Some(chroot) = program("chroot") else { return };
    let chroot = || {
        let mut command = Command::new(&chroot);
        command.arg(&unpacked);
        command
    };
    let launcher = "/cnb/lifecycle/launcher";
    if !chroot()
        .arg(launcher)
        .output()
        .is_ok_and(|output| output.status.code() != Some(125))
    {
        skipped("only root can make another folder the root");
        return;
    }
    // Every container has one.
    fs::create_dir_all(unpacked.join("dev")).unwrap();
    fs::write(unpacked.join("dev/null"), "").unwrap();
    let mut command = chroot();
    command
        .args([launcher, "--", "hoopstart", "--version"])
        .env_clear()
        .env("CNB_PLATFORM_API", "0.14")
        .env("CNB_LAYERS_DIR", image.path("layers"))
        .env("CNB_APP_DIR", image.path("app"));
    Run::of(command).exits(0).shows(&[env!("CARGO_PKG_VERSION")]);
}
