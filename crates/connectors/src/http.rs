//! The HTTP target: one request per parcel, over its own connections.
//!
//! ```text
//!  deliver ─► attempt ─┬─ pool: an open connection ───────────┬─► exchange ─► answer ─► back to the pool
//!                      └─ connect: name, guard, line, TLS ────┘       │
//!                                          ▲                         │ failed, and not a byte had left
//!                                          └──── once more ──────────┘ an old connection
//! ```

mod alarm;
mod answer;
pub mod auth;
mod base64;
mod bell;
pub mod capture;
mod classify;
mod client;
pub mod code;
mod connect;
mod cover;
mod destination;
pub mod dial;
mod exchange;
mod fields;
pub mod form;
pub mod guard;
pub mod hints;
mod host;
pub mod line;
mod percent;
mod pool;
pub mod proxy;
mod request;
pub mod settings;
mod shared;
pub mod sign;
mod single;
mod stopwatch;
mod tasks;
mod tls;
mod tokens;
mod unresolved;

pub use auth::Auth;
pub use destination::Fault;
pub use dial::Dial;
pub use guard::Guard;
pub use proxy::Proxy;
pub use settings::Settings;
pub use tls::{Fault as TlsFault, Identity, Roots};

use auth::{Facts, OAuth2, Proof};
use bytes::Bytes;
use classify::Failure;
use client::Client;
use code::Codes;
use contract::delivery::{Capture, ErrorClass, Timings};
use contract::target::{Call, Form, Lasting, Outcome, Parcel, Target};
use contract::{Clock, Promise};
use cover::Cover;
use destination::Destination;
use form::{Encoding, NotAForm};
use http::{Request, StatusCode, Version};
use std::borrow::Cow;
use std::sync::Arc;
use stopwatch::Stopwatch;
use tokens::{Token, Tokens};

/// An HTTP API as a target. Cheap per call: an open HTTP/1 connection is driven by the call itself. Tasks belong to the target and
/// end when it is dropped; so `deliver` must be called inside a tokio runtime.
pub struct HttpTarget {
    ready: Result<Ready, Fault>,
    clock: Arc<dyn Clock>,
}

/// What a target with good settings sends with.
struct Ready {
    client: Client,
    /// Of a target whose credential is a token.
    tokens: Option<Tokens>,
    cover: Cover,
    encoding: Encoding,
    codes: Codes,
}

/// Why a call would never be made.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unsent(String);

impl Settings {
    /// Whether a target can be made of these.
    ///
    /// # Errors
    /// [`Fault`]: what is wrong, for the person who wrote the configuration.
    pub fn check(&self) -> Result<(), Fault> {
        if let Some(oauth2) = self.oauth2() {
            Destination::try_new(&tokens::endpoint(oauth2, self))?;
        }
        Destination::try_new(self).map(drop)
    }

    fn oauth2(&self) -> Option<&OAuth2> {
        match &self.auth.as_ref()?.proof {
            Proof::OAuth2(oauth2) => Some(oauth2),
            Proof::Bearer(_)
            | Proof::Basic { .. }
            | Proof::Header { .. }
            | Proof::Query { .. }
            | Proof::Aws(_) => None,
        }
    }
}

impl Ready {
    fn try_new(settings: &Settings, clock: &Arc<dyn Clock>, dial: &Arc<dyn Dial>) -> Result<Self, Fault> {
        let to = Destination::try_new(settings)?;
        let tokens = settings
            .oauth2()
            .map(|oauth2| Tokens::try_new(oauth2, settings, Arc::clone(clock), Arc::clone(dial)));
        let client = Client::new(to, settings, Arc::clone(clock), Arc::clone(dial));
        Ok(Self {
            client,
            tokens: tokens.transpose()?,
            cover: Cover::new(settings),
            encoding: settings.encoding,
            codes: settings.codes.clone(),
        })
    }
}

impl HttpTarget {
    /// A target without connections yet. Settings that [`Settings::check`] refuses make a target whose every call ends as
    /// `local_config`.
    #[must_use]
    pub fn new(settings: Settings, clock: Arc<dyn Clock>, dial: Arc<dyn Dial>) -> Self {
        Self { ready: Ready::try_new(&settings, &clock, &dial), clock }
    }

    /// The request that an attempt would send, with the whole URL and its body, without sending it. What proves who calls stands there as
    /// far as it is known without asking anybody; it is marked sensitive.
    ///
    /// # Errors
    /// [`Unsent`]: such a call would never be made.
    pub fn request(&self, parcel: &Parcel) -> Result<Request<Bytes>, Unsent> {
        let ready = self.ready.as_ref().map_err(|fault| Unsent(fault.to_string()))?;
        let parcel = encoded(parcel, ready.encoding).map_err(|fault| Unsent(fault.to_string()))?;
        let to = &ready.client.to;
        let mut request = request::compose(to, &parcel, Version::HTTP_2);
        let token = auth::unknown_token();
        let facts = Facts { token: Some(&token), body: &parcel.body, at: parcel.at };
        to.credential.prove(&mut request, &facts).map_err(|failure| Unsent(failure.cause))?;
        Ok(request.map(|_| parcel.body.clone()))
    }

    async fn attempt(&self, parcel: &Parcel) -> Outcome {
        let own = |detail: String| Outcome::Own {
            class: ErrorClass::LocalConfig,
            lasting: Lasting::Lasting,
            detail,
        };
        let ready = match &self.ready {
            Ok(ready) => ready,
            Err(fault) => return own(fault.to_string()),
        };
        let parcel = match encoded(parcel, ready.encoding) {
            Ok(parcel) => parcel,
            Err(fault) => return own(fault.to_string()),
        };
        match &ready.tokens {
            None => self.call(ready, &parcel, None).await,
            // Boxed: it holds a call twice, and every call would carry its size.
            Some(tokens) => Box::pin(self.call_with_token(ready, tokens, &parcel)).await,
        }
    }

    async fn call(&self, ready: &Ready, parcel: &Parcel, token: Option<&Token>) -> Outcome {
        let Ready { client, cover, .. } = ready;
        let began = self.clock.tick();
        let mut watch = Stopwatch::start(began);
        let write = |version| request(&client.to, parcel, token, version);
        match client.send(&write, client.bounds(began, parcel.keep), &mut watch).await {
            // Only a proxy says so.
            Ok(reply)
                if reply.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED && client.to.via.is_some() =>
            {
                proxy::own("the proxy answered with 407")
                    .outcome(&client.to.place, watch.read(self.clock.tick()))
            }
            Ok(mut reply) => {
                reply.counts_as = ready.codes.counts_as(reply.status, &reply.capture);
                cover.put_on(&mut reply, token.map(|token| &token.field));
                Outcome::Answered(reply)
            }
            Err(failure) => failure.outcome(&client.to.place, watch.read(self.clock.tick())),
        }
    }

    /// A target that answers 401 has not acted: the call is made once more, with another token. The time that tokens take is
    /// not the target's.
    async fn call_with_token(&self, ready: &Ready, tokens: &Tokens, parcel: &Parcel) -> Outcome {
        let own = |failure: Failure| failure.outcome(&ready.client.to.place, Timings::default());
        let token = match tokens.current().await {
            Ok(token) => token,
            Err(failure) => return own(failure),
        };
        let first = self.call(ready, parcel, Some(&token)).await;
        if !matches!(&first, Outcome::Answered(reply) if reply.status == StatusCode::UNAUTHORIZED) {
            return first;
        }
        match tokens.instead_of(&token).await {
            Ok(newer) => self.call(ready, parcel, Some(&newer)).await,
            Err(failure) => own(failure),
        }
    }
}

/// The parcel as the target takes it: another form of the same body.
fn encoded(parcel: &Parcel, encoding: Encoding) -> Result<Cow<'_, Parcel>, NotAForm> {
    match encoding {
        Encoding::Plain => Ok(Cow::Borrowed(parcel)),
        Encoding::Form(lists) => {
            let body = form::write(&parcel.body, lists)?;
            Ok(Cow::Owned(Parcel { body, form: Form::Shaped, ..parcel.clone() }))
        }
    }
}

/// The request for a parcel, with what proves who sends it.
fn request(
    to: &Destination,
    parcel: &Parcel,
    token: Option<&Token>,
    version: Version,
) -> Result<Request<request::Body>, Failure> {
    let mut request = request::compose(to, parcel, version);
    sign::sign(&to.keys, request.headers_mut(), &parcel.body);
    let token = token.map(|token| &token.field);
    to.credential.prove(&mut request, &Facts { token, body: &parcel.body, at: parcel.at })?;
    Ok(request)
}

impl Target for HttpTarget {
    /// A parcel is one request; those of a batch go one after the other.
    fn deliver<'a>(&'a self, call: &'a Call) -> Promise<'a, Vec<Outcome>> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(call.parcels.len());
            for parcel in &call.parcels {
                outcomes.push(self.attempt(parcel).await);
            }
            outcomes
        })
    }

    fn error_code(&self, of: &Capture) -> Option<String> {
        self.ready.as_ref().ok()?.codes.read(of)
    }
}
