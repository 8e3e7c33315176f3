//! The proxies that the build's environment names. reqwest reads the variables by itself; what it might read otherwise
//! than their author meant is found here first, since a part of a password could then pass for a host, and be shown.

use crate::environment::Environment;

/// The variables that name a proxy (<https://docs.rs/reqwest/latest/reqwest/index.html#proxies>).
const VARIABLES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Returns the name of a variable whose user name or password has a character that ends them in a URL.
pub(super) fn misread(environment: &Environment) -> Option<&'static str> {
    VARIABLES.into_iter().find(|name| {
        let value = environment.text(name).unwrap_or_default();
        let behind_scheme = value.split_once("://").map_or(value, |(_, rest)| rest);
        behind_scheme
            .rsplit_once('@')
            .is_some_and(|(user, _)| user.contains(['@', '/', '?', '#', '\\']))
    })
}

#[cfg(test)]
mod tests {
    use super::misread;
    use crate::environment::Environment;

    #[test]
    fn a_password_that_would_end_early_is_found() {
        for (value, is_misread) in [
            ("http://bob:Hunter@Secret/x@127.0.0.1:1", true),
            ("http://bob:Hun/ter@proxy.example:1", true),
            ("http://bob:Hun#ter@proxy.example", true),
            ("bob:a@b@proxy.example", true),
            ("http://bob:Hunter%40%2Fx@proxy.example:3128/", false),
            ("http://proxy.example:3128/path@x", true),
            ("proxy.example:3128", false),
            ("", false),
        ] {
            let environment: Environment = [("https_proxy", value)].into_iter().collect();
            assert_eq!(misread(&environment).is_some(), is_misread, "{value}");
        }
    }
}
