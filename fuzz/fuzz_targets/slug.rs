//! Slugs: any bytes are looked into or refused, packed by gzip or not.
#![no_main]

use flate2::Compression;
use flate2::write::GzEncoder;
use hoop_buildpack::slug::inspect::contents_of;
use libfuzzer_sys::fuzz_target;
use std::io::Write as _;

fuzz_target!(|bytes: &[u8]| {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).expect("memory takes it");
    let packed = gzip.finish().expect("memory takes it");
    for slug in [bytes, &packed] {
        if let Err(fault) = contents_of(slug) {
            assert!(!fault.to_string().is_empty());
        }
    }
});
