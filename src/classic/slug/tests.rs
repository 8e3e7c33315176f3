use super::{Content, Displaced, InstallError, Placement, Slug, Stop};
use crate::acquire::own_name;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn placement(folder: &'static str, name: &'static str, content: Content) -> Placement {
    Placement { folder, name, content }
}

fn place(slug: &Slug, placements: &[Placement]) -> Result<Vec<Displaced>, InstallError> {
    slug.place(placements, &Stop::default().hold())
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn files_links_and_folders_are_put_into_place_and_the_scratch_goes() {
    let build = tempfile::tempdir().unwrap();
    let slug = Slug::open(build.path(), &Stop::default()).unwrap();
    slug.scratch().write("new", b"new", 0o755).unwrap();

    let placements = [
        placement(".hoop/bin", "hoop", Content::File("new".to_owned())),
        placement("bin", "hoopstart", Content::Link("../.hoop/bin/hoop")),
        placement("bin", "not-there", Content::Nothing),
    ];
    place(&slug, &placements).unwrap();
    drop(slug);

    assert_eq!(names(build.path()), [".hoop", "bin"]);
    assert_eq!(fs::read(build.path().join("bin/hoopstart")).unwrap(), b"new");
}

#[test]
fn a_change_that_fails_takes_back_those_before_it() {
    let build = tempfile::tempdir().unwrap();
    fs::create_dir(build.path().join("bin")).unwrap();
    fs::write(build.path().join("bin/tool"), "of the app").unwrap();
    fs::write(build.path().join(".profile.d"), "a file where a folder is needed").unwrap();
    let slug = Slug::open(build.path(), &Stop::default()).unwrap();
    slug.scratch().write("new", b"new", 0o644).unwrap();

    let placements = [
        placement("bin", "tool", Content::File("new".to_owned())),
        placement(".hoop/bin", "link", Content::Link("nowhere")),
        placement(".profile.d", "hoop.sh", Content::File("new".to_owned())),
    ];
    let error = place(&slug, &placements).unwrap_err();
    drop(slug);

    assert!(
        matches!(error, InstallError::Blocked { ref path, .. } if path == ".profile.d"),
        "{error}"
    );
    assert_eq!(names(build.path()), [".profile.d", "bin"]);
    assert_eq!(fs::read_to_string(build.path().join("bin/tool")).unwrap(), "of the app");
}

#[test]
fn the_scratch_of_a_killed_build_goes_and_that_of_a_living_one_stays() {
    let build = tempfile::tempdir().unwrap();
    let killed = build.path().join(own_name::fresh(".hoop-scratch-"));
    fs::create_dir_all(killed.join("agent/closed")).unwrap();
    // As an agent may have left it.
    for folder in [killed.join("agent/closed"), killed.join("agent"), killed] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o000)).unwrap();
    }
    fs::write(build.path().join(own_name::fresh(".hoop-scratch-")), "no folder").unwrap();
    fs::create_dir_all(build.path().join(".hoop-scratch-notes/of the app")).unwrap();
    let living = Slug::open(build.path(), &Stop::default()).unwrap();
    let later = Slug::open(build.path(), &Stop::default()).unwrap();

    assert!(living.scratch().path().is_dir() && later.scratch().path().is_dir());
    drop((living, later));
    let left = names(build.path());
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(build.path().join(".hoop-scratch-notes/of the app").is_dir(), "{left:?}");
}

#[test]
fn a_link_out_of_the_build_dir_is_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let build = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), build.path().join(".hoop")).unwrap();
    let slug = Slug::open(build.path(), &Stop::default()).unwrap();
    slug.scratch().write("new", b"new", 0o644).unwrap();

    let error = place(
        &slug,
        &[placement(".hoop/bin", "hoop", Content::File("new".to_owned()))],
    )
    .unwrap_err();

    assert!(matches!(error, InstallError::Blocked { .. }), "{error}");
    assert_eq!(names(outside.path()), [] as [&str; 0]);
}
