//! The agent key: any text is read or refused, and neither shows the secret.
#![no_main]

use hoop_buildpack::agent::key::AgentKey;
use hoop_buildpack::secret::Secret;
use libfuzzer_sys::fuzz_target;

/// What must not be shown. No other part of a key looks like it.
const SECRET: &str = "x7Qp-9f8e7d6c";

fuzz_target!(|text: &str| {
    let _ = AgentKey::parse(&Secret::new(text));
    // The same text once more as the parts around a secret.
    if text.contains(SECRET) {
        return;
    }
    let (before, after) = text.split_once('\n').unwrap_or(("grpcs://web", text));
    let key = Secret::new(format!("{before}:{SECRET}@{after}"));
    assert!(!format!("{key:?}").contains(SECRET));
    match AgentKey::parse(&key) {
        Ok(parsed) => {
            assert!(!parsed.host.is_empty() && parsed.port != 0);
            assert!(!format!("{parsed:?}").contains(SECRET));
        }
        Err(fault) => assert!(!format!("{fault} {fault:?}").contains(SECRET)),
    }
});
