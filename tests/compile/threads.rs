//! A build where no thread can be started.

use crate::support::build::{Build, built_from};
use crate::support::kernel::refusing_threads;
use crate::support::mirror::{Mirror, VERSION};
use crate::support::run::Run;
use crate::support::tree::Tree;

#[test]
fn a_build_without_threads_fails_and_leaves_nothing() {
    let Some(refuse) = refusing_threads() else { return };
    let releases = tempfile::tempdir().unwrap();
    Mirror::of(VERSION).write_to(releases.path());
    let folder = format!("file://{}", releases.path().display());
    let server = Mirror::of(VERSION).serve();
    let cached = built_from(&folder).with("HOOP_VERSION", VERSION);
    for build in [Build::from(&folder), Build::from(&server.url()), cached] {
        let before = [Tree::of(build.app()), Tree::of(build.cache())];
        let run = Run::after(refuse.clone(), build.command(build.compile_arguments()));
        run.fails_with("install::no-resources");
        assert_eq!([Tree::of(build.app()), Tree::of(build.cache())], before);
    }
}
