//! Gives dead deliveries another run: one, or all that match a filter, in order, at a rate.
//!
//! A redrive of many is a row of small state: its progress survives a crash and goes on at the next start.

mod trial;

use crate::engine::Engine;
use contract::order::Parking;
use contract::query::{Change, Cursor, Filter, Page, Sequence};
use contract::store::{Fault, Scope, ScopeKind};
use contract::{DeliveryId, MessageId, Name, Timestamp, limits};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use trial::{End, Trial};

/// A redrive and how far it is. Goes to disk as JSON: fields are only ever added, with a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Redrive {
    /// Its id.
    pub id: MessageId,
    /// What it takes.
    pub filter: Selection,
    /// Deliveries per second; none: all at once.
    pub rate: Option<f64>,
    /// Which go first.
    #[serde(default)]
    pub sequence: Sequence,
    /// What a failure means for the rest.
    #[serde(default)]
    pub on_error: OnError,
    /// When it began. What dies later is not taken again.
    pub began: Timestamp,
    /// Deliveries that it found when it began; none: they are being counted.
    #[serde(default)]
    pub total: Option<u64>,
    /// Deliveries revived so far.
    pub revived: u64,
    /// Whether it has ended.
    pub done: bool,
    /// What ended it early.
    #[serde(default)]
    pub stopped: Option<Stopped>,
    /// When it ended.
    #[serde(default)]
    ended: Option<Timestamp>,
    /// The last delivery looked at.
    after: Option<DeliveryId>,
    /// The one whose first attempt is awaited.
    #[serde(default)]
    trial: Option<Trial>,
}

/// How a redrive goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Manner {
    /// Deliveries per second; none: all at once.
    pub rate: Option<f64>,
    /// Which go first. Those of one order key always go oldest first.
    pub sequence: Sequence,
    /// What a failure means for the rest.
    pub on_error: OnError,
}

/// What a failure means for the rest of a redrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// Nothing.
    #[default]
    GoOn,
    /// It ends. They go one by one: the next when the one before was delivered.
    Stop,
}

/// What ended a redrive early.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// The delivery that failed again.
    pub delivery: DeliveryId,
    /// Its status, error class or reason.
    pub reason: String,
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
        Self { target, route, since, error, parked, sequence: Sequence::default() }
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
        manner: Manner,
    ) -> Result<Redrive, Fault> {
        let began = self.doors.clock.now();
        let redrive = Redrive {
            id: MessageId::new(began, &*self.doors.entropy),
            filter,
            rate: manner.rate,
            sequence: manner.sequence,
            on_error: manner.on_error,
            began,
            total: None,
            revived: 0,
            done: false,
            stopped: None,
            ended: None,
            after: None,
            trial: None,
        };
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
    let stop = engine.stop.subscribe();
    while !redrive.done && !*stop.borrow() {
        let step = match (redrive.total, &redrive.trial) {
            (None, _) => count(&engine, &tenant, &mut redrive).await,
            (Some(_), Some(trial)) => {
                let trial = trial.clone();
                attempt(&engine, &tenant, &mut redrive, &trial).await
            }
            (Some(_), None) => page(&engine, &tenant, &mut redrive).await,
        };
        if let Err(fault) = step {
            tracing::warn!(redrive = %redrive.id, %fault, "a redrive stopped; it goes on at the next start");
            return;
        }
    }
}

/// Finds out how many there are.
async fn count(engine: &Engine, tenant: &Name, redrive: &mut Redrive) -> Result<(), Fault> {
    let (mut total, mut after) = (0, None);
    loop {
        let page = list(engine, tenant, redrive, after, limits::PAGE_ITEMS_MAX).await?;
        total += page.rows.iter().filter(|row| row.received <= redrive.began).count() as u64;
        after = page.next;
        if after.is_none() {
            redrive.total = Some(total);
            return engine.keep(redrive).await;
        }
    }
}

/// Revives one page, each delivery at its place in the rate, and keeps the progress; or finds the next one to try.
async fn page(engine: &Engine, tenant: &Name, redrive: &mut Redrive) -> Result<(), Fault> {
    let most = match redrive.on_error {
        OnError::GoOn => limits::PAGE_ITEMS_MAX,
        OnError::Stop => 1,
    };
    let page = list(engine, tenant, redrive, redrive.after.map(Cursor), most).await?;
    let before = page.rows.iter().filter(|row| row.received <= redrive.began);
    match redrive.on_error {
        OnError::GoOn => {
            let places = redrive.revived..;
            let due = places.zip(before).map(|(n, row)| (row.id, redrive.due(n, engine.doors.clock.now())));
            let due: Vec<_> = due.collect();
            redrive.revived += u64::try_from(engine.revive_all(tenant, due).await?).unwrap_or(0);
        }
        OnError::Stop => redrive.trial = before.map(Trial::of).next(),
    }
    redrive.after = page.rows.last().map(|row| row.id).or(redrive.after);
    if page.next.is_none() && redrive.trial.is_none() {
        redrive.end(engine.doors.clock.now());
    }
    engine.keep(redrive).await
}

/// Gives one delivery its run and waits for what comes of it.
async fn attempt(engine: &Engine, tenant: &Name, redrive: &mut Redrive, trial: &Trial) -> Result<(), Fault> {
    let due = redrive.due(redrive.revived, engine.doors.clock.now());
    let (began, end) = trial.run(engine, tenant, due).await?;
    redrive.revived += u64::from(began);
    match end {
        // It is found again at the next start.
        End::Unknown => return engine.keep(redrive).await,
        End::Well => {}
        End::Failed(reason) => {
            redrive.stopped = Some(Stopped { delivery: trial.delivery, reason });
            redrive.end(engine.doors.clock.now());
        }
    }
    redrive.trial = None;
    engine.keep(redrive).await
}

async fn list(
    engine: &Engine,
    tenant: &Name,
    redrive: &Redrive,
    after: Option<Cursor>,
    most: usize,
) -> Result<Page, Fault> {
    let sequence = redrive.sequence;
    let filter = Filter { sequence, ..Filter::from(redrive.filter.clone()) };
    engine.doors.store.list(tenant, filter, after, most).await
}

impl Redrive {
    /// When the `n`th goes, at its place in the rate.
    fn due(&self, n: u64, now: Timestamp) -> Timestamp {
        let start = self.began.max(now - place(self.revived, self.rate));
        start + place(n, self.rate)
    }

    fn end(&mut self, now: Timestamp) {
        (self.done, self.ended) = (true, Some(now));
    }
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

    #[test]
    fn what_an_earlier_version_kept_is_read() {
        let kept = r#"{"id":"msg_01a2098b-1593-76fa-81e4-ebd4597b10c9","filter":{"target":"crm"},"rate":2.5,"began":7,
            "revived":3,"done":false,"after":null}"#;
        let redrive: Redrive = serde_json::from_str(kept).unwrap();
        assert_eq!(
            (redrive.rate, redrive.sequence, redrive.on_error),
            (Some(2.5), Sequence::Oldest, OnError::GoOn)
        );
        assert_eq!((redrive.revived, redrive.total, redrive.stopped), (3, None, None));
    }
}
