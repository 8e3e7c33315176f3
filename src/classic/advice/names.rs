//! Config vars whose names are nearly ours, so that nobody reads them.

use crate::config;

use crate::messages::message::Message;
use crate::text;

/// Variables that the agent, its gateway or its sessions know, from the source of its releases 1.14 to 1.148, and one
/// that may have an agent's name. They are set on purpose, whatever they resemble.
const OF_AGENT: [&str; 35] = [
    "HOOP_AGENT",
    "HOOP_API",
    "HOOP_APIURL",
    "HOOP_APIV2",
    "HOOP_API_URL",
    "HOOP_CONNECTION_NAME",
    "HOOP_CONNECTION_TYPE",
    "HOOP_DB_URI",
    "HOOP_DISABLE_VERSION_CHECK",
    "HOOP_FEDERATED_PRINCIPAL",
    "HOOP_GATEWAY_URL",
    "HOOP_GCP_ACCESS_TOKEN",
    "HOOP_GCP_TOKEN_EXPIRES_AT",
    "HOOP_GRPCURL",
    "HOOP_GRPC_INSECURE",
    "HOOP_HOME",
    "HOOP_INSPECT_CONFIG",
    "HOOP_KEY_FILE",
    "HOOP_NAME",
    "HOOP_RS_BIN_PATH",
    "HOOP_SESSION_ID",
    "HOOP_SPIFFE_AUDIENCE",
    "HOOP_SPIFFE_BUNDLE_FILE",
    "HOOP_SPIFFE_BUNDLE_JWKS",
    "HOOP_SPIFFE_BUNDLE_URL",
    "HOOP_SPIFFE_KEY_FILE",
    "HOOP_SPIFFE_MODE",
    "HOOP_SPIFFE_REFRESH_PERIOD",
    "HOOP_SPIFFE_TRUST_DOMAIN",
    "HOOP_TLSCA",
    "HOOP_TLSSERVERNAME",
    "HOOP_TLS_SKIP_VERIFY",
    "HOOP_TOKEN",
    "HOOP_USER_EMAIL",
    "HOOP_USER_ID",
];

/// What the names of our config vars begin with, less what stands between words. The longer ones first.
const PREFIXES: [&str; 3] = ["HOOPWRAPPER", "HOOPSTART", "HOOP"];

/// Advice on names that are nearly ours, and so read by nobody. `connection`, the value of `HOOP_CONNECTION`, may have
/// others read: `env.NAME`.
pub fn misspelt(names: &[String], connection: Option<&str>) -> Option<Message> {
    let is_read = |name: &str| {
        let mut items = connection.into_iter().flat_map(|items| items.split(','));
        items.any(|item| item.trim().strip_prefix("env.") == Some(name))
    };
    let found: Vec<(&str, &str)> = names
        .iter()
        .filter(|name| !is_read(name))
        .filter_map(|name| Some((name.as_str(), meant_by(name)?)))
        .collect();
    let (first, meant) = *found.first()?;
    let title = match found.as_slice() {
        [_] => format!(
            "the config var {} has no effect. Did you mean {meant}?",
            text::visible(first)
        ),
        _ => format!(
            "{} config vars have no effect, because their names are misspelled.",
            found.len()
        ),
    };
    let is_set = |meant: &str| names.iter().any(|set| set == meant);
    let what_to_do = if found.iter().all(|(_, meant)| is_set(meant)) {
        "Nothing reads a variable of that name. To remove it, run:"
    } else {
        "Nothing reads a variable of that name. To rename it, run in a shell:"
    };
    let mut message = Message::warning(title).text(what_to_do);
    for (name, meant) in found {
        let name = shell_words::quote(name);
        if !is_set(meant) {
            message = message.quote(format!("heroku config:set {meant}=\"$(heroku config:get {name})\""));
        }
        message = message.quote(format!("heroku config:unset {name}"));
    }
    Some(message)
}

/// The config var of ours that somebody means who has set `name`.
fn meant_by(name: &str) -> Option<&'static str> {
    let ours = || {
        let others = [config::DEBUG_OLD, config::PROGRAM_RELEASES_URL];
        config::ALL.iter().map(|var| var.name).chain(others)
    };
    let is_shown = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    // Of those for tests, CONTRIBUTING.md tells.
    if name.starts_with("HOOP_BUILDPACK_") {
        let ours = config::PROGRAM_RELEASES_URL;
        return matches!(strsim::osa_distance(name, ours), 1..=2).then_some(ours);
    }
    // HOOP_KEY_2 and HOOP_CONNECTION_ID are names of their own.
    let is_longer = ours().any(|our| {
        let behind = name.strip_prefix(our).unwrap_or_default();
        let is_word = behind.starts_with('_') && behind.len() > 1;
        is_word || behind.starts_with(|first: char| first.is_ascii_digit())
    });
    if !is_shown || is_longer || OF_AGENT.contains(&name) || ours().any(|our| our == name) {
        return None;
    }
    let (prefix, own) = split_prefix(name)?;
    let nearest = ours().min_by_key(|our| distance(prefix, &own, our))?;
    (distance(prefix, &own, nearest) <= tolerance(&own)).then_some(nearest)
}

/// How many letters of a name of so many may be wrong.
fn tolerance(own: &str) -> usize {
    match own.len() {
        0..3 => 0,
        3..6 => 1,
        _ => 2,
    }
}

/// How far a name, split into prefix and what is its own, is from `our`. 0 is the same, but for case, for what
/// stands between words, or for the other prefix.
fn distance(prefix: &str, own: &str, our: &str) -> usize {
    let (our_prefix, our_own) = split_prefix(our).unwrap_or(("", String::new()));
    let letters = strsim::osa_distance(own, &our_own);
    // HOOP_SHA for HOOP_SHA256, HOOP_AUTO for HOOP_AUTOSTART.
    let is_beginning = own.len() >= 3 && our_own.starts_with(own);
    let whole = strsim::osa_distance(&format!("{prefix}{own}"), &format!("{our_prefix}{our_own}"));
    if is_beginning {
        letters.min(1)
    } else {
        letters.min(whole)
    }
}

/// Splits a name, in upper case and without what stands between words, behind the prefix of our names, right or
/// nearly so.
fn split_prefix(name: &str) -> Option<(&'static str, String)> {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
        .collect();
    for prefix in PREFIXES {
        if let Some(own) = plain.strip_prefix(prefix) {
            return Some((prefix, own.to_owned()));
        }
    }
    // HOP_KEY and OHOP_KEY, but no word: HOOK_KEY is somebody else's.
    let (first, own) = name.split_once(['_', '-', '.'])?;
    let first = first.to_ascii_uppercase();
    let is_ours = first.chars().all(|letter| "HOP".contains(letter)) && strsim::osa_distance(&first, "HOOP") <= 1;
    let own = own.chars().filter(char::is_ascii_alphanumeric);
    is_ours.then(|| ("HOOP", own.map(|letter| letter.to_ascii_uppercase()).collect()))
}

#[cfg(test)]
mod tests {
    use super::{OF_AGENT, meant_by, misspelt};
    use crate::config;

    #[test]
    fn near_misses_of_our_names_are_found() {
        for (name, meant) in [
            ("HOOP_SHA", "HOOP_SHA256"),
            ("HOOP_SHA_256", "HOOP_SHA256"),
            ("HOOP_VERISON", "HOOP_VERSION"),
            ("HOOP_CONECTION", "HOOP_CONNECTION"),
            ("HOOP_CONNECTIONS", "HOOP_CONNECTION"),
            ("HOOP_CONN", "HOOP_CONNECTION"),
            ("HOOP_AUTO_START", "HOOP_AUTOSTART"),
            ("HOOPSTART_AUTOSTART", "HOOP_AUTOSTART"),
            ("HOOP_PROCESS_TYPE", "HOOP_PROCESS_TYPES"),
            ("HOOP_IGNORED_PROCESS_TYPES", "HOOP_IGNORE_PROCESS_TYPES"),
            ("HOOP_RELEASE_URL", "HOOP_RELEASES_URL"),
            ("HOOP_DEBUG", "HOOPSTART_DEBUG"),
            ("HOOPSTART_DEBG", "HOOPSTART_DEBUG"),
            ("HOOP_START_DEBUG", "HOOPSTART_DEBUG"),
            ("HOOPSTRAT_DEBUG", "HOOPSTART_DEBUG"),
            ("HOOP_XTRACE", "HOOPSTART_XTRACE"),
            ("HOOPWRAPPER_XTRACE", "HOOPSTART_XTRACE"),
            ("HOOP_DISABLED", "HOOP_DISABLE"),
            ("HOOP_REQUIRE", "HOOP_REQUIRED"),
            ("HOOP_HIDEKEY", "HOOP_HIDE_KEY"),
            ("HOOP_COMAND", "HOOP_COMMAND"),
            ("hoop_key", "HOOP_KEY"),
            ("Hoop_Version", "HOOP_VERSION"),
            ("HOOP-KEY", "HOOP_KEY"),
            ("HOOPKEY", "HOOP_KEY"),
            ("HOOP_KEYS", "HOOP_KEY"),
            ("HOOP_DNS", "HOOP_DSN"),
            ("HOP_KEY", "HOOP_KEY"),
            ("HOPO_KEY", "HOOP_KEY"),
            ("HOOOP_INSTALL", "HOOP_INSTALL"),
            ("HOOP_BUILDPACK_RELEASE_URL", "HOOP_BUILDPACK_RELEASES_URL"),
        ] {
            assert_eq!(meant_by(name), Some(meant), "{name}");
        }
    }

    #[test]
    fn names_of_ours_of_the_agents_and_of_others_are_left_alone() {
        let ours = config::ALL.iter().map(|var| var.name);
        let others = [
            "HOOPSTART_XTRACE",
            "HOOP_BUILDPACK_RELEASES_URL",
            "HOOP_BUILDPACK_STALL_MS",
            "HOOP_AGENT",
            "HOOP_KEY_2",
            "HOOP_KEY2",
            "HOOP_KEY_ID",
            "HOOP_CONNECTION_ID",
            "HOOP_TLS_CA",
            "HOOP_API_KEY",
            "HOOP_ORG",
            "HOOP_URL",
            "HOOP_DB",
            "HOOP",
            "HOOP_",
            "HOOK_KEY",
            "SHOP_KEY",
            "LOOP_KEY",
            "HOP_URL",
            "WEB_VERSION",
            "DATABASE_URL",
            "KEY",
            "",
            "HOOP_KE\u{301}Y",
        ];
        for name in ours.chain(OF_AGENT).chain(others) {
            assert_eq!(meant_by(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_that_is_set_twice_is_only_to_be_unset() {
        let told = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            misspelt(&names, Some("orders,env.HOOP_CONNECTIONS")).map(|message| message.render())
        };
        let one = told(&["HOOP_SHA", "PATH"]).unwrap();
        for line in [
            "heroku config:set HOOP_SHA256=\"$(heroku config:get HOOP_SHA)\"",
            "heroku config:unset HOOP_SHA",
        ] {
            assert!(one.contains(&format!("    {line}\n")), "{one}");
        }
        let two = told(&["HOOP_CONECTION", "HOOP_SHA", "HOOP_SHA256"]).unwrap();
        assert!(two.starts_with("Warning: 2 config vars"), "{two}");
        assert!(!two.contains("config:set HOOP_SHA256"), "{two}");
        assert_eq!(told(&["HOOP_KEY", "PATH", "HOOP_CONNECTIONS"]), None);
    }
}
