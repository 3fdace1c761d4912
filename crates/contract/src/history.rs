//! Going back to messages that were accepted: reading them in the order of their commits, and giving them one more delivery.

use crate::id::Position;
use crate::order::OrderKey;
use crate::start::Start;
use crate::ticket::Ticket;
use crate::{DeliveryId, Message, MessageId, Name, Timestamp};
use std::sync::Arc;

/// Which messages of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Whose.
    pub tenant: Name,
    /// Of this route.
    pub route: Name,
    /// Accepted at or after.
    pub from: Option<Timestamp>,
    /// Accepted before.
    pub until: Option<Timestamp>,
}

impl Span {
    /// Whether a message of the route that was accepted at this time is meant.
    #[must_use]
    pub fn covers(&self, received: Timestamp) -> bool {
        self.from.is_none_or(|from| received >= from) && self.until.is_none_or(|until| received < until)
    }
}

/// A part of the past, in order of position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stretch {
    /// The messages of the span in it.
    pub messages: Vec<Past>,
    /// The last place that was looked at, whatever was there: the next look begins after it. None: there is nothing.
    pub reached: Option<Position>,
    /// Everything that was committed before the look began has been looked at.
    pub is_last: bool,
}

/// One message of the past.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// Its place.
    pub position: Position,
    /// Its id.
    pub id: MessageId,
    /// When it was accepted.
    pub received: Timestamp,
    /// The rest; none when its bytes are damaged.
    pub content: Option<Content>,
}

/// What is known of a message of the past.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// The message.
    pub message: Arc<Message>,
    /// Its ticket, without the attempts.
    pub ticket: Ticket,
    /// The order key that it got at accept.
    pub key: Option<OrderKey>,
}

/// One more delivery for a message that was accepted before.
#[derive(Clone, Debug, PartialEq)]
pub struct Append {
    /// Whose message.
    pub tenant: Name,
    /// Its place.
    pub position: Position,
    /// The message.
    pub message: MessageId,
    /// How the delivery begins: `Due`, with [`crate::part::Duty::Replay`].
    pub start: Start,
    /// When none is added.
    pub unless: Unless,
}

/// When no delivery is added to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unless {
    /// The same replay has added one to the same target.
    Repeated,
    /// Or there is one for the message itself, or of another replay, to the same target, whatever became of it; one that a filter skipped
    /// does not count.
    Present,
}

/// What became of an [`Append`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// The message has one more delivery, durable now.
    Added(DeliveryId),
    /// This replay has added it before.
    Repeated(DeliveryId),
    /// There is one, as [`Unless::Present`] says.
    Present,
    /// The message is not there any more.
    Gone,
    /// The message has [`crate::limits::FAN_OUT_MAX`] deliveries.
    Crowded,
    /// The message's bytes are damaged.
    Damaged,
    /// No room: the disk or the retention's bytes are full. A later try may succeed.
    Full,
}
