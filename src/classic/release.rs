//! `bin/release`: tells the platform what to add to the app: nothing.
//!
//! Of all buildpacks of an app only the last one's answer counts, so this one must not stand last where an app
//! has no Procfile. Both lists empty is what the platform takes for "nothing".

/// What is printed, and nothing else.
pub const ANSWER: &str = "addons: []\ndefault_process_types: {}\n";

#[cfg(test)]
mod tests {
    #[test]
    fn the_answer_is_yaml_with_two_empty_collections() {
        let answer: serde_yaml::Value = serde_yaml::from_str(super::ANSWER).unwrap();

        assert_eq!(answer["addons"], serde_yaml::Value::Sequence(vec![]));
        assert!(answer["default_process_types"].as_mapping().unwrap().is_empty());
    }
}
