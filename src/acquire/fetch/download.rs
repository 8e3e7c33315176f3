//! A download that goes on where it broke.

use crate::acquire::fetch::error::{FetchError, FetchFault, StartOver};
use crate::acquire::fetch::http::{HttpClient, PassingKind, Rest, Trouble, strong_validator, trouble_on_the_way};
use crate::acquire::fetch::retry::Patience;
use crate::acquire::release_server::Location;
use reqwest::blocking::Response;
use std::io::{self, Read};
use std::time::{Duration, Instant};

/// The bytes of one file. A connection that breaks is made again and asked for the rest
/// (<https://www.rfc-editor.org/rfc/rfc9110#name-range-requests>), so that what has been hashed and unpacked is
/// not done twice.
pub(super) struct Download<'a> {
    client: &'a HttpClient,
    location: Location,
    patience: &'a Patience,
    notice: &'a mut Notice<'a>,
    response: Response,
    /// The entity tag of the first answer, where it is a strong one.
    validator: Option<String>,
    /// How many bytes the whole file has, where the server said.
    expected: Option<u64>,
    received: u64,
    effort: &'a mut Effort,
}

/// A transfer is tried again.
#[derive(Debug)]
pub struct Retry<'a> {
    /// What is asked for.
    pub location: &'a Location,
    pub cause: &'a str,
    /// How long before.
    pub pause: Duration,
    /// Which attempt this will be, the first being 1.
    pub attempt: u32,
    /// How many there are at most.
    pub attempts: u32,
}

/// Is told of each attempt but the first.
pub(super) type Notice<'a> = dyn FnMut(Retry<'_>) + 'a;

/// What was spent on one file so far, also where it was begun again from its start.
#[derive(Debug)]
pub struct Effort {
    /// Attempts made, the one under way included.
    attempts: u32,
    started: Instant,
}

impl Effort {
    /// Begins the first attempt.
    pub fn begin() -> Self {
        Self {
            attempts: 1,
            started: Instant::now(),
        }
    }
}

impl<'a> Download<'a> {
    /// Asks for `location` and waits for the head of the answer.
    pub(super) fn open(
        client: &'a HttpClient,
        location: Location,
        patience: &'a Patience,
        effort: &'a mut Effort,
        notice: &'a mut Notice<'a>,
    ) -> Result<Self, FetchError> {
        let response = loop {
            match client.ask(&location) {
                Ok(response) => break response,
                Err(trouble) => {
                    let mut progress = Progress {
                        location: &location,
                        received: 0,
                        effort,
                    };
                    progress.wait_to_retry(trouble, patience, notice)?;
                }
            }
        };
        Ok(Self {
            client,
            validator: strong_validator(&response),
            expected: response.content_length(),
            location,
            patience,
            notice,
            response,
            received: 0,
            effort,
        })
    }

    /// How many bytes the whole file has, where the server said.
    pub(super) fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// Makes the connection again after `trouble`, for the bytes not yet received.
    fn resume(&mut self, mut trouble: Trouble) -> io::Result<()> {
        loop {
            let mut progress = Progress {
                location: &self.location,
                received: self.received,
                effort: self.effort,
            };
            progress
                .wait_to_retry(trouble, self.patience, self.notice)
                .map_err(io::Error::other)?;
            let rest = match &self.validator {
                Some(validator) if self.received > 0 => Rest {
                    from: self.received,
                    validator,
                },
                // Without a tag, nothing would tell the rest of this file from that of another.
                _ => return Err(io::Error::other(StartOver)),
            };
            match self.client.ask_rest(&self.location, rest) {
                Ok(Some(response)) => {
                    self.response = response;
                    return Ok(());
                }
                Ok(None) => return Err(io::Error::other(StartOver)),
                Err(next) => trouble = next,
            }
        }
    }
}

impl Read for Download<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.effort.started.elapsed() > self.patience.whole {
                let overlong = FetchFault::Overlong {
                    received: self.received,
                    limit: self.patience.whole,
                };
                return Err(io::Error::other(overlong.at(&self.location)));
            }
            let trouble = match self.response.read(buffer) {
                Ok(0) if self.expected.is_some_and(|expected| self.received < expected) => Trouble::Passing {
                    kind: PassingKind::Broken,
                    cause: "the connection was closed".to_owned(),
                    wait: None,
                },
                Ok(count) => {
                    self.received += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => match error.downcast::<reqwest::Error>() {
                    Ok(error) => trouble_on_the_way(&error),
                    Err(error) => Trouble::Passing {
                        kind: PassingKind::Broken,
                        cause: error.to_string(),
                        wait: None,
                    },
                },
            };
            self.resume(trouble)?;
        }
    }
}

/// How far a transfer has come.
struct Progress<'a> {
    location: &'a Location,
    received: u64,
    effort: &'a mut Effort,
}

impl Progress<'_> {
    /// Waits for the next attempt, and says so.
    ///
    /// # Errors
    /// The trouble, if no attempt is left.
    fn wait_to_retry(&mut self, trouble: Trouble, patience: &Patience, notice: &mut Notice) -> Result<(), FetchError> {
        let (kind, cause, wait) = match trouble {
            Trouble::Lasting(fault) => return Err(fault.at(self.location)),
            Trouble::Passing { kind, cause, wait } => (kind, cause, wait),
        };
        let pause = wait.unwrap_or_else(|| patience.pause(self.effort.attempts, fastrand::f64()));
        if self.effort.attempts >= patience.attempts || self.effort.started.elapsed() + pause > patience.whole {
            return Err(self.give_up(kind, cause, patience).at(self.location));
        }
        self.effort.attempts += 1;
        notice(Retry {
            location: self.location,
            cause: &cause,
            pause,
            attempt: self.effort.attempts,
            attempts: patience.attempts,
        });
        std::thread::sleep(pause);
        Ok(())
    }

    /// What is wrong with a transfer that is not tried again.
    fn give_up(&self, kind: PassingKind, cause: String, patience: &Patience) -> FetchFault {
        let attempts = self.effort.attempts;
        let received = self.received;
        match kind {
            PassingKind::Connect => FetchFault::Unreachable { attempts, cause },
            PassingKind::Server => FetchFault::ServerError {
                attempts,
                answer: cause,
            },
            PassingKind::Stall => FetchFault::Stalled {
                received,
                waited: patience.silence(),
            },
            PassingKind::NotHttp => FetchFault::NotHttp { cause },
            PassingKind::Broken => FetchFault::CutShort {
                attempts,
                received,
                cause,
            },
        }
    }
}
