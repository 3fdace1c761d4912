//! What was looked at in one bite of a walk, and where the walk goes on.

use super::Finding;
use contract::store::Position;

/// Where a walk goes on.
pub(in crate::sqlite) enum Place {
    /// At the first message from this row on.
    Row(i64),
    /// Behind this idempotency key.
    Key(u32, u32, String, String),
}

impl Default for Place {
    fn default() -> Self {
        Self::Row(0)
    }
}

/// What was looked at in one bite.
#[derive(Default)]
pub(in crate::sqlite) struct Bite {
    pub(in crate::sqlite) findings: Vec<Finding>,
    /// Messages whose own bytes are damaged.
    pub(in crate::sqlite) damaged: Vec<Position>,
    pub(in crate::sqlite) messages: u64,
    pub(in crate::sqlite) bytes: u64,
    /// None at the end.
    pub(in crate::sqlite) next: Option<Place>,
}
