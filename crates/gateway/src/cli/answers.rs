//! What the API answers, as far as the command line shows it. Words are kept as they came: the server may be newer.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use std::time::Duration;

/// 202 for a message.
#[derive(Debug, Deserialize)]
pub(super) struct Receipt {
    pub(super) id: String,
    pub(super) deliveries: Vec<Ray>,
}

/// One delivery of a receipt.
#[derive(Debug, Deserialize)]
pub(super) struct Ray {
    pub(super) id: String,
    pub(super) target: String,
}

/// A ticket.
#[derive(Debug, Deserialize)]
pub(super) struct Ticket {
    pub(super) id: String,
    pub(super) route: String,
    pub(super) state: String,
    pub(super) settled: bool,
    pub(super) received: Moment,
    pub(super) deliveries: Vec<Delivery>,
}

/// One delivery of a ticket.
#[derive(Debug, Deserialize)]
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) target: String,
    /// What it is to its message, if it is not what that is for.
    pub(super) duty: Option<String>,
    /// The target whose delivery it undoes.
    pub(super) undoes: Option<String>,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    /// The delivery of its order key that must end first.
    pub(super) behind: Option<String>,
    pub(super) next_attempt: Option<Moment>,
    pub(super) run: u32,
    pub(super) attempts: Vec<Attempt>,
}

/// One attempt.
#[derive(Debug, Deserialize)]
pub(super) struct Attempt {
    pub(super) number: u32,
    pub(super) run: u32,
    pub(super) began: Moment,
    pub(super) status: Option<u16>,
    pub(super) class: Option<String>,
    pub(super) code: Option<String>,
    pub(super) detail: Option<String>,
    #[serde(default)]
    pub(super) possible_duplicate: bool,
    pub(super) next_attempt: Option<Moment>,
    pub(super) timings_ms: Timings,
    pub(super) response: Option<Response>,
}

/// How long each phase took.
#[derive(Debug, Deserialize)]
pub(super) struct Timings {
    pub(super) queue: Millis,
    pub(super) dns: Millis,
    pub(super) connect: Millis,
    pub(super) tls: Millis,
    pub(super) first_byte: Millis,
    pub(super) body: Millis,
}

/// What a target answered.
#[derive(Debug, Deserialize)]
pub(super) struct Response {
    pub(super) content_type: Option<String>,
    pub(super) body: String,
    pub(super) capture: String,
}

/// A page of dead deliveries.
#[derive(Debug, Deserialize)]
pub(super) struct DeadPage {
    pub(super) dead: Vec<DeadRow>,
    pub(super) next: Option<String>,
}

/// A page of parked keys.
#[derive(Debug, Deserialize)]
pub(super) struct KeyPage {
    pub(super) keys: Vec<DeadRow>,
    pub(super) next: Option<String>,
}

/// The order key that a dead delivery keeps.
#[derive(Debug, Deserialize)]
pub(super) struct Parked {
    pub(super) key: String,
    pub(super) behind: u64,
}

/// One dead delivery of a list.
#[derive(Debug, Deserialize)]
pub(super) struct DeadRow {
    pub(super) id: String,
    pub(super) route: String,
    pub(super) target: String,
    pub(super) received: Moment,
    pub(super) reason: Option<String>,
    pub(super) parked: Option<Parked>,
    pub(super) run: u32,
    pub(super) last_attempt: Option<Attempt>,
}

/// One delivery in full.
#[derive(Debug, Deserialize)]
pub(super) struct DeadDetail {
    pub(super) id: String,
    pub(super) ticket: String,
    pub(super) route: String,
    pub(super) target: String,
    pub(super) received: Moment,
    pub(super) dead: bool,
    pub(super) reason: Option<String>,
    pub(super) parked: Option<Parked>,
    pub(super) run: u32,
    pub(super) revision: u32,
    pub(super) message: Content,
    pub(super) edit: Option<Content>,
    #[serde(default)]
    pub(super) edits: Vec<Edited>,
    pub(super) attempts: Vec<Attempt>,
}

/// Who made an edit, and when.
#[derive(Debug, Deserialize)]
pub(super) struct Edited {
    pub(super) revision: u32,
    pub(super) at: Option<Moment>,
    pub(super) by: Option<String>,
}

/// What is sent.
#[derive(Debug, Deserialize)]
pub(super) struct Content {
    pub(super) headers: serde_json::Map<String, serde_json::Value>,
    pub(super) body: String,
}

/// How far a redrive is.
#[derive(Debug, Deserialize)]
pub(super) struct Redrive {
    pub(super) id: String,
    /// None: they are being counted.
    pub(super) total: Option<u64>,
    pub(super) revived: u64,
    pub(super) done: bool,
    pub(super) stopped: Option<Stopped>,
}

/// What ended a redrive early.
#[derive(Debug, Deserialize)]
pub(super) struct Stopped {
    pub(super) delivery: String,
    pub(super) reason: String,
}

/// How far a replay is.
#[derive(Debug, Deserialize)]
pub(super) struct Replay {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) filter: ReplayFilter,
    pub(super) to: String,
    pub(super) began: Moment,
    pub(super) share: f64,
    pub(super) counts: ReplayCounts,
    pub(super) failure: Option<String>,
}

/// Whose messages a replay sends.
#[derive(Debug, Deserialize)]
pub(super) struct ReplayFilter {
    pub(super) route: String,
}

/// What a replay has done.
#[derive(Debug, Deserialize)]
pub(super) struct ReplayCounts {
    pub(super) sent: u64,
    pub(super) present: u64,
    pub(super) skipped: u64,
    pub(super) failed: u64,
}

/// What a replay would do.
#[derive(Debug, Deserialize)]
pub(super) struct DryReplay {
    pub(super) matches: u64,
    pub(super) counts: ReplayCounts,
}

/// All replays.
#[derive(Debug, Deserialize)]
pub(super) struct Replays {
    pub(super) replays: Vec<Replay>,
}

/// All targets.
#[derive(Debug, Deserialize)]
pub(super) struct Targets {
    pub(super) targets: Vec<Target>,
}

/// One target.
#[derive(Debug, Deserialize)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) until: Option<Moment>,
    pub(super) in_flight: u64,
    pub(super) concurrency: Option<u64>,
    pub(super) waiting_in_memory: u64,
    pub(super) waiting_on_disk: u64,
    pub(super) oldest_due: Option<Moment>,
    pub(super) dead: u64,
    #[serde(default)]
    pub(super) parked: u64,
    pub(super) breaker: Option<Breaker>,
}

/// A target's breaker.
#[derive(Debug, Deserialize)]
pub(super) struct Breaker {
    pub(super) state: String,
    pub(super) since: Option<Moment>,
}

/// A delivery that was let through.
#[derive(Debug, Deserialize)]
pub(super) struct Probe {
    pub(super) delivery: String,
}

/// One attempt of the live tail.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) message: String,
    pub(super) delivery: String,
    pub(super) target: String,
    pub(super) outcome: String,
    pub(super) reason: Option<String>,
    pub(super) attempt: Attempt,
}

/// A time as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub(super) Timestamp);

/// A duration as a number of milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Millis(pub(super) Duration);

impl Moment {
    /// The time from `earlier` to here; zero when it is later.
    pub(super) fn since(self, earlier: Self) -> Duration {
        self.0.duration_since(earlier.0).try_into().unwrap_or_default()
    }
}

impl Timings {
    /// Until there is a connection: name, TCP and TLS.
    pub(super) fn connected(&self) -> Duration {
        self.dns.0 + self.connect.0 + self.tls.0
    }

    /// All of the call.
    pub(super) fn total(&self) -> Duration {
        self.connected() + self.first_byte.0 + self.body.0
    }
}

impl Attempt {
    /// A status, a class of failure, or both: the shortest word for what happened.
    pub(super) fn outcome(&self) -> String {
        match (self.status, &self.class) {
            (Some(status), _) => match &self.code {
                Some(code) => format!("{status} {code}"),
                None => status.to_string(),
            },
            (None, Some(class)) => class.clone(),
            (None, None) => "unknown".to_owned(),
        }
    }

    /// When its end was known, as time from `start`.
    pub(super) fn ended_after(&self, start: Moment) -> Duration {
        self.began.since(start) + self.timings_ms.total()
    }
}

impl Ticket {
    /// From accept to the end of the last attempt.
    pub(super) fn took(&self) -> Duration {
        let attempts = self.deliveries.iter().flat_map(|delivery| &delivery.attempts);
        attempts.map(|attempt| attempt.ended_after(self.received)).max().unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let milliseconds = f64::deserialize(from)?;
        Duration::try_from_secs_f64(milliseconds / 1000.0).map(Self).map_err(D::Error::custom)
    }
}
