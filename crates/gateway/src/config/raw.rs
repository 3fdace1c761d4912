//! The configuration as it is written; the comments on its keys are their reference.

mod auth;
mod proxy;

pub(crate) use auth::{ApiKey, Auth, Aws, Basic, OAuth2, Sign};
pub(crate) use proxy::Proxy;

use super::field::{Either, Entries, Field, One, Several, Written};
use super::form::{
    Accept, Calls, Count, DedupeBy, Factor, HeaderText, Pace, Reach, Share, Statuses, Url, Way,
};
use super::media::MediaRange;
use super::settings::{LogFormat, LogLevel, StoreLocation, Switch};
use super::units::ByteSize;
use crate::config::event_type::TypePattern;
use contract::line::Priority;
use contract::part::Rule;
use contract::{Name, limits};
use engine::policy::order::Policy as Order;
use expressions::Program;
use http::{HeaderName, Method};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The configuration of Fanlight.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The address of the front door: routes, `/v1/messages`, `/v1/tickets`, `/healthz`.
    pub listen: One<SocketAddr>,
    /// The address of the operators' door: everything else under `/v1`, `/metrics`, `/readyz`. It must be a loopback address while it has no authentication.
    pub admin: One<SocketAddr>,
    /// Where messages are kept: `sqlite:FOLDER` (a relative folder starts at the working directory), or `memory`, which forgets everything at the end of the process.
    pub store: One<StoreLocation>,
    /// The name of this node.
    pub node: One<Name>,
    /// What may be forgotten, and when.
    pub retention: Field<Retention>,
    /// What is taken at once.
    pub limits: Field<Limits>,
    /// How the process ends.
    pub shutdown: Field<Shutdown>,
    /// What is logged, and how.
    pub log: Field<Log>,
    /// The way out to all targets, if it is not the direct one: `http://`, a host and a port, or more.
    pub proxy: Field<Either<Way, Proxy>>,
    /// What comes in, and where it goes: one entry per route, under a name of your choice.
    pub routes: Field<Entries<Name, Route>>,
    /// The APIs that messages go to: one entry per target, under a name of your choice.
    pub targets: Field<Entries<Name, Target>>,
}

/// What may be forgotten, and when. What is still to be delivered is never forgotten.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retention {
    /// Finished messages are kept this long, or shorter when `bytes` is reached.
    pub time: One<Duration>,
    /// Dead deliveries are kept this long.
    pub dead: One<Duration>,
    /// Bytes on disk, at least 16 MiB. When what is alive needs more, new messages are refused with 507.
    pub bytes: One<ByteSize>,
}

/// What is taken at once.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// The largest body of a message, at most 16 MiB. Beyond it the answer is 413. A route may say otherwise.
    pub body: One<ByteSize>,
    /// Requests that may wait for the disk at once. Beyond it the answer is 503.
    pub accept_queue: One<Count<1, 65536>>,
    /// Client connections that are open at once. Further ones wait to be accepted.
    pub connections: One<Count<1, 1_000_000>>,
    /// Bytes of message bodies that wait in memory, at least 16 MiB; the rest of a backlog stays on disk.
    pub memory: One<ByteSize>,
}

/// How the process ends.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Shutdown {
    /// How long calls in flight may go on after a stop signal.
    pub grace: One<Duration>,
}

/// What is logged, and how.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// Nothing below this level: `error`, `warn`, `info`, `debug` (every message), `trace`.
    pub level: One<LogLevel>,
    /// `text` for people, `json` for machines; `auto` is text on a terminal and JSON elsewhere.
    pub format: One<LogFormat>,
}

/// One route: which requests it takes, and where they go.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["accept", "to"]))]
pub(crate) struct Route {
    /// Method and path, such as `POST /signup`, `POST|PUT /orders/{id}` or `ANY /hooks/{*rest}`. A segment `{name}` takes exactly one segment, `{*name}` at the end takes everything that follows. Of several routes that match, the most specific one wins. `/healthz` and everything under `/v1/` are taken by Fanlight itself.
    pub accept: One<Accept>,
    /// The targets, by name: 1 to 256.
    pub to: Field<Several<Name>>,
    /// The largest body of this route, instead of `limits.body`.
    pub body: One<ByteSize>,
    /// No attempt is made later than this after the message was accepted; what is not delivered by then is `expired`.
    pub deadline: One<Duration>,
    /// How urgent this route's messages are among those that wait for a target: `high`, `normal` or `low` (of 21 calls 16, 4 and 1). A message may say otherwise.
    pub priority: One<Priority>,
    /// The content types that are taken, such as `application/json` or `text/*`; any other is answered with 415. Without this key all are taken.
    pub content_types: Field<Several<MediaRange>>,
    /// The types of event that this route takes from `POST /v1/messages`, such as `com.example.signup`, `com.example.*` or `*`. The first route that lists an event's type takes it.
    pub types: Field<Several<TypePattern>>,
    /// When a message has succeeded: `all` of its required targets were delivered, `any`, or so many of them.
    pub complete: One<Rule>,
    /// Those of `to` that never make a message fail.
    pub optional: Field<Several<Name>>,
    /// Which targets wait for which: `{ mailing: crm }` sends to `mailing` once `crm` was delivered. When `crm` fails, `mailing` is skipped, and that counts as failed.
    pub after: Field<Entries<Name, Several<Name>>>,
    /// A target that is told when everything has ended: it gets the ticket as JSON.
    pub callback: One<Name>,
    /// jq: the order key of a message. To each target, messages with the same key go one after the other, in the order they came.
    pub key: One<Program>,
    /// Which messages are taken for repeats although their callers do not say so.
    pub dedupe: Field<Dedupe>,
}

/// Which messages are taken for repeats: a repeat is answered with the ticket of the first one, and not delivered again. The caller's own `Idempotency-Key`, and `source` and `id` of a CloudEvent, count first.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Dedupe {
    /// `content`: method, path and body are the same; or jq: this gives the same for the body. What gives `null` or nothing is no repeat.
    pub by: One<DedupeBy>,
    /// How long the first one counts, at most 24h.
    pub window: One<Duration>,
}

/// One target: an HTTP API.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["url"]))]
pub(crate) struct Target {
    /// Where the API is: `http://` or `https://`, without user name and fragment. Behind the host, `{{ body.id }}` and the like are filled in for each message, percent-encoded.
    pub url: One<Url>,
    /// The method of each call.
    pub method: One<Method>,
    /// jq: a message goes to this target unless this gives `false`, `null` or nothing; then its delivery is `skipped`.
    pub when: One<Program>,
    /// jq: the body that is sent. Without this key the message is sent byte for byte. The expression itself is kept in the store: put secrets into `headers`.
    pub body: One<Program>,
    /// The target that undoes what was delivered here, when the message cannot succeed any more. It gets the same message.
    pub undo: One<Name>,
    /// Headers of each call, by name. Use `${NAME}` or `${file:PATH}` for secrets, `{{ headers['x-tenant'] }}` and the like for what depends on the message.
    pub headers: Field<Entries<HeaderName, Written<HeaderText>>>,
    /// What proves to the API who calls.
    pub auth: Field<Auth>,
    /// What lets the API prove that a call comes from here.
    pub sign: Field<Sign>,
    /// When and after what to try again.
    pub retry: Field<Retry>,
    /// How long a call may take: one duration until status and headers are in, or each part on its own.
    pub timeout: Field<Either<Duration, Timeouts>>,
    /// Calls in flight at once: a number, or `adaptive` for as many as the API takes without becoming slow.
    pub concurrency: Field<Either<Calls, Concurrency>>,
    /// Calls in a time, such as `100/s`, `300/m` or `5000/h`, retries included. What is more waits in order. Without this key there is no such limit.
    pub rate: Field<Either<Pace, Rate>>,
    /// When a target that fails is left alone: `on`, `off`, or each part on its own. It is then tried with one call, and with more as they succeed.
    pub breaker: Field<Either<Switch, Breaker>>,
    /// What a failure means for later messages with the same `key`: `block` holds them while it is tried again, `skip` lets them go after its first failure, `park` holds them also when it is dead, until somebody decides.
    pub order: One<Order>,
    /// A target that has failed for this long, with nothing that succeeded in between, is disabled until somebody resumes it. Its backlog is kept. Without this key it is tried for ever.
    pub disable_after: One<Duration>,
    /// Statuses that mean success, such as `200`, `200-204` or `2xx`.
    pub success: Field<Several<Statuses>>,
    /// How the API is recognised, and how it recognises us; only for `https://`.
    pub tls: Field<Tls>,
    /// The way to it, instead of the file's `proxy`; `none` is the direct one.
    pub proxy: Field<Either<Way, Proxy>>,
    /// Whether the URL may lead to loopback, private and other addresses that are not public: `allow`, `deny`, or a list of the networks that it may lead to. The address that is dialled counts.
    pub private: Field<Several<Reach>>,
}

/// When and after what to try again.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retry {
    /// The wait before each attempt, the first one included: 1 to 100 attempts.
    pub schedule: Field<Several<Duration>>,
    /// Waits that grow, instead of `schedule`. The first attempt is made at once.
    pub exponential: Field<Exponential>,
    /// Each wait is longer or shorter by at most this share, by chance.
    pub jitter: One<Share>,
    /// Statuses that are tried again although they would not be. Without this key: 404, 408, 409, 425, 429 and all 5xx but 501 and 505.
    pub on: Field<Several<Statuses>>,
    /// Statuses that are not tried again although they would be: the delivery is dead at once.
    pub never: Field<Several<Statuses>>,
}

/// Waits that grow.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Exponential {
    /// The wait before the second attempt.
    pub first: One<Duration>,
    /// Each wait is this many times the one before.
    pub factor: One<Factor>,
    /// The longest wait.
    pub max: One<Duration>,
    /// Attempts in all.
    pub attempts: One<Count<1, { limits::ATTEMPTS_MAX as usize }>>,
}

/// Calls in flight at once, learned from the answers.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Concurrency {
    /// Between which bounds.
    pub adaptive: Field<Adaptive>,
}

/// The bounds of what is learned.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Adaptive {
    /// Never fewer.
    pub min: One<Count<1, { limits::WINDOW_ITEMS_MAX }>>,
    /// Never more.
    pub max: One<Count<1, { limits::WINDOW_ITEMS_MAX }>>,
}

/// Calls in a time.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["limit"]))]
pub(crate) struct Rate {
    /// Such as `100/s`, `300/m` or `5000/h`.
    pub limit: One<Pace>,
    /// Calls that may go at once after a rest. Without this key as many as `limit` allows in a tenth of a second, at least 1.
    pub burst: One<Count<1, { limits::RATE_MAX as usize }>>,
}

/// How long each part of a call may take.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Timeouts {
    /// Name look-up, TCP and TLS.
    pub connect: One<Duration>,
    /// From the begin of the call until status and headers are in.
    pub total: One<Duration>,
    /// Between two pieces of the answer's body.
    pub idle: One<Duration>,
}

/// When a target that fails is left alone. A failure is a connection that fails, a time-out or a 5xx.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Breaker {
    /// It opens at this share of failures, if there were `calls` in `window`.
    pub failures: One<Share>,
    /// The fewest calls that a share is taken of.
    pub calls: One<Count<1, 1_000_000>>,
    /// The time that a share is taken of.
    pub window: One<Duration>,
    /// It also opens at so many failures in a row.
    pub consecutive: One<Count<1, 1_000_000>>,
    /// How long no call goes; twice as long each time it opens again. A fifth longer or shorter, by chance.
    pub open: One<Duration>,
    /// The longest time without a call.
    pub open_max: One<Duration>,
    /// Whether targets with the same host and port are left alone together when there is no connection to it.
    pub host: One<Switch>,
}

/// How the API is recognised, and how it recognises us.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tls {
    /// A file of PEM certificates that are trusted instead of the system's.
    pub ca: One<PathBuf>,
    /// A file with our PEM certificate, and those that vouch for it behind it, for an API that asks for one (mTLS). It is shown to the host of `url` only.
    pub cert: One<PathBuf>,
    /// A file with the PEM private key of `cert`, without a passphrase.
    pub key: One<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Written::default("127.0.0.1:8080"),
            admin: Written::default("127.0.0.1:8081"),
            store: Written::default("sqlite:./fanlight-data"),
            node: Written::default("local"),
            retention: Field::Absent,
            limits: Field::Absent,
            shutdown: Field::Absent,
            log: Field::Absent,
            proxy: Field::Absent,
            routes: Field::Absent,
            targets: Field::Absent,
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { time: Written::default("7d"), dead: Written::default("30d"), bytes: Written::default("10GB") }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: Written::default("256KiB"),
            accept_queue: Written::default("4096"),
            connections: Written::default("10000"),
            memory: Written::default("64MiB"),
        }
    }
}

impl Default for Dedupe {
    fn default() -> Self {
        Self { by: Written::default("content"), window: Written::default("10m") }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { grace: Written::default("30s") }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: Written::default("info"), format: Written::default("auto") }
    }
}

impl Default for Route {
    fn default() -> Self {
        Self {
            accept: Field::Absent,
            to: Field::Absent,
            body: Field::Absent,
            deadline: Field::Absent,
            content_types: Field::Absent,
            types: Field::Absent,
            priority: Field::Absent,
            complete: Written::default("all"),
            optional: Field::Absent,
            after: Field::Absent,
            callback: Field::Absent,
            key: Field::Absent,
            dedupe: Field::Absent,
        }
    }
}

impl Default for Target {
    fn default() -> Self {
        Self {
            url: Field::Absent,
            method: Written::default("POST"),
            when: Field::Absent,
            body: Field::Absent,
            undo: Field::Absent,
            headers: Field::Absent,
            auth: Field::Absent,
            sign: Field::Absent,
            retry: Field::Absent,
            timeout: Field::Good(Either::default("15s")),
            concurrency: Field::Good(Either::default("64")),
            rate: Field::Absent,
            breaker: Field::Good(Either::default("on")),
            order: Written::default("block"),
            disable_after: Field::Absent,
            success: Several::default(&["2xx"]),
            tls: Field::Absent,
            proxy: Field::Absent,
            private: Several::default(&["allow"]),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            schedule: Several::default(&["0s", "5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"]),
            exponential: Field::Absent,
            jitter: Written::default("20%"),
            on: Field::Absent,
            never: Field::Absent,
        }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures: Written::default("50%"),
            calls: Written::default("20"),
            window: Written::default("30s"),
            consecutive: Written::default("10"),
            open: Written::default("30s"),
            open_max: Written::default("10m"),
            host: Written::default("on"),
        }
    }
}

impl Default for Adaptive {
    fn default() -> Self {
        Self { min: Written::default("1"), max: Written::default("256") }
    }
}

impl Default for Exponential {
    fn default() -> Self {
        Self {
            first: Written::default("5s"),
            factor: Written::default("2"),
            max: Written::default("1h"),
            attempts: Written::default("10"),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Written::default("5s"), total: Written::default("15s"), idle: Written::default("5s") }
    }
}
