use super::{AgentKey, KeyMode};
use crate::agent::key_fault::KeyFault;
use crate::secret::Secret;
use proptest::prelude::*;

fn parse(key: &str) -> Result<AgentKey, KeyFault> {
    AgentKey::parse(&Secret::new(key))
}

#[test]
fn every_published_form_is_read() {
    use KeyMode::{Embedded, MultiConnection, Organization, Standard, Unstated};
    let old_form = format!("grpcs://gateway.example:8443/{}", "a1".repeat(32));
    let old_form_with_name = format!("grpcs://web:x@gateway.example:8443/{}?mode=standard", "a1".repeat(32));
    for (key, mode, port, tls) in [
        (
            "grpcs://web:s3cr3t@gateway.example:8443?mode=standard",
            Standard,
            8443,
            true,
        ),
        (
            "grpc://web:s3cr3t@gateway.example:8010?mode=embedded",
            Embedded,
            8010,
            false,
        ),
        (
            "https://web:s3cr3t@gateway.example:443?mode=multi-connection",
            MultiConnection,
            443,
            true,
        ),
        ("http://web:s3cr3t@gateway.example:80", Unstated, 80, false),
        ("wss://web:s3cr3t@gateway.example:8443?mode=", Unstated, 8443, true),
        (old_form.as_str(), Embedded, 8443, true),
        // An agent looks at the length of the path first.
        (old_form_with_name.as_str(), Embedded, 8443, true),
        (
            "https://web:s3cr3t@Gateway.Example:443?mode=standard",
            Standard,
            443,
            true,
        ),
        (
            "GRPCS://web:s3cr3t@gateway.example:1/?a=b&mode=standard#x",
            Standard,
            1,
            true,
        ),
        (
            "ws://web:s%2Fcr%253t@gateway.example:1?mode=standard",
            Standard,
            1,
            false,
        ),
        // What an organization has, from gateway 1.21.0 on without a mode.
        ("grpcs://_default:s3cr3t@gateway.example:8443", Organization, 8443, true),
        (
            "grpcs://_default:s3cr3t@gateway.example:8443?mode=",
            Organization,
            8443,
            true,
        ),
        (
            "grpcs://%5Fdefault:s3cr3t@gateway.example:8443/",
            Organization,
            8443,
            true,
        ),
        (
            "grpcs://_default:s3cr3t@gateway.example:8443?mode=standard",
            Organization,
            8443,
            true,
        ),
        (
            "grpcs://_default:s3cr3t@gateway.example:8443?mode=multi-connection",
            MultiConnection,
            8443,
            true,
        ),
        ("grpcs://_Default:s3cr3t@gateway.example:8443", Unstated, 8443, true),
        ("grpcs://_default2:s3cr3t@gateway.example:8443", Unstated, 8443, true),
        // The first of two modes counts, and of a pair with a semicolon nothing.
        (
            "grpcs://web:s3cr3t@gateway.example:8443?mode=embedded&mode=standard",
            Embedded,
            8443,
            true,
        ),
        (
            "grpcs://web:s3cr3t@gateway.example:8443?mode=embedded;x&mode=standard",
            Standard,
            8443,
            true,
        ),
        (
            "grpcs://web:s3cr3t@gateway.example:8443?m%6Fde=st%61ndard",
            Standard,
            8443,
            true,
        ),
    ] {
        let host = "gateway.example".to_owned();
        assert_eq!(parse(key), Ok(AgentKey { mode, host, port, tls }), "{key}");
    }
    for (host, read) in [
        ("[::1]", "[::1]"),
        ("[fe80::1%25eth0]", "[fe80::1%eth0]"),
        ("10.1.0.7", "10.1.0.7"),
        ("999.1.1.1", "999.1.1.1"),
        ("gate_way", "gate_way"),
        ("gat%C3%A9", "gat\u{e9}"),
        ("gat\u{e9}", "gat\u{e9}"),
    ] {
        let key = parse(&format!("https://web:s3cr3t@{host}:443?mode=standard")).unwrap();
        assert_eq!((key.host.as_str(), key.port), (read, 443));
    }
}

#[test]
fn what_an_agent_would_refuse_is_refused_with_its_reason() {
    for (key, fault) in [
        ("", KeyFault::NotUrl),
        ("xagt-0123456789", KeyFault::NotUrl),
        ("://web:s3cr3t@gateway.example:21", KeyFault::NotUrl),
        ("1grpcs://web:s3cr3t@gateway.example:21", KeyFault::NotUrl),
        ("grpcs:web:s3cr3t@gateway.example:21", KeyFault::NotUrl),
        ("grpcs:/web:s3cr3t@gateway.example:21", KeyFault::NotUrl),
        ("ftp://web:s3cr3t@gateway.example:21", KeyFault::Scheme),
        ("gateway.example:8443", KeyFault::Scheme),
        ("grpcs://web:s3cr3t@gateway.example", KeyFault::NoPort),
        ("https://web:s3cr3t@gateway.example", KeyFault::NoPort),
        ("https://web:s3cr3t@gateway.example:", KeyFault::NoPort),
        ("https://web:s3cr3t@[::1]", KeyFault::NoPort),
        ("https://web:s3cr3t@[::1", KeyFault::Host),
        ("https://web:s3cr3t@[::1]x", KeyFault::Port),
        ("grpcs://web:s3cr3t@gateway.example:0", KeyFault::Port),
        ("grpcs://web:s3cr3t@gateway.example:65536", KeyFault::Port),
        ("grpcs://web:s3cr3t@gateway.example:+1", KeyFault::Port),
        ("grpcs://web:s3cr3t@gateway.example:grpc", KeyFault::Port),
        ("grpcs://web:s3c/r3t@gateway.example:8443", KeyFault::Port),
        ("grpcs://web:s3cr3t@gate^way:8443", KeyFault::Host),
        ("grpcs://web:s3cr3t@gate{way:8443", KeyFault::Host),
        ("grpcs://web:s3cr3t@gate%0Away:8443", KeyFault::Host),
        ("grpcs://web:s3cr3t@:8443", KeyFault::NoHost),
        ("grpcs://gateway.example:8443", KeyFault::NoSecret),
        ("grpcs://web@gateway.example:8443", KeyFault::NoSecret),
        ("grpcs://web:@gateway.example:8443", KeyFault::NoSecret),
        ("grpcs://gateway.example:8443/short", KeyFault::NoSecret),
        ("grpcs://web:s3cr3t@gateway.example:8443?mode=standart", KeyFault::Mode),
    ] {
        assert_eq!(parse(key), Err(fault), "{key}");
    }
}

proptest! {
    #[test]
    fn a_key_of_any_parts_is_read_as_what_it_was_made_of(
        (scheme, tls) in prop_oneof![
            Just(("grpc", false)), Just(("grpcs", true)), Just(("http", false)),
            Just(("https", true)), Just(("ws", false)), Just(("wss", true)),
        ],
        name in "[a-zA-Z0-9][a-zA-Z0-9._-]{0,20}",
        secret in "[a-zA-Z0-9_.~!$&'()*+,;=-]{1,64}",
        host in "([a-z](-?[a-z0-9]){0,8}\\.){1,3}example|10\\.[1-9]\\.0\\.7|\\[::1\\]",
        port in 1..=u16::MAX,
        (query, mode) in prop_oneof![
            Just(("", KeyMode::Unstated)),
            Just(("?mode=", KeyMode::Unstated)),
            Just(("?mode=standard", KeyMode::Standard)),
            Just(("?a=b&mode=embedded", KeyMode::Embedded)),
            Just(("?mode=multi-connection&a=b", KeyMode::MultiConnection)),
        ],
        slash in prop_oneof![Just(""), Just("/")],
    ) {
        let key = format!("{scheme}://{name}:{secret}@{host}:{port}{slash}{query}");
        prop_assert_eq!(parse(&key), Ok(AgentKey { mode, host: host.clone(), port, tls }), "{}", key);

        // Without one of its parts it is refused for that part.
        let without_port = format!("{scheme}://{name}:{secret}@{host}{slash}{query}");
        prop_assert_eq!(parse(&without_port), Err(KeyFault::NoPort), "{}", without_port);
        let without_secret = format!("{scheme}://{name}@{host}:{port}{slash}{query}");
        prop_assert_eq!(parse(&without_secret), Err(KeyFault::NoSecret), "{}", without_secret);
        let with_other_mode = format!("{scheme}://{name}:{secret}@{host}:{port}{slash}?mode={name}-");
        prop_assert_eq!(parse(&with_other_mode), Err(KeyFault::Mode), "{}", with_other_mode);
    }

    #[test]
    fn a_key_of_the_old_form_is_read_whatever_its_digest(
        digest in "[0-9a-f]{64}", port in 1..=u16::MAX, scheme in "(grpc|http|ws)s?",
    ) {
        let key = parse(&format!("{scheme}://gateway.example:{port}/{digest}"));
        let (mode, host) = (KeyMode::Embedded, "gateway.example".to_owned());
        let tls = ["grpcs", "https", "wss"].contains(&scheme.as_str());
        prop_assert_eq!(key, Ok(AgentKey { mode, host, port, tls }));
        // With one digit less it is a path, and no secret.
        let short = format!("{scheme}://gateway.example:{port}/{}", &digest[1..]);
        prop_assert_eq!(parse(&short), Err(KeyFault::NoSecret));
    }

    #[test]
    fn any_text_that_is_a_key_names_a_gateway(
        key in prop_oneof![
            "\\PC{0,40}",
            "(grpcs|https|ws)(://|:|/)[a-z0-9:@/?#\\[\\]%.=&]{0,40}",
            "grpcs://[a:@%/é]{0,12}h:[0-9]{0,6}\\PC{0,8}",
        ],
    ) {
        if let Ok(key) = parse(&key) {
            prop_assert!(!key.host.is_empty());
        }
    }

    #[test]
    fn nothing_of_a_key_is_in_what_is_shown_of_it(secret in "[a-zA-Z0-9]{12,40}", key in "\\PC{0,30}") {
        let shown = format!("{:?}", parse(&format!("grpcs://web:{secret}@gateway.example:8443?mode=standard")));
        prop_assert!(!shown.contains(&secret));
        // Any text at all is read or refused.
        let _ = parse(&key);
    }
}
