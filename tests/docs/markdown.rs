//! As much of Markdown as the documents use.

use std::collections::BTreeSet;

/// A document, by its path in the project.
pub(crate) struct Document {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A block between fences.
#[derive(Debug)]
pub(crate) struct Fence {
    pub(crate) language: String,
    pub(crate) lines: Vec<String>,
}

impl Fence {
    /// The block with its lines ended.
    pub(crate) fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line, "\n"]).collect()
    }
}

impl Document {
    pub(crate) fn new(path: &str, text: String) -> Self {
        let path = path.to_owned();
        Self { path, text }
    }

    /// The text on one line, so that a sentence can be looked for.
    pub(crate) fn prose(&self) -> String {
        self.text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The lines outside fenced blocks.
    fn plain_lines(&self) -> impl Iterator<Item = &str> {
        let mut is_fenced = false;
        self.text.lines().filter(move |line| {
            let is_fence = line.trim_start().starts_with("```");
            is_fenced ^= is_fence;
            !is_fenced && !is_fence
        })
    }

    /// The part below `heading`, a whole line, up to the next heading of any level.
    #[track_caller]
    pub(crate) fn section(&self, heading: &str) -> Self {
        let begin = self
            .text
            .find(&format!("{heading}\n"))
            .unwrap_or_else(|| panic!("{}: there is no heading {heading}", self.path));
        let mut is_fenced = false;
        let lines = self.text[begin..].lines().skip(1).take_while(|line| {
            is_fenced ^= line.trim_start().starts_with("```");
            is_fenced || !line.starts_with('#')
        });
        Self::new(&self.path, lines.flat_map(|line| [line, "\n"]).collect())
    }

    /// The headings, without their marks.
    pub(crate) fn headings(&self) -> impl Iterator<Item = &str> {
        self.plain_lines()
            .filter(|line| line.starts_with('#'))
            .map(|line| line.trim_start_matches('#').trim())
    }

    /// The anchors of the headings.
    pub(crate) fn anchors(&self) -> BTreeSet<String> {
        self.headings().map(anchor).collect()
    }

    /// The fenced blocks, less the indent of a list they are in.
    pub(crate) fn fences(&self) -> Vec<Fence> {
        let mut fences = Vec::new();
        let mut open: Option<(usize, Fence)> = None;
        for line in self.text.lines() {
            let indent = line.len() - line.trim_start().len();
            match (&mut open, line.trim_start().strip_prefix("```")) {
                (None, Some(language)) => {
                    let language = language.to_owned();
                    let lines = Vec::new();
                    open = Some((indent, Fence { language, lines }));
                }
                (Some(_), Some(_)) => fences.extend(open.take().map(|(_, fence)| fence)),
                (Some((indent, fence)), None) => fence.lines.push(line.get(*indent..).unwrap_or_default().to_owned()),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a fence is not closed", self.path);
        fences
    }

    /// The only fenced block that `is_wanted`.
    #[track_caller]
    pub(crate) fn fence(&self, is_wanted: impl Fn(&Fence) -> bool) -> Fence {
        let mut found = self.fences();
        found.retain(is_wanted);
        assert_eq!(found.len(), 1, "{}: {found:?}", self.path);
        found.remove(0)
    }

    /// The only fenced block with a line that begins with `beginning`.
    #[track_caller]
    pub(crate) fn fence_with(&self, beginning: &str) -> Fence {
        self.fence(|fence| fence.lines.iter().any(|line| line.starts_with(beginning)))
    }

    /// The rows of the first table, cell by cell, without its head.
    #[track_caller]
    pub(crate) fn table(&self) -> Vec<Vec<String>> {
        let cells = |line: &str| -> Vec<String> {
            let line = line.trim().trim_start_matches('|').trim_end_matches('|');
            line.split('|').map(|cell| cell.trim().to_owned()).collect()
        };
        let rows: Vec<_> = self
            .text
            .lines()
            .skip_while(|line| !line.starts_with('|'))
            .take_while(|line| line.starts_with('|'))
            .skip(2)
            .map(cells)
            .collect();
        assert!(!rows.is_empty(), "{}: there is no table", self.path);
        rows
    }

    /// Everything that is set as code: spans, and lines of fenced blocks.
    pub(crate) fn code(&self) -> Vec<String> {
        let mut code: Vec<String> = self.fences().into_iter().flat_map(|fence| fence.lines).collect();
        for line in self.plain_lines() {
            code.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
        code
    }
}

/// The anchor that GitHub gives a heading.
pub(crate) fn anchor(heading: &str) -> String {
    let is_kept = |character: &char| character.is_alphanumeric() || " -_".contains(*character);
    let kept: String = heading.to_lowercase().chars().filter(is_kept).collect();
    kept.replace(' ', "-")
}

/// `text` without the back quotes of a code span.
pub(crate) fn unquoted(text: &str) -> String {
    text.trim_matches('`').to_owned()
}
