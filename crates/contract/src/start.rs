//! How a delivery begins.

use crate::Name;
use crate::delivery::{Attempt, ShapeId, Standing};
use crate::line::Priority;
use crate::order::{KeyFate, OrderKey};
use crate::part::Part;

/// How a delivery begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Where it goes.
    pub target: Name,
    /// `Leased` only if the lane has room; the store makes it `Due` when an earlier delivery of its key is unfinished.
    pub standing: Standing,
    /// Deliveries to one target with one key go in order of position.
    pub key: Option<OrderKey>,
    /// The shape pinned now.
    pub shape: Option<ShapeId>,
    /// How urgent it is.
    pub priority: Priority,
    /// Why it is dead at once, kept as its first attempt; only with a standing of `Dead`.
    pub fault: Option<Box<Attempt>>,
    /// What becomes of its key if it is dead at once.
    pub key_fate: KeyFate,
    /// Its part in the message's group; what waits begins as `Waiting`.
    pub part: Part,
}
