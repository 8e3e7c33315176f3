//! Reads `checksums.txt`, what `sha256sum` printed when a version was published.

use crate::agent::sha256::Sha256;
use crate::text;

/// The largest `checksums.txt` that is read, in bytes. Real ones are below 4 KiB.
pub const SIZE_LIMIT: u64 = 1024 * 1024;

/// What is wrong with a `checksums.txt`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumsError {
    /// A line is not a digest and a name; usually the text is an error page with status 200.
    #[error("checksums.txt is not a list of checksums")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// Its beginning.
        content: String,
    },
    #[error("checksums.txt gives {name} two digests")]
    Conflict {
        /// The file.
        name: String,
        /// The digest listed first.
        first: Sha256,
        /// Another one listed later.
        second: Sha256,
    },
}

/// The digests of one version's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksums(Vec<(String, Sha256)>);

impl Checksums {
    /// Reads `text`: lines of a digest, a space, a space or `*`, and a name. Empty lines and lines that begin
    /// with `#` are skipped, a carriage return at the end of a line is dropped. Names keep only what follows
    /// their last slash, since published ones carry the folder of the machine that made them.
    pub fn parse(text: &str) -> Result<Self, ChecksumsError> {
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = parse_line(line).ok_or_else(|| ChecksumsError::Line {
                line: index + 1,
                content: text::excerpt(line, 60),
            })?;
            entries.push(entry);
        }
        Ok(Self(entries))
    }

    /// The digest of the file called exactly `name`, or `None` where it is not listed.
    pub fn digest_of(&self, name: &str) -> Result<Option<Sha256>, ChecksumsError> {
        let mut found = None;
        for (_, digest) in self.0.iter().filter(|(listed, _)| listed == name) {
            match found {
                Some(first) if first != *digest => {
                    return Err(ChecksumsError::Conflict {
                        name: name.to_owned(),
                        first,
                        second: *digest,
                    });
                }
                _ => found = Some(*digest),
            }
        }
        Ok(found)
    }

    /// The names listed, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// Reads one line, or returns `None` where it has another form.
fn parse_line(line: &str) -> Option<(String, Sha256)> {
    let (digest, rest) = line.split_once(' ')?;
    let path = rest.strip_prefix([' ', '*']).unwrap_or(rest);
    let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
    Some((name.to_owned(), digest.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Checksums, ChecksumsError};
    use proptest::prelude::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn every_published_form_of_a_line_is_read() {
        for line in [
            format!("{A}  ./dist/binaries/hoop.tar.gz"),
            format!("{A} *./dist/binaries/hoop.tar.gz"),
            format!("{A}  hoop.tar.gz\r"),
            format!("{}  hoop.tar.gz", A.to_uppercase()),
            // What `sha256sum --zero`'s relatives and hand-made lists have.
            format!("{A} hoop.tar.gz"),
        ] {
            let checksums = Checksums::parse(&format!("# made by hand\n\n{line}\n")).unwrap();
            assert_eq!(
                checksums.digest_of("hoop.tar.gz"),
                Ok(Some(A.parse().unwrap())),
                "{line:?}"
            );
        }
    }

    #[test]
    fn names_are_compared_whole() {
        let checksums = Checksums::parse(&format!("{A}  ./old-hoop.tar.gz\n{B}  ./hoop.tar.gz.sig\n")).unwrap();

        assert_eq!(checksums.digest_of("hoop.tar.gz"), Ok(None));
    }

    #[test]
    fn a_name_with_two_digests_is_a_conflict_only_for_that_name() {
        let text = format!("{A}  x/hoop.tar.gz\n{B}  y/hoop.tar.gz\n{A}  other\n{A}  other\n");
        let checksums = Checksums::parse(&text).unwrap();

        assert!(matches!(
            checksums.digest_of("hoop.tar.gz"),
            Err(ChecksumsError::Conflict { .. })
        ));
        assert_eq!(checksums.digest_of("other"), Ok(Some(A.parse().unwrap())));
    }

    #[test]
    fn a_page_is_not_a_list() {
        assert_eq!(
            Checksums::parse("\n<!DOCTYPE html>\n<html>"),
            Err(ChecksumsError::Line {
                line: 2,
                content: "<!DOCTYPE html>".to_owned()
            })
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_was_there(
            text in "\\PC{0,80}(\n[0-9a-fA-F]{62,66} [ *]?[a-z/._]{0,12}\r?){0,4}",
        ) {
            if let Ok(checksums) = Checksums::parse(&text) {
                for name in checksums.names() {
                    prop_assert!(!name.contains('/') && text.contains(name));
                }
            }
        }
    }
}
