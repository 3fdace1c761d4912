//! Who holds an order key: of each key, one delivery at a time goes to a target.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An order key: 1 to [`crate::limits::ORDER_KEY_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderKey(pub Arc<str>);

/// What becomes of a delivery's order key when it has failed. One that ended otherwise lets go of it, whatever this says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyFate {
    /// It keeps it. `Due`: it is tried again before anything of its key that came later. `Dead`: it is *parked*, and nothing that came later
    /// goes until a person gives it another run, discards it or releases its key.
    #[default]
    Kept,
    /// It lets go of it. `Due`: it is tried again as if it had none.
    Freed,
}

/// A dead delivery keeps its order key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The key.
    pub key: OrderKey,
    /// Deliveries of the key that wait for it or for others of it.
    pub behind: u64,
}

/// Which parked deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parking {
    /// Those that keep a key.
    Any,
    /// Those that keep this one.
    Of(Box<str>),
}

impl Parking {
    /// Whether a delivery is one of them that keeps this key.
    #[must_use]
    pub fn takes(&self, key: Option<&OrderKey>) -> bool {
        match (self, key) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Of(wanted), Some(key)) => **wanted == *key.0,
        }
    }
}
