//! `slug inspect`: what is in a slug, and what is wrong with it. The slugs are made by GNU tar and by hand.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod support;

use flate2::Compression;
use flate2::write::GzEncoder;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::run::Run;
use support::tree::sha256;
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

/// Runs `slug inspect`.
fn inspect<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hoop-buildpack"));
    command.args(["slug", "inspect"]).args(arguments).env_clear();
    Run::of(command)
}

/// Checks that a run failed, with this failure id.
#[track_caller]
fn fails(run: &Run, id: &str) {
    run.exits(1);
    assert!(run.stderr().ends_with(&format!("[{id}]\n")), "{}", run.stderr());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// An entry of a slug that is made by hand.
struct Made<'a> {
    path: &'a [u8],
    kind: EntryType,
    mode: u32,
    bytes: &'a [u8],
    target: &'a [u8],
}

impl Default for Made<'_> {
    fn default() -> Self {
        Self {
            path: b"./app/file",
            kind: EntryType::Regular,
            mode: 0o644,
            bytes: b"",
            target: b"",
        }
    }
}

/// A tar of these entries, written as they are.
fn tar(entries: &[Made]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for entry in entries {
        let mut header = Header::new_gnu();
        let fields = header.as_gnu_mut().unwrap();
        fields.name[..entry.path.len()].copy_from_slice(entry.path);
        fields.linkname[..entry.target.len()].copy_from_slice(entry.target);
        header.set_entry_type(entry.kind);
        header.set_mode(entry.mode);
        header.set_size(entry.bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, entry.bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn procfile() -> Made<'static> {
    Made {
        path: b"./app/Procfile",
        bytes: b"web: PASSWORD=hunter22 ./web\n",
        ..Made::default()
    }
}

/// Writes a slug and looks into it.
fn inspect_bytes(slug: &[u8]) -> Run {
    let scratch = TempDir::new().unwrap();
    let path = scratch.path().join("slug.tgz");
    fs::write(&path, slug).unwrap();
    inspect([path])
}

/// A slug of these files, packed by GNU tar.
fn packed(scratch: &Path, name: &str, files: &[(&str, usize)]) -> PathBuf {
    let folder = scratch.join(name);
    for (file, size) in files {
        let path = folder.join("app").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![b'x'; *size]).unwrap();
    }
    fs::write(folder.join("app/Procfile"), "web: ./web\nworker: ./worker\n").unwrap();
    let slug = scratch.join(format!("{name}.tgz"));
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(&slug).arg("-C").arg(folder).arg("./app");
    Run::of(tar).exits(0);
    slug
}

#[test]
fn a_slug_of_gnu_tar_is_described() {
    let scratch = TempDir::new().unwrap();
    let long = "long/".repeat(60) + "file";
    let slug = packed(
        scratch.path(),
        "one",
        &[
            ("lib/a", 3_000_000),
            ("lib/b", 1_200),
            ("top", 5),
            (".profile.d/x.sh", 7),
            (&long, 9),
        ],
    );
    let run = inspect([&slug]);
    run.exits(0);
    for line in [
        format!("slug:             {}\n", slug.display()),
        format!("sha256:           {}\n", sha256(&fs::read(&slug).unwrap())),
        "process types:    web: ./web\n                  worker: ./worker\n".to_owned(),
        "agent:            none\n".to_owned(),
        "profile scripts:  x.sh\n".to_owned(),
        "folders:              3.1 MB  lib\n".to_owned(),
        "largest files:        3.0 MB  lib/a\n                      1.2 kB  lib/b\n".to_owned(),
        "unusual:          none\n".to_owned(),
    ] {
        assert!(run.stdout().contains(&line), "{line}\n{}", run.stdout());
    }
    assert!(run.stdout().contains("long/long/long"), "{}", run.stdout());
    let json: serde_json::Value =
        serde_json::from_str(inspect([slug.as_os_str(), "--json".as_ref()]).stdout()).unwrap();
    assert_eq!(json["process_types"]["worker"], "./worker");
    assert_eq!(
        json["folders"][0],
        serde_json::json!({"path": "lib", "size": 3_001_200})
    );
    assert_eq!(json["unusual"], serde_json::json!([]));
    assert_eq!(json["agent"], serde_json::Value::Null);
}

#[test]
fn two_slugs_are_compared() {
    let scratch = TempDir::new().unwrap();
    let before = packed(
        scratch.path(),
        "before",
        &[("lib/a", 1_000), ("old", 2_000), ("same", 10)],
    );
    let after = packed(
        scratch.path(),
        "after",
        &[("lib/a", 6_000), ("new/b", 500), ("same", 10)],
    );
    let run = inspect([after.as_os_str(), "--against".as_ref(), before.as_os_str()]);
    run.exits(0);
    let (_, compared) = run.stdout().split_once("against:").unwrap();
    for line in [
        "5.0 kB  lib grew\n",
        "2.0 kB  old went\n",
        "500 B  new/b came\n",
        "unpacked +3.5 kB\n",
    ] {
        assert!(compared.contains(line), "{line}\n{compared}");
    }
    assert!(!compared.contains("same"), "{compared}");
    let run = inspect([after.as_os_str(), "--against".as_ref(), "/no/such/slug".as_ref()]);
    fails(&run, "slug::unreadable");
}

#[test]
fn whatever_is_unusual_is_named_with_what_it_means() {
    let made = |path: &'static [u8], kind: EntryType, mode: u32, target: &'static [u8]| Made {
        path,
        kind,
        mode,
        target,
        ..Made::default()
    };
    let file = EntryType::Regular;
    for (entry, expected) in [
        (
            made(b"app/file", file, 0o644, b""),
            "not below ./app/, so the platform does not unpack it: app/file",
        ),
        (made(b"/app/file", file, 0o644, b""), "not below ./app/"),
        (made(b"./app/../x", file, 0o644, b""), "not below ./app/"),
        (made(b"./apps/x", file, 0o644, b""), "not below ./app/"),
        (
            made(b"./app/null", EntryType::Char, 0o644, b""),
            "a device or a named pipe: null",
        ),
        (
            made(b"./app/pipe", EntryType::Fifo, 0o644, b""),
            "a device or a named pipe: pipe",
        ),
        (
            made(b"./app/x", EntryType::new(b'?'), 0o644, b""),
            "of a kind that GNU tar does not know: x",
        ),
        (
            made(b"./app/su", file, 0o4755, b""),
            "set-user-ID or set-group-ID, which a dyno does not need: su",
        ),
        (made(b"./app/w", file, 0o666, b""), "writable by everyone: w"),
        (
            made(b"./app/a", EntryType::Symlink, 0o777, b"/etc/passwd"),
            "a link that leads out of the slug: a",
        ),
        (
            made(b"./app/b/c", EntryType::Symlink, 0o777, b"../../etc"),
            "a link that leads out of the slug: b/c",
        ),
        (
            made(b"./app/d", EntryType::Link, 0o644, b"./etc/passwd"),
            "a link that leads out of the slug: d",
        ),
        (made(b"./app/x/.git", EntryType::Directory, 0o755, b""), "of Git"),
        (
            made(b"./app/.env", file, 0o644, b""),
            "a file of config vars, which may hold secrets: .env",
        ),
        (
            made(b"./app/.env.production", file, 0o644, b""),
            "a file of config vars",
        ),
        (
            made(b"./app/config/master.key", file, 0o644, b""),
            "may be a private key or a credential: config/master.key",
        ),
        (made(b"./app/.ssh/id_ed25519", file, 0o600, b""), "may be a private key"),
        (
            made(b"./app/a/.slugignore", file, 0o644, b""),
            "has no effect: only the one in the top folder is read",
        ),
    ] {
        let run = inspect_bytes(&gzip(&tar(&[procfile(), entry])));
        run.exits(0);
        let (_, unusual) = run.stdout().split_once("unusual:").unwrap();
        assert!(unusual.contains(expected), "{expected}\n{}", run.stdout());
        assert_eq!(unusual.trim().lines().count(), 1, "{}", run.stdout());
        assert!(!run.stdout().contains("hunter22"), "{}", run.stdout());
    }
    let run = inspect_bytes(&gzip(&tar(&[procfile(), procfile()])));
    assert!(
        run.stdout()
            .contains("unusual:          in the slug twice; the later one counts: Procfile\n")
    );
    // What many apps have, and is as it should be.
    let usual = [
        made(b"./app/.env.example", file, 0o644, b""),
        made(b"./app/bin/x", EntryType::Symlink, 0o777, b"../.hoop/bin/x"),
        made(b"./app/y", EntryType::Symlink, 0o777, b"/app/bin/x"),
        made(b"./app/cacert.pem", file, 0o644, b""),
        made(b"./app/.slugignore", file, 0o644, b""),
        made(b"./app/hard", EntryType::Link, 0o644, b"./app/Procfile"),
        made(b"./app/tmp", EntryType::Directory, 0o1777, b""),
    ];
    let entries: Vec<Made> = [procfile()].into_iter().chain(usual).collect();
    let run = inspect_bytes(&gzip(&tar(&entries)));
    assert!(run.stdout().contains("unusual:          none\n"), "{}", run.stdout());
}

#[test]
fn pax_headers_sparse_files_and_a_missing_end_are_told() {
    let scratch = TempDir::new().unwrap();
    let app = scratch.path().join("app");
    fs::create_dir(&app).unwrap();
    fs::write(app.join("Procfile"), "web: x\n").unwrap();
    fs::write(app.join("n".repeat(200)), "x").unwrap();
    symlink("t".repeat(200), app.join("link")).unwrap();
    let holes = fs::File::create(app.join("holes")).unwrap();
    for place in 0..30_u64 {
        std::os::unix::fs::FileExt::write_at(&holes, b"x", place << 20).unwrap();
    }
    let packed = |options: &[&str]| {
        let slug = scratch.path().join("slug.tgz");
        let mut tar = Command::new("tar");
        tar.args(options)
            .arg("-czf")
            .arg(&slug)
            .arg("-C")
            .arg(scratch.path())
            .arg("./app");
        Run::of(tar).exits(0);
        inspect([slug])
    };
    let run = packed(&["--format=pax"]);
    assert!(
        run.stdout().contains("a pax header, which only some programs read"),
        "{}",
        run.stdout()
    );
    assert!(
        run.stdout().contains(&"n".repeat(100)),
        "the name of the header counts: {}",
        run.stdout()
    );
    let run = packed(&["--sparse", "--format=gnu"]);
    assert!(
        run.stdout()
            .contains("a file with holes, which only some programs read: holes"),
        "{}",
        run.stdout()
    );
    assert!(run.stdout().contains("30.5 MB  holes"), "{}", run.stdout());
    assert!(run.stdout().contains("process types:    web: x"), "{}", run.stdout());

    let whole = tar(&[procfile()]);
    let run = inspect_bytes(&gzip(&whole[..whole.len() - 1_024]));
    run.exits(0);
    assert!(
        run.stdout().contains("the archive has no end mark; it may be cut"),
        "{}",
        run.stdout()
    );
}

#[test]
fn names_that_could_act_on_a_terminal_do_not() {
    let run = inspect_bytes(&gzip(&tar(&[
        procfile(),
        Made {
            path: b"./app/\x1b[31m\nred\xff",
            bytes: b"12345",
            ..Made::default()
        },
    ])));
    run.exits(0);
    assert!(
        !run.stdout().contains('\u{1b}') && run.stdout().contains("red"),
        "{}",
        run.stdout()
    );
    assert_eq!(run.stdout().matches("5 B").count(), 2, "{}", run.stdout());
}

#[test]
fn what_is_broken_is_an_error_that_says_how() {
    let noise: Vec<u8> = (0..200_000_u32)
        .map(|place| place.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    let whole = gzip(&tar(&[
        procfile(),
        Made {
            path: b"./app/large",
            bytes: &noise,
            ..Made::default()
        },
    ]));
    let mut flipped = whole.clone();
    let last = flipped.len() - 6;
    flipped[last] ^= 1;
    let long = |size: u64| {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::GNULongName);
        header.set_size(size);
        header.set_cksum();
        gzip(header.as_bytes())
    };
    for (slug, expected) in [
        (vec![], "it is empty"),
        (b"\x1f".to_vec(), "it ends in the middle of its list of files"),
        (b"hello, world".to_vec(), "it is not a gzip file"),
        (tar(&[procfile()]), "it is not a gzip file"),
        (gzip(b"hello"), "it ends in the middle of its list of files"),
        (gzip(&[b'x'; 2_000]), "the header at byte 0 is none"),
        (
            whole[..whole.len() / 2].to_vec(),
            "it ends in the middle of the file ./app/large",
        ),
        (whole[..whole.len() - 4].to_vec(), "it ends in the middle"),
        (flipped, "it cannot be unpacked"),
        (long(u64::MAX >> 1), "a name in it has more than 65536 bytes"),
        (long(1_000), "it ends in the middle of its list of files"),
    ] {
        let run = inspect_bytes(&slug);
        fails(&run, "slug::broken");
        assert!(run.stderr().contains(expected), "{expected}\n{}", run.stderr());
        assert_eq!(run.stdout(), "");
    }
    let outside = gzip(&tar(&[Made {
        path: b"app/Procfile",
        ..Made::default()
    }]));
    fails(&inspect_bytes(&outside), "slug::empty");
    let scratch = TempDir::new().unwrap();
    fails(&inspect([scratch.path()]), "slug::unreadable");
    fails(&inspect([scratch.path().join("nowhere")]), "slug::unreadable");
}

#[test]
fn a_slug_that_was_built_has_nothing_unusual() {
    let scratch = TempDir::new().unwrap();
    let app = scratch.path().join("app");
    fs::create_dir(&app).unwrap();
    fs::write(app.join("Procfile"), "web: hoopstart -- ./web\n").unwrap();
    fs::write(app.join("web"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(app.join("web"), fs::Permissions::from_mode(0o755)).unwrap();
    let releases = format!(
        "HOOP_RELEASES_URL=file://{}/fixtures/releases",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut building = Command::new(env!("CARGO_BIN_EXE_hoop-buildpack"));
    building
        .args([
            "slug",
            "build",
            "app",
            "-o",
            "slug.tgz",
            "--json",
            "slug.json",
            "--env",
            &releases,
        ])
        .current_dir(scratch.path())
        .env("TMPDIR", scratch.path());
    Run::of(building).exits(0);
    let slug = scratch.path().join("slug.tgz");
    let run = inspect([&slug]);
    run.exits(0);
    assert!(run.stdout().contains("unusual:          none\n"), "{}", run.stdout());
    assert!(
        run.stdout()
            .contains("agent:            1.148.0, of a tarball with sha256 "),
        "{}",
        run.stdout()
    );
    // Both say the same.
    let read: serde_json::Value =
        serde_json::from_str(inspect([slug.as_os_str(), "--json".as_ref()]).stdout()).unwrap();
    let built = fs::read(scratch.path().join("slug.json")).unwrap();
    let built: serde_json::Value = serde_json::from_slice(&built).unwrap();
    for field in ["size", "sha256", "unpacked_size", "process_types"] {
        assert_eq!(read[field], built[field], "{field}");
    }
}
