//! What goes into the slug, and where.

use crate::acquire::archive::PROGRAMS;
use crate::acquire::one_pass::VerifiedAgent;
use crate::acquire::scratch::{UNPACKED, WriteError, create_file};
use crate::agent::manifest::Manifest;
use crate::classic::slug::{Content, Displaced, InstallError, Placement, Slug};
use crate::os::stop::Held;
use rustix::fs::{Access, AtFlags, accessat};
use std::io::{self, Read as _};

/// The script that the platform sources before every command of a dyno.
const PROFILE_SCRIPT: &str = include_str!("hoop.sh");

/// Its name in `.profile.d`: one that no app and no other buildpack has. A shell sources the scripts there in the
/// order of their names, so that this one finds what the others have set.
const PROFILE_NAME: &str = "zz-hoop-buildpack.sh";

/// The name it had before. A repository may hold a copy of it, and it would start the agent a second time.
const OLD_PROFILE_NAME: &str = "hoop.sh";

/// What the script has said of itself from the beginning.
const PROFILE_MARK: &str = "# Written by the hoop buildpack.";

/// The most bytes of a script in which its mark is looked for.
const MARK_LIMIT: u64 = 256;

/// The folder of the programs, below the slug's folder.
const FOLDER: &str = ".hoop/bin";

/// What `bin/hoopstart` is a link to.
const LINK_IN_BIN: &str = "../.hoop/bin/hoopstart";

/// What an installation adds to the slug.
#[derive(Debug, PartialEq, Eq)]
pub struct Added {
    /// How many bytes.
    pub bytes: u64,
    /// How many files, links not counted.
    pub files: u64,
    /// What of the app's was in their place.
    pub displaced: Vec<Displaced>,
    /// Why `bin/hoopstart` is no link to ours: the path that is in its way.
    pub in_the_way: Option<&'static str>,
}

/// Puts hoopstart, the launcher, the manifest and the agent, if there is one, into the slug. All or nothing.
pub fn into_slug(
    slug: &Slug,
    agent: Option<&VerifiedAgent>,
    manifest: &Manifest,
    held: &Held,
) -> Result<Added, InstallError> {
    let manifest = manifest.to_yaml();
    let own_bytes = copy_own_binary(slug)?;
    slug.scratch().write("manifest.yml", manifest.as_bytes(), 0o644)?;
    slug.scratch().write("hoop.sh", PROFILE_SCRIPT.as_bytes(), 0o644)?;

    let of_agent = |name: &'static str| match agent {
        Some(agent) if agent.unpacked().files.contains_key(name) => Content::File(format!("{UNPACKED}/{name}")),
        // One of an earlier build goes.
        _ => Content::Nothing,
    };
    let own = |name: &str| Content::File(name.to_owned());
    // The manifest goes first: without one, the next build would take what a killed build left here for the app's.
    let mut placements = vec![placement(".hoop", "manifest.yml", own("manifest.yml"))];
    placements.extend(PROGRAMS.iter().map(|name| placement(FOLDER, name, of_agent(name))));
    placements.extend([
        placement(FOLDER, "hoopstart", own("hoopstart")),
        placement(FOLDER, "hoopwrapper", Content::Link("hoopstart")),
        placement(".profile.d", PROFILE_NAME, own("hoop.sh")),
    ]);
    if has_old_profile(slug) {
        placements.push(placement(".profile.d", OLD_PROFILE_NAME, Content::Nothing));
    }
    let in_the_way = in_the_way_of_link(slug);
    if in_the_way.is_none() {
        placements.push(placement("bin", "hoopstart", Content::Link(LINK_IN_BIN)));
    }
    let displaced = slug.place(&placements, held)?;

    let agent_files = agent.map(|agent| &agent.unpacked().files);
    Ok(Added {
        bytes: own_bytes
            + (manifest.len() + PROFILE_SCRIPT.len()) as u64
            + agent_files.map_or(0, |files| files.values().map(|file| file.size).sum()),
        files: 3 + agent_files.map_or(0, |files| files.len() as u64),
        displaced,
        in_the_way,
    })
}

fn placement(folder: &'static str, name: &'static str, content: Content) -> Placement {
    Placement { folder, name, content }
}

/// Copies this program to the scratch folder: it is hoopstart, too.
fn copy_own_binary(slug: &Slug) -> Result<u64, InstallError> {
    let mut own = std::fs::File::open("/proc/self/exe").map_err(InstallError::OwnBinary)?;
    create_file(slug.scratch().dir(), "hoopstart", 0o755)
        // The kernel copies between two files of the standard library by itself.
        .and_then(|copy| io::copy(&mut own, &mut copy.into_std()))
        .map_err(|source| {
            let path = format!("{FOLDER}/hoopstart");
            InstallError::Write(WriteError { path, source })
        })
}

/// Whether a script of ours by its old name is in the app. A script of that name that is not ours stays.
fn has_old_profile(slug: &Slug) -> bool {
    let Ok(folder) = slug.root().open_dir(".profile.d") else {
        return false;
    };
    // Anything else could make the build wait.
    if !folder
        .symlink_metadata(OLD_PROFILE_NAME)
        .is_ok_and(|found| found.is_file())
    {
        return false;
    }
    let mut beginning = Vec::new();
    let file = folder.open(OLD_PROFILE_NAME);
    let read = file.and_then(|file| file.take(MARK_LIMIT).read_to_end(&mut beginning));
    read.is_ok() && String::from_utf8_lossy(&beginning).contains(PROFILE_MARK)
}

/// What is in the way of a link `bin/hoopstart` to ours: a file of that name, or a `bin` that is something else
/// than a folder inside the app that may be written. The link is a convenience (`bin/hoopstart` works where
/// `.profile.d` is not sourced), so whatever is in its way stays. Through folders that are links themselves it could
/// come to point at itself.
fn in_the_way_of_link(slug: &Slug) -> Option<&'static str> {
    let is_link = |path: &&str| slug.root().symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    if let Some(link) = [".hoop", ".hoop/bin", "bin"].into_iter().find(is_link) {
        return Some(link);
    }
    let absent = |result: io::Result<_>| matches!(result, Err(ref error) if error.kind() == io::ErrorKind::NotFound);
    let Ok(bin) = slug.root().open_dir("bin") else {
        return (!absent(slug.root().symlink_metadata("bin").map(drop))).then_some("bin");
    };
    if accessat(&bin, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::empty()).is_err() {
        return Some("bin");
    }
    let is_free = absent(bin.symlink_metadata("hoopstart").map(drop)) || is_own_link(&bin);
    (!is_free).then_some("bin/hoopstart")
}

/// Whether `bin/hoopstart` is the link an earlier build of ours made.
fn is_own_link(bin: &cap_std::fs::Dir) -> bool {
    bin.read_link_contents("hoopstart")
        .is_ok_and(|target| target.as_os_str() == LINK_IN_BIN)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_script_has_the_mark_by_which_a_later_build_knows_it() {
        let limit = usize::try_from(super::MARK_LIMIT).unwrap();

        assert!(super::PROFILE_SCRIPT[..limit].contains(super::PROFILE_MARK));
    }
}
