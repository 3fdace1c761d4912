//! Lets go of order keys that dead deliveries keep: as a person asks, and where the target does not park.

use crate::engine::Engine;
use crate::policy::order::Policy;
use contract::order::Parking;
use contract::query::{Change, Changed, Filter};
use contract::store::{Backlog, Fault};
use contract::{DeliveryId, Name, limits};
use std::sync::Arc;

impl Engine {
    /// Takes from dead deliveries the order keys that they keep: what waits behind them goes on, they stay dead. Gives how many it were.
    ///
    /// # Errors
    /// The store's.
    pub async fn release(
        self: &Arc<Self>,
        tenant: &Name,
        deliveries: Vec<DeliveryId>,
    ) -> Result<usize, Fault> {
        self.give_up(tenant, Change::Release { tenant: tenant.clone(), deliveries }).await
    }

    /// Ends dead deliveries for good. Gives how many it were.
    ///
    /// # Errors
    /// The store's.
    pub async fn discard(
        self: &Arc<Self>,
        tenant: &Name,
        deliveries: Vec<DeliveryId>,
    ) -> Result<usize, Fault> {
        self.give_up(tenant, Change::Discard { tenant: tenant.clone(), deliveries }).await
    }

    async fn give_up(self: &Arc<Self>, tenant: &Name, change: Change) -> Result<usize, Fault> {
        let (engine, tenant) = (Arc::clone(self), tenant.clone());
        let done = async move {
            let changed = engine.doors.store.change(change).await?;
            engine.freed(&tenant, &changed);
            engine.follow(&changed);
            Ok(changed.deliveries.len())
        };
        self.detached(done).await
    }

    /// The next of their order keys may be due now.
    pub(crate) fn freed(&self, tenant: &Name, changed: &Changed) {
        let now = self.doors.clock.now();
        for (_, target) in &changed.deliveries {
            self.put_somewhere(&self.lane(tenant, target), now);
        }
    }

    /// Lets go of what is parked at targets that do not park: they did before, or the store has declared a delivery dead by itself.
    pub(crate) async fn release_unwanted(&self) -> Result<(), Fault> {
        for Backlog { tenant, target, parked, .. } in self.doors.store.backlog().await? {
            let plan = self.lane(&tenant, &target).plan();
            if parked > 0 && plan.is_some_and(|plan| plan.order != Policy::Park) {
                self.release_all(&tenant, &target).await?;
                tracing::info!(%target, keys = parked, "parked order keys go on: their target does not park");
            }
        }
        Ok(())
    }

    async fn release_all(&self, tenant: &Name, target: &Name) -> Result<(), Fault> {
        let filter = Filter { target: Some(target.clone()), parked: Some(Parking::Any), ..Filter::default() };
        let mut after = None;
        loop {
            let page = self.doors.store.list(tenant, filter.clone(), after, limits::PAGE_ITEMS_MAX).await?;
            let deliveries = page.rows.iter().map(|row| row.id).collect();
            let change = Change::Release { tenant: tenant.clone(), deliveries };
            self.freed(tenant, &self.doors.store.change(change).await?);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}
