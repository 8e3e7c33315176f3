//! The memory that the supervisor holds while it sleeps.
//!
//! The kernel maps a program's file in blocks of 64 KiB around each place that runs
//! (<https://www.kernel.org/doc/html/latest/filesystems/proc.html>, `VmRSS`). Most of what a start of an agent needs is
//! not needed again for days, so it is given back. What is needed again comes back by itself, from the file.

use std::ops::Range;

/// What is mapped of the program's file and never written to: its code and its constants.
pub(crate) struct Code(Vec<Range<usize>>);

impl Code {
    /// Finds that of this program. `None` without `/proc`.
    pub(crate) fn of_this_program() -> Option<Self> {
        Self::find(&std::fs::read_to_string("/proc/self/smaps").ok()?)
    }

    /// Reads a `smaps` file (<https://man7.org/linux/man-pages/man5/proc_pid_smaps.5.html>). A static program is the
    /// only file that is mapped. What was written to while it was loaded is read-only since, and is anonymous memory by
    /// then: that would not come back.
    fn find(smaps: &str) -> Option<Self> {
        let mut found = Vec::new();
        let mut current = None;
        for line in smaps.lines() {
            if let Some(mapping) = Self::mapping(line) {
                current = mapping;
            } else if let Some(rest) = line.strip_prefix("Anonymous:")
                && rest.trim() == "0 kB"
            {
                found.extend(current.take());
            }
        }
        (!found.is_empty()).then_some(Self(found))
    }

    /// Reads the first line of a mapping: `Some(None)` where it is not one of a file that is only read.
    #[expect(
        clippy::option_option,
        reason = "a line that is no first one, and a mapping that is none of ours"
    )]
    fn mapping(line: &str) -> Option<Option<Range<usize>>> {
        let (range, rest) = line.split_once(' ')?;
        let (begin, end) = range.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        let range = address(begin)?..address(end)?;
        let is_read_only = ["r-xp ", "r--p "].iter().any(|mode| rest.starts_with(mode));
        Some(Some(range).filter(|_| is_read_only && rest.contains('/')))
    }

    /// Gives back the memory of all of it. Best effort: nothing depends on it.
    pub(crate) fn give_back(&self) {
        for range in &self.0 {
            #[expect(
                unsafe_code,
                reason = "it is never written to, so what comes back from the file is what was there"
            )]
            let _ = unsafe {
                rustix::mm::madvise(
                    std::ptr::with_exposed_provenance_mut(range.start),
                    range.len(),
                    rustix::mm::Advice::LinuxDontNeed,
                )
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn the_code_of_this_program_is_found_and_goes_on_when_it_was_given_back() {
        let code = Code::of_this_program().expect("there is /proc");
        let here = Code::of_this_program as fn() -> Option<Code> as usize;

        assert!(code.0.iter().any(|range| range.contains(&here)));
        code.give_back();
        assert!(Code::of_this_program().is_some_and(|again| again.0.iter().any(|range| range.contains(&here))));
    }

    #[test]
    fn what_was_written_to_and_other_mappings_are_none() {
        let mapping =
            |first: &str, anonymous: &str| format!("{first}\nRss: 4 kB\nAnonymous:  {anonymous} kB\nVmFlags: rd\n");
        let smaps = [
            mapping("7f00-7f10 r--p 00000000 fe:00 1 /app/hoopstart", "0"),
            mapping("7f10-7f20 r-xp 00010000 fe:00 1 /app/hoopstart", "0"),
            mapping("7f20-7f30 r--p 00020000 fe:00 1 /app/hoopstart", "12"),
            mapping("7f30-7f40 rw-p 00030000 fe:00 1 /app/hoopstart", "0"),
            mapping("7f40-7f50 r-xp 00000000 00:00 0 [vdso]", "0"),
        ];
        assert_eq!(
            Code::find(&smaps.concat()).map(|code| code.0),
            Some(vec![0x7f00..0x7f10, 0x7f10..0x7f20])
        );
        assert!(Code::find("").is_none());
        assert!(Code::find("nothing of the kind\n").is_none());
    }
}
