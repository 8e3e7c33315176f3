//! The proxies that the build's environment names. reqwest reads the variables by itself, and goes without a proxy
//! where it cannot read one. That is found here first: the build must not take another way than was asked for, and a
//! part of a password could pass for a host, and be shown.

use crate::os::environment::Environment;
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

/// What the environment says of proxies.
#[derive(Clone, Debug)]
pub(super) struct Proxies {
    /// The first of these variables that is set, with its value: that for https, for http, and for both.
    named: [Option<(&'static str, Option<String>)>; 3],
    /// Hosts, domains and networks that are reached without a proxy.
    direct: String,
}

/// Why a proxy variable cannot be obeyed. Says nothing of its value, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} {fault}")]
pub(super) struct ProxyFault {
    name: &'static str,
    fault: &'static str,
}

impl Proxies {
    /// Reads the variables, each in both its spellings
    /// (<https://docs.rs/reqwest/latest/reqwest/index.html#proxies>).
    pub(super) fn of(environment: &Environment) -> Self {
        let first = |names: [&'static str; 2]| {
            let mut set = names.into_iter().filter(|name| environment.value(name).is_some());
            let name = set.next()?;
            let value = environment.value(name)?.to_str().map(str::to_owned);
            Some((name, value)).filter(|(_, value)| value.as_deref() != Some(""))
        };
        let direct = ["NO_PROXY", "no_proxy"].map(|name| environment.value(name)?.to_str());
        Self {
            named: [
                first(["HTTPS_PROXY", "https_proxy"]),
                first(["HTTP_PROXY", "http_proxy"]),
                first(["ALL_PROXY", "all_proxy"]),
            ],
            direct: direct.into_iter().flatten().next().unwrap_or_default().to_owned(),
        }
    }

    /// Finds what is wrong with the variable that is obeyed on the way to `url`.
    pub(super) fn check(&self, url: &Url) -> Result<(), ProxyFault> {
        // Where any proxy at all would stand in the way.
        let matcher = Matcher::builder().all("http://proxy.invalid").no(self.direct.clone());
        let is_direct = url
            .as_str()
            .parse()
            .is_ok_and(|uri| matcher.build().intercept(&uri).is_none());
        let [https, http, all] = &self.named;
        let own = if url.scheme() == "https" { https } else { http };
        match own.as_ref().or(all.as_ref()) {
            Some((name, value)) if !is_direct => {
                let fault = match value {
                    Some(value) => fault_of(value),
                    None => Some("is not UTF-8"),
                };
                fault.map_or(Ok(()), |fault| Err(ProxyFault { name, fault }))
            }
            _ => Ok(()),
        }
    }
}

/// Why `value` is not the URL of a proxy, if it is not.
fn fault_of(value: &str) -> Option<&'static str> {
    if value.contains(|character: char| character.is_whitespace() || character.is_control()) {
        return Some("has a space or a line break in it");
    }
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    if let Some((user, _)) = rest.rsplit_once('@')
        && user.contains(['@', '/', '?', '#', '\\'])
    {
        return Some("has one of @ / ? # \\ in its user name or password");
    }
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Some("names a kind of proxy other than http and https");
    }
    // As reqwest will read it.
    let matcher = Matcher::builder().all(value).build();
    let proxy = "http://proxied.invalid"
        .parse()
        .ok()
        .and_then(|uri| matcher.intercept(&uri));
    let Some(proxy) = proxy else {
        return Some("is not the URL of a proxy");
    };
    let uri = proxy.uri();
    let host = uri.host().unwrap_or_default();
    let place = uri.authority().map_or(0, |place| place.as_str().len());
    if host.is_empty() {
        Some("names no host")
    } else if place > host.len() && uri.port_u16().is_none_or(|port| port == 0) {
        Some("has an invalid port")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Proxies;
    use crate::os::environment::Environment;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    fn check(variables: &[(&str, &str)], url: &str) -> Result<(), String> {
        let environment: Environment = variables.iter().copied().collect();
        let fault = Proxies::of(&environment).check(&url.parse().unwrap());
        fault.map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_variable_that_cannot_be_read_is_found_and_its_value_is_not_told() {
        for (value, expected) in [
            (
                "http://bob:Hunter@Secret/x@127.0.0.1:1",
                "has one of @ / ? # \\ in its user name or password",
            ),
            (
                "http://bob:Hun/ter@proxy.example:1",
                "has one of @ / ? # \\ in its user name or password",
            ),
            (
                "http://bob:Hun#ter@proxy.example",
                "has one of @ / ? # \\ in its user name or password",
            ),
            (
                "bob:a@b@proxy.example",
                "has one of @ / ? # \\ in its user name or password",
            ),
            (
                "http://bob:Hunter@proxy.example:3128\n",
                "has a space or a line break in it",
            ),
            (
                "http://bob:Hun ter@proxy.example:3128",
                "has a space or a line break in it",
            ),
            (" http://proxy.example", "has a space or a line break in it"),
            (
                "http://proxy.example\r\nX-Header: Hunter",
                "has a space or a line break in it",
            ),
            (
                "socks5://bob:Hunter@proxy.example:1080",
                "names a kind of proxy other than http and https",
            ),
            (
                "socks5h://proxy.example:1080",
                "names a kind of proxy other than http and https",
            ),
            (
                "ftp://bob:Hunter@proxy.example",
                "names a kind of proxy other than http and https",
            ),
            (
                "htpp://proxy.example:3128",
                "names a kind of proxy other than http and https",
            ),
            ("http://bob:Hunter@", "is not the URL of a proxy"),
            ("http://", "is not the URL of a proxy"),
            ("http:///", "is not the URL of a proxy"),
            ("//proxy.example:3128", "is not the URL of a proxy"),
            ("/", "is not the URL of a proxy"),
            ("http://:3128", "names no host"),
            ("http://bob:Hunter@:3128", "names no host"),
            ("http://proxy.example:port", "has an invalid port"),
            ("http://proxy.example:99999", "has an invalid port"),
            ("http://proxy.example:0", "has an invalid port"),
        ] {
            for name in ["https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
                let told = check(&[(name, value)], "https://mirror.example/x");
                assert_eq!(told, Err(format!("{name} {expected}")), "{value}");
            }
            assert_eq!(check(&[("HTTP_PROXY", value)], "https://mirror.example/x"), Ok(()));
            assert!(
                check(&[("HTTP_PROXY", value)], "http://mirror.example/x").is_err(),
                "{value}"
            );
        }
    }

    #[test]
    fn what_can_be_read_is_obeyed() {
        for value in [
            "http://bob:Hunter%40%2Fx@proxy.example:3128/",
            "HTTP://proxy.example",
            "https://proxy_1.example:3129",
            "proxy.example:3128",
            "proxy",
            "bob:Hunter@proxy.example:3128",
            "http://[::1]:3128",
            "http://[::1]",
            "http://10.0.0.1:65535",
            "",
        ] {
            for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
                assert_eq!(check(&[(name, value)], "https://mirror.example/x"), Ok(()), "{value}");
            }
        }
    }

    #[test]
    fn only_the_variable_that_is_obeyed_must_be_readable() {
        let url = "https://mirror.example/x";
        let good = "http://proxy.example:3128";
        let bad = "ftp://proxy.example";

        assert_eq!(
            check(&[("HTTPS_PROXY", good), ("https_proxy", bad), ("ALL_PROXY", bad)], url),
            Ok(())
        );
        assert!(check(&[("HTTPS_PROXY", ""), ("ALL_PROXY", bad)], url).is_err());
        // The first one that is set is the one, even where it is empty.
        assert_eq!(check(&[("HTTPS_PROXY", ""), ("https_proxy", bad)], url), Ok(()));
        let not_text = OsStr::from_bytes(b"http://proxy\xff.example");
        let environment: Environment = [("HTTPS_PROXY", not_text)].into_iter().collect();
        assert!(Proxies::of(&environment).check(&url.parse().unwrap()).is_err());
    }

    #[test]
    fn a_proxy_that_is_not_used_may_be_what_it_is() {
        for (direct, url, is_used) in [
            ("*", "https://mirror.example/x", false),
            ("mirror.example", "https://mirror.example/x", false),
            ("other.example, .mirror.example", "https://a.mirror.example/x", false),
            ("127.0.0.1", "https://127.0.0.1:1/x", false),
            ("10.0.0.0/8", "https://10.1.2.3/x", false),
            ("other.example", "https://mirror.example/x", true),
            ("", "https://mirror.example/x", true),
        ] {
            let variables = [("HTTPS_PROXY", "http://a:b#c@proxy.example"), ("NO_PROXY", direct)];
            assert_eq!(check(&variables, url).is_err(), is_used, "{direct} {url}");
        }
    }
}
