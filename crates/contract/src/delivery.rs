//! A delivery: one message on its way to one target, and the attempts made.
//!
//! ```text
//!            ┌──────────── Again ───────────┐
//!            ▼                              │
//!  accept ─► Due ── claim ──► Leased ── attempt ──► Delivered │ Dead │ Expired │ Cancelled
//!     │                         ▲                               │
//!     └──── lane has room ──────┘            redrive: a new run ┘ (Due again)
//!     ├──── filter said no ───► Skipped
//!     └──── part of a group ──► Waiting ─► Due │ Unmet │ Skipped │ Cancelled   (`group.rs`)
//! ```
//! `Leased` belongs to a session; when the session dies, the row counts as due and possibly sent.

pub use crate::capture::{Capture, CaptureEnd};
use crate::line::{Line, Priority, Turn};
use crate::part::{Audience, Duty};
use crate::{DeliveryId, Name, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Where a delivery stands on disk. Codes are part of the schema: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// A living session has it in memory: waiting in a lane or on the wire.
    Leased,
    /// Waits on disk until the time.
    Due(Timestamp),
    /// A target said yes.
    Delivered,
    /// Kept for people to inspect, edit, redrive or discard.
    Dead(Death),
    /// Ended by `cancel` or `discard` before success.
    Cancelled,
    /// Its deadline passed first.
    Expired,
    /// The target's filter said no, or nothing was left to undo: nothing to send.
    Skipped,
    /// Its turn in its group has not come.
    Waiting,
    /// What it waited for failed.
    Unmet,
}

impl Standing {
    /// Whether nothing more will happen unless a person asks for it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Leased | Self::Due(_) | Self::Waiting => false,
            Self::Delivered
            | Self::Dead(_)
            | Self::Cancelled
            | Self::Expired
            | Self::Skipped
            | Self::Unmet => true,
        }
    }
}

/// Why a delivery is dead. Codes are part of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Death {
    /// The schedule has no further attempt.
    Exhausted = 1,
    /// A status that a repeat would not change.
    Refused = 2,
    /// 410: the target is gone.
    Gone = 3,
    /// A fault of this side's configuration or expression that a repeat would not change.
    Config = 4,
    /// Claimed from a dead session too often: sending it may be what kills the process.
    Poison = 5,
    /// Its stored bytes do not match their checksum.
    Corrupt = 6,
    /// The target said `webhook-delivery: abort-message`.
    Aborted = 7,
    /// Its answer says yes, but whoever needs the answer cannot read it: too long, or no JSON.
    Unreadable = 8,
}

impl Death {
    /// Every reason, in order of code.
    pub const ALL: [Self; 8] = [
        Self::Exhausted,
        Self::Refused,
        Self::Gone,
        Self::Config,
        Self::Poison,
        Self::Corrupt,
        Self::Aborted,
        Self::Unreadable,
    ];

    /// Back from the code that a store kept.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|death| *death as u8 == code)
    }

    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::Config => "config",
            Self::Poison => "poison",
            Self::Corrupt => "corrupt",
            Self::Aborted => "aborted",
            Self::Unreadable => "unreadable",
        }
    }
}

/// The body's shape at accept: a hash of the target's expression, or none for a body that passes untouched.
/// The expression's text is kept once, as [`crate::store::Scope::Shape`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShapeId(pub u64);

/// One delivery as far as an attempt needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Stable over retries and redrives: the `webhook-id`.
    pub id: DeliveryId,
    /// Where it goes.
    pub target: Name,
    /// The shape pinned at accept.
    pub shape: Option<ShapeId>,
    /// Attempts made in this run that are counted.
    pub attempts: u32,
    /// 1 at accept; one more with each redrive.
    pub run: u32,
    /// 0 as accepted; one more with each edit: part of the `Idempotency-Key`, so one key has one body.
    pub revision: u32,
    /// A session died with it: the attempt may be a repeat and says so.
    pub suspect: Suspicion,
    /// What it is to its message.
    pub duty: Duty,
    /// Who reads its answer.
    pub audience: Audience,
    /// How urgent it is.
    pub priority: Priority,
}

impl Delivery {
    /// The line in which it waits.
    #[must_use]
    pub const fn line(&self) -> Line {
        Line { priority: self.priority, turn: Turn::of(self.attempts, self.run) }
    }
}

/// Whether an earlier attempt may have reached the target without our knowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// Every attempt's end is known.
    Clear,
    /// `fanlight-possible-duplicate: true` is sent.
    PossiblyDuplicate,
}

/// One try, as it is kept. Codes and field order are part of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first of its run. One that is not counted ([`Attempt::is_counted`]) has the number of the one that could not be made.
    pub number: u32,
    /// The run it belongs to.
    pub run: u32,
    /// When it began.
    pub began: Timestamp,
    /// How long each phase took.
    pub timings: Timings,
    /// What came of it.
    pub result: AttemptResult,
    /// Whether it was sent marked as a possible duplicate.
    pub suspect: Suspicion,
    /// When the next attempt is due, if there is one.
    pub next: Option<Timestamp>,
}

impl Attempt {
    /// Whether it uses up the schedule. A fault of this side that passes does not: the next attempt has the same number.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.next.is_none() || !self.result.class().is_some_and(ErrorClass::is_local)
    }

    /// Whether it says again what the one before says, and takes its place: so an outage of this side leaves one attempt on a delivery,
    /// however long it lasts.
    #[must_use]
    pub fn replaces(&self, before: &Self) -> bool {
        let uncounted = !self.is_counted() && !before.is_counted();
        uncounted && (self.run, self.number) == (before.run, before.number)
    }
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// Status and headers came.
    Answered {
        /// The HTTP status.
        status: u16,
        /// `Status` or `Redirect` when it counts as a failure.
        class: Option<ErrorClass>,
        /// The beginning of the answer.
        capture: Capture,
    },
    /// No answer.
    Failed {
        /// What kind of failure.
        class: ErrorClass,
        /// One line for people: what, where.
        detail: String,
    },
}

impl AttemptResult {
    /// The failure's class, if it was one.
    #[must_use]
    pub const fn class(&self) -> Option<ErrorClass> {
        match self {
            Self::Answered { class, .. } => *class,
            Self::Failed { class, .. } => Some(*class),
        }
    }

    /// The HTTP status, if there was one.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::Failed { .. } => None,
        }
    }
}

/// How long each phase of an attempt took. `Duration::ZERO` where a phase did not happen (a pooled connection).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// From leased to begun.
    pub queue: Duration,
    /// Name look-up.
    pub dns: Duration,
    /// TCP connect.
    pub connect: Duration,
    /// TLS handshake.
    pub tls: Duration,
    /// From request begun to status and headers in.
    pub first_byte: Duration,
    /// From headers to the end of the capture.
    pub body: Duration,
}

impl Timings {
    /// All phases after the queue.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.dns + self.connect + self.tls + self.first_byte + self.body
    }
}

/// What kind of failure an attempt had. Codes are part of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ErrorClass {
    /// The name does not resolve (the authoritative answer said so).
    DnsError = 1,
    /// Nobody listens.
    ConnectionRefused = 2,
    /// The connection broke before the status was in.
    ConnectionReset = 3,
    /// No TCP or TLS connection in time.
    TimeoutConnect = 4,
    /// No status and headers in time.
    TimeoutTotal = 5,
    /// The body paused for too long (where the body is needed).
    TimeoutIdle = 6,
    /// The handshake or the certificate failed.
    TlsError = 7,
    /// The answer is no HTTP.
    ProtocolError = 8,
    /// A status that is no success.
    Status = 9,
    /// A 3xx: redirects are not followed.
    Redirect = 10,
    /// Own side: the resolver did not answer.
    LocalDns = 11,
    /// Own side: no file handles or no ports.
    LocalResources = 12,
    /// Own side: an expression or the URL is wrong.
    LocalConfig = 13,
    /// Own side: the guard forbids the address.
    LocalGuard = 14,
    /// Own side: the stored bytes are damaged.
    LocalCorrupt = 15,
    /// Own side: there is no credential for the call, or it is not for it.
    LocalAuth = 16,
    /// Own side: the proxy cannot be reached, or refuses.
    LocalProxy = 17,
    /// A success whose body somebody needs and cannot read: broken, too long, or no JSON.
    BadBody = 18,
}

impl ErrorClass {
    /// Every class, in order of code.
    pub const ALL: [Self; 18] = [
        Self::DnsError,
        Self::ConnectionRefused,
        Self::ConnectionReset,
        Self::TimeoutConnect,
        Self::TimeoutTotal,
        Self::TimeoutIdle,
        Self::TlsError,
        Self::ProtocolError,
        Self::Status,
        Self::Redirect,
        Self::LocalDns,
        Self::LocalResources,
        Self::LocalConfig,
        Self::LocalGuard,
        Self::LocalCorrupt,
        Self::LocalAuth,
        Self::LocalProxy,
        Self::BadBody,
    ];

    /// Back from the code that a store kept.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|class| *class as u8 == code)
    }

    /// The word on the wire and in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::DnsError => "dns_error",
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectionReset => "connection_reset",
            Self::TimeoutConnect => "timeout_connect",
            Self::TimeoutTotal => "timeout_total",
            Self::TimeoutIdle => "timeout_idle",
            Self::TlsError => "tls_error",
            Self::ProtocolError => "protocol_error",
            Self::Status => "status",
            Self::Redirect => "redirect",
            Self::LocalDns => "local_dns",
            Self::LocalResources => "local_resources",
            Self::LocalConfig => "local_config",
            Self::LocalGuard => "local_guard",
            Self::LocalCorrupt => "local_corrupt",
            Self::LocalAuth => "local_auth",
            Self::LocalProxy => "local_proxy",
            Self::BadBody => "bad_body",
        }
    }

    /// Whether the fault is on this side, so that the target is not charged for it.
    #[must_use]
    pub const fn is_local(self) -> bool {
        matches!(
            self,
            Self::LocalDns
                | Self::LocalResources
                | Self::LocalConfig
                | Self::LocalGuard
                | Self::LocalCorrupt
                | Self::LocalAuth
                | Self::LocalProxy
        )
    }
}
