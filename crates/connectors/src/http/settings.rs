//! What a target is told by its configuration.

use super::auth::Auth;
use super::code::Codes;
use super::form::Encoding;
use super::guard::Guard;
use super::proxy::Proxy;
use super::sign::key::Key;
use super::tls::{Identity, Roots};
use http::{HeaderName, HeaderValue, Method, Uri};
use std::time::Duration;

/// The header that carries the idempotency key, unless a target wants another.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// An HTTP target.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where requests go: `http://` or `https://`, without user and password.
    pub url: Uri,
    /// Mostly POST.
    pub method: Method,
    /// Sent with every request; they win over the message's. Mark secrets with [`HeaderValue::set_sensitive`].
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How a body is sent. A form has its own `content-type`, unless `headers` say otherwise.
    pub encoding: Encoding,
    /// The header that carries the idempotency key; none: no such header is sent.
    pub idempotency: Option<HeaderName>,
    /// Where its error codes are, and what they mean.
    pub codes: Codes,
    /// Proves who calls; it wins over a header of the same name.
    pub auth: Option<Auth>,
    /// Sign each request, one signature each.
    pub keys: Vec<Key>,
    /// How long what may take.
    pub timeouts: Timeouts,
    /// For `https://`.
    pub tls: Tls,
    /// HTTP/1 connections kept open while nothing is sent.
    pub connections_max_idle: usize,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// The way out, if it is not the direct one.
    pub proxy: Option<Proxy>,
    /// Which addresses may be dialled. A proxy may be anywhere, and finds the address of a name itself.
    pub guard: Guard,
    /// Who we say we are.
    pub user_agent: HeaderValue,
}

impl Settings {
    /// The defaults for a URL.
    #[must_use]
    pub fn new(url: Uri) -> Self {
        Self {
            url,
            method: Method::POST,
            headers: Vec::new(),
            encoding: Encoding::Plain,
            idempotency: Some(IDEMPOTENCY_KEY),
            codes: Codes::default(),
            auth: None,
            keys: Vec::new(),
            timeouts: Timeouts::default(),
            tls: Tls::default(),
            connections_max_idle: 64,
            // Common load balancers close after 60 s: we want to be first.
            idle_timeout: Duration::from_secs(45),
            proxy: None,
            guard: Guard::AllowAll,
            user_agent: HeaderValue::from_static(concat!("fanlight/", env!("CARGO_PKG_VERSION"))),
        }
    }
}

/// Time-outs of one attempt. The capture of the body ends at `total` too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the look-up of the name to the end of the TLS handshake.
    pub connect: Duration,
    /// From the beginning to status and headers.
    pub total: Duration,
    /// A pause in the body.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(5), total: seconds(15), idle: seconds(5) }
    }
}

/// How a target is trusted.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Who may vouch for it.
    pub roots: Roots,
    /// Who we are, for a target that asks.
    pub identity: Option<Identity>,
}
