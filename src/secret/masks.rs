//! Takes secrets that are known out of what the agent writes, quickly, and also where a line cuts one. For our own
//! lines there is `conceal`, which knows them too, and finds what looks like an agent key.

use crate::secret::Secret;
use crate::secret::conceal::MASK;
use std::borrow::Cow;
use std::ops::Range;

/// How much of a secret must stand at the end of a text that was not finished to be taken for its beginning. Less of
/// it is of no use to anybody, and may be the end of an ordinary word.
const BEGINNING: usize = 3;

/// How a text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As it was meant to.
    Whole,
    /// Its writer ended, maybe in the middle of a secret.
    Unfinished,
    /// It was cut, maybe in the middle of a secret.
    Cut,
}

/// The texts that must not be shown.
#[derive(Debug)]
pub(crate) struct Masks {
    /// Sorted, so that those which begin with the same byte stand together.
    secrets: Vec<Secret>,
    /// How many begin with a byte below the one, and with that one. With most bytes of most lines none does.
    begins: [(u16, u16); 256],
}

impl Masks {
    /// Takes the secrets, in any order. An empty one masks nothing.
    pub(crate) fn new(secrets: &[Secret]) -> Self {
        let mut secrets: Vec<Secret> = secrets
            .iter()
            .filter(|secret| !secret.expose().is_empty())
            .cloned()
            .collect();
        secrets.sort_unstable_by(|one, other| one.expose().cmp(other.expose()));
        secrets.dedup();
        // An environment has no room for as many as would not fit.
        let count = |is_counted: &dyn Fn(u8) -> bool| {
            let first = |secret: &&Secret| is_counted(secret.expose().as_bytes()[0]);
            u16::try_from(secrets.iter().filter(first).count()).unwrap_or(u16::MAX)
        };
        let mut begins = [(0, 0); 256];
        for (byte, range) in (0..=u8::MAX).zip(&mut begins) {
            *range = (count(&|first| first < byte), count(&|first| first == byte));
        }
        Self { secrets, begins }
    }

    /// `text` without any secret. Secrets may overlap, or one hold another: all of it goes, since a part that
    /// is left of one is a part of a secret.
    pub(crate) fn apply<'a>(&self, text: &'a str, end: End) -> Cow<'a, str> {
        let mut spans = self.spans(text.as_bytes(), end).peekable();
        if spans.peek().is_none() {
            return Cow::Borrowed(text);
        }
        let (mut masked, mut shown) = (String::with_capacity(text.len()), 0);
        for span in spans {
            masked.push_str(&text[shown..span.start]);
            masked.push_str(MASK);
            shown = span.end;
        }
        masked.push_str(&text[shown..]);
        Cow::Owned(masked)
    }

    /// Where `text` has secrets: apart from each other, in order.
    fn spans<'a>(&'a self, text: &'a [u8], end: End) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut place = 0;
        std::iter::from_fn(move || {
            let start = self.next(text, place)?;
            let (mut span, mut at) = (start..start, start);
            // What begins within a secret belongs to it, as far as it goes.
            while at <= span.end && at < text.len() {
                span.end = span.end.max(at + self.length_at(&text[at..], end));
                at = match self.next(text, at + 1) {
                    Some(next) => next,
                    None => break,
                };
            }
            place = span.end.max(start + 1);
            Some(span)
        })
        .filter(|span| !span.is_empty())
    }

    /// The next place, from `place` on, at which a secret may begin.
    fn next(&self, text: &[u8], place: usize) -> Option<usize> {
        let rest = text.get(place..)?;
        Some(place + rest.iter().position(|byte| self.begins[usize::from(*byte)].1 > 0)?)
    }

    /// The length of the longest secret that `text` begins with, or of the text where it is the beginning of
    /// a secret, which goes on behind its `end`.
    fn length_at(&self, text: &[u8], end: End) -> usize {
        let shortest = match end {
            End::Whole => usize::MAX,
            End::Unfinished => BEGINNING,
            End::Cut => 1,
        };
        let (before, count) = text.first().map_or((0, 0), |byte| self.begins[usize::from(*byte)]);
        let candidates = self.secrets.iter().skip(before.into()).take(count.into());
        let lengths = candidates.map(|secret| {
            let secret = secret.expose().as_bytes();
            if text.starts_with(secret) {
                secret.len()
            } else if text.len() >= shortest && secret.starts_with(text) {
                text.len()
            } else {
                0
            }
        });
        lengths.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Masks};
    use crate::secret::Secret;
    use proptest::prelude::*;

    fn masked(secrets: &[&str], text: &str, end: End) -> String {
        let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        Masks::new(&secrets).apply(text, end).into_owned()
    }

    #[test]
    fn every_secret_goes_whatever_others_are_beside_it() {
        for (secrets, text, expected) in [
            (&["abcdef", "cd"][..], "xabcdefx cd", "x****x ****"),
            (&["cd", "abcdef"], "xabcdefx cd", "x****x ****"),
            // What overlaps goes as a whole, whichever is named first.
            (&["abcdef", "defghi"], "xabcdefghix", "x****x"),
            (&["defghi", "abcdef"], "xabcdefghix", "x****x"),
            // Also with itself.
            (&["ababab"], "xababababx", "x****x"),
            (&["aaa"], "aaaaaaa", "****"),
            // A mask that was put in is no part of another secret.
            (&["key", "****=a"], "key=a", "****=a"),
            (&["é1", "ü"], "é1ü-é2", "****-é2"),
            (&[""], "text", "text"),
            (&[], "text", "text"),
            (&["secret"], "", ""),
            (&["secret"], "secre", "secre"),
        ] {
            assert_eq!(masked(secrets, text, End::Whole), expected, "{secrets:?} {text:?}");
        }
    }

    #[test]
    fn of_a_text_that_ends_too_early_no_beginning_of_a_secret_is_left() {
        let secrets = ["s3cret-key", "grpcs://web:s3cret-key@host"];
        for (text, cut, unfinished) in [
            ("x s3cret-ke", "x ****", "x ****"),
            ("x grpcs://web:s3cret-k", "x ****", "x ****"),
            ("x grpcs://web:s3cret-key", "x ****", "x ****"),
            ("ends", "end****", "ends"),
            ("x s3c", "x ****", "x ****"),
            ("xs3cret-keys3", "x****", "x****s3"),
        ] {
            assert_eq!(masked(&secrets, text, End::Cut), cut, "{text}");
            assert_eq!(masked(&secrets, text, End::Unfinished), unfinished, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_byte_of_any_secret_is_left_anywhere(
            secrets in proptest::collection::vec("[ab]{1,5}", 1..4),
            text in "[abc]{0,24}",
            cut in any::<bool>(),
        ) {
            let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
            let end = if cut { End::Cut } else { End::Whole };
            // The plain way: mark each byte of each occurrence.
            let mut marked = vec![false; text.len()];
            for secret in &secrets {
                for at in 0..text.len() {
                    let rest = &text[at..];
                    if rest.starts_with(secret) {
                        marked[at..at + secret.len()].fill(true);
                    } else if cut && secret.starts_with(rest) {
                        marked[at..].fill(true);
                    }
                }
            }
            let kept: String = text.chars().zip(&marked).filter(|(_, marked)| !**marked).map(|(c, _)| c).collect();
            prop_assert_eq!(masked(&secrets, &text, end).replace("****", ""), kept);
        }
    }
}
