//! A target as it is written; the comments on its keys are their reference.

use super::{Auth, Capture, Proxy, Redact, Sign, Signature};
use crate::config::field::{Either, Entries, Field, One, Several, Written};
use crate::config::form::{
    Behind, Calls, Code, Count, Factor, HeaderText, Idempotency, Known, Pace, Plain, PortRange, Reach, Share,
    Statuses, Url, Way,
};
use crate::config::settings::Switch;
use connectors::http::code::Pointer;
use connectors::http::form::Encoding;
use contract::{Name, limits};
use engine::policy::order::Policy as Order;
use expressions::Program;
use http::{HeaderName, HeaderValue, Method};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// One target: an HTTP API.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Target {
    /// A preset that this target builds on: it says whatever this target does not. `fanlight presets list` names them.
    pub uses: One<Known>,
    /// What the preset does not know: its variables, by name, such as `{ key: "${STRIPE_KEY}" }`. `fanlight presets show NAME` tells which there are.
    pub with: Field<Entries<Plain, Written<Plain>>>,
    /// Where the API is: `http://` or `https://`, without user name and fragment. Behind the host, `{{ body.id }}` and the like are filled in for each message, percent-encoded. Required, unless a preset says it.
    pub url: One<Url>,
    /// What is added to the path of `url`: `/users` or `/users/{{ body.id }}?notify=true`.
    pub path: One<Behind>,
    /// The method of each call.
    pub method: One<Method>,
    /// jq: a message goes to this target unless this gives `false`, `null` or nothing; then its delivery is `skipped`.
    pub when: One<Program>,
    /// jq: the body that is sent. Without this key the message is sent byte for byte. The expression itself is kept in the store: put secrets into `headers`.
    pub body: One<Program>,
    /// How the body is sent: `plain`, as it is; `form`, a JSON object as `application/x-www-form-urlencoded`, nested keys in brackets (`items[0][price]=…`); or `form-repeat`, where lists repeat their key (`to=…&to=…`).
    pub encode: One<Encoding>,
    /// The `content-type` of each call, instead of the message's own, `application/json` for what `body` makes, or that of a form.
    pub content_type: One<HeaderValue>,
    /// The header that carries the idempotency key: the same for each attempt of a delivery; or `none`.
    pub idempotency_header: One<Idempotency>,
    /// Where in a failure's JSON the API names it, as a JSON pointer such as `/error/code`. Tickets and dead letters show it.
    pub error_code: Field<Either<Pointer, ErrorCode>>,
    /// The target that undoes what was delivered here, when the message cannot succeed any more. It gets the same message.
    pub undo: One<Name>,
    /// Headers of each call, by name. Use `${NAME}` or `${file:PATH}` for secrets, `{{ headers['x-tenant'] }}` and the like for what depends on the message.
    pub headers: Field<Entries<HeaderName, Written<HeaderText>>>,
    /// What proves to the API who calls.
    pub auth: Field<Auth>,
    /// What lets the API prove that a call comes from here.
    pub sign: Field<Sign>,
    /// Signs the request itself, method, URL, body and type: HTTP Message Signatures.
    pub signature: Field<Signature>,
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
    /// The ports that calls may go to, such as `443` or `8000-8100`. Without this key: all, and with a `private` other than `allow` all but those of well-known servers that speak no HTTP.
    pub ports: Field<Several<PortRange>>,
    /// What is covered, besides the file's `redact`, in what is kept of this target's answers and shown of its messages.
    pub redact: Field<Redact>,
    /// Which answers' bodies are kept.
    pub capture: Field<Capture>,
}

/// What the API calls a failure, and what that means.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["at"]))]
pub(crate) struct ErrorCode {
    /// JSON pointers: the first that leads to a text or a number has the code.
    pub at: Field<Several<Pointer>>,
    /// Codes, each with the status that an answer with it counts as, whatever its own is: `{ REQUEST_LIMIT_EXCEEDED: 429 }`. `"*"` stands for every other code of an answer with a 2xx.
    pub counts_as: Field<Entries<Code, Written<Count<400, 599>>>>,
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

impl Default for Target {
    fn default() -> Self {
        Self {
            uses: Field::Absent,
            with: Field::Absent,
            url: Field::Absent,
            path: Field::Absent,
            method: Written::default("POST"),
            when: Field::Absent,
            body: Field::Absent,
            encode: Written::default("plain"),
            content_type: Field::Absent,
            idempotency_header: Written::default("idempotency-key"),
            error_code: Field::Absent,
            undo: Field::Absent,
            headers: Field::Absent,
            auth: Field::Absent,
            sign: Field::Absent,
            signature: Field::Absent,
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
            ports: Field::Absent,
            redact: Field::Absent,
            capture: Field::Absent,
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
