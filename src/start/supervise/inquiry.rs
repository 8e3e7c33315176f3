//! Questions to a supervisor, and its answers: datagrams to the socket that is its claim.
//!
//! The kernel says who has sent a datagram (`SO_PASSCRED`, <https://man7.org/linux/man-pages/man7/unix.7.html>), so
//! both ends know that the other is of their own user. Anyone else gets no answer. There is no connection, so nobody
//! can hold one open, and nothing waits: an answer that its reader does not take is dropped.

use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, UnixAddr, UnixCredentials, recvmsg, sendto, setsockopt, sockopt,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::geteuid;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// What a question says. Anything else is none.
const QUESTION: &[u8] = b"status";

/// More bytes than a question has.
const QUESTION_SIZE: usize = 32;

/// The longest answer, in bytes. By default a socket takes more.
pub(crate) const LONGEST: usize = 160 * 1024;

/// How many datagrams that are no question of this user are read in [`PERIOD`]. Above that the socket is left alone
/// until it is over, so that no stranger who floods it keeps the supervisor busy.
const MOST: u32 = 10;

/// See [`MOST`].
const PERIOD: Duration = Duration::from_secs(1);

/// The supervisor's end. Times are measured from its start.
#[derive(Default)]
pub(crate) struct Inquiries<'a> {
    socket: Option<BorrowedFd<'a>>,
    period: Duration,
    read: u32,
}

impl<'a> Inquiries<'a> {
    /// Listens at `socket`.
    pub(crate) fn new(socket: Option<BorrowedFd<'a>>) -> Self {
        Self {
            socket,
            period: Duration::ZERO,
            read: 0,
        }
    }

    /// The socket to wait for at the time `now`.
    pub(crate) fn socket(&self, now: Duration) -> Option<BorrowedFd<'a>> {
        self.socket.filter(|_| self.deaf_until(now).is_none())
    }

    /// When the socket is to be waited for again, if it is not now.
    pub(crate) fn deaf_until(&self, now: Duration) -> Option<Duration> {
        let over = self.period + PERIOD;
        (self.read >= MOST && now < over).then_some(over)
    }

    /// Reads a datagram that has come. If it is a question of this user, `answer` is sent to who asks.
    pub(crate) fn take(&mut self, now: Duration, answer: impl FnOnce() -> Vec<u8>) {
        let Some(socket) = self.socket else { return };
        let mut bytes = [0; QUESTION_SIZE];
        if let Ok((length, Some(sender), user)) = receive(socket.as_raw_fd(), &mut bytes)
            && user == Some(geteuid().as_raw())
            && bytes[..length] == *QUESTION
        {
            let _ = sendto(socket.as_raw_fd(), &answer(), &sender, MsgFlags::MSG_DONTWAIT);
            return;
        }
        if now >= self.period + PERIOD {
            (self.period, self.read) = (now, 0);
        }
        self.read += 1;
    }
}

/// Receives a datagram that is there: how long it is, its sender, and the user that the kernel says has sent it. Files
/// that come with it are dropped, since there is no room for them.
fn receive(socket: i32, bytes: &mut [u8]) -> io::Result<(usize, Option<UnixAddr>, Option<u32>)> {
    let mut slices = [IoSliceMut::new(bytes)];
    let mut space = cmsg_space!(UnixCredentials);
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<UnixAddr>(socket, &mut slices, Some(&mut space), flags)?;
    let user = message.cmsgs()?.find_map(|part| match part {
        ControlMessageOwned::ScmCredentials(credentials) => Some(credentials.uid()),
        _ => None,
    });
    Ok((message.bytes, message.address, user))
}

/// Asks everyone who holds one of `sockets`, all at once, for at most `limit`. Returns the answers in the order of
/// `sockets`: `None` for those that were not given by a process of this user, and an error where there is no socket.
pub(crate) fn ask(sockets: &[SocketAddr], limit: Duration) -> io::Result<Vec<io::Result<Option<Vec<u8>>>>> {
    let name = format!("hoopstart asks {} {}", std::process::id(), fastrand::u64(..));
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
    socket.set_nonblocking(true)?;
    setsockopt(&socket, sockopt::PassCred, &true)?;

    let begin = Instant::now();
    let mut answers: Vec<io::Result<Option<Vec<u8>>>> = sockets.iter().map(|_| Ok(None)).collect();
    let mut unasked: Vec<usize> = (0..sockets.len()).collect();
    let mut buffer = vec![0; LONGEST];
    loop {
        // Whoever takes no question keeps nobody from asking the others.
        unasked.retain(|place| match socket.send_to_addr(QUESTION, &sockets[*place]) {
            Ok(_) => false,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
            Err(error) => {
                answers[*place] = Err(error);
                false
            }
        });
        let left = limit.saturating_sub(begin.elapsed());
        if left.is_zero() || !answers.iter().any(|answer| matches!(answer, Ok(None))) {
            return Ok(answers);
        }
        if !wait(&socket, if unasked.is_empty() { left } else { left.min(AGAIN) }) {
            continue;
        }
        if let Ok((length, Some(sender), user)) = receive(socket.as_raw_fd(), &mut buffer)
            && user == Some(geteuid().as_raw())
        {
            let from = |address: &SocketAddr| address.as_abstract_name() == sender.as_abstract();
            if let Some(place) = sockets.iter().position(from) {
                answers[place] = Ok(Some(buffer[..length].to_vec()));
            }
        }
    }
}

/// How soon someone is asked again who has no room for a question.
const AGAIN: Duration = Duration::from_millis(20);

/// Waits until there is something to read, for at most `limit`.
fn wait(socket: &impl AsFd, limit: Duration) -> bool {
    let mut files = [PollFd::new(socket, PollFlags::IN)];
    let limit = Timespec::try_from(limit).ok();
    poll(&mut files, limit.as_ref()).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::{Inquiries, MOST, ask};
    use nix::sys::socket::{setsockopt, sockopt};
    use std::os::fd::{AsFd as _, OwnedFd};
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_mins(1);

    /// Binds a socket that no other test has.
    fn listener(name: &str) -> (SocketAddr, OwnedFd) {
        let name = format!("test of inquiries {} {name}", std::process::id());
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        setsockopt(&socket, sockopt::PassCred, &true).unwrap();
        (address, socket.into())
    }

    #[test]
    fn who_asks_gets_the_answer() {
        let (address, socket) = listener("answer");
        let asked = std::thread::spawn(move || ask(&[address], LIMIT).unwrap().remove(0));
        let mut inquiries = Inquiries::new(Some(socket.as_fd()));
        assert!(super::wait(&socket, LIMIT));
        inquiries.take(Duration::ZERO, || b"fine".to_vec());

        assert_eq!(asked.join().unwrap().unwrap(), Some(b"fine".to_vec()));
    }

    #[test]
    fn where_nobody_listens_that_is_known_at_once_and_a_silent_one_costs_the_limit() {
        let (silent, _socket) = listener("silent");
        let nobody = SocketAddr::from_abstract_name("test of inquiries nobody").unwrap();
        let answers = ask(&[nobody, silent], Duration::from_millis(50)).unwrap();

        assert!(answers[0].is_err());
        assert!(matches!(answers[1], Ok(None)));
    }

    #[test]
    fn one_that_takes_no_question_keeps_nobody_from_asking_the_others() {
        let (full, _socket) = listener("full");
        let (address, socket) = listener("after the full one");
        let stranger = UnixDatagram::unbound().unwrap();
        stranger.set_nonblocking(true).unwrap();
        while stranger.send_to_addr(b"anything", &full).is_ok() {}
        let asked = std::thread::spawn(move || ask(&[full, address], Duration::from_secs(2)).unwrap());
        assert!(super::wait(&socket, LIMIT));
        Inquiries::new(Some(socket.as_fd())).take(Duration::ZERO, || b"fine".to_vec());

        let answers = asked.join().unwrap();
        assert!(matches!(answers[0], Ok(None)));
        assert_eq!(answers[1].as_ref().unwrap().as_deref(), Some(&b"fine"[..]));
    }

    #[test]
    fn what_is_no_question_gets_no_answer_and_a_flood_is_left_alone() {
        let (address, socket) = listener("flood");
        let stranger = UnixDatagram::unbound().unwrap();
        stranger.set_nonblocking(true).unwrap();
        let mut inquiries = Inquiries::new(Some(socket.as_fd()));
        let now = Duration::from_secs(100);
        for _ in 0..MOST {
            assert!(inquiries.socket(now).is_some());
            stranger.send_to_addr(b"anything", &address).unwrap();
            inquiries.take(now, || unreachable!("it is no question"));
        }

        assert!(inquiries.socket(now).is_none());
        let over = inquiries.deaf_until(now).unwrap();
        assert_eq!(over, now + Duration::from_secs(1));
        assert!(inquiries.socket(over).is_some());
        inquiries.take(over, || unreachable!("nothing has come"));
        assert!(inquiries.socket(over).is_some(), "it counts from zero again");
    }
}
