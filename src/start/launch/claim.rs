//! One agent for one app: who supervises a process holds a socket that is named after it.
//!
//! Under hoopstart in hoopstart, and under a shell with `HOOP_AUTOSTART`, one agent is enough. The name is taken
//! before the supervisor starts and is free again when it has ended, however it ended, so two that start at once
//! cannot both have it, and nothing is left to clean up. It is an abstract name: no file anywhere
//! (<https://man7.org/linux/man-pages/man7/unix.7.html>). To see whether it is there wakes nobody; what is sent to it
//! is a question (`inquiry`).

use crate::os::processes::{Process, with_ancestors};
use crate::os::standard_files;
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
    /// The process has a supervisor already.
    Taken,
}

/// Claims the process `pid`, unless it has a supervisor. An ancestor of it may have one too: [`elder`].
pub(crate) fn claim(pid: u32) -> Claim {
    let Some((namespace, process)) = namespace().zip(Process::read(pid)) else {
        return Claim::Ours(None);
    };
    match name(&namespace, process).and_then(|name| UnixDatagram::bind_addr(&name)) {
        Ok(socket) => {
            // The kernel is to say who asks. Without it nobody gets an answer.
            let _ = setsockopt(&socket, sockopt::PassCred, &true);
            Claim::Ours(standard_files::beyond(socket.into()).ok())
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Claim::Taken,
        Err(_) => Claim::Ours(None),
    }
}

/// The nearest ancestor of the process `pid` that has a supervisor. To walk all of them takes as long as the rest of
/// the plan, so an app waits for it only where something is to be said.
pub(crate) fn elder(pid: u32) -> Option<u32> {
    let namespace = namespace()?;
    let probe = UnixDatagram::unbound().ok()?;
    let has_supervisor = |process: &Process| {
        name(&namespace, *process)
            .and_then(|name| probe.connect_addr(&name))
            .is_ok()
    };
    let elder = with_ancestors(pid).skip(1).find(has_supervisor)?;
    Some(elder.pid)
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
        assert!(matches!(claim(pid), Claim::Taken));
        drop(first);
        assert!(matches!(claim(pid), Claim::Ours(Some(_))));

        child.kill().expect("it runs");
        child.wait().expect("it is our child");
    }
}
