//! A download that goes on where it broke.

use super::http::{Answer, HttpClient, PassingKind, Rest, Trouble, strong_validator, trouble_on_the_way};
use super::{FetchError, Notice, Patience};
use crate::build::releases::Location;
use reqwest::blocking::Response;
use std::io::{self, Read};
use std::time::Instant;

/// The bytes of one file. A connection that breaks is made again and asked for the rest
/// (<https://www.rfc-editor.org/rfc/rfc9110#name-range-requests>), so that what has been hashed and unpacked is
/// not done twice.
pub struct Download<'a> {
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

/// What was spent on one file so far, also where it was begun again from its start.
#[derive(Debug)]
pub struct Effort {
    /// Attempts made, the one under way included.
    attempts: u32,
    started: Instant,
}

impl Effort {
    /// Begins to count now.
    pub fn begin() -> Self {
        Self {
            attempts: 0,
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
            effort.attempts += 1;
            match client.ask(&location, None) {
                Ok(Answer::Whole(response) | Answer::Rest(response)) => break response,
                Ok(Answer::Other) => {
                    return Err(FetchError::Refused {
                        location,
                        answer: "a part of the file, where all of it was asked for".to_owned(),
                    });
                }
                Err(trouble) => {
                    let progress = Progress {
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

    /// Returns how many bytes the whole file has, where the server said.
    pub(super) fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// Makes the connection again after `trouble`, for the bytes not yet received.
    fn go_on(&mut self, mut trouble: Trouble) -> Result<(), FetchError> {
        loop {
            let progress = Progress {
                location: &self.location,
                received: self.received,
                effort: self.effort,
            };
            let fault = progress.wait_to_retry(trouble, self.patience, self.notice)?;
            let rest = match (self.received, &self.validator) {
                (0, _) => None,
                (from, Some(validator)) => Some(Rest { from, validator }),
                // Nothing would tell the rest of this file from that of another.
                (_, None) => return Err(FetchError::CannotContinue { fault: Box::new(fault) }),
            };
            let answer = self.client.ask(&self.location, rest);
            match answer {
                // No attempt: the next one asks for the whole file.
                Ok(Answer::Other) => return Err(FetchError::CannotContinue { fault: Box::new(fault) }),
                Ok(Answer::Rest(response)) => self.response = response,
                // Not one byte had come, so this is the first answer after all.
                Ok(Answer::Whole(response)) => {
                    self.validator = strong_validator(&response);
                    self.expected = response.content_length();
                    self.response = response;
                }
                Err(next) => {
                    self.effort.attempts += 1;
                    trouble = next;
                    continue;
                }
            }
            self.effort.attempts += 1;
            return Ok(());
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
                return Err(io::Error::other(FetchError::Stalled {
                    location: self.location.clone(),
                    received: self.received,
                    waited: self.patience.whole,
                }));
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
            self.go_on(trouble).map_err(io::Error::other)?;
        }
    }
}

/// How far a transfer has come.
struct Progress<'a> {
    location: &'a Location,
    received: u64,
    effort: &'a Effort,
}

impl Progress<'_> {
    /// Waits before the next attempt, says so, and returns what would be told if there were none. Fails where
    /// there is no attempt to make.
    fn wait_to_retry(
        &self,
        trouble: Trouble,
        patience: &Patience,
        notice: &mut Notice,
    ) -> Result<FetchError, FetchError> {
        let (kind, cause, wait) = match trouble {
            Trouble::Lasting(error) => return Err(error),
            Trouble::Passing { kind, cause, wait } => (kind, cause, wait),
        };
        let pause = wait.unwrap_or_else(|| patience.pause(self.effort.attempts, fastrand::f64()));
        let line = format!(
            "{}: {cause}; trying again in {:.1} s ({} of {})",
            self.location,
            pause.as_secs_f64(),
            self.effort.attempts + 1,
            patience.attempts,
        );
        let fault = self.give_up(kind, cause, patience);
        if self.effort.attempts >= patience.attempts || self.effort.started.elapsed() + pause > patience.whole {
            return Err(fault);
        }
        notice(line);
        std::thread::sleep(pause);
        Ok(fault)
    }

    /// Returns the error of a transfer that is not tried again.
    fn give_up(&self, kind: PassingKind, cause: String, patience: &Patience) -> FetchError {
        let location = self.location.clone();
        let attempts = self.effort.attempts;
        let received = self.received;
        match kind {
            PassingKind::Connect => FetchError::Unreachable {
                location,
                attempts,
                cause,
            },
            PassingKind::Server => FetchError::ServerError {
                location,
                attempts,
                answer: cause,
            },
            PassingKind::Stall => FetchError::Stalled {
                location,
                received,
                waited: patience.silence(),
            },
            PassingKind::Broken => FetchError::CutShort {
                location,
                attempts,
                received,
                cause,
            },
        }
    }
}
