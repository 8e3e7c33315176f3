//! What is in one slug and not in another.

use crate::slug::inspect::contents::Contents;
use std::collections::BTreeMap;

/// How a path has changed, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Came(u64),
    Went(u64),
    Grew(u64),
    Shrank(u64),
}

impl Change {
    /// By how many bytes.
    pub(crate) fn bytes(self) -> u64 {
        match self {
            Change::Came(bytes) | Change::Went(bytes) | Change::Grew(bytes) | Change::Shrank(bytes) => bytes,
        }
    }

    fn between(before: Option<u64>, after: Option<u64>) -> Option<Self> {
        match (before, after) {
            (None, Some(after)) => Some(Change::Came(after)),
            (Some(before), None) => Some(Change::Went(before)),
            (Some(before), Some(after)) if after > before => Some(Change::Grew(after - before)),
            (Some(before), Some(after)) if before > after => Some(Change::Shrank(before - after)),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }
}

/// What changed from one slug to another, the most bytes first.
#[derive(Debug, Default)]
pub(crate) struct Difference<'a> {
    /// At the top of the slugs.
    pub(crate) folders: Vec<(&'a [u8], Change)>,
    /// Files and links.
    pub(crate) files: Vec<(&'a [u8], Change)>,
}

impl<'a> Difference<'a> {
    pub(crate) fn between(before: &'a Contents, after: &'a Contents) -> Self {
        let files = |contents: &'a Contents| contents.sizes.iter().map(|(path, size)| (path.as_slice(), *size));
        Self {
            folders: changes(before.folders().into_iter(), after.folders().into_iter()),
            files: changes(files(before), files(after)),
        }
    }
}

fn changes<'a>(
    before: impl Iterator<Item = (&'a [u8], u64)>,
    after: impl Iterator<Item = (&'a [u8], u64)>,
) -> Vec<(&'a [u8], Change)> {
    let mut sizes: BTreeMap<&[u8], (Option<u64>, Option<u64>)> = BTreeMap::new();
    for (path, size) in before {
        sizes.entry(path).or_default().0 = Some(size);
    }
    for (path, size) in after {
        sizes.entry(path).or_default().1 = Some(size);
    }
    let changes = sizes.into_iter();
    let changes = changes.filter_map(|(path, (before, after))| Some((path, Change::between(before, after)?)));
    let mut changes: Vec<_> = changes.collect();
    changes.sort_unstable_by_key(|(path, change)| (std::cmp::Reverse(change.bytes()), *path));
    changes
}

#[cfg(test)]
mod tests {
    use super::{Change, Difference};
    use crate::slug::inspect::contents::Contents;

    fn contents(files: &[(&str, u64)]) -> Contents {
        Contents {
            sizes: files
                .iter()
                .map(|(path, size)| (path.as_bytes().to_vec(), *size))
                .collect(),
            ..Contents::default()
        }
    }

    #[test]
    fn what_came_went_and_grew_is_told_the_most_first() {
        let before = contents(&[("a/x", 10), ("a/y", 5), ("b", 7), ("same", 3)]);
        let after = contents(&[("a/x", 30), ("c/z", 100), ("b", 6), ("same", 3)]);
        let difference = Difference::between(&before, &after);
        assert_eq!(
            difference.files,
            [
                (b"c/z".as_slice(), Change::Came(100)),
                (b"a/x", Change::Grew(20)),
                (b"a/y", Change::Went(5)),
                (b"b", Change::Shrank(1)),
            ]
        );
        assert_eq!(
            difference.folders,
            [
                (b"c".as_slice(), Change::Came(100)),
                (b"a", Change::Grew(15)),
                (b"b", Change::Shrank(1)),
            ]
        );
    }
}
