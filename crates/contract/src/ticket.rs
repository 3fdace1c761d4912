//! A ticket: the caller's view of a message and its deliveries.

use crate::delivery::{Attempt, Standing};
use crate::part::{Part, Rule};
use crate::{DeliveryId, MessageId, Name, Timestamp};

/// What the store knows about one message. How it folds into one word is the engine's to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Ticket {
    /// The message's id.
    pub id: MessageId,
    /// The message's route.
    pub route: Name,
    /// When it was accepted.
    pub received: Timestamp,
    /// When it has succeeded.
    pub rule: Rule,
    /// In order of ordinal.
    pub deliveries: Vec<Ray>,
}

/// One delivery as a ticket shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ray {
    /// The delivery.
    pub id: DeliveryId,
    /// Where it goes.
    pub target: Name,
    /// Its part in the message's group.
    pub part: Part,
    /// Where it stands.
    pub standing: Standing,
    /// The delivery of its order key that must end first, if it waits for one.
    pub behind: Option<DeliveryId>,
    /// 1 at accept; one more with each redrive.
    pub run: u32,
    /// Every attempt of every run, oldest first.
    pub attempts: Vec<Attempt>,
}

/// The answer to a look-up by id.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<T> {
    /// Here it is.
    Here(T),
    /// Older than what is kept: it may have been there.
    Gone,
    /// Never seen.
    Unknown,
}
