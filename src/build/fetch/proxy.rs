//! The proxies that the build's environment names. reqwest reads the variables by itself; what it might read otherwise
//! than their author meant is found here first, since a part of a password could then pass for a host, and be shown.

use crate::environment::Environment;
use url::Url;

/// The variables that name a proxy, each in both its spellings
/// (<https://docs.rs/reqwest/latest/reqwest/index.html#proxies>).
const VARIABLES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// What the environment says of proxies, as far as something is wrong with it.
#[derive(Debug)]
pub(super) struct Proxies {
    /// The variables whose user name or password has a character that ends them in a URL.
    misread: Vec<&'static str>,
    /// Hosts that are reached without a proxy, and domains.
    direct: Vec<String>,
}

impl Proxies {
    pub(super) fn of(environment: &Environment) -> Self {
        let misread = |name: &&str| {
            let value = environment.text(name).unwrap_or_default();
            let behind_scheme = value.split_once("://").map_or(value, |(_, rest)| rest);
            behind_scheme
                .rsplit_once('@')
                .is_some_and(|(user, _)| user.contains(['@', '/', '?', '#', '\\']))
        };
        let no_proxy = environment.text("NO_PROXY").or_else(|| environment.text("no_proxy"));
        let direct = no_proxy.unwrap_or_default().split(',');
        Self {
            misread: VARIABLES.into_iter().filter(misread).collect(),
            direct: direct
                .map(|host| host.trim().trim_start_matches('.').to_owned())
                .collect(),
        }
    }

    /// Returns the name of a variable that must not be read for `url`.
    pub(super) fn misread_for(&self, url: &Url) -> Option<&'static str> {
        let host = url.host_str().unwrap_or_default();
        let is_in = |domain: &String| {
            domain == "*" || (!domain.is_empty() && (host == domain || host.ends_with(&format!(".{domain}"))))
        };
        if self.direct.iter().any(is_in) {
            return None;
        }
        let own = format!("{}_proxy", url.scheme());
        let is_read = |name: &&&str| name.eq_ignore_ascii_case(&own) || name.eq_ignore_ascii_case("all_proxy");
        self.misread.iter().find(is_read).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::Proxies;
    use crate::environment::Environment;

    fn is_misread(variables: &[(&str, &str)], url: &str) -> bool {
        let environment: Environment = variables.iter().copied().collect();
        Proxies::of(&environment).misread_for(&url.parse().unwrap()).is_some()
    }

    #[test]
    fn a_password_that_would_end_early_is_found() {
        for (value, expected) in [
            ("http://bob:Hunter@Secret/x@127.0.0.1:1", true),
            ("http://bob:Hun/ter@proxy.example:1", true),
            ("http://bob:Hun#ter@proxy.example", true),
            ("bob:a@b@proxy.example", true),
            ("http://bob:Hunter%40%2Fx@proxy.example:3128/", false),
            ("proxy.example:3128", false),
            ("", false),
        ] {
            for name in ["https_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
                assert_eq!(
                    is_misread(&[(name, value)], "https://mirror.example/x"),
                    expected,
                    "{name} {value}"
                );
            }
            assert!(!is_misread(&[("HTTP_PROXY", value)], "https://mirror.example/x"));
        }
    }

    #[test]
    fn a_proxy_that_is_not_used_may_be_what_it_is() {
        for (direct, url, expected) in [
            ("*", "https://mirror.example/x", false),
            ("mirror.example", "https://mirror.example/x", false),
            ("other.example, .mirror.example", "https://a.mirror.example/x", false),
            ("127.0.0.1", "https://127.0.0.1:1/x", false),
            ("other.example", "https://mirror.example/x", true),
            ("", "https://mirror.example/x", true),
        ] {
            let variables = [("HTTPS_PROXY", "http://a:b#c@proxy.example"), ("NO_PROXY", direct)];
            assert_eq!(is_misread(&variables, url), expected, "{direct} {url}");
        }
    }
}
