//! What a store tells of a delivery that it moved.

use crate::delivery::Standing;
use crate::id::Position;
use crate::{DeliveryId, MessageId, Name, Timestamp};

/// A delivery whose standing a store changed by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Whose.
    pub tenant: Name,
    /// Where it would have gone.
    pub target: Name,
    /// The message's place.
    pub position: Position,
    /// The message.
    pub message: MessageId,
    /// When that was accepted.
    pub received: Timestamp,
    /// The delivery.
    pub delivery: DeliveryId,
    /// Where it stands now.
    pub standing: Standing,
}
