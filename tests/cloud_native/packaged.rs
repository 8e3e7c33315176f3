//! The packed buildpack, from the image in its `.cnb` file, in an image that is exported and run.

use crate::image::{Buildpack, Image};
use crate::support::mirror::{Mirror, PLATFORM, VERSION};
use crate::support::run::Run;
use std::fs;
use std::process::Command;

/// Packs the program under test, and puts the layer of the `.cnb` file in the place of the buildpack of `image`.
fn install_packed(image: &Image) {
    let program = env!("CARGO_BIN_EXE_hoop-buildpack");
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/bin/package"));
    command
        .args(["--binary", program, "--arch", PLATFORM.architecture, "--output"])
        .arg(image.path("dist"));
    Run::of(command).exits(0);
    let name = format!(
        "hoop-buildpack-{}-linux-{}.cnb",
        env!("CARGO_PKG_VERSION"),
        PLATFORM.architecture
    );
    let unpack = |archive: &str, folder: &str| {
        fs::create_dir_all(image.path(folder)).unwrap();
        let mut command = Command::new("tar");
        command
            .arg("-xf")
            .arg(image.path(archive))
            .arg("-C")
            .arg(image.path(folder));
        Run::of(command).exits(0);
    };
    unpack(&format!("dist/{name}"), "layout");
    let json =
        |path: &str| -> serde_json::Value { serde_json::from_slice(&fs::read(image.path(path)).unwrap()).unwrap() };
    let blob = |descriptor: &serde_json::Value| {
        format!(
            "layout/blobs/sha256/{}",
            descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap()
        )
    };
    let index = json("layout/index.json");
    let manifest = json(&blob(&index["manifests"][0]));
    unpack(&blob(&manifest["layers"][0]), "layer");
    let folder = Buildpack::Hoop.folder();
    fs::remove_dir_all(image.path("buildpacks").join(&folder)).unwrap();
    fs::rename(
        image.path("layer/cnb/buildpacks").join(&folder),
        image.path("buildpacks").join(&folder),
    )
    .unwrap();
}

#[test]
fn the_packed_buildpack_detects_and_builds() {
    let Some(image) = Image::new() else { return };
    install_packed(&image);
    let server = Mirror::of(VERSION).serve();

    image
        .with("HOOP_RELEASES_URL", &server.url())
        .builds()
        .shows(&["- Installing hoop agent 1.148.0"]);
}
