//! Gives dead deliveries another run: one, or all that match a filter, oldest first, at a rate.
//!
//! A redrive of many is a row of small state: its progress survives a crash and goes on at the next start.

use crate::engine::Engine;
use contract::order::Parking;
use contract::query::{Change, Cursor, Filter};
use contract::store::{Fault, Scope, ScopeKind};
use contract::{DeliveryId, MessageId, Name, Timestamp, limits};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// A redrive and how far it is. Goes to disk as JSON: fields are only ever added, with a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Redrive {
    /// Its id.
    pub id: MessageId,
    /// What it takes.
    pub filter: Selection,
    /// Deliveries per second; none: all at once.
    pub rate: Option<f64>,
    /// When it began. What dies later is not taken again.
    pub began: Timestamp,
    /// Deliveries revived so far.
    pub revived: u64,
    /// Whether it has ended.
    pub done: bool,
    /// When it ended.
    #[serde(default)]
    ended: Option<Timestamp>,
    /// The last delivery looked at.
    after: Option<DeliveryId>,
}

/// Which dead deliveries, as callers name them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// To this target.
    pub target: Option<Name>,
    /// Of this route.
    pub route: Option<Name>,
    /// Accepted at or after, in microseconds since the Unix epoch.
    pub since: Option<Timestamp>,
    /// With this reason, error class or status.
    pub error: Option<String>,
    /// That keep an order key.
    pub parked: Option<Parking>,
}

impl From<Selection> for Filter {
    fn from(selection: Selection) -> Self {
        let Selection { target, route, since, error, parked } = selection;
        Self { target, route, since, error, parked }
    }
}

impl Engine {
    /// Gives one dead delivery another run, now. False: it is not dead, or not there.
    ///
    /// # Errors
    /// The store's.
    pub async fn revive(self: &Arc<Self>, tenant: &Name, delivery: DeliveryId) -> Result<bool, Fault> {
        let due = vec![(delivery, self.doors.clock.now())];
        let (engine, tenant) = (Arc::clone(self), tenant.clone());
        Ok(self.detached(async move { engine.revive_all(&tenant, due).await }).await? > 0)
    }

    /// Begins a redrive; it goes on by itself.
    ///
    /// # Errors
    /// The store's.
    pub async fn redrive(
        self: &Arc<Self>,
        tenant: &Name,
        filter: Selection,
        rate: Option<f64>,
    ) -> Result<Redrive, Fault> {
        let began = self.doors.clock.now();
        let id = MessageId::new(began, &*self.doors.entropy);
        let redrive = Redrive { id, filter, rate, began, revived: 0, done: false, ended: None, after: None };
        self.keep(&redrive).await?;
        self.services.spawn(run(Arc::clone(self), tenant.clone(), redrive.clone()));
        Ok(redrive)
    }

    /// A redrive's progress.
    ///
    /// # Errors
    /// The store's.
    pub async fn redrive_progress(&self, id: MessageId) -> Result<Option<Redrive>, Fault> {
        let kept = self.doors.store.state(Scope::Redrive(id)).await?;
        Ok(kept.and_then(|kept| serde_json::from_slice(&kept.value).ok()))
    }

    /// Goes on with what a crash interrupted.
    pub(crate) async fn recall_redrives(self: &Arc<Self>) -> Result<(), Fault> {
        for (_, kept) in self.doors.store.states(ScopeKind::Redrive).await? {
            if let Ok(redrive) = serde_json::from_slice::<Redrive>(&kept.value)
                && !redrive.done
            {
                self.services.spawn(run(Arc::clone(self), Name::default_tenant(), redrive));
            }
        }
        Ok(())
    }

    async fn keep(&self, redrive: &Redrive) -> Result<(), Fault> {
        let scope = Scope::Redrive(redrive.id);
        let version = self.doors.store.state(scope.clone()).await?.map_or(0, |kept| kept.version);
        // Plain data with string keys: it always has a JSON form.
        let value = serde_json::to_vec(redrive).unwrap_or_default();
        // Only this redrive's task writes it.
        self.doors.store.put_state(scope, version, value.into()).await.map(drop)
    }

    async fn revive_all(
        &self,
        tenant: &Name,
        deliveries: Vec<(DeliveryId, Timestamp)>,
    ) -> Result<usize, Fault> {
        let earliest = deliveries.iter().map(|(_, due)| *due).min().unwrap_or_default();
        let changed = self.doors.store.change(Change::Revive { tenant: tenant.clone(), deliveries }).await?;
        // Their deadlines may have passed while they were dead.
        self.deadlines.note(Some(self.doors.clock.now()));
        for (_, target) in &changed.deliveries {
            self.put_somewhere(&self.lane(tenant, target), earliest);
        }
        self.follow(&changed);
        Ok(changed.deliveries.len())
    }
}

async fn run(engine: Arc<Engine>, tenant: Name, mut redrive: Redrive) {
    let mut stop = engine.stop.subscribe();
    while !redrive.done && !*stop.borrow_and_update() {
        if let Err(fault) = page(&engine, &tenant, &mut redrive).await {
            tracing::warn!(redrive = %redrive.id, %fault, "a redrive stopped; it goes on at the next start");
            return;
        }
    }
}

/// Revives one page, each delivery at its place in the rate, and keeps the progress.
async fn page(engine: &Engine, tenant: &Name, redrive: &mut Redrive) -> Result<(), Fault> {
    let filter = Filter::from(redrive.filter.clone());
    let after = redrive.after.map(Cursor);
    let page = engine.doors.store.list(tenant, filter, after, limits::PAGE_ITEMS_MAX).await?;
    let before = page.rows.iter().filter(|row| row.received <= redrive.began);
    let start = redrive.began.max(engine.doors.clock.now() - place(redrive.revived, redrive.rate));
    let due = (redrive.revived..).zip(before).map(|(n, row)| (row.id, start + place(n, redrive.rate)));
    let due: Vec<_> = due.collect();
    redrive.revived += u64::try_from(engine.revive_all(tenant, due).await?).unwrap_or(0);
    redrive.after = page.next.map(|cursor| cursor.0);
    redrive.done = page.next.is_none();
    redrive.ended = redrive.done.then(|| engine.doors.clock.now());
    engine.keep(redrive).await
}

/// When a redrive that is kept ended; none: it goes on, or cannot be read.
pub(crate) fn ended(kept: &[u8]) -> Option<Timestamp> {
    let redrive: Redrive = serde_json::from_slice(kept).ok()?;
    // An earlier version did not write down when it ended.
    redrive.done.then(|| redrive.ended.unwrap_or(redrive.began))
}

/// How long after the beginning the `n`th delivery goes.
fn place(n: u64, rate: Option<f64>) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "2^53 deliveries are out of reach")]
    let seconds = rate.map_or(0.0, |rate| n as f64 / rate);
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_spreads_deliveries_evenly() {
        assert_eq!(place(10, Some(5.0)), Duration::from_secs(2));
        assert_eq!(place(10, None), Duration::ZERO);
    }
}
