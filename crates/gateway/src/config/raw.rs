//! The configuration as it is written; the comments on its keys are their reference.

mod auth;
mod proxy;
mod target;

pub(crate) use auth::{ApiKey, Auth, Aws, Basic, OAuth2, Sign};
pub(crate) use proxy::Proxy;
pub(crate) use target::{
    Adaptive, Breaker, Concurrency, ErrorCode, Exponential, Rate, Retry, Target, Timeouts, Tls,
};

use super::field::{Either, Entries, Field, One, Several, Written};
use super::form::{Accept, Count, DedupeBy, Way};
use super::media::MediaRange;
use super::settings::{LogFormat, LogLevel, StoreLocation, Switch};
use super::units::ByteSize;
use crate::config::event_type::TypePattern;
use contract::Name;
use contract::line::Priority;
use contract::part::Rule;
use expressions::Program;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
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
    /// What holds for every target that does not say it itself: its keys but `uses`, `with`, `url`, `path`, `auth` and `undo`. Mappings are taken key by key; a key with nothing behind it (`rate:`) brings back what is built in.
    pub defaults: Field<Target>,
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
    /// The target whose answer the caller gets: a name, or more. It goes first, the others of `to` wait for its success, and when it fails nothing else is sent.
    pub primary: Field<Either<Name, Primary>>,
    /// A target that is told when everything has ended: it gets the ticket as JSON.
    pub callback: One<Name>,
    /// jq: the order key of a message. To each target, messages with the same key go one after the other, in the order they came.
    pub key: One<Program>,
    /// Which messages are taken for repeats although their callers do not say so.
    pub dedupe: Field<Dedupe>,
}

/// The target whose answer the caller gets.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["target"]))]
pub(crate) struct Primary {
    /// One of `to`.
    pub target: One<Name>,
    /// How long the caller waits for the answer, 1s to 60s; then it gets 202 with its ticket.
    pub wait: One<Duration>,
    /// `off`: the first failure within `wait` is the caller's answer, and the end. `on`: it is tried again by the target's `retry` while the caller waits, and after.
    pub retry: One<Switch>,
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
            defaults: Field::Absent,
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

impl Default for Primary {
    fn default() -> Self {
        Self { target: Field::Absent, wait: Written::default("30s"), retry: Written::default("off") }
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
            primary: Field::Absent,
            callback: Field::Absent,
            key: Field::Absent,
            dedupe: Field::Absent,
        }
    }
}
