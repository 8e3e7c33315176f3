//! What `try` writes: the lines of the platform, and those of several dynos, each behind the name of its dyno.

use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read, Write as _};
use std::thread::{self, JoinHandle};

/// Writes a line of the platform's.
pub(super) fn say(line: &str) {
    let mut stdout = io::stdout();
    // Nobody may be reading.
    let _ = writeln!(stdout, "-----> {line}").and_then(|()| stdout.flush());
}

/// The colors of names, in the order in which dynos get them: those of ANSI that can be read on any ground.
const COLORS: [u8; 6] = [36, 33, 32, 35, 34, 31];

/// The most bytes of a line. The rest of a longer one is a line of its own.
const LONGEST: u64 = 64 * 1024;

/// What stands before each line of a dyno.
#[derive(Clone, Debug)]
pub(super) struct Prefix(String);

impl Prefix {
    /// That of the dyno number `number`, whose name is filled up to `width`.
    pub(super) fn new(name: &str, number: usize, width: usize, may_have_color: bool) -> Self {
        let text = format!("{name:width$} | ");
        Self(if may_have_color && io::stdout().is_terminal() {
            format!("\u{1b}[{}m{text}\u{1b}[0m", COLORS[number % COLORS.len()])
        } else {
            text
        })
    }

    /// Copies the lines of `from` to stdout, in a thread, to its end.
    pub(super) fn copy(&self, from: impl Read + Send + 'static) -> JoinHandle<()> {
        let prefix = self.0.clone();
        thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = Vec::new();
            while (&mut from)
                .take(LONGEST)
                .read_until(b'\n', &mut line)
                .is_ok_and(|length| length > 0)
            {
                if !line.ends_with(b"\n") {
                    line.push(b'\n');
                }
                let mut whole = prefix.clone().into_bytes();
                whole.append(&mut line);
                // Nobody may be reading.
                let mut stdout = io::stdout().lock();
                let _ = stdout.write_all(&whole).and_then(|()| stdout.flush());
            }
        })
    }
}
