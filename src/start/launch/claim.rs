//! One agent for one app: who supervises a process holds a socket that is named after it.
//!
//! Under hoopstart in hoopstart, and under a shell with `HOOP_AUTOSTART`, one agent is enough. The name is taken
//! before the supervisor starts and is free again when it has ended, however it ended, so two that start at once
//! cannot both have it, and nothing is left to clean up. It is an abstract name: no file anywhere
//! (<https://man7.org/linux/man-pages/man7/unix.7.html>). To see whether it is there wakes nobody; what is sent to it
//! is a question (`inquiry`).

use crate::os::processes::{Process, with_ancestors};
use nix::sys::socket::{setsockopt, sockopt};
use std::io;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The outcome of [`claim`].
#[derive(Debug)]
pub(crate) enum Claim {
    /// The process is ours to supervise for as long as this file is open. `None` on a machine without `/proc` or
    /// without such sockets: nobody can be asked there, and two agents are better than none.
    Ours(Option<OwnedFd>),
    /// The process with this id, ours or an ancestor, has a supervisor already.
    Taken(u32),
}

/// Claims the process `pid`, unless it or an ancestor of it has a supervisor.
pub(crate) fn claim(pid: u32) -> Claim {
    let Some(namespace) = namespace() else {
        return Claim::Ours(None);
    };
    let mut family = with_ancestors(pid);
    let Some(process) = family.next() else {
        return Claim::Ours(None);
    };
    let claim = match name(&namespace, process).and_then(|name| UnixDatagram::bind_addr(&name)) {
        Ok(socket) => {
            // The kernel is to say who asks. Without it nobody gets an answer.
            let _ = setsockopt(&socket, sockopt::PassCred, &true);
            // Never in the place of a standard file that is closed.
            rustix::io::fcntl_dupfd_cloexec(&socket, 3).ok()
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Claim::Taken(pid),
        Err(_) => None,
    };
    let Ok(probe) = UnixDatagram::unbound() else {
        return Claim::Ours(claim);
    };
    let is_taken = |process: &Process| {
        name(&namespace, *process)
            .and_then(|name| probe.connect_addr(&name))
            .is_ok()
    };
    match family.find(is_taken) {
        Some(ancestor) => Claim::Taken(ancestor.pid),
        None => Claim::Ours(claim),
    }
}

/// The pid namespace of this process.
pub(crate) fn namespace() -> Option<String> {
    let link = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(link.to_string_lossy().into_owned())
}

/// The name of the socket. A process is known by its id and start; where containers share their network,
/// and so these names, by its pid namespace too.
pub(crate) fn name(namespace: &str, process: Process) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("hoopstart {namespace} {} {}", process.pid, process.started))
}

#[cfg(test)]
mod tests {
    use super::{Claim, claim};

    #[test]
    fn a_process_is_claimed_once_until_the_claim_is_dropped() {
        let child = std::process::Command::new("sleep").arg("60").spawn();
        let mut child = child.expect("sleep can be started");
        let pid = child.id();

        let first = claim(pid);
        assert!(matches!(first, Claim::Ours(Some(_))), "{first:?}");
        assert!(matches!(claim(pid), Claim::Taken(taken) if taken == pid));
        drop(first);
        assert!(matches!(claim(pid), Claim::Ours(Some(_))));

        child.kill().expect("it runs");
        child.wait().expect("it is our child");
    }
}
