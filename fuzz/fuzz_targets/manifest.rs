//! `.hoop/manifest.yml`: any text is read or refused, and what is read is written so that it is read the same.
#![no_main]

use hoop_buildpack::agent::manifest::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(manifest) = Manifest::from_yaml(text) else { return };
    let written = manifest.to_yaml();
    assert_eq!(Manifest::from_yaml(&written).expect("what was written can be read"), manifest);
});
