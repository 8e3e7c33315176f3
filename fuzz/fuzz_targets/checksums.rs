//! `checksums.txt`: whatever a server sends is read or refused, and what is read is in the text.
#![no_main]

use hoop_buildpack::acquire::checksums::Checksums;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(checksums) = Checksums::parse(text) else { return };
    let lower = text.to_ascii_lowercase();
    let mut written = String::new();
    for name in checksums.names() {
        assert!(!name.is_empty() && !name.contains('/') && text.contains(name));
        // An error means that the name is listed with two digests.
        if let Ok(found) = checksums.digest_of(name) {
            let digest = found.expect("a name that is listed has a digest").to_string();
            assert!(lower.contains(&digest));
            written.push_str(&format!("{digest}  {name}\n"));
        }
    }
    // A second reading of what was understood changes nothing.
    let again = Checksums::parse(&written).expect("what was read can be read again");
    for name in again.names() {
        assert_eq!(again.digest_of(name).ok(), checksums.digest_of(name).ok());
    }
});
