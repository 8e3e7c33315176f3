//! What to tell a person whose build could not get a file from the release server.

use crate::acquire::fetch::FetchError;
use crate::acquire::release_server::Location;
use crate::failure::Failure;
use crate::messages::Message;
use crate::messages::shortage::Shortage;

/// The failure id of `error`.
pub(super) fn failure(error: &FetchError) -> Failure {
    match error {
        FetchError::Unreachable { .. } => Failure::Unreachable,
        FetchError::Tls { .. } | FetchError::NotTls { .. } | FetchError::NoRoots { .. } => Failure::Tls,
        FetchError::NotHttp { .. } => Failure::NotHttp,
        FetchError::NotFound { .. } | FetchError::Refused { .. } => Failure::Refused,
        FetchError::ServerError { .. } => Failure::ServerError,
        FetchError::Stalled { .. } | FetchError::Overlong { .. } => Failure::Stalled,
        FetchError::Proxy { .. } => Failure::Proxy,
        FetchError::NoResources { .. } => Failure::NoResources,
        FetchError::CutShort { .. } => Failure::CutShort,
        FetchError::TooLarge { .. } => Failure::DownloadTooLarge,
        FetchError::FileUnreadable { .. } => Failure::FileUnreadable,
    }
}

pub(super) fn message(error: &FetchError) -> Message {
    match error {
        FetchError::Unreachable { location, attempts, cause } => {
            let message = of(error, format!("{} cannot be reached.", server(location)))
                .facts(vec![
                    ("Asked for", location.to_string()),
                    ("Tried", times(*attempts)),
                    ("Answer", "none".to_owned()),
                ])
                .text("An outage is the usual cause. A HOOP_RELEASES_URL with a misspelt host, or a proxy that is not there, looks the same.")
                .consequence();
            without_server(message).details(cause)
        }
        FetchError::Tls { location, cause } => of(error, format!("the connection to {} is not trusted.", location.host()))
            .text("The server's TLS certificate was not accepted, so nothing was downloaded. A proxy that opens TLS, an expired certificate, or a mirror with a certificate of its own CA is the usual cause.")
            .facts(vec![("Asked for", location.to_string())])
            .consequence()
            .step("Look at the certificate:", &[&format!("openssl s_client -connect {} </dev/null", host_and_port(location))])
            .step("For a mirror with its own CA, give the build that CA's certificate: the process environment's SSL_CERT_FILE names a PEM file.", &[])
            .step("Deploy again.", &[])
            .details(cause),
        FetchError::NotTls { location, cause } => of(error, format!("what answers at {} does not speak TLS.", host_and_port(location)))
            .text("HOOP_RELEASES_URL says https. The usual cause is a wrong port, one that speaks plain http, or a proxy that answers for everyone.")
            .facts(vec![("Asked for", location.to_string())])
            .consequence()
            .step("Look at what answers:", &[&format!("openssl s_client -connect {} </dev/null", host_and_port(location))])
            .step("Correct the port or, on a network of your own, the scheme:", &["heroku config:set HOOP_RELEASES_URL=https://mirror.example/hoop"])
            .step("Deploy again.", &[])
            .details(cause),
        FetchError::NotHttp { location, cause } => of(error, format!("what answers at {} does not speak HTTP.", host_and_port(location)))
            .text("The usual cause is a wrong port in HOOP_RELEASES_URL, http for a port that speaks https, a redirect to such a port, or a proxy variable that does not name a proxy.")
            .facts(vec![("Asked for", location.to_string())])
            .consequence()
            .step("Look at what answers:", &[&format!("curl --http0.9 -m 10 {location} | head -c 200")])
            .step("Correct the URL:", &["heroku config:set HOOP_RELEASES_URL=https://mirror.example/hoop"])
            .step("Deploy again.", &[])
            .details(cause),
        FetchError::NoRoots { cause } => of(error, "the CA certificates of this machine cannot be read.")
            .text("Without them no release server's certificate can be judged, so nothing was downloaded. SSL_CERT_FILE and SSL_CERT_DIR of the process environment say where they are.")
            .consequence()
            .step("Point SSL_CERT_FILE to a readable PEM file, or unset it.", &[])
            .step("Build again.", &[])
            .details(cause),
        FetchError::NotFound { location, answer } => of(error, format!("{} does not have the tarball.", server(location)))
            .facts(vec![("Asked for", location.to_string()), ("Answer", answer.clone())])
            .text("The version exists, since its checksums.txt was found. A mirror that was copied in part answers so.")
            .consequence()
            .step("Look at the answer:", &[&format!("curl -I {location}")])
            .step("For a mirror: copy the whole folder of the version.", &[])
            .step("Deploy again.", &[]),
        FetchError::Refused { location, answer } => of(error, format!("{} did not give a file.", server(location)))
            .facts(vec![("Asked for", location.to_string()), ("Answer", answer.clone())])
            .text("Asking again would not change that. A mirror that wants a user name and a token, a HOOP_RELEASES_URL with a wrong path, or a redirect that is not safe to follow is the usual cause.")
            .consequence()
            .step("Look at the answer:", &[&format!("curl -I {location}")])
            .step("Put user name and token into HOOP_RELEASES_URL where the mirror wants them:", &["heroku config:set HOOP_RELEASES_URL=https://user:token@host/path"])
            .step("Deploy again.", &[]),
        FetchError::ServerError { location, attempts, answer } => {
            let message = of(error, format!("{} has trouble of its own.", server(location)))
                .facts(vec![
                    ("Asked for", location.to_string()),
                    ("Tried", times(*attempts)),
                    ("Answer", answer.clone()),
                ])
                .consequence();
            without_server(message)
        }
        FetchError::Stalled { location, received, waited } => {
            let message = of(error, format!("the download from {} stopped.", location.host()))
                .facts(vec![
                    ("Asked for", location.to_string()),
                    ("Received", format!("{received} bytes")),
                    ("Waited", format!("{} s for more", waited.as_secs_f64())),
                ])
                .consequence();
            without_server(message)
        }
        FetchError::Overlong { location, received, limit } => {
            let message = of(error, format!("the download from {} took too long.", location.host()))
                .facts(vec![
                    ("Asked for", location.to_string()),
                    ("Received", format!("{received} bytes")),
                    ("In", format!("{} s, which is all that one file has", limit.as_secs_f64())),
                ])
                .text("On a slow line, raise CURL_TIMEOUT (seconds) of the build's environment.")
                .consequence();
            without_server(message)
        }
        FetchError::Proxy { cause } => of(error, "the proxy cannot be used.")
            .text("HTTPS_PROXY, HTTP_PROXY and ALL_PROXY of the build's environment name one, and NO_PROXY where there is none to be used.")
            .consequence()
            .step("Correct it: http://user:password@host:port, on one line, with each @ / ? # \\ : in the user name and password percent-encoded.", &[])
            .step("Build again.", &[])
            .details(cause),
        FetchError::NoResources { cause } => of(error, "this machine gives the build no more threads or open files.")
            .text("A limit of the container or of the user is the usual cause.")
            .consequence()
            .step("Build with higher limits: ulimit -u and -n, or the number of processes that the container may have.", &[])
            .details(cause),
        FetchError::CutShort { location, attempts, received, cause } => {
            let message = of(error, format!("the connection to {} broke each time.", location.host()))
                .facts(vec![
                    ("Asked for", location.to_string()),
                    ("Tried", times(*attempts)),
                    ("Received", format!("{received} bytes")),
                ])
                .consequence();
            without_server(message).details(cause)
        }
        FetchError::TooLarge { location, limit } => of(error, "the release server sends more than the file can have.")
            .facts(vec![("Asked for", location.to_string()), ("Read", format!("{limit} bytes, then stopped"))])
            .text("A mirror that answers with something else than the file is the usual cause.")
            .consequence()
            .step("Look at what it sends:", &[&format!("curl -I {location}")])
            .step("Deploy again.", &[]),
        FetchError::FileUnreadable { path, source } => {
            let message = of(error, "a file of the release folder cannot be read.")
                .facts(vec![("File", path.display().to_string())]);
            if let Some(shortage) = Shortage::of(source) {
                return shortage.explain(message).details(source);
            }
            message
                .text("HOOP_RELEASES_URL is a file: URL, and this file of it is there and cannot be read.")
                .consequence()
                .step("Look at it, and make it readable for the user who builds:", &[&format!("ls -l {}", path.display())])
                .step("Build again.", &[])
                .details(source)
        }
    }
}

/// Adds the ways out of a build that needs a server it cannot have.
fn without_server(message: Message) -> Message {
    message
        .step("Deploy again. Most outages last minutes.", &[])
        .step_if_stopped(
            "If this push must go out now, let it go without the agent; the app starts as it always does:",
            &["heroku config:set HOOP_INSTALL=optional"],
        )
        .step(
            "If an earlier build of this app installed another version, that one is in the cache and needs no server:",
            &["heroku config:set HOOP_VERSION=<version>"],
        )
}

/// Returns what to call the release server: of a `file:` one there is no host to name.
fn server(location: &Location) -> String {
    match location.host() {
        "" => "the release folder".to_owned(),
        host => format!("the release server {host}"),
    }
}

/// Returns what to connect to, as openssl takes it.
fn host_and_port(location: &Location) -> String {
    let port = location.url().port_or_known_default().unwrap_or(443);
    format!("{}:{port}", location.host())
}

/// Returns a number of attempts in words.
fn times(attempts: u32) -> String {
    match attempts {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}

/// Starts the message of `error`.
fn of(error: &FetchError, title: impl Into<String>) -> Message {
    Message::about(failure(error), title)
}
