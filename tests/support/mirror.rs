//! Releases of a stand-in agent, made in memory in the layout of the real release server, and archives that
//! are broken in every way worth a test.

use super::server::{ReleaseServer, Reply};
use super::tree::sha256;
use flate2::{Compression, GzBuilder};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use tar::{EntryType, Header};

/// The version most tests install.
pub(crate) const VERSION: &str = "1.148.0";

/// How this machine is called by the release server, the agent and the cache.
pub(crate) struct Platform {
    /// The name that is asked for.
    pub(crate) first: &'static str,
    /// The name of the same tarball where the first is not listed.
    pub(crate) twin: &'static str,
    /// Go's name.
    pub(crate) architecture: &'static str,
    /// The names of the architecture this machine does not have.
    foreign: [&'static str; 2],
}

/// The machine the tests run on.
pub(crate) const PLATFORM: Platform = if cfg!(target_arch = "aarch64") {
    Platform {
        first: "arm64",
        twin: "aarch64",
        architecture: "arm64",
        foreign: ["x86_64", "amd64"],
    }
} else {
    Platform {
        first: "x86_64",
        twin: "amd64",
        architecture: "amd64",
        foreign: ["arm64", "aarch64"],
    }
};

/// A release server's files by their path.
#[derive(Clone, Default)]
pub(crate) struct Mirror(BTreeMap<String, Vec<u8>>);

impl Mirror {
    /// A mirror of one good release, which is the latest one.
    pub(crate) fn of(version: &str) -> Self {
        Self::with(version, &Archive::of_agent(version).packed())
    }

    /// A mirror of one release with this tarball, which is the latest one.
    pub(crate) fn with(version: &str, tarball: &[u8]) -> Self {
        Self::default().release(version, tarball).latest(version)
    }

    /// Sets `latest.txt`.
    pub(crate) fn latest(self, text: &str) -> Self {
        self.file("latest.txt", text.as_bytes())
    }

    /// Adds a release: `tarball` under both names of this machine, one that cannot run here under the others.
    pub(crate) fn release(mut self, version: &str, tarball: &[u8]) -> Self {
        let foreign = Archive::of_foreign_machine().packed();
        let named = |name: &str| format!("hoop_{version}_Linux_{name}.tar.gz");
        let files = [
            (named(PLATFORM.foreign[0]), foreign.clone()),
            (named(PLATFORM.first), tarball.to_vec()),
            (named(PLATFORM.foreign[1]), foreign),
            (named(PLATFORM.twin), tarball.to_vec()),
        ];
        // Other systems are listed as well; nobody asks for their files.
        let mut checksums = format!(
            "{}  ./dist/binaries/hoop_{version}_Darwin_arm64.tar.gz\n",
            sha256(b"Darwin")
        );
        for (name, bytes) in files {
            checksums.push_str(&checksum_line(&name, &bytes));
            self.0.insert(format!("{version}/{name}"), bytes);
        }
        self.file(&format!("{version}/checksums.txt"), checksums.as_bytes())
    }

    /// Adds a file, or puts another one in its place.
    pub(crate) fn file(mut self, path: &str, bytes: &[u8]) -> Self {
        self.0.insert(path.to_owned(), bytes.to_vec());
        self
    }

    /// Takes a file away.
    pub(crate) fn without(mut self, path: &str) -> Self {
        assert!(self.0.remove(path).is_some(), "there is no {path} to take away");
        self
    }

    /// Takes `version`'s tarball of this machine's first name away, from the list as well.
    pub(crate) fn without_first_name(self, version: &str) -> Self {
        let first = archive_name(version);
        let text = String::from_utf8(self.0[&format!("{version}/checksums.txt")].clone()).expect("it is ASCII");
        let kept: String = text
            .split_inclusive('\n')
            .filter(|line| !line.contains(&first))
            .collect();
        self.without(&format!("{version}/{first}"))
            .file(&format!("{version}/checksums.txt"), kept.as_bytes())
    }

    /// The tarball of `version` for this machine.
    pub(crate) fn archive(&self, version: &str) -> &[u8] {
        &self.0[&archive_path(version)]
    }

    /// The digest of the tarball of `version` for this machine.
    pub(crate) fn digest(&self, version: &str) -> String {
        sha256(self.archive(version))
    }

    /// The bytes of a file.
    pub(crate) fn file_at(&self, path: &str) -> &[u8] {
        &self.0[path]
    }

    /// Serves the files over http.
    pub(crate) fn serve(&self) -> ReleaseServer {
        self.fill(ReleaseServer::plain())
    }

    /// Serves the files over https with a certificate only the server's own authority vouches for.
    pub(crate) fn serve_over_tls(&self) -> ReleaseServer {
        self.fill(ReleaseServer::over_tls())
    }

    /// Puts the files where `server` looks for them.
    pub(crate) fn fill(&self, server: ReleaseServer) -> ReleaseServer {
        for (path, bytes) in &self.0 {
            server.answer(&format!("/{path}"), [Reply::ok(bytes)]);
        }
        server
    }

    /// Writes the files below `folder`.
    pub(crate) fn write_to(&self, folder: &Path) {
        for (path, bytes) in &self.0 {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("it is below the folder")).expect("the folder can be made");
            fs::write(path, bytes).expect("the file can be written");
        }
    }
}

/// A line of `checksums.txt` as the real ones look.
pub(crate) fn checksum_line(name: &str, bytes: &[u8]) -> String {
    format!("{}  ./dist/binaries/{name}\n", sha256(bytes))
}

/// The name of this machine's tarball of `version`.
pub(crate) fn archive_name(version: &str) -> String {
    format!("hoop_{version}_Linux_{}.tar.gz", PLATFORM.first)
}

/// The path of this machine's tarball of `version` on a release server.
pub(crate) fn archive_path(version: &str) -> String {
    format!("{version}/{}", archive_name(version))
}

/// A stand-in agent that answers `version` like the real one and knows nothing else.
pub(crate) fn agent(version: &str) -> String {
    agent_that(&format!(
        "printf '%s\\n' '{{\"version\":\"{version}\",\"git_commit\":\"6f1c0d9\",\
         \"build_date\":\"2024-05-01T12:00:00Z\",\
         \"go_version\":\"go1.22.2\",\"compiler\":\"gc\",\"platform\":\"linux/{}\"}}'",
        PLATFORM.architecture
    ))
}

/// A stand-in agent that does `answer`, a line of sh, when it is asked for its version.
pub(crate) fn agent_that(answer: &str) -> String {
    format!("#!/bin/sh\nif [ \"$*\" = version ]; then\n  {answer}\nelse\n  exit 1\nfi\n")
}

/// Bytes that no compressor makes smaller, always the same ones.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state: u32 = 0x9e37_79b9;
    let next = |_| {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..length).map(next).collect()
}

/// A tar archive under construction.
#[derive(Default)]
pub(crate) struct Archive(Vec<u8>);

impl Archive {
    /// A good release: `./`, the agent, and a helper big enough that a download of it can be cut in the middle.
    pub(crate) fn of_agent(version: &str) -> Self {
        Self::holding(&agent(version)).file("./hoop_rs", 0o755, &noise(200_000))
    }

    /// An archive with `./` and this agent only.
    pub(crate) fn holding(agent: &str) -> Self {
        Self::default().folder("./").file("./hoop", 0o755, agent.as_bytes())
    }

    /// An archive whose agent is a program for another machine than any this buildpack runs on.
    pub(crate) fn of_foreign_machine() -> Self {
        // A 64-bit little-endian ELF header of an executable for the DEC Alpha, without a single segment.
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(16, 0);
        elf.extend([2, 0, 0x26, 0x90, 1, 0, 0, 0]);
        elf.resize(64, 0);
        Self::default().folder("./").file("./hoop", 0o755, &elf)
    }

    /// Adds a folder.
    pub(crate) fn folder(self, name: &str) -> Self {
        self.entry(name, EntryType::Directory, 0o755, "", 0, &[])
    }

    /// Adds a regular file.
    pub(crate) fn file(self, name: &str, mode: u32, bytes: &[u8]) -> Self {
        self.entry(name, EntryType::Regular, mode, "", bytes.len() as u64, bytes)
    }

    /// Adds a symbolic link.
    pub(crate) fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(name, EntryType::Symlink, 0o777, target, 0, &[])
    }

    /// Adds a hard link to another entry.
    pub(crate) fn hard_link(self, name: &str, target: &str) -> Self {
        self.entry(name, EntryType::Link, 0o755, target, 0, &[])
    }

    /// Adds a named pipe.
    pub(crate) fn pipe(self, name: &str) -> Self {
        self.entry(name, EntryType::Fifo, 0o755, "", 0, &[])
    }

    /// Adds an entry of any type, header and bytes as they are.
    pub(crate) fn odd(self, name: &str, kind: EntryType, bytes: &[u8]) -> Self {
        self.entry(name, kind, 0o755, "", bytes.len() as u64, bytes)
    }

    /// Adds the header of an entry of any type that claims `size` bytes, of which none follows.
    pub(crate) fn odd_claim(self, name: &str, kind: EntryType, size: u64) -> Self {
        self.entry(name, kind, 0o755, "", size, &[])
    }

    /// Adds the header of a file that claims `size` bytes, of which none follows.
    pub(crate) fn claim(self, name: &str, size: u64) -> Self {
        self.entry(name, EntryType::Regular, 0o755, "", size, &[])
    }

    /// Adds an entry whose name is taken as it is, as only a hostile archive would have it.
    fn entry(mut self, name: &str, kind: EntryType, mode: u32, target: &str, size: u64, bytes: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_size(size);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// The finished `.tar.gz`. The same entries give the same bytes.
    pub(crate) fn packed(mut self) -> Vec<u8> {
        // Two empty blocks end an archive; GNU tar fills up to a record of twenty.
        let end = (self.0.len() + 1024).next_multiple_of(10_240);
        self.0.resize(end, 0);
        gzip(&self.0)
    }

    /// A `.tar.gz` whose gzip part is sound and whose tar part ends after `length` bytes.
    pub(crate) fn packed_short(mut self, length: usize) -> Vec<u8> {
        self.0.truncate(length);
        gzip(&self.0)
    }
}

impl Archive {
    /// The entries as they are, without compression and without the end of a tar file.
    pub(crate) fn entries(self) -> Vec<u8> {
        self.0
    }
}

/// A gzip file of each of `parts` so many times over. Each repetition is a member of its own, compressed
/// once, so that even a huge file is made at once.
pub(crate) fn gzip_of(parts: &[(&[u8], usize)]) -> Vec<u8> {
    parts
        .iter()
        .flat_map(|(bytes, times)| gzip(bytes).repeat(*times))
        .collect()
}

/// `bytes` as one gzip member that is no smaller than they are.
pub(crate) fn gzip_stored(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::none());
    encoder.write_all(bytes).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

/// `bytes` as one gzip member without a name or a time.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}
