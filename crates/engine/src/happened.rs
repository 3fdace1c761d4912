//! Everything observable, in one enum: metrics, logs, `tail` and the dashboard listen to it and to nothing else.

use crate::policy::breaker::Turn;
use crate::policy::hold::{Hold, Reason};
use crate::replay::progress::{Counts, Replay};
use contract::delivery::{Attempt, ErrorClass, Standing};
use contract::store::{Commit, Readiness};
use contract::{DeliveryId, Message, MessageId, Name};
use std::time::Duration;

/// One fact, in the past tense.
#[derive(Clone, Copy, Debug)]
pub enum Happened<'a> {
    /// A message is durable.
    Accepted {
        /// The message.
        message: &'a Message,
        /// How many deliveries it has.
        deliveries: usize,
    },
    /// An `Idempotency-Key` was seen again with the same request.
    Repeated {
        /// The route.
        route: &'a Name,
    },
    /// A message was not taken.
    Refused {
        /// The route.
        route: &'a Name,
        /// Why.
        why: Refusal,
    },
    /// An attempt was made and judged.
    Attempted {
        /// The message.
        message: &'a Message,
        /// The delivery.
        delivery: DeliveryId,
        /// Its target.
        target: &'a Name,
        /// The attempt.
        attempt: &'a Attempt,
        /// Where the delivery will stand.
        standing: Standing,
    },
    /// This side failed before a request could be made.
    Stumbled {
        /// The target.
        target: &'a Name,
        /// The delivery.
        delivery: DeliveryId,
        /// A `local_*` class.
        class: ErrorClass,
        /// One line for people.
        detail: &'a str,
    },
    /// A delivery's new standing is durable.
    Settled {
        /// The message.
        message: MessageId,
        /// The delivery.
        delivery: DeliveryId,
        /// Its target.
        target: &'a Name,
        /// Where it stands.
        standing: Standing,
        /// From accept to now; none for a replay, which comes late on purpose.
        age: Option<Duration>,
    },
    /// A dead delivery keeps its order key: nothing of it that came later goes until a person decides.
    Parked {
        /// The message.
        message: MessageId,
        /// The delivery.
        delivery: DeliveryId,
        /// Its target.
        target: &'a Name,
    },
    /// A target was held, or its hold changed or ended.
    Held {
        /// The target.
        target: &'a Name,
        /// The hold as it is now.
        hold: &'a Hold,
        /// The reason now; none: it is open.
        reason: Option<Reason>,
    },
    /// A target's breaker has opened, lets more calls through, or has closed.
    Switched {
        /// The target.
        target: &'a Name,
        /// What became of it.
        turn: Turn,
        /// The hold as it is now.
        hold: &'a Hold,
    },
    /// A group commit is durable.
    Committed(Commit),
    /// Stored bytes were damaged.
    Corrupted {
        /// Whose.
        message: MessageId,
    },
    /// A file of the store is damaged beyond the bytes of one message.
    Damaged {
        /// Its name in the store's folder.
        file: &'a str,
        /// One line for people.
        detail: &'a str,
    },
    /// A file that was told damaged is whole again.
    Sound {
        /// Its name in the store's folder.
        file: &'a str,
    },
    /// Whether a message can be kept is another answer than before.
    Turned(Readiness),
    /// A replay has begun, or has ended as its state says.
    Replay {
        /// How far it is.
        replay: &'a Replay,
    },
    /// A step of a replay is durable.
    Replayed {
        /// How far it is.
        replay: &'a Replay,
        /// The messages of this step.
        step: Counts,
    },
    /// A settlement came too late: another session has the delivery.
    Fenced {
        /// The delivery.
        delivery: DeliveryId,
    },
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The accept queue is full.
    Busy,
    /// An expression of the route could not run now.
    NoWorker,
    /// The disk or the retention's bytes are full.
    Full,
    /// The key stands for another request.
    Conflict,
    /// Its deadline is not after the time at which it may go first.
    NeverSent,
    /// The store failed, or the process is stopping.
    Unavailable,
}

/// Hears every fact, on the thread where it happened: must be quick and must not block.
pub trait Listener: Send + Sync {
    /// Hears one fact.
    fn on(&self, happened: &Happened<'_>);
}
