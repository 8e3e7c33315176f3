//! Looks host names up: by the C library it cannot be done from a static program.
//!
//! `/etc/hosts` goes first, and where it has the name in one address family only, that is all: whoever wrote the line
//! there may have no name server that answers. Its text is read here, not by the resolver, which asks the name servers
//! for the other family and gives the whole file up for one byte that is not UTF-8.

use crate::os::regular_file;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{GOOGLE, LookupIpStrategy, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;

/// Where the machine's own names are (<https://man7.org/linux/man-pages/man5/hosts.5.html>).
const HOSTS: &str = "/etc/hosts";

/// The addresses of `host`, at least one.
pub(crate) async fn addresses(host: &str) -> Result<Vec<IpAddr>, NetError> {
    let listed = listed(&hosts_file(), host);
    if !listed.is_empty() {
        return Ok(listed);
    }
    let mut resolver = TokioResolver::builder_tokio().unwrap_or_else(|_| {
        // No `/etc/resolv.conf`, as in a bare chroot.
        TokioResolver::builder_with_config(ResolverConfig::udp_and_tcp(&GOOGLE), TokioRuntimeProvider::default())
    });
    resolver.options_mut().ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
    // A host of a URL is ASCII already. By the rules for domains of the web an underscore would be refused.
    let name = Name::from_ascii(host)?;
    let lookup = resolver.build()?.lookup_ip(name).await?;
    Ok(lookup.iter().collect())
}

/// The text of `/etc/hosts`, or nothing if it cannot be read.
fn hosts_file() -> String {
    let mut bytes = Vec::new();
    if let Ok(mut file) = regular_file::open(Path::new(HOSTS)) {
        let _ = file.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The addresses that the text `hosts` lists for `host`, in its order.
fn listed(hosts: &str, host: &str) -> Vec<IpAddr> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let lines = hosts.trim_start_matches('\u{feff}').lines();
    let mut addresses = Vec::new();
    for line in lines.map(|line| line.split('#').next().unwrap_or_default()) {
        let mut words = line.split_whitespace();
        let address = words.next().and_then(|address| address.parse().ok());
        let is_host = |name: &str| name.strip_suffix('.').unwrap_or(name).eq_ignore_ascii_case(host);
        if let Some(address) = address
            && words.any(is_host)
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn a_name_is_found_in_whatever_way_its_line_is_written() {
        let hosts = "\u{feff}127.0.0.1 localhost\n\
            ::1\tlocalhost ip6-localhost # 10.9.9.9 commented\n\
            # 10.0.0.9 mirror\n\
            10.0.0.1   \t Mirror.Example  mirror\r\n\
            10.0.0.2 \u{fffd} my_mirror.example.\n\
            fe80::1%eth0 scoped\n\
            300.0.0.1 nowhere\n\
            10.0.0.3\n\
            fd00::2 six-only\n\
            10.0.0.4 mirror\n\
            10.0.0.1 mirror";
        for (host, expected) in [
            ("localhost", vec!["127.0.0.1", "::1"]),
            ("mirror.example", vec!["10.0.0.1"]),
            ("mirror.example.", vec!["10.0.0.1"]),
            ("MIRROR", vec!["10.0.0.1", "10.0.0.4"]),
            ("my_mirror.example", vec!["10.0.0.2"]),
            ("six-only", vec!["fd00::2"]),
            ("commented", vec![]),
            ("scoped", vec![]),
            ("nowhere", vec![]),
            ("example", vec![]),
            ("10.0.0.3", vec![]),
        ] {
            let addresses: Vec<String> = listed(hosts, host).iter().map(ToString::to_string).collect();
            assert_eq!(addresses, expected, "{host}");
        }
    }
}
