//! The joint to whatever goes out. A target says what happened, never what to do about it.

use crate::delivery::{Capture, ErrorClass, Suspicion, Timings};
use crate::mould::Head;
use crate::{DeliveryId, Message, MessageId, Promise, Timestamp};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// Makes one attempt.
pub trait Target: Send + Sync {
    /// Sends the call within its own time-outs and reports one outcome per parcel, in the same order. Never panics, never
    /// retries after a byte was written, but for one 401 that another token may mend. Dropping the promise ends the attempt.
    fn deliver<'a>(&'a self, call: &'a Call) -> Promise<'a, Vec<Outcome>>;

    /// The API's own word for what went wrong, in an answer of its; at most [`crate::limits::ERROR_CODE_BYTES_MAX`] bytes.
    fn error_code(&self, _of: &Capture) -> Option<String> {
        None
    }
}

/// One request to a target: one parcel, or a batch of them.
#[derive(Clone, Debug)]
pub struct Call {
    /// At least one.
    pub parcels: Vec<Parcel>,
}

/// One delivery, ready to send.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Sent as `webhook-id`.
    pub id: DeliveryId,
    /// Part of the `Idempotency-Key` when not 0.
    pub revision: u32,
    /// 1 for the first attempt of the run: `fanlight-attempt`.
    pub attempt: u32,
    /// `fanlight-possible-duplicate: true` when not clear.
    pub suspect: Suspicion,
    /// The replay that it belongs to: `fanlight-replay`.
    pub replay: Option<MessageId>,
    /// Wall time of this attempt: `webhook-timestamp`.
    pub at: Timestamp,
    /// The message, for its headers.
    pub message: Arc<Message>,
    /// What is sent: the message's body, or the target's shape of it.
    pub body: Bytes,
    /// Whether `body` is the message's own.
    pub form: Form,
    /// The path and headers that the target's templates made of the message.
    pub head: Head,
    /// How much of the answer is kept.
    pub keep: Keep,
}

/// How much of an answer is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// The beginning of the body, for people.
    #[default]
    Beginning,
    /// The body up to [`crate::limits::ANSWER_BYTES_MAX`] and its headers: somebody reads them.
    Whole,
}

/// Whether a body is passed on or made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The message's bytes with the message's `content-type`.
    Untouched,
    /// JSON made by the target's expression.
    Shaped,
}

/// What happened to one parcel.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Status and headers are in.
    Answered(Reply),
    /// The target's side, or the way to it, failed.
    Broken {
        /// What kind of failure.
        class: ErrorClass,
        /// Whether the target may have seen the request.
        written: Written,
        /// One line for people.
        detail: String,
        /// The phases reached.
        timings: Timings,
    },
    /// This side failed; the target is not charged.
    Own {
        /// A `local_*` class.
        class: ErrorClass,
        /// Whether a repeat may help.
        lasting: Lasting,
        /// One line for people.
        detail: String,
    },
}

/// How far a broken request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Not a byte left.
    Nothing,
    /// The target may have acted on it.
    Maybe,
}

/// Whether an own fault stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// Deterministic: a repeat fails the same way.
    Lasting,
    /// A repeat may succeed.
    Passing,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The status that the answer counts as, where its body says something else.
    pub counts_as: Option<u16>,
    /// What the answer's headers ask of the sender.
    pub hints: Hints,
    /// Where a 3xx points to.
    pub location: Option<String>,
    /// The beginning of the body.
    pub capture: Capture,
    /// How long each phase took (`queue` is the caller's to fill).
    pub timings: Timings,
}

impl Reply {
    /// The status by which the answer is judged. A 403 that says when to come back is about how many calls there were, not about who calls.
    #[must_use]
    pub fn counted(&self) -> u16 {
        match (self.counts_as, self.status) {
            (Some(status), _) => status,
            (None, 403) if self.hints.wait.is_some() => 429,
            (None, status) => status,
        }
    }
}

/// What an answer's headers ask of the sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// `Retry-After`, or the reset time of an exhausted rate limit: wait this long. Not yet capped, and read whatever the status is: on a
    /// success it means nothing.
    pub wait: Option<Duration>,
    /// The reset time of an exhausted rate limit alone: on a success too, the next call would be one too many.
    pub spent: Option<Duration>,
    /// `webhook-delivery`.
    pub word: Option<Word>,
}

/// The receiver's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Do not send this one again.
    AbortMessage,
    /// Send nothing more.
    Disable,
}
