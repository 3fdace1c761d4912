//! Ends what is not in flight of a message.

use crate::engine::Engine;
use crate::happened::Happened;
use contract::delivery::Standing;
use contract::query::{Change, Changed};
use contract::store::{Fault, Lease};
use contract::{MessageId, Name};

impl Engine {
    /// Ends what is not in flight of a message; what is in flight ends by itself and is not tried again.
    ///
    /// # Errors
    /// The store's.
    pub async fn cancel(&self, tenant: &Name, message: MessageId) -> Result<Changed, Fault> {
        let taken: Vec<Lease> = self.lanes().iter().flat_map(|lane| lane.take_back(message)).collect();
        let unsent = taken.iter().map(|lease| lease.delivery.id).collect();
        let changed =
            self.doors.store.change(Change::Cancel { tenant: tenant.clone(), message, unsent }).await?;
        let now = self.doors.clock.now();
        for (delivery, target) in &changed.deliveries {
            let (standing, age) = (Standing::Cancelled, now.since(message.made()));
            self.tell(&Happened::Settled { message, delivery: *delivery, target, standing, age });
            // The next of its order key may be due now.
            self.put_on_disk(&self.lane(tenant, target), now);
        }
        self.watch.changed(message);
        Ok(changed)
    }
}
