//! The walk through an archive: only `hoop` and `hoop_rs` ever come out of it, as executable files.
#![no_main]

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use hoop_buildpack::acquire::archive::{AGENT, PROGRAMS, unpack};
use libfuzzer_sys::fuzz_target;
use std::os::unix::fs::PermissionsExt as _;

/// The size of a header, and of what everything in an archive is a multiple of.
const BLOCK: usize = 512;

/// Where a header has its checksum.
const CHECKSUM: std::ops::Range<usize> = 148..156;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    bytes.chunks_exact_mut(BLOCK).for_each(mend);
    let outer = tempfile::tempdir().expect("a scratch folder can be made");
    let folder = outer.path().join("folder");
    std::fs::create_dir(&folder).expect("a folder can be made");
    let into = Dir::open_ambient_dir(&folder, ambient_authority()).expect("it was just made");
    let unpacked = unpack(&*bytes, "hoop.tar.gz", &into);

    assert_eq!(std::fs::read_dir(outer.path()).expect("it is there").count(), 1);
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("it is there") {
        let entry = entry.expect("a listed entry can be read");
        let metadata = entry.metadata().expect("a listed entry can be read");
        assert!(PROGRAMS.iter().any(|program| entry.file_name() == *program));
        assert!(metadata.is_file() && metadata.permissions().mode() & 0o7777 == 0o755);
        if let Ok(unpacked) = &unpacked {
            let name = entry.file_name();
            let file = &unpacked.files[name.to_str().expect("both names are text")];
            assert_eq!(file.size, metadata.len());
        }
        count += 1;
    }
    if let Ok(unpacked) = &unpacked {
        assert!(unpacked.files.contains_key(AGENT) && unpacked.files.len() == count);
    }
});

/// Makes the checksum of a header right: the fuzzer would not find it, and look no further than the first header.
fn mend(block: &mut [u8]) {
    if block[257..262] != *b"ustar" {
        return;
    }
    block[CHECKSUM].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
