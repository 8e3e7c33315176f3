//! Hands bytes from one thread to the next, in buffers that go round.
//!
//! ```text
//! source ─> Filler ─── full buffers ──> Chunks ─> reader
//!              ^                           │
//!              └────── used buffers ───────┘
//! ```
//!
//! Each side works while the other does, and there are three buffers more than `BUFFERS` at most, however many bytes
//! pass.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The size of one buffer, in bytes: large enough that handing it over costs nothing, small enough to stay in
/// the processor's cache. A quarter of it was slower, eight times as much no faster (`benches/compile.rs`).
const BUFFER: usize = 128 * 1024;

/// How many full buffers wait to be read. Two would do for an even stream; the others bridge the pauses of a network.
const BUFFERS: usize = 8;

/// Makes the two ends of a relay.
pub fn relay() -> (Filler, Chunks) {
    let (full, to_read) = sync_channel(BUFFERS);
    let (used, to_fill) = sync_channel(BUFFERS);
    let chunks = Chunks {
        full: to_read,
        used,
        current: Vec::new(),
        position: 0,
    };
    (Filler { full, used: to_fill }, chunks)
}

/// The end that bytes are put in at. The bytes end when it is dropped.
pub struct Filler {
    full: SyncSender<io::Result<Vec<u8>>>,
    used: Receiver<Vec<u8>>,
}

impl Filler {
    /// Passes `source` on to its end, or until nobody reads any more. The error of `source` is the caller's: the
    /// reader sees the bytes before it, then their end.
    pub fn pass_on(&self, source: &mut dyn Read) -> io::Result<()> {
        loop {
            let mut buffer = self.used.try_recv().unwrap_or_default();
            buffer.resize(BUFFER, 0);
            let (count, error) = fill(source, &mut buffer);
            buffer.truncate(count);
            let is_read = count == 0 || self.full.send(Ok(buffer)).is_ok();
            match error {
                Some(error) => return Err(error),
                None if count < BUFFER || !is_read => return Ok(()),
                None => {}
            }
        }
    }

    /// Ends the bytes with an error, which the reader gets.
    pub fn fail(self, error: io::Error) {
        // If nobody reads any more, nobody needs to know.
        let _ = self.full.send(Err(error));
    }
}

/// Reads until `buffer` is full or `source` ends or fails. Returns how many bytes there are, and the failure.
fn fill(source: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

/// The end that bytes come out at, as one reader. Gives each buffer back once it is read.
pub struct Chunks {
    full: Receiver<io::Result<Vec<u8>>>,
    used: SyncSender<Vec<u8>>,
    current: Vec<u8>,
    position: usize,
}

impl Chunks {
    /// Lets go of all that is still to come.
    pub fn drain(&mut self) {
        while let Ok(Ok(chunk)) = self.full.recv() {
            // Where there is no room for it, or no filler any more, nobody needs it.
            let _ = self.used.try_send(chunk);
        }
    }
}

impl BufRead for Chunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.current.len()
            && let Ok(chunk) = self.full.recv()
        {
            let used = std::mem::replace(&mut self.current, chunk?);
            // See `drain`.
            let _ = self.used.try_send(used);
            self.position = 0;
        }
        Ok(&self.current[self.position..])
    }

    fn consume(&mut self, count: usize) {
        self.position += count;
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::{BUFFER, BUFFERS, relay};
    use std::io::{self, Read};
    use std::thread;

    #[test]
    fn bytes_arrive_in_order_and_end() {
        // Not a multiple of a buffer, and more than all of them hold.
        let bytes: Vec<u8> = (0..=BUFFER * (BUFFERS + 3))
            .map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[2])
            .collect();
        let (filler, mut chunks) = relay();
        let received = thread::scope(|scope| {
            scope.spawn(|| {
                let filler = filler;
                filler.pass_on(&mut &*bytes).unwrap();
            });
            let mut received = Vec::new();
            chunks.read_to_end(&mut received).unwrap();
            received
        });

        assert!(received == bytes, "{} of {} bytes", received.len(), bytes.len());
    }

    #[test]
    fn an_error_follows_the_bytes_before_it() {
        let (filler, mut chunks) = relay();
        filler.pass_on(&mut &b"before"[..]).unwrap();
        filler.fail(io::Error::other("the disk is gone"));

        let mut received = Vec::new();
        let error = chunks.read_to_end(&mut received).unwrap_err();
        assert_eq!(
            (received.as_slice(), error.to_string().as_str()),
            (&b"before"[..], "the disk is gone")
        );
    }

    #[test]
    fn a_reader_that_is_gone_does_not_hold_up_the_filler() {
        let (filler, chunks) = relay();
        drop(chunks);

        filler.pass_on(&mut io::repeat(7)).unwrap();
    }

    #[test]
    fn a_failing_source_is_the_callers_to_tell() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("reset"))
            }
        }
        let (filler, mut chunks) = relay();
        let error = filler.pass_on(&mut (&b"some"[..]).chain(Failing)).unwrap_err();
        drop(filler);

        let mut received = Vec::new();
        chunks.read_to_end(&mut received).unwrap();
        assert_eq!(
            (received.as_slice(), error.to_string().as_str()),
            (&b"some"[..], "reset")
        );
    }
}
