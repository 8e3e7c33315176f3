//! Downloads the archive of a buildpack.

use crate::acquire::fetch::Resolver;
use crate::os::tls;
use anyhow::{Context as _, anyhow, bail};
use fs_err as fs;
use reqwest::blocking::Client;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The most bytes of a buildpack. The largest of those of the platform's own languages have a tenth of it.
const LIMIT: u64 = 512 * 1024 * 1024;

/// How long an answer, or a piece of it, may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Downloads `url` to a file.
pub(super) fn to_file(url: &Url, file: &Path) -> anyhow::Result<()> {
    let place = place(url);
    let client = Client::builder()
        .tls_backend_preconfigured(tls::client_config(tls::system_roots().map_err(|cause| anyhow!(cause))?))
        .dns_resolver(Arc::new(Resolver))
        .user_agent(concat!("hoop-buildpack/", env!("CARGO_PKG_VERSION")))
        .referer(false)
        .https_only(url.scheme() == "https")
        .timeout(PATIENCE)
        .build()?;
    let response = client.get(url.clone()).send();
    let response = response
        .map_err(|error| anyhow!(error.without_url()))
        .with_context(|| format!("cannot download {place}"))?;
    if !response.status().is_success() {
        bail!("cannot download {place}: the server answered {}", response.status());
    }
    let mut written = fs::File::create(file)?;
    let copied = std::io::copy(&mut response.take(LIMIT + 1), &mut written);
    let bytes = copied.with_context(|| format!("cannot download {place}"))?;
    if bytes > LIMIT {
        bail!("{place} has more than {LIMIT} bytes, which no buildpack has");
    }
    Ok(written.flush()?)
}

/// `url` without what may be a secret.
pub(super) fn place(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    // Neither can fail for a URL with a host.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.to_string()
}
