use super::{Unfit, UnfitInterpreter, look_at, resolve};
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn file(folder: &TempDir, name: &str, mode: u32, bytes: &[u8]) -> PathBuf {
    let place = folder.path().join(name);
    fs::write(&place, bytes).unwrap();
    fs::set_permissions(&place, Permissions::from_mode(mode)).unwrap();
    place
}

/// The path of a program that every test machine has, a real one of this machine.
fn ours() -> PathBuf {
    std::env::current_exe().unwrap()
}

#[test]
fn a_name_is_looked_up_as_a_shell_does() {
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let path = std::env::join_paths([first.path(), Path::new("/nowhere"), second.path()]).unwrap();
    let of = |name: &str| resolve(OsStr::new(name), Some(&path));

    assert_eq!(of("app"), Err(Unfit::NotFound));
    fs::create_dir(first.path().join("app")).unwrap();
    assert_eq!(of("app"), Err(Unfit::Folder));
    let place = file(&second, "app", 0o755, b"#!/bin/sh\n");
    assert_eq!(of("app"), Ok(place.clone()));
    file(&first, "other", 0o644, b"#!/bin/sh\n");
    assert_eq!(of("other"), Err(Unfit::Refused("permission denied".to_owned())));
    assert_eq!(of(""), Err(Unfit::NotFound));
    assert_eq!(of(place.to_str().unwrap()), Ok(place.clone()));
    assert_eq!(of(&format!("{}/x", place.display())), Err(Unfit::NotFound));
    assert_eq!(of("/"), Err(Unfit::Folder));
    assert_eq!(of("a whole command"), Err(Unfit::NotFound));
    assert!(matches!(of("/dev/null"), Err(Unfit::NotAFile)));
    // Without a PATH, where glibc looks.
    assert!(resolve(OsStr::new("sh"), None).is_ok());
}

#[test]
fn a_script_is_as_good_as_what_its_first_line_names() {
    let folder = TempDir::new().unwrap();
    let path = std::env::var_os("PATH");
    let mut number = 0;
    let mut of = |text: &str| {
        number += 1;
        look_at(
            &file(&folder, &number.to_string(), 0o755, text.as_bytes()),
            path.as_deref(),
        )
    };
    for good in [
        "#!/bin/sh\n",
        "#! /bin/sh -e\necho",
        "#!/usr/bin/env sh\n",
        "#!/usr/bin/env -S sh -e\n",
        "#!/usr/bin/env -S sh\r\n",
        "#!/usr/bin/env A=1 no-such\n",
        "echo no first line\n",
        "",
        "#!\n",
    ] {
        assert!(of(good).is_ok(), "{good:?}");
    }
    // The name of an interpreter that the kernel does not see to its end.
    for (length, runs) in [(252, false), (253, false), (254, true), (300, true)] {
        let verdict = of(&format!("#!/{}\necho", "x".repeat(length - 1)));
        assert_eq!(verdict.is_ok(), runs, "{length}: {verdict:?}");
    }
    for (text, interpreter) in [
        ("#!/no/such\n", "/no/such"),
        ("#!/no/such", "/no/such"),
        ("#!/usr/bin/env no-such-ruby\n", "no-such-ruby"),
        ("#!/usr/bin/env -S no-such-node --flag\n", "no-such-node"),
    ] {
        let cause = UnfitInterpreter::NotFound;
        let interpreter = interpreter.to_owned();
        assert_eq!(of(text), Err(Unfit::NoInterpreter { interpreter, cause }), "{text:?}");
    }
    for (text, interpreter) in [("#!/bin/sh\r\n", "/bin/sh"), ("#!/usr/bin/env sh\r\nx", "sh")] {
        let interpreter = interpreter.to_owned();
        assert_eq!(of(text), Err(Unfit::CarriageReturn { interpreter }), "{text:?}");
    }
    let inner = file(&folder, "inner", 0o755, b"#!/no/such\n");
    let cause = UnfitInterpreter::WithoutInterpreter;
    let interpreter = inner.display().to_string();
    let outer = of(&format!("#!{interpreter}\n"));
    assert_eq!(outer, Err(Unfit::NoInterpreter { interpreter, cause }));
    // A chain without an end has one here.
    let own = folder.path().join("own");
    fs::write(&own, format!("#!{}\n", own.display())).unwrap();
    fs::set_permissions(&own, Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(look_at(&own, None), Err(Unfit::NoInterpreter { .. })));
}

#[test]
fn a_program_is_one_of_this_machine_and_whole() {
    let folder = TempDir::new().unwrap();
    assert!(look_at(&ours(), None).is_ok());
    let bytes = fs::read(ours()).unwrap();
    for length in [4, 8, 40, 63, 64, 200, 4096, bytes.len() / 2] {
        let cut = file(&folder, "cut", 0o755, &bytes[..length]);
        assert_eq!(look_at(&cut, None), Err(Unfit::Truncated), "{length}");
    }
    let with = |at: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        look_at(&file(&folder, "changed", 0o755, &bytes), None)
    };
    let other = if cfg!(target_arch = "x86_64") {
        (183, "arm64")
    } else {
        (62, "amd64")
    };
    assert_eq!(with(18, &[other.0, 0]), Err(Unfit::OtherMachine(other.1)));
    assert_eq!(with(18, &[243, 0]), Err(Unfit::OtherMachine("another machine")));
    assert!(matches!(with(16, &[1, 0]), Err(Unfit::PartOfProgram)));
    assert!(matches!(with(32, &[0xff; 8]), Err(Unfit::Truncated)));
    assert!(matches!(with(56, &[0, 0]), Err(Unfit::Truncated)));
    let none = Err(Unfit::Foreign);
    for bytes in [&b"MZ\x90\0\x03"[..], b"\xcf\xfa\xed\xfe\x07\0\0\x01", b"\0"] {
        assert_eq!(look_at(&file(&folder, "no", 0o755, bytes), None), none);
    }
}
