//! What a mock API remembers of its requests.

use super::behaviour::Act;
use http::HeaderMap;
use http::request::Parts;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// Requests that are remembered; older ones are only counted.
const RECORDED_MAX: usize = 10_000;
/// Bytes of a request's body that are remembered.
const BODY_BYTES_MAX: usize = 4 * 1024;

/// One request, and what happened to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// From 1, in the order in which requests were complete.
    pub number: u64,
    /// Its method.
    pub method: String,
    /// Its path, with query.
    pub path: String,
    /// `webhook-id`: the delivery.
    pub webhook_id: Option<String>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// `fanlight-attempt`, from 1.
    pub attempt: Option<u32>,
    /// What happened to it.
    pub outcome: Outcome,
    /// Bytes of its body.
    pub body_bytes: usize,
    /// The beginning of its body, as text.
    pub body: String,
    /// All its headers; of repeated ones the last.
    pub headers: BTreeMap<String, String>,
}

/// What happened to a request: a status, or something that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was answered.
    Status(u16),
    /// It was never answered.
    Hang,
    /// Its connection was reset.
    Reset,
    /// It got something that is no HTTP.
    Invalid,
    /// Its answer ended before its `Content-Length`.
    Short,
}

/// How many requests came, and what happened to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All.
    pub requests: u64,
    /// By what happened to them.
    pub outcomes: BTreeMap<Outcome, u64>,
}

impl Counts {
    /// How many requests ended as `outcome`.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or(0)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Hang => f.pad("hang"),
            Self::Reset => f.pad("reset"),
            Self::Invalid => f.pad("invalid"),
            Self::Short => f.pad("short"),
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<Act> for Outcome {
    fn from(act: Act) -> Self {
        match act {
            Act::Answer(status) => Self::Status(status.as_u16()),
            Act::Hang => Self::Hang,
            Act::Reset => Self::Reset,
            Act::Invalid => Self::Invalid,
            Act::Short(_) => Self::Short,
        }
    }
}

#[derive(Default)]
pub(super) struct Memory {
    counts: Counts,
    recorded: VecDeque<Recorded>,
}

impl Memory {
    /// Takes a request in; `decide` says what happens to the request of that number.
    pub(super) fn take<T>(
        &mut self,
        head: &Parts,
        body: &[u8],
        decide: impl FnOnce(u64) -> (T, Act),
    ) -> (Recorded, T, Act) {
        self.counts.requests += 1;
        let number = self.counts.requests;
        let (more, act) = decide(number);
        let outcome = Outcome::from(act);
        *self.counts.outcomes.entry(outcome).or_default() += 1;
        let recorded = record(number, head, body, outcome);
        if self.recorded.len() >= RECORDED_MAX {
            self.recorded.pop_front();
        }
        self.recorded.push_back(recorded.clone());
        (recorded, more, act)
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(super) fn recorded(&self) -> impl Iterator<Item = &Recorded> {
        self.recorded.iter()
    }
}

fn record(number: u64, head: &Parts, body: &[u8], outcome: Outcome) -> Recorded {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let header = |headers: &HeaderMap, name: &str| headers.get(name).map(text);
    let beginning = body.get(..BODY_BYTES_MAX).unwrap_or(body);
    Recorded {
        number,
        method: head.method.to_string(),
        path: head.uri.path_and_query().map_or_else(|| head.uri.to_string(), ToString::to_string),
        webhook_id: header(&head.headers, "webhook-id"),
        idempotency_key: header(&head.headers, "idempotency-key"),
        attempt: header(&head.headers, "fanlight-attempt").and_then(|attempt| attempt.parse().ok()),
        outcome,
        body_bytes: body.len(),
        body: String::from_utf8_lossy(beginning).into_owned(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    #[test]
    fn memory_is_bounded_and_counts_go_on() {
        let mut memory = Memory::default();
        let (head, ()) =
            http::Request::post("/a?b").header("fanlight-attempt", "2").body(()).unwrap().into_parts();
        let extra = 5;
        for _ in 0..RECORDED_MAX + extra {
            memory.take(&head, &[b'x'; BODY_BYTES_MAX + 1], |_| ((), Act::Answer(StatusCode::OK)));
        }
        assert_eq!(memory.recorded().count(), RECORDED_MAX);
        assert_eq!(memory.counts().of(Outcome::Status(200)), (RECORDED_MAX + extra) as u64);
        let first = memory.recorded().next().unwrap();
        assert_eq!(
            (first.number, first.body_bytes, first.body.len()),
            (6, BODY_BYTES_MAX + 1, BODY_BYTES_MAX)
        );
        assert_eq!((first.path.as_str(), first.attempt), ("/a?b", Some(2)));
    }
}
