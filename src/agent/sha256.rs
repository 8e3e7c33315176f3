//! SHA-256 digests.

use sha2::Digest as _;
use std::fmt;
use std::str::FromStr;

/// A SHA-256 digest. Written as 64 lower-case hex digits; read in either case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

/// The text is not 64 hex digits.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 64 hex digits")]
pub struct NotSha256;

impl FromStr for Sha256 {
    type Err = NotSha256;

    fn from_str(text: &str) -> Result<Self, NotSha256> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(NotSha256);
        }
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
        }
        Ok(Self(digest))
    }
}

/// The value of one hex digit.
fn hex_value(digit: u8) -> Result<u8, NotSha256> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(NotSha256),
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Takes the digest of bytes as they pass. Uses the processor's SHA instructions where it has them.
#[derive(Default)]
pub struct Hasher(sha2::Sha256);

impl Hasher {
    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken in.
    pub fn finish(self) -> Sha256 {
        Sha256(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::{Hasher, NotSha256, Sha256};
    use proptest::prelude::*;

    /// The digest of no bytes, <https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values>.
    const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_digest_of_nothing_is_the_published_one() {
        assert_eq!(Hasher::default().finish().to_string(), OF_NOTHING);
    }

    #[test]
    fn upper_case_is_read_and_lower_case_is_written() {
        let digest: Sha256 = OF_NOTHING.to_uppercase().parse().unwrap();

        assert_eq!(digest.to_string(), OF_NOTHING);
    }

    #[test]
    fn other_texts_are_refused() {
        // Too short, too long, right length but not hex, right number of bytes but not ASCII.
        for text in [
            "",
            &OF_NOTHING[1..],
            &format!("{OF_NOTHING}0"),
            &"g".repeat(64),
            &"é".repeat(32),
        ] {
            assert_eq!(text.parse::<Sha256>(), Err(NotSha256), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_digest_survives_being_written_and_read(bytes: [u8; 32]) {
            let digest = Sha256(bytes);
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
        }
    }
}
