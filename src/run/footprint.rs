//! The memory that the supervisor holds while it sleeps.
//!
//! The kernel maps a program's code in blocks of 64 KiB around each place that runs
//! (<https://www.kernel.org/doc/html/latest/filesystems/proc.html>, `VmRSS`). Most of what a start of an agent needs is
//! not needed again for days, so it is given back. What is needed again comes back by itself, from the file.

use std::ops::Range;

/// The program's code in memory.
pub(super) struct Code(Range<usize>);

impl Code {
    /// Finds the code of this program. `None` without `/proc`.
    pub(super) fn of_this_program() -> Option<Self> {
        let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
        Self::find(&maps)
    }

    /// Reads a `maps` file. A static program has one stretch of code, and the first one is its own
    /// (<https://man7.org/linux/man-pages/man5/proc_pid_maps.5.html>).
    fn find(maps: &str) -> Option<Self> {
        maps.lines().find_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (begin, end) = range.split_once('-')?;
            let address = |text| usize::from_str_radix(text, 16).ok();
            let is_code = rest.starts_with("r-xp ") && rest.contains('/');
            is_code.then_some(Self(address(begin)?..address(end)?))
        })
    }

    /// Gives back the memory of all code. Best effort: nothing depends on it.
    pub(super) fn give_back(&self) {
        #[expect(
            unsafe_code,
            reason = "code is never written to, so what comes back from the file is what was there"
        )]
        let _ = unsafe {
            rustix::mm::madvise(
                std::ptr::with_exposed_provenance_mut(self.0.start),
                self.0.len(),
                rustix::mm::Advice::LinuxDontNeed,
            )
        };
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn the_code_of_this_program_is_found_and_goes_on_when_it_was_given_back() {
        let code = Code::of_this_program().expect("there is /proc");
        let here = Code::of_this_program as fn() -> Option<Code> as usize;

        assert!(code.0.contains(&here));
        code.give_back();
        assert_eq!(Code::of_this_program().map(|code| code.0), Some(code.0));
    }

    #[test]
    fn other_mappings_are_none() {
        assert!(Code::find("7f00-7f10 r--p 00000000 fe:00 1 /app/hoopstart\n").is_none());
        assert!(Code::find("7f00-7f10 r-xp 00000000 00:00 0 [vdso]\n").is_none());
        assert!(Code::find("").is_none());
    }
}
