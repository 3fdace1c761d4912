//! The live tail: one JSON line per attempt, for whoever listens now. Costs nothing while nobody does.

use crate::api::view::{AttemptView, Nobody, reason};
use contract::delivery::Standing;
use contract::{DeliveryId, MessageId, Name};
use engine::happened::{Happened, Listener};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Lines that a slow listener may be behind before it loses some.
const BEHIND_MAX: usize = 1024;

/// Where tails are read from.
pub struct Tail(broadcast::Sender<Arc<str>>);

#[derive(Serialize)]
struct Line<'a> {
    message: MessageId,
    delivery: DeliveryId,
    route: &'a Name,
    target: &'a Name,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    attempt: AttemptView<'a>,
}

impl Default for Tail {
    fn default() -> Self {
        Self(broadcast::Sender::new(BEHIND_MAX))
    }
}

impl Tail {
    /// Every line from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Arc<str>> {
        self.0.subscribe()
    }
}

impl Listener for Tail {
    fn on(&self, happened: &Happened<'_>) {
        let Happened::Attempted { message, delivery, target, attempt, standing } = happened else { return };
        if self.0.receiver_count() == 0 {
            return;
        }
        let line = Line {
            message: message.id,
            delivery: *delivery,
            route: &message.route,
            target,
            outcome: outcome(*standing),
            reason: reason(*standing, None),
            attempt: AttemptView::new(attempt, target, &Nobody),
        };
        if let Ok(json) = serde_json::to_string(&line) {
            // Nobody listening any more is no fault.
            drop(self.0.send(json.into()));
        }
    }
}

fn outcome(standing: Standing) -> &'static str {
    match standing {
        Standing::Leased | Standing::Due(_) => "retrying",
        Standing::Delivered => "delivered",
        Standing::Dead(_) => "dead",
        Standing::Cancelled => "cancelled",
        Standing::Expired => "expired",
        Standing::Skipped => "skipped",
        Standing::Waiting => "waiting",
        Standing::Unmet => "unmet",
    }
}
