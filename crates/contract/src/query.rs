//! Questions to a store: lists of deliveries, and selections to change.

use crate::delivery::{Attempt, ShapeId, Standing};
use crate::moved::Moved;
use crate::order::{Parked, Parking};
use crate::{DeliveryId, Message, MessageId, Name, Timestamp};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;

/// Which dead deliveries. Every field that is given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// To this target.
    pub target: Option<Name>,
    /// Of this route.
    pub route: Option<Name>,
    /// Accepted at or after.
    pub since: Option<Timestamp>,
    /// Whose [`crate::delivery::Death::word`] or last [`crate::delivery::ErrorClass::word`] is this, or whose last status is this number.
    pub error: Option<String>,
    /// That keep an order key.
    pub parked: Option<Parking>,
    /// Which come first.
    pub sequence: Sequence,
}

/// In which order a list goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sequence {
    /// By the time of their messages.
    #[default]
    Oldest,
    /// The other way round.
    Newest,
}

impl Sequence {
    /// How two rows of a list follow each other.
    #[must_use]
    pub fn compare(self, one: DeliveryId, other: DeliveryId) -> Ordering {
        match self {
            Self::Oldest => one.cmp(&other),
            Self::Newest => other.cmp(&one),
        }
    }
}

/// A place in a list: the last row seen. Opaque on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub DeliveryId);

/// One row of a list of dead deliveries.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The delivery.
    pub id: DeliveryId,
    /// Its ticket.
    pub message: MessageId,
    /// Its route.
    pub route: Name,
    /// Its target.
    pub target: Name,
    /// When the message was accepted.
    pub received: Timestamp,
    /// Where it stands.
    pub standing: Standing,
    /// 1 at accept; one more with each redrive.
    pub run: u32,
    /// The last attempt, if one was made.
    pub last: Option<Attempt>,
    /// The order key that it keeps although it is dead.
    pub parked: Option<Parked>,
}

/// A page of rows in order of [`DeliveryId`], or in the opposite one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Row>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// One delivery in full, for a person who inspects or edits it.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    /// The row.
    pub row: Row,
    /// The message as it was accepted.
    pub message: Arc<Message>,
    /// Every attempt of every run, oldest first.
    pub attempts: Vec<Attempt>,
    /// 0 as accepted; one more with each edit.
    pub revision: u32,
    /// The latest edit, which is what would be sent.
    pub edit: Option<Edit>,
    /// Who made each edit, in order of revision.
    pub edits: Vec<Edited>,
    /// The shape pinned at accept; without an edit, what would be sent is the message's body in this shape.
    pub shape: Option<ShapeId>,
}

/// Another body or other headers for one delivery; the original stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is sent, as it is: no shape is applied to it.
    pub body: Bytes,
    /// The headers that are passed on with it.
    pub headers: crate::message::Headers,
}

/// Who made an edit, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// 1 for the first.
    pub revision: u32,
    /// When; none: an earlier version did not note it.
    pub at: Option<Timestamp>,
    /// A name that was given, or an address, of at most [`crate::limits::EDITOR_BYTES_MAX`] bytes.
    pub by: Option<String>,
}

/// A change that a person asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Ends every delivery of the message that is `Due`, or `Leased` and named in `unsent`. One that is in flight goes on; if it is
    /// then settled as `Due`, or its session dies, it is `Cancelled` instead of being tried again.
    Cancel {
        /// Whose message.
        tenant: Name,
        /// The ticket.
        message: MessageId,
        /// Leased deliveries that the caller has taken back from its lanes before they were sent.
        unsent: Vec<DeliveryId>,
        /// What becomes of what was delivered already, if it can be undone.
        delivered: Delivered,
    },
    /// Gives a dead delivery another body or headers, for its next run.
    Edit {
        /// Whose delivery.
        tenant: Name,
        /// The delivery.
        delivery: DeliveryId,
        /// The new content.
        edit: Edit,
        /// Who makes it.
        by: String,
    },
    /// Opens a new run for dead deliveries: each is due at its time.
    Revive {
        /// Whose deliveries.
        tenant: Name,
        /// The deliveries, with the time each is due.
        deliveries: Vec<(DeliveryId, Timestamp)>,
    },
    /// Ends dead deliveries for good: they become `Cancelled` and may be forgotten.
    Discard {
        /// Whose deliveries.
        tenant: Name,
        /// The deliveries.
        deliveries: Vec<DeliveryId>,
    },
    /// Takes from dead deliveries the order key that they keep: what waits for it goes. They stay dead.
    Release {
        /// Whose deliveries.
        tenant: Name,
        /// The deliveries.
        deliveries: Vec<DeliveryId>,
    },
}

/// What a cancel means for what was delivered before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivered {
    /// It stays so.
    #[default]
    Stays,
    /// It is undone, as after a failure.
    IsUndone,
}

/// What a [`Change`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The deliveries that were changed, with their targets; others were not there or not in a state for it.
    pub deliveries: Vec<(DeliveryId, Name)>,
    /// What moved because of them.
    pub moved: Vec<Moved>,
}
