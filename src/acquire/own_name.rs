//! Names that only this program gives.
//!
//! What a killed build has left is removed by the next one, in folders that are not ours alone: the build dir is the
//! app's, and `hoop` in the cache dir may be a package of it. So a name of something passing says that it is ours: it
//! ends in a random number and a check sum of it. A name that just begins like one of ours is somebody else's.

use crate::agent::sha256::Hasher;

/// How many hex digits the random number has.
const NUMBER_LENGTH: usize = 16;

/// How many hex digits the check sum has.
const MARK_LENGTH: usize = 8;

/// A new name that begins with `prefix`.
pub fn fresh(prefix: &str) -> String {
    let number = format!("{:0NUMBER_LENGTH$x}", fastrand::u64(..));
    let mark = mark(prefix, &number);
    format!("{prefix}{number}{mark}")
}

/// Whether `name` is one that [`fresh`] has given for `prefix`.
pub fn is_own(prefix: &str, name: &str) -> bool {
    name.strip_prefix(prefix)
        .and_then(|rest| rest.split_at_checked(NUMBER_LENGTH))
        .is_some_and(|(number, rest)| rest == mark(prefix, number))
}

/// The check sum of a name.
fn mark(prefix: &str, number: &str) -> String {
    let mut hasher = Hasher::default();
    hasher.update(b"hoop-buildpack ");
    hasher.update(prefix.as_bytes());
    hasher.update(number.as_bytes());
    let mut mark = hasher.finish().to_string();
    mark.truncate(MARK_LENGTH);
    mark
}

#[cfg(test)]
mod tests {
    use super::{fresh, is_own};

    #[test]
    fn a_name_is_known_again_and_no_other_is() {
        let name = fresh("partial-");

        assert!(is_own("partial-", &name), "{name}");
        assert_ne!(name, fresh("partial-"));
        let behind_prefix = name.strip_prefix("partial-").unwrap();
        for other in [
            "partial-".to_owned(),
            "partial-1".to_owned(),
            "partial-results.csv".to_owned(),
            format!("partial-{}", "0".repeat(24)),
            format!("{name}.bak"),
            name[..name.len() - 1].to_owned(),
            name.to_uppercase(),
            format!("other-{behind_prefix}"),
            "partial-äöüäöüäöüäöüäöüä".to_owned(),
        ] {
            assert!(!is_own("partial-", &other), "{other}");
        }
    }
}
