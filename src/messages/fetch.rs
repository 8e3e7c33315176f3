//! What to tell a person whose build could not get a file from the release server.

use crate::acquire::fetch::error::{FetchError, FetchFault};
use crate::messages::message::{ISSUES_URL, Message, Tone};
use crate::messages::shortage::Shortage;
use indoc::{formatdoc, indoc};

/// The message of `error`.
pub(super) fn message(error: &FetchError, tone: Tone) -> Message {
    let FetchError { location, fault } = error;
    let consequence = tone.consequence();
    let without_server = without_server(tone);
    let block = match fault {
        FetchFault::Unreachable { attempts, .. } => formatdoc! {"
            {error}.

            Asked for: {location}
            Tried:     {tried}
            Answer:    none

            The usual cause is an outage. A misspelled host in HOOP_RELEASES_URL, or a proxy that does not exist, looks
            the same.

            {consequence}

            {without_server}
            ",
            tried = times(*attempts),
        },
        FetchFault::Tls { .. } => formatdoc! {"
            {error}.

            The server's TLS certificate was not accepted, so nothing was downloaded. The usual cause is a proxy that
            intercepts TLS, an expired certificate, or a mirror whose certificate is from its own CA.

            Asked for: {location}

            {consequence}

            1. Look at the certificate:
               openssl s_client -connect {place} </dev/null
            2. For a mirror with its own CA, give the build that CA's certificate: SSL_CERT_FILE in the build's
               environment names a PEM file.
            3. Deploy again.
            ",
            place = location.host_and_port(),
        },
        FetchFault::NotTls { .. } => formatdoc! {"
            {error}.

            HOOP_RELEASES_URL says https. The usual cause is a wrong port, a port for plain http, or a proxy that
            answers for every server.

            Asked for: {location}

            {consequence}

            1. Look at what answers:
               openssl s_client -connect {place} </dev/null
            2. Correct the port or, on a network of your own, the scheme:
               heroku config:set HOOP_RELEASES_URL=https://mirror.example/hoop
            3. Deploy again.
            ",
            place = location.host_and_port(),
        },
        FetchFault::NotHttp { .. } => formatdoc! {"
            {error}.

            The usual cause is a wrong port in HOOP_RELEASES_URL, http for a port that expects https, a redirect to such
            a port, or a proxy variable that does not name a proxy.

            Asked for: {location}

            {consequence}

            1. Look at what answers:
               curl --http0.9 -m 10 {location} | head -c 200
            2. Correct the URL:
               heroku config:set HOOP_RELEASES_URL=https://mirror.example/hoop
            3. Deploy again.
        "},
        FetchFault::NoRoots { .. } => formatdoc! {"
            {error}.

            Without them no release server can be trusted, so nothing was downloaded. SSL_CERT_FILE and SSL_CERT_DIR in
            the build's environment say where they are.

            {consequence}

            1. Point SSL_CERT_FILE to a readable PEM file, or unset it.
            2. Build again.
        "},
        FetchFault::NotFound { answer } => formatdoc! {"
            {error}.

            Asked for: {location}
            Answer:    {answer}

            The version exists, because its checksums.txt was found. The usual cause is an incomplete mirror.

            {consequence}

            1. Look at the answer:
               curl -I {location}
            2. For a mirror: copy the whole folder of the version.
            3. Deploy again.
        "},
        FetchFault::Refused { answer } => formatdoc! {"
            {error}.

            Asked for: {location}
            Answer:    {answer}

            Another attempt would get the same answer. The usual cause is a mirror that requires a user name and a
            token, a HOOP_RELEASES_URL with a wrong path, or a redirect that is not safe to follow.

            {consequence}

            1. Look at the answer:
               curl -I {location}
            2. Put the user name and token into HOOP_RELEASES_URL if the mirror requires them:
               heroku config:set HOOP_RELEASES_URL=https://user:token@host/path
            3. Deploy again.
        "},
        FetchFault::ServerError { attempts, answer } => formatdoc! {"
            {error}.

            Asked for: {location}
            Tried:     {tried}
            Answer:    {answer}

            {consequence}

            {without_server}
            ",
            tried = times(*attempts),
        },
        FetchFault::Stalled { received, waited } => formatdoc! {"
            {error}.

            Asked for: {location}
            Received:  {received} bytes
            Waited:    {waited} s for more

            {consequence}

            {without_server}
            ",
            waited = waited.as_secs_f64(),
        },
        FetchFault::Overlong { received, limit } => formatdoc! {"
            {error}.

            Asked for: {location}
            Received:  {received} bytes
            In:        {limit} s, the limit for one file

            On a slow line, raise CURL_TIMEOUT (seconds) in the build's environment.

            {consequence}

            {without_server}
            ",
            limit = limit.as_secs_f64(),
        },
        FetchFault::CutShort { attempts, received, .. } => formatdoc! {"
            {error}.

            Asked for: {location}
            Tried:     {tried}
            Received:  {received} bytes

            {consequence}

            {without_server}
            ",
            tried = times(*attempts),
        },
        FetchFault::TooLarge { limit } => formatdoc! {"
            {error}.

            Asked for: {location}
            Read:      {limit} bytes, then stopped

            The usual cause is a mirror that sends something other than the file.

            {consequence}

            1. Look at what it sends:
               curl -I {location}
            2. Deploy again.
        "},
        FetchFault::ChecksumMismatch {
            name,
            bytes,
            expected,
            received,
        } => formatdoc! {"
            {error}.

            File:     {name} ({bytes} bytes)
            From:     {location}
            Expected: sha256 {expected}
            Received: sha256 {received}

            The download was deleted. The usual cause is a proxy that rewrites downloads, an incomplete mirror, or a
            HOOP_SHA256 of another file.

            {consequence}

            1. Deploy again.
            2. If \"Received\" is the same the second time, do not work around this check. Send us the four lines above:
               {ISSUES_URL}
        "},
        FetchFault::FileUnreadable(source) => {
            let path = location.file().unwrap_or_default();
            let path = path.display();
            let rest = match Shortage::of(source) {
                Some(shortage) => shortage.explained(tone),
                None => formatdoc! {"
                    HOOP_RELEASES_URL is a file: URL. This file exists, but it cannot be read.

                    {consequence}

                    1. Look at it, and make it readable for the user that runs the build:
                       ls -l {path}
                    2. Build again.
                "},
            };
            formatdoc! {"
                {error}.

                File: {path}

                {rest}
            "}
        }
        FetchFault::Proxy { .. } => formatdoc! {"
            {error}.

            HTTPS_PROXY, HTTP_PROXY or ALL_PROXY in the build's environment names it. NO_PROXY lists the hosts that are
            reached without a proxy.

            {consequence}

            1. Correct it: http://user:password@host:port, on one line, with each @ / ? # \\ : in the user name and
               password percent-encoded.
            2. Build again.
        "},
    };
    let message = Message::about(error.failure(), tone, block);
    match fault {
        FetchFault::Unreachable { cause, .. }
        | FetchFault::Tls { cause }
        | FetchFault::NotTls { cause }
        | FetchFault::NotHttp { cause }
        | FetchFault::NoRoots { cause }
        | FetchFault::CutShort { cause, .. }
        | FetchFault::Proxy { cause } => message.details(cause),
        FetchFault::FileUnreadable(source) => message.details(source),
        FetchFault::NotFound { .. }
        | FetchFault::Refused { .. }
        | FetchFault::ServerError { .. }
        | FetchFault::Stalled { .. }
        | FetchFault::Overlong { .. }
        | FetchFault::TooLarge { .. }
        | FetchFault::ChecksumMismatch { .. } => message,
    }
}

/// The ways out of a build that needs a server it cannot reach.
fn without_server(tone: Tone) -> String {
    let let_it_go = match tone {
        Tone::Error => indoc! {"
            2. If this push must go out now, deploy without the agent; the app starts as usual:
               heroku config:set HOOP_INSTALL=optional
        "},
        Tone::Warning => "",
    };
    formatdoc! {"
        1. Deploy again. Most outages last minutes.
        {let_it_go}3. If an earlier build of this app installed another version, that one is in the cache and needs no
           server:
           heroku config:set HOOP_VERSION=<version>
    "}
}

/// A number of attempts in words.
fn times(attempts: u32) -> String {
    match attempts {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}
