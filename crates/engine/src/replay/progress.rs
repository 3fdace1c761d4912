//! What a replay is asked to do, and how far it is.

use contract::history::Stretch;
use contract::{MessageId, Name, Timestamp};
use serde::{Deserialize, Serialize};

/// What a replay is asked to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Messages of this route.
    pub route: Name,
    /// Where they go.
    pub to: Name,
    /// Accepted at or after, in microseconds since the Unix epoch.
    pub from: Option<Timestamp>,
    /// Accepted before. None, once it has begun: up to where the route goes to the target by itself.
    pub until: Option<Timestamp>,
    /// Which of them.
    pub take: Take,
    /// Deliveries per second.
    pub rate: f64,
}

/// Which messages of a span are replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Take {
    /// Every one.
    All,
    /// Those that have no delivery to the target, whatever became of it. One that a filter skipped does not count.
    Missing,
}

/// A replay and how far it is. Goes to disk as JSON: fields are only ever added, with a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// Its id, which its deliveries carry.
    pub id: MessageId,
    /// What it does.
    pub order: Order,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Whether it goes on.
    pub state: State,
    /// What it has done.
    pub counts: Counts,
    /// Why the last message that failed did.
    pub failure: Option<String>,
    /// When the first message of the span was accepted, and the last one so far.
    pub reached: Option<(Timestamp, Timestamp)>,
    /// The last place looked at.
    pub(super) after: Option<u64>,
}

impl Replay {
    /// One that has done nothing yet.
    pub(super) fn new(id: MessageId, order: Order, began: Timestamp) -> Self {
        Self {
            id,
            order,
            began,
            ended: None,
            state: State::Running,
            counts: Counts::default(),
            failure: None,
            reached: None,
            after: None,
        }
    }

    /// Notes a step that is durable.
    pub(super) fn note(&mut self, look: &Stretch, step: Counts) {
        self.after = look.reached.map(|place| place.0);
        let all = &mut self.counts;
        all.scanned += step.scanned;
        all.sent += step.sent;
        all.present += step.present;
        all.skipped += step.skipped;
        all.failed += step.failed;
        if let (Some(first), Some(last)) = (look.messages.first(), look.messages.last()) {
            let first = self.reached.map_or(first.received, |(first, _)| first);
            self.reached = Some((first, last.received));
        }
    }
}

/// Whether a replay goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It does.
    Running,
    /// It has looked at everything.
    Done,
    /// A person has ended it.
    Cancelled,
}

/// Messages of the span, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Looked at: the sum of the others.
    pub scanned: u64,
    /// Given one more delivery.
    pub sent: u64,
    /// They have a delivery to the target already.
    pub present: u64,
    /// The target's filter says no, or the message was cancelled, undone, or forgotten meanwhile.
    pub skipped: u64,
    /// Damaged, or the filter fails, or the message has as many deliveries as one may have.
    pub failed: u64,
}

impl Counts {
    /// Each outcome with its word, in order of the reference.
    #[must_use]
    pub const fn outcomes(&self) -> [(&'static str, u64); 4] {
        [("sent", self.sent), ("present", self.present), ("skipped", self.skipped), ("failed", self.failed)]
    }
}

/// When a replay that is kept ended; none: it goes on, or cannot be read.
pub(crate) fn ended(kept: &[u8]) -> Option<Timestamp> {
    serde_json::from_slice::<Replay>(kept).ok()?.ended
}
