//! The file of connections: any text is read or refused, and a mistake does not repeat a password.
#![no_main]

use hoop_buildpack::agent::connections::Connections;
use hoop_buildpack::agent::hoop_yml::HoopYml;
use hoop_buildpack::agent::publish::Publication;
use libfuzzer_sys::fuzz_target;

/// A URL where it does not belong, and what must not be shown of it.
const URL: &str = "postgres://web:x7Qp-9f8e7d6c@db.example/web";
const SECRET: &str = "x7Qp-9f8e7d6c";

fuzz_target!(|text: &str| {
    match HoopYml::parse(text) {
        Ok(file) => {
            assert!(!file.connections.is_empty());
            let version = "1.148.0".parse().expect("it is a version");
            let config_var = |name: &str| (!name.starts_with('A')).then(|| URL.to_owned());
            let publication = Publication::of(Some(&file), &Connections::default(), &version, None, config_var, &[]);
            for published in publication.connections {
                assert!(!published.name.contains(SECRET) && !published.name.is_empty(), "{published:?}");
            }
            for fault in publication.faults {
                assert!(!fault.to_string().contains(SECRET), "{fault}");
            }
        }
        Err(mistake) => assert!(!mistake.to_string().is_empty()),
    }
    for list in [format!("{text}: {URL}\n"), format!("{text} [{URL}]\n")] {
        if let Err(mistake) = HoopYml::parse(&list) {
            assert!(!mistake.to_string().contains(SECRET), "{mistake}");
        }
    }
});
