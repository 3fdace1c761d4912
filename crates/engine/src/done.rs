//! The end of an attempt, on its way to its commit.

use crate::dispatch::lane::Lane;
use contract::delivery::{Attempt, Standing};
use contract::line::{Line, Turn};
use contract::order::KeyFate;
use contract::store::{Lease, Settlement};
use contract::{Message, MessageId, Timestamp};
use std::sync::Arc;

/// An attempt's end, on its way to its commit.
pub(crate) struct Done {
    pub(crate) settlement: Settlement,
    pub(crate) lane: Arc<Lane>,
    pub(crate) message: MessageId,
    /// None for a replay: how long it took since then says nothing.
    pub(crate) received: Option<Timestamp>,
    pub(crate) deadline: Option<Timestamp>,
    /// Somebody waits for its ticket.
    pub(crate) awaited: bool,
    /// Where it waits if it goes on.
    pub(crate) line: Line,
}

impl Done {
    /// What a lease comes to; without an attempt nothing was tried.
    pub(crate) fn new(
        lane: &Arc<Lane>,
        lease: &Lease,
        attempt: Option<Arc<Attempt>>,
        standing: Standing,
    ) -> Self {
        let counted = attempt.as_ref().is_some_and(|attempt| attempt.is_counted());
        let turn = Turn::of(lease.delivery.attempts + u32::from(counted), lease.delivery.run);
        let line = Line { priority: lease.delivery.priority, turn };
        let key_fate = match standing {
            Standing::Due(_) | Standing::Dead(_) => {
                // Without a configuration it is not known what is wanted: that is found out when it returns.
                lane.plan().map_or(KeyFate::Kept, |plan| plan.order.fate(standing, attempt.as_deref()))
            }
            Standing::Leased
            | Standing::Delivered
            | Standing::Cancelled
            | Standing::Expired
            | Standing::Skipped
            | Standing::Waiting
            | Standing::Unmet => KeyFate::default(),
        };
        let (position, delivery) = (lease.position, lease.delivery.id);
        let settlement = Settlement { position, delivery, attempt, standing, key_fate };
        let Message { id: message, received, .. } = *lease.message;
        let received = Some(received).filter(|_| lease.delivery.duty.replay().is_none());
        let deadline = lease.deadline();
        Self { settlement, lane: Arc::clone(lane), message, received, deadline, awaited: false, line }
    }
}
