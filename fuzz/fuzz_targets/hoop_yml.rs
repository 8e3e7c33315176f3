//! The file of connections: any text is read or refused, and a mistake does not repeat a password.
#![no_main]

use hoop_buildpack::agent::hoop_yml::HoopYml;
use libfuzzer_sys::fuzz_target;

/// A URL where it does not belong, and what must not be shown of it.
const URL: &str = "postgres://web:x7Qp-9f8e7d6c@db.example/web";
const SECRET: &str = "x7Qp-9f8e7d6c";

fuzz_target!(|text: &str| {
    match HoopYml::parse(text) {
        Ok(file) => assert!(!file.connections.is_empty()),
        Err(mistake) => assert!(!mistake.to_string().is_empty()),
    }
    for list in [format!("{text}: {URL}\n"), format!("{text} [{URL}]\n")] {
        if let Err(mistake) = HoopYml::parse(&list) {
            assert!(!mistake.to_string().contains(SECRET), "{mistake}");
        }
    }
});
