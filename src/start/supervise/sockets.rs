//! The connections of a process, where the kernel lets us see them: not of one that only root can look into.

use std::collections::BTreeSet;
use std::fs;

/// The state of a connection that is established, as `/proc/net/tcp` writes it
/// (<https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html>).
const ESTABLISHED: &str = "01";

/// Whether the process `pid` has a TCP connection to another port than `gateway`. `None` if its files cannot be
/// seen.
pub(crate) fn has_other_than(pid: u32, gateway: Option<u16>) -> Option<bool> {
    let own: BTreeSet<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .ok()?
        .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
        .filter_map(|target| {
            let inode = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(inode.to_owned())
        })
        .collect();
    if own.is_empty() {
        return Some(false);
    }
    let tables = ["tcp", "tcp6"].map(|name| fs::read_to_string(format!("/proc/{pid}/net/{name}")).unwrap_or_default());
    if tables.iter().all(String::is_empty) {
        return None;
    }
    let mut connections = tables.iter().flat_map(|table| connections(table));
    Some(connections.any(|(inode, port)| own.contains(inode) && Some(port) != gateway))
}

/// Reads the established connections of a table: the inode of each, and the port at its other end.
fn connections(table: &str) -> impl Iterator<Item = (&str, u16)> {
    table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(2);
        let (_, port) = fields.next()?.rsplit_once(':')?;
        let state = fields.next()?;
        let inode = fields.nth(5)?;
        let port = u16::from_str_radix(port, 16).ok()?;
        (state == ESTABLISHED).then_some((inode, port))
    })
}

#[cfg(test)]
mod tests {
    use super::{connections, has_other_than};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_connection_is_seen_with_the_port_at_its_other_end() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();

        let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
        let ports: Vec<u16> = connections(&table).map(|(_, port)| port).collect();
        assert!(ports.contains(&port), "the client's end");
        assert_eq!(has_other_than(std::process::id(), None), Some(true));
        drop(client);
    }

    #[test]
    fn only_what_is_established_counts() {
        let table = r"
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1234 1 0 100 0 0 10 0
   1: 0100007F:9C40 0100007F:1538 01 00000000:00000000 00:00000000 00000000  1000        0 5678 1 0 20 4 0 10 -1
   2: broken
"
        .trim_start_matches('\n');
        assert_eq!(connections(table).collect::<Vec<_>>(), [("5678", 5432)]);
        assert_eq!(connections("").count(), 0);
    }

    #[test]
    fn nothing_is_said_of_a_process_that_cannot_be_seen() {
        assert_eq!(has_other_than(u32::MAX, None), None);
    }
}
