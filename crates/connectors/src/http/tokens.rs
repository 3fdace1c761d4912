//! The access token of a target (OAuth 2 client credentials): fetched once for all calls, and renewed before it ends.
//!
//! ```text
//!             ┌── fresh ──────────────► use it
//!  current ───┼── about to end ───────► one call renews it, the others use it
//!             ├── none, or ended ─────► one call fetches it, the others wait for that
//!             └── refused just now ───► the same refusal, so that the endpoint is not stormed
//! ```

mod answer;
mod known;

pub(super) use known::Token;

use super::auth::scope::Scope;
use super::auth::{Auth, ClientAuth, Facts, OAuth2, Proof};
use super::classify::Failure;
use super::client::Client;
use super::destination::{Destination, Fault};
use super::dial::Dial;
use super::percent;
use super::request;
use super::settings::{Settings, Tls};
use super::stopwatch::Stopwatch;
use bytes::Bytes;
use contract::delivery::ErrorClass;
use contract::target::Keep;
use contract::{Clock, Secret, Tick};
use http::{HeaderValue, Method, header};
use known::{Known, Need};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Fetches and keeps the token.
pub(super) struct Tokens {
    client: Client,
    form: Bytes,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
    /// Held while somebody fetches for everybody.
    gate: tokio::sync::Mutex<()>,
}

impl Tokens {
    /// For a target with these settings: its guard, its time-outs and its authorities hold for the token's URL too.
    pub(super) fn try_new(
        oauth2: &OAuth2,
        target: &Settings,
        clock: Arc<dyn Clock>,
        dial: Arc<dyn Dial>,
    ) -> Result<Self, Fault> {
        let settings = endpoint(oauth2, target);
        let to = Destination::try_new(&settings)?;
        Ok(Self {
            client: Client::new(to, &settings, Arc::clone(&clock), dial),
            form: form(oauth2).into(),
            clock,
            known: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
        })
    }

    /// A token that is good as far as known.
    pub(super) async fn current(&self) -> Result<Token, Failure> {
        match self.need() {
            Need::Nothing(token) => Ok(token),
            Need::Early(token) => match self.gate.try_lock() {
                Ok(_gate) => Ok(self.fetch().await.unwrap_or(token)),
                Err(_) => Ok(token),
            },
            Need::Patience(failure) => Err(failure),
            Need::Token => {
                let _gate = self.gate.lock().await;
                match self.need() {
                    Need::Nothing(token) | Need::Early(token) => Ok(token),
                    Need::Patience(failure) => Err(failure),
                    Need::Token => self.fetch().await,
                }
            }
        }
    }

    /// Another token than one that the target has refused: the one that somebody has fetched since, or a new one.
    pub(super) async fn instead_of(&self, refused: &Token) -> Result<Token, Failure> {
        self.lock().forget(refused);
        self.current().await
    }

    fn need(&self) -> Need {
        self.lock().need(self.clock.tick())
    }

    async fn fetch(&self) -> Result<Token, Failure> {
        let asked = self.clock.tick();
        let fetched = self.ask(asked).await.map_err(|failure| self.own(failure));
        self.lock().learn(fetched, asked, self.clock.tick())
    }

    async fn ask(&self, now: Tick) -> Result<answer::Granted, Failure> {
        let to = &self.client.to;
        let write = |version| {
            let mut request = request::plain(to, self.form.clone(), version);
            to.credential
                .prove(&mut request, &Facts { token: None, body: &self.form, at: self.clock.now() })?;
            Ok(request)
        };
        let reply = self
            .client
            .send(&write, self.client.bounds(now, Keep::Beginning), &mut Stopwatch::start(now))
            .await?;
        answer::read(&reply).map_err(|refusal| Failure::unsent(ErrorClass::LocalAuth, refusal.to_string()))
    }

    /// Whatever went wrong there is no fault of the target.
    fn own(&self, failure: Failure) -> Failure {
        let class = if failure.class.is_local() { failure.class } else { ErrorClass::LocalAuth };
        let cause = format!("no token from {}: {}", self.client.to.place, failure.cause);
        Failure { lasting: failure.lasting, ..Failure::unsent(class, cause) }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The settings of the endpoint that gives tokens.
pub(super) fn endpoint(oauth2: &OAuth2, target: &Settings) -> Settings {
    let field = |name, text| (name, HeaderValue::from_static(text));
    Settings {
        method: Method::POST,
        headers: vec![
            field(header::CONTENT_TYPE, "application/x-www-form-urlencoded"),
            field(header::ACCEPT, "application/json"),
        ],
        auth: match oauth2.client_auth {
            ClientAuth::Basic => Some(Auth { proof: by_name(oauth2), scope: Scope::default() }),
            ClientAuth::Post => None,
        },
        timeouts: target.timeouts,
        // Our certificate is for the target's origin.
        tls: Tls { roots: target.tls.roots.clone(), identity: None },
        proxy: target.proxy.clone(),
        guard: target.guard.clone(),
        user_agent: target.user_agent.clone(),
        ..Settings::new(oauth2.token_url.clone())
    }
}

/// RFC 6749, section 2.3.1: name and password are encoded as in a form before they are put together.
fn by_name(oauth2: &OAuth2) -> Proof {
    let encoded = |secret: &Secret| Secret::new(percent::encode(secret.expose()));
    Proof::Basic { user: encoded(&oauth2.client_id), password: encoded(&oauth2.client_secret) }
}

fn form(oauth2: &OAuth2) -> String {
    let scope = oauth2.scopes.join(" ");
    let mut pairs = vec![("grant_type", "client_credentials")];
    pairs.extend((!scope.is_empty()).then_some(("scope", scope.as_str())));
    pairs.extend(oauth2.audience.as_deref().map(|audience| ("audience", audience)));
    match oauth2.client_auth {
        ClientAuth::Basic => {}
        ClientAuth::Post => pairs.extend([
            ("client_id", oauth2.client_id.expose()),
            ("client_secret", oauth2.client_secret.expose()),
        ]),
    }
    let pairs = pairs.into_iter().map(|(name, value)| format!("{name}={}", percent::encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}
