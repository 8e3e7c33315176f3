//! Who asks: Heroku, by the add-on's id and password.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::TypedHeader;
use axum_extra::headers::{Authorization, authorization::Basic};
use axum_extra::typed_header::TypedHeaderRejection;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::App;

/// How many wrong passwords and tokens a minute an address may send before it is told to wait.
const FAILURES_A_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("it is not 0");

/// Counts failures by address.
///
/// The right password is accepted from every address: those of Heroku are shared with its customers, who could
/// otherwise lock Heroku out. No password is found by trying, as the shortest has 16 characters.
pub(super) struct Failures(DefaultKeyedRateLimiter<IpAddr>);

impl Default for Failures {
    fn default() -> Self {
        Self(RateLimiter::keyed(Quota::per_minute(FAILURES_A_MINUTE)))
    }
}

impl Failures {
    /// Notes a failure. The answer to it is `status`, or 429 if there were too many.
    pub(super) fn answer(&self, address: IpAddr, status: StatusCode) -> StatusCode {
        metrics::counter!("hoop_addon_refused_total", "status" => status.as_str().to_owned()).increment(1);
        if self.0.check_key(&network(address)).is_ok() {
            status
        } else {
            StatusCode::TOO_MANY_REQUESTS
        }
    }

    pub(super) fn forget(&self) {
        self.0.retain_recent();
    }
}

/// One customer has a whole network of IPv6 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// The address that asks. Heroku's router puts it at the end of what the client may have written itself.
pub(super) fn client(app: &App, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
    let forwarded = headers
        .get_all("x-forwarded-for")
        .iter()
        .next_back()
        .filter(|_| app.settings.behind_router);
    let last = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    last.unwrap_or_else(|| peer.ip())
}

/// A header that cannot be read is as wrong as another password.
pub(super) async fn require_password(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    given: Result<TypedHeader<Authorization<Basic>>, TypedHeaderRejection>,
    request: Request,
    next: Next,
) -> Response {
    let settings = &app.settings;
    let is_right = given.is_ok_and(|TypedHeader(Authorization(given))| {
        let user = is_same(given.username(), &settings.slug);
        let password = is_same(given.password(), settings.password.expose_secret());
        user & password
    });
    if is_right {
        return next.run(request).await;
    }
    let status = app
        .failures
        .answer(client(&app, peer, request.headers()), StatusCode::UNAUTHORIZED);
    refusal(status)
}

pub(super) fn refusal(status: StatusCode) -> Response {
    match status {
        StatusCode::TOO_MANY_REQUESTS => (status, [(header::RETRY_AFTER, "60")]).into_response(),
        StatusCode::UNAUTHORIZED => {
            (status, [(header::WWW_AUTHENTICATE, "Basic realm=\"hoop-addon\"")]).into_response()
        }
        _ => status.into_response(),
    }
}

/// Whether a request to `/metrics` has the token.
pub(super) fn has_token(given: &str, token: &SecretString) -> bool {
    is_same(given, token.expose_secret())
}

/// Compares in a time that tells neither where the texts differ nor how long they are.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    Sha256::digest(one).ct_eq(&Sha256::digest(other)).into()
}
