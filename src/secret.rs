//! A value that must never be shown.

pub mod conceal;
pub mod forms;
pub mod masks;
pub mod redact;

use std::fmt;

/// A secret, such as the agent key. `Debug` and `Display` show `****`, so that it can stand in any
/// structure, message or panic without being told.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself. Every call is a place to look at when asking where it can go.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_is_not_shown_by_any_format() {
        let secret = Secret::new("grpcs://agent:s3cr3t@host");

        assert_eq!(
            format!("{secret} {secret:?} {:#?}", Some(&secret))
                .matches("s3cr3t")
                .count(),
            0
        );
    }
}
