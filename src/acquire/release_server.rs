//! The release server: where it is and what lies where on it.
//!
//! The layout is that of `https://releases.hoop.dev/release`: `latest.txt`, and for each version a folder with
//! `checksums.txt` and the tarballs. A mirror has the same.

use crate::agent::platform::Platform;
use crate::agent::version::Version;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use url::{Host, Url};

/// The base URL of a release server. May hold a user name and a token, so it is never shown whole.
#[derive(Clone, PartialEq, Eq)]
pub struct ReleasesUrl(Url);

/// Why a text is not the URL of a release server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleasesUrlError {
    #[error("it is not a URL")]
    NotUrl,
    /// What stands before an `@` may be read in two ways: a part of a token would pass for a host or a path, and be
    /// shown.
    #[error("a user name or token in it, or a path, has a character that must be percent-encoded")]
    UserInfo,
    #[error("it does not begin with https://, http:// or file://")]
    Scheme,
    #[error("it has a query or a fragment")]
    Query,
    #[error("it is a file URL that names another machine")]
    File,
}

impl FromStr for ReleasesUrl {
    type Err = ReleasesUrlError;

    fn from_str(text: &str) -> Result<Self, ReleasesUrlError> {
        let text = text.trim();
        if has_ambiguous_user(text) {
            return Err(ReleasesUrlError::UserInfo);
        }
        let url = Url::parse(text).map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => ReleasesUrlError::Scheme,
            _ => ReleasesUrlError::NotUrl,
        })?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ReleasesUrlError::Query);
        }
        match url.scheme() {
            "https" | "http" => Ok(Self(url)),
            "file" if url.to_file_path().is_ok() => Ok(Self(url)),
            "file" => Err(ReleasesUrlError::File),
            _ => Err(ReleasesUrlError::Scheme),
        }
    }
}

/// Whether `text` has an `@` that may end a user name and a token, and before it a character that ends them
/// sooner or that the URL library takes for another. Of a file URL nothing is a token.
fn has_ambiguous_user(text: &str) -> bool {
    let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
    let user = rest.trim_start_matches(['/', '\\']).rsplit_once('@');
    let is_ambiguous = |character: char| {
        matches!(character, '@' | '/' | '?' | '#' | '\\') || character.is_whitespace() || character.is_control()
    };
    !scheme.eq_ignore_ascii_case("file") && user.is_some_and(|(user, _)| user.contains(is_ambiguous))
}

impl ReleasesUrl {
    /// Where the newest version's number is.
    pub fn latest(&self) -> Location {
        self.below(&["latest.txt"])
    }

    /// Where the digests of `version` are.
    pub fn checksums(&self, version: &Version) -> Location {
        self.below(&[&version.to_string(), "checksums.txt"])
    }

    /// Where a tarball of `version` is.
    pub fn tarball(&self, version: &Version, name: &str) -> Location {
        self.below(&[&version.to_string(), name])
    }

    /// Whether someone between here and the server could read and change what is sent.
    pub fn is_exposed(&self) -> bool {
        self.0.scheme() == "http"
            && match self.0.host() {
                Some(Host::Domain(name)) => name != "localhost",
                Some(Host::Ipv4(address)) => !address.is_loopback(),
                Some(Host::Ipv6(address)) => !address.is_loopback(),
                None => true,
            }
    }

    /// The place at `segments` below the base. The segments are ours or checked ([`Version`]), so they
    /// cannot leave the base.
    fn below(&self, segments: &[&str]) -> Location {
        let mut url = self.0.clone();
        url.path_segments_mut()
            .expect("https, http and file URLs have path segments")
            .pop_if_empty()
            .extend(segments);
        Location(url)
    }
}

impl fmt::Display for ReleasesUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(shown(&self.0).trim_end_matches('/'))
    }
}

impl fmt::Debug for ReleasesUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where one file of a release server is. Shown without user name and token.
#[derive(Clone, PartialEq, Eq)]
pub struct Location(Url);

impl Location {
    /// The URL itself, with what secrets it holds, to ask the server with.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The file, where the server is a folder of this machine.
    pub fn file(&self) -> Option<PathBuf> {
        (self.0.scheme() == "file")
            .then(|| self.0.to_file_path().ok())
            .flatten()
    }

    /// The host, where the server is on the network.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// What to connect to, as openssl takes it.
    pub fn host_and_port(&self) -> String {
        let port = self.0.port_or_known_default().unwrap_or(443);
        format!("{}:{port}", self.host())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `url` as it may be shown: without user name and password, and without the query, which is where
/// signed URLs carry their signature.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Fails only for URLs that cannot have a user name in the first place.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// The names under which the tarball of `version` for `platform` is published: the one to ask for
/// first, and its twin.
pub fn tarball_names(version: &Version, platform: Platform) -> [String; 2] {
    platform
        .published_names()
        .map(|architecture| format!("hoop_{version}_Linux_{architecture}.tar.gz"))
}

#[cfg(test)]
mod tests {
    use super::{Platform, ReleasesUrl, ReleasesUrlError, tarball_names};
    use crate::agent::version::Version;
    use proptest::prelude::*;

    fn url(text: &str) -> ReleasesUrl {
        text.parse().unwrap()
    }

    #[test]
    fn files_lie_below_the_base_with_or_without_its_slash() {
        for base in ["https://mirror.example/hoop", "https://mirror.example/hoop/"] {
            assert_eq!(url(base).latest().to_string(), "https://mirror.example/hoop/latest.txt");
        }
        assert_eq!(
            url("file:///srv/mirror").latest().file().unwrap().to_str(),
            Some("/srv/mirror/latest.txt")
        );
    }

    #[test]
    fn a_token_in_the_url_is_used_and_never_shown() {
        let releases = url("https://robot:t0k3n@mirror.example/hoop");

        assert_eq!(releases.latest().url().password(), Some("t0k3n"));
        for text in [
            releases.to_string(),
            format!("{releases:?} {:?}", releases.latest()),
            releases.latest().to_string(),
        ] {
            assert!(!text.contains("t0k3n") && !text.contains("robot"), "{text}");
        }
    }

    #[test]
    fn urls_that_cannot_be_a_release_server_are_refused() {
        for (text, reason) in [
            ("", ReleasesUrlError::Scheme),
            ("releases.hoop.dev/release", ReleasesUrlError::Scheme),
            ("localhost:8080/release", ReleasesUrlError::Scheme),
            ("\"https://mirror.example\"", ReleasesUrlError::Scheme),
            ("htps://mirror.example", ReleasesUrlError::Scheme),
            ("https://", ReleasesUrlError::NotUrl),
            ("https://mirror.example:99999", ReleasesUrlError::NotUrl),
            ("ftp://mirror.example", ReleasesUrlError::Scheme),
            ("https://mirror.example/?token=1", ReleasesUrlError::Query),
            ("file://other-machine/srv", ReleasesUrlError::File),
            ("https://robot:t0/k3n@mirror.example/", ReleasesUrlError::UserInfo),
            ("https://robot:/t0k3n@mirror.example/", ReleasesUrlError::UserInfo),
            ("https://t0/k3n@mirror.example", ReleasesUrlError::UserInfo),
            ("https://robot:t0\\k3n@mirror.example", ReleasesUrlError::UserInfo),
            ("https://robot:t0 k3n@mirror.example", ReleasesUrlError::UserInfo),
            ("https://robot:t0\tk3n@mirror.example", ReleasesUrlError::UserInfo),
            ("https://robot:t0\nk3n@mirror.example", ReleasesUrlError::UserInfo),
            ("https://robot:t0\u{a0}k3n@mirror.example", ReleasesUrlError::UserInfo),
            ("https://robot:t0?k3n@mirror.example", ReleasesUrlError::UserInfo),
            ("https://robot:t0#k3n@mirror.example", ReleasesUrlError::UserInfo),
            ("https://robot:t0@k3n@mirror.example", ReleasesUrlError::UserInfo),
            ("https://mirror.example/a@b", ReleasesUrlError::UserInfo),
            ("https:robot:t0/k3n@mirror.example", ReleasesUrlError::UserInfo),
            ("HTTP:\\\\robot:t0/k3n@mirror.example", ReleasesUrlError::UserInfo),
            ("robot:t0/k3n@mirror.example", ReleasesUrlError::UserInfo),
        ] {
            assert_eq!(text.parse::<ReleasesUrl>().unwrap_err(), reason, "{text}");
        }
    }

    #[test]
    fn what_is_encoded_is_nobody_elses_host_or_path() {
        for text in [
            "https://robot:t0%2Fk3n%40%5C%20@mirror.example/",
            "https://robot@mirror.example",
            "https://:t0k3n@mirror.example",
            "https://robot:t0:k3n@mirror.example",
            "https://mirror.example/a%40b",
            "file:///srv/a@b c",
        ] {
            assert!(text.parse::<ReleasesUrl>().is_ok(), "{text}");
        }
    }

    #[test]
    fn only_plain_http_beyond_this_machine_is_exposed() {
        for (text, exposed) in [
            ("http://mirror.example", true),
            ("http://10.0.0.1", true),
            ("http://127.0.0.1:8080", false),
            ("http://[::1]/x", false),
            ("http://localhost:1", false),
            ("https://mirror.example", false),
            ("file:///srv", false),
        ] {
            assert_eq!(url(text).is_exposed(), exposed, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_version_leads_out_of_the_base(text in "[0-9.]{0,8}[-a-z./%2eF]{0,12}") {
            if let Ok(version) = text.parse::<Version>() {
                let shown = url("https://mirror.example/a/b").checksums(&version).to_string();
                prop_assert_eq!(shown, format!("https://mirror.example/a/b/{version}/checksums.txt"));
            }
        }

        #[test]
        fn every_file_lies_below_any_base(
            user in "([a-z0-9]{1,8}:[a-z0-9%2F]{0,8}@)?",
            path in "(/([a-zA-Z0-9_.~-]|%[2-7][0-9A-F]){1,8}){0,4}/?",
            version in "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}",
        ) {
            let base = format!("https://{user}mirror.example{path}");
            // Some of these paths are refused, such as those with a broken escape.
            if let (Ok(releases), Ok(version)) = (base.parse::<ReleasesUrl>(), version.parse::<Version>()) {
                let [tarball, _] = tarball_names(&version, Platform::Amd64);
                for (location, name) in [
                    (releases.latest(), "latest.txt".to_owned()),
                    (releases.checksums(&version), format!("{version}/checksums.txt")),
                    (releases.tarball(&version, &tarball), format!("{version}/{tarball}")),
                ] {
                    // The URL library has its own words for `.` and `..` in the base, which must go before we append.
                    let whole = url::Url::parse(&base).unwrap();
                    let expected = format!("{}/{name}", whole.path().trim_end_matches('/'));
                    prop_assert_eq!(location.url().path(), expected);
                    prop_assert_eq!(location.url().username(), whole.username());
                    prop_assert_eq!(location.url().password(), whole.password());
                    prop_assert_eq!(location.to_string().contains('@'), false);
                }
            }
        }
    }
}
