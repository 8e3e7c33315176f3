//! Scripts of the app that a line of its Procfile runs.

use crate::procfile::Procfile;
use cap_std::fs::Dir;
use std::io::Read as _;

/// The most bytes of a Procfile, or of a script, that are read.
const FILE_LIMIT: u64 = 64 * 1024;

/// So many words of a command are looked at as names of scripts.
const SCRIPTS_LIMIT: usize = 100;

/// The process types of `procfile` whose command is a script of the app, or is listed in its `package.json` or
/// Makefile, of whose text `is_meant` is true.
pub fn by_script(procfile: &Procfile, root: &Dir, is_meant: fn(&str) -> bool) -> Vec<String> {
    let processes = procfile.processes();
    let is_by_script = |command: &str| {
        let words = command.split(|character: char| character.is_whitespace() || "\"';&|()".contains(character));
        words
            .filter(|word| !word.is_empty())
            .take(SCRIPTS_LIMIT)
            .filter_map(|word| read_file(root, script(word)).ok())
            .any(|bytes| is_meant(&String::from_utf8_lossy(&bytes)))
    };
    processes
        .filter(|(_, command)| is_by_script(command))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The file of an app that says what `word`, one of a command, does.
fn script(word: &str) -> &str {
    match word {
        "npm" | "npx" | "yarn" | "pnpm" | "bun" => "package.json",
        "make" => "Makefile",
        _ => word.strip_prefix("/app/").unwrap_or(word),
    }
}

/// Reads the beginning of a file of an app. The error is what it is.
pub fn read_file(root: &Dir, path: &str) -> Result<Vec<u8>, &'static str> {
    // A FIFO in its place must not make the build wait.
    let found = root.metadata(path).map_err(|_| "not readable")?;
    if found.is_dir() {
        return Err("a folder");
    }
    if !found.is_file() {
        return Err("not a file");
    }
    let file = root.open(path).map_err(|_| "not readable")?;
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT)
        .read_to_end(&mut bytes)
        .map_err(|_| "not readable")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::by_script;
    use crate::procfile::Procfile;
    use cap_std::ambient_authority;
    use cap_std::fs::Dir;
    use std::fs;

    #[test]
    fn a_script_is_found_by_what_the_procfile_says() {
        let folder = tempfile::tempdir().unwrap();
        let root = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        for (path, text) in [
            ("bin/web", "exec hoopstart -- puma"),
            ("bin/plain", "exec puma"),
            ("package.json", "{\"start\": \"hoopstart -- node .\"}"),
        ] {
            fs::create_dir_all(folder.path().join("bin")).unwrap();
            fs::write(folder.path().join(path), text).unwrap();
        }
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("out")).unwrap();
        for (command, is_found) in [
            ("bin/web", true),
            ("./bin/web", true),
            ("/app/bin/web", true),
            ("bash bin/web", true),
            ("bash -c \"cd x && bin/web\"", true),
            ("npm start", true),
            ("yarn --silent start", true),
            ("bin/plain", false),
            ("out", false),
            ("bin", false),
            ("../web", false),
            ("node .", false),
        ] {
            let procfile = Procfile::parse(&format!("web: {command}"));
            let found = by_script(&procfile, &root, |text| text.contains("hoopstart"));
            assert_eq!(found, if is_found { vec!["web"] } else { vec![] }, "{command}");
        }
    }
}
