//! A valid configuration: every text read once, every reference checked.

use super::media::ContentTypes;
use super::pattern::{Methods, Pattern, Routes};
use super::report::Report;
use crate::config::event_type::TypePattern;
use bytes::Bytes;
use connectors::http::code::Codes;
use connectors::http::form::Encoding;
use connectors::http::guard::{Cidr, Ports};
use connectors::http::redact::Rules;
use connectors::http::sign::key::Key;
use connectors::http::sign::message;
use connectors::http::{Auth, Identity, Proxy};
use contract::Name;
use contract::line::Priority;
use contract::part::{self, Part, Rule};
use contract::store::Retention;
use engine::policy::{breaker, capture, concurrency, order, rate, retry, statuses::Statuses};
use expressions::{Blueprint, Program, Template};
use http::{HeaderName, HeaderValue, Method, Uri};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The front door: routes, `/v1/messages`, `/v1/tickets`, `/healthz`.
    pub listen: SocketAddr,
    /// The operators' door: everything else. A loopback address.
    pub admin: SocketAddr,
    /// Where messages are kept.
    pub store: StoreLocation,
    /// The name of this node.
    pub node: Name,
    /// What may be forgotten, and when.
    pub retention: Retention,
    /// What one installation takes at once.
    pub limits: Limits,
    /// How long calls in flight may go on after a stop signal.
    pub shutdown_grace: Duration,
    /// What is logged, and how.
    pub log: Log,
    /// What is covered everywhere.
    pub redact: Rules,
    /// In the order of the file.
    pub routes: Vec<Route>,
    /// In the order of the file.
    pub targets: Vec<Target>,
    /// What works, but probably not as meant.
    pub warnings: Report,
}

/// Where messages are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreLocation {
    /// A folder with SQLite files. A relative path starts at the working directory.
    Sqlite(PathBuf),
    /// The same, but nothing is synced to disk: only for the test that proves that the others are.
    Unsynced(PathBuf),
    /// Nowhere: everything is lost when the process ends.
    Memory,
}

/// What one installation takes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message's body, unless its route says otherwise.
    pub body: usize,
    /// Requests that may wait for a commit; beyond it the answer is 503.
    pub accept_queue: usize,
    /// Client connections that are open at once.
    pub connections: usize,
    /// Bytes of message bodies that wait in memory; the rest of a backlog stays on disk.
    pub memory: usize,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Nothing below this level.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Someone must act.
    Error,
    /// Recovered, but worth a look.
    Warn,
    /// The state of targets and of the process.
    Info,
    /// Every message.
    Debug,
    /// Every step.
    Trace,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// One route: what comes in, and where it goes.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name.
    pub name: Name,
    /// The methods it takes.
    pub methods: Methods,
    /// The paths it takes.
    pub pattern: Pattern,
    /// The targets, each of which is in [`Config::targets`].
    pub to: Vec<Name>,
    /// The part of each of them in a message's group.
    pub parts: Vec<Part>,
    /// When a message has succeeded.
    pub rule: Rule,
    /// Whose answer the caller gets.
    pub primary: Option<Primary>,
    /// Who is told when everything has ended.
    pub callback: Option<Name>,
    /// Bytes of a message's body.
    pub body_max: usize,
    /// No attempt is made later than this after accept.
    pub deadline: Option<Duration>,
    /// Of its messages, unless one says otherwise.
    pub priority: Priority,
    /// Types of body that are taken; none: all.
    pub content_types: Option<ContentTypes>,
    /// Types of published event that it takes.
    pub types: Vec<TypePattern>,
    /// Messages with the same key go in order.
    pub key: Option<Program>,
    /// What is taken for a repeat; none: only what its caller says is one.
    pub dedupe: Option<Dedupe>,
    /// What is covered in what is shown of its messages.
    pub redact: Rules,
}

/// The target whose answer the caller gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Primary {
    /// Its place in [`Route::to`].
    pub ordinal: u16,
    /// How long the caller waits for it.
    pub wait: Duration,
    /// What becomes of a failure while the caller waits.
    pub failure: Failure,
}

/// What becomes of a failure while the caller waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It is the caller's answer.
    IsTold,
    /// It is tried again by the target's schedule.
    IsTriedAgain,
}

/// Which messages are taken for repeats.
#[derive(Clone, Debug)]
pub struct Dedupe {
    /// What two messages have in common then.
    pub by: DedupeBy,
    /// How long the first one counts.
    pub window: Duration,
}

/// What makes two messages the same.
#[derive(Clone, Debug)]
pub enum DedupeBy {
    /// Method, path and body.
    Content,
    /// What this gives for the body.
    Expression(Program),
}

/// One target: an HTTP API.
#[derive(Clone)]
pub struct Target {
    /// Its name.
    pub name: Name,
    /// Where the API is; where the path depends on the message, only its host.
    pub url: Uri,
    /// Path and query, where they depend on the message.
    pub path: Option<Template>,
    /// The same for people: as it stands in the file, so that `${…}` stays covered.
    pub url_shown: String,
    /// The method of each call.
    pub method: Method,
    /// Whether a message goes there at all.
    pub when: Option<Program>,
    /// How the body is made; none: byte for byte.
    pub body: Option<Program>,
    /// How the body is sent.
    pub encoding: Encoding,
    /// The header that carries the idempotency key; none: no header does.
    pub idempotency: Option<HeaderName>,
    /// Where it names its errors, and what they mean.
    pub codes: Codes,
    /// Who undoes what was delivered here.
    pub undo: Option<Name>,
    /// Headers of each call. Values that came from outside, and credentials, are marked sensitive: they print as `Sensitive`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Headers whose values depend on the message.
    pub made: Vec<(HeaderName, Template)>,
    /// Proves who calls.
    pub auth: Option<Auth>,
    /// Sign each call.
    pub keys: Vec<Key>,
    /// Signs the request itself.
    pub signature: Option<message::Key>,
    /// When to try again.
    pub retry: retry::Policy,
    /// How to read its answers.
    pub statuses: Statuses,
    /// How long each part of a call may take.
    pub timeouts: Timeouts,
    /// Calls in flight at once.
    pub concurrency: concurrency::Limit,
    /// Calls in a time; none: as many as there are.
    pub rate: Option<rate::Limit>,
    /// When it is left alone because it fails; none: never.
    pub breaker: Option<breaker::Policy>,
    /// What a failure means for later messages with the same key.
    pub order: order::Policy,
    /// It is disabled when it has failed for so long.
    pub disable_after: Option<Duration>,
    /// PEM certificates that are trusted instead of the system's.
    pub ca: Option<Bytes>,
    /// The certificate that is shown to an API that asks for one.
    pub identity: Option<Identity>,
    /// The way to it, if it is not the direct one.
    pub proxy: Option<Proxy>,
    /// Whether its address may be private.
    pub private: Private,
    /// Which ports may be called.
    pub ports: Ports,
    /// What is covered in what is kept of its answers.
    pub redact: Rules,
    /// Which answers' bodies are kept.
    pub capture: capture::Policy,
}

/// How long each part of a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Name look-up, TCP and TLS.
    pub connect: Duration,
    /// From the begin of the call until status and headers are in.
    pub total: Duration,
    /// Between two pieces of the answer's body.
    pub idle: Duration,
}

/// Whether loopback, private and other non-global addresses may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Private {
    /// They may.
    Allow,
    /// They may not.
    Deny,
    /// Only those of these networks may.
    Only(Vec<Cidr>),
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    /// It is.
    On,
    /// It is not.
    Off,
}

impl fmt::Debug for Target {
    /// Without what may hold a secret: the URL as it was resolved, and expressions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, url, headers) = (&self.name, &self.url_shown, &self.headers);
        f.debug_struct("Target")
            .field("name", name)
            .field("url", url)
            .field("headers", headers)
            .finish_non_exhaustive()
    }
}

impl Route {
    /// The name of the target whose answer the caller gets.
    #[must_use]
    pub fn primary_target(&self) -> Option<&Name> {
        self.to.get(usize::from(self.primary.as_ref()?.ordinal))
    }

    /// The places of all that one of [`Self::to`] waits for, directly or through others.
    #[must_use]
    pub fn before(&self, index: usize) -> Vec<usize> {
        let parts: Vec<&Part> = self.parts.iter().collect();
        let ordinal = u16::try_from(index).unwrap_or(u16::MAX);
        part::before(&parts, ordinal).into_iter().map(usize::from).collect()
    }
}

impl Target {
    /// What a message is made into for it.
    #[must_use]
    pub fn blueprint(&self) -> Blueprint {
        let headers = self.made.iter().map(|(name, template)| (name.as_str().to_owned(), template.clone()));
        Blueprint { body: self.body.clone(), path: self.path.clone(), headers: headers.collect() }
    }
}

impl Config {
    /// The routing table; its indices are those of [`Config::routes`].
    #[must_use]
    pub fn routing(&self) -> Routes {
        Routes::new(self.routes.iter().map(|route| (&route.methods, &route.pattern)))
    }
}
