//! Ends what is not in flight of a message.

use crate::deliver;
use crate::dispatch::lane::Lane;
use crate::engine::Engine;
use crate::happened::Happened;
use contract::delivery::Standing;
use contract::query::{Change, Changed, Delivered};
use contract::store::{Fault, Lease};
use contract::{MessageId, Name};
use std::sync::Arc;

impl Engine {
    /// Ends what is not in flight of a message; what is in flight ends by itself and is not tried again. What was delivered stays so, or is
    /// undone.
    ///
    /// # Errors
    /// The store's.
    pub async fn cancel(
        self: &Arc<Self>,
        tenant: &Name,
        message: MessageId,
        delivered: Delivered,
    ) -> Result<Changed, Fault> {
        self.detached(cancel(Arc::clone(self), tenant.clone(), message, delivered)).await
    }
}

async fn cancel(
    engine: Arc<Engine>,
    tenant: Name,
    message: MessageId,
    delivered: Delivered,
) -> Result<Changed, Fault> {
    let lanes = engine.lanes();
    let taken: Vec<(&Arc<Lane>, Lease)> = lanes
        .iter()
        .flat_map(|lane| lane.take_back(message).into_iter().map(move |lease| (lane, lease)))
        .collect();
    let unsent = taken.iter().map(|(_, lease)| lease.delivery.id).collect();
    let change = Change::Cancel { tenant: tenant.clone(), message, unsent, delivered };
    let changed = match engine.doors.store.change(change).await {
        Ok(changed) => changed,
        Err(fault) => {
            for (lane, lease) in taken {
                deliver::offer(&engine, lane, lease);
            }
            return Err(fault);
        }
    };
    let now = engine.doors.clock.now();
    for (delivery, target) in &changed.deliveries {
        let (standing, age) = (Standing::Cancelled, Some(now.since(message.made())));
        engine.tell(&Happened::Settled { message, delivery: *delivery, target, standing, age });
    }
    engine.freed(&tenant, &changed);
    engine.follow(&changed);
    engine.watch.changed(message);
    Ok(changed)
}
