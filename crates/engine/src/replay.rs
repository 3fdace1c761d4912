//! Sends messages of the past to a target: again, or to one that was not among their route's targets when they came.
//!
//! ```text
//!  a look at the past ── judge each: damaged? undone? there already? `when`? ── append: one more delivery, low priority ── the lane
//!        ▲                                                                              │
//!        └───────────────── a pause, as the rate says; progress kept ◄──────────────────┘
//! ```
//!
//! A replay is a row of small state and a task that owns it. What it adds is a delivery of the old message, which the store adds once
//! per replay: so a step that is done twice after a crash adds nothing twice.

mod judge;
pub(crate) mod progress;
mod run;
pub(crate) mod running;

pub(crate) use progress::ended;
pub use progress::{Counts, Order, Replay, State, Take};

use crate::engine::Engine;
use crate::happened::Happened;
use crate::plan::TargetPlan;
use crate::route::Route;
use contract::store::{Fault, Scope, ScopeKind};
use contract::{MessageId, Name, limits};
use judge::{Judged, judge};
use running::Running;
use std::sync::{Arc, Weak};
use tokio::sync::watch;

/// Why a replay was not begun.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    /// There is no such target.
    #[error("there is no target `{0}` in the configuration")]
    NoTarget(Name),
    /// As many run as may.
    #[error("{} replays are running; wait for one, or cancel it", limits::REPLAYS_MAX)]
    TooMany,
    /// The store's.
    #[error(transparent)]
    Store(#[from] Fault),
}

impl Engine {
    /// Begins a replay; it goes on by itself, over restarts too.
    ///
    /// # Errors
    /// [`NotBegun`]
    pub async fn replay(self: &Arc<Self>, tenant: &Name, order: Order) -> Result<Replay, NotBegun> {
        if self.plan_of(tenant, &order.to).is_none() {
            return Err(NotBegun::NoTarget(order.to));
        }
        let began = self.doors.clock.now();
        let until = match order.until {
            // What comes from now on goes there by itself, or is not meant.
            None if order.take == Take::All || !self.goes_to(&order.route, &order.to) => Some(began),
            until => until,
        };
        let id = MessageId::new(began, &*self.doors.entropy);
        let replay = Replay::new(id, Order { until, ..order }, began);
        let Some(cancel) = self.admit_replay(replay.id) else { return Err(NotBegun::TooMany) };
        let (engine, tenant) = (Arc::clone(self), tenant.clone());
        // A client that hangs up must not leave one on disk that nobody runs.
        let begun = self.detached(async move {
            run::keep(&engine, &replay).await?;
            engine.tell(&Happened::Replay { replay: &replay });
            engine.services.spawn(run::run(Arc::clone(&engine), tenant, replay.clone(), cancel));
            Ok(replay)
        });
        Ok(begun.await?)
    }

    /// What a replay would do now, without doing it.
    ///
    /// # Errors
    /// The store's.
    pub async fn replay_dry(&self, tenant: &Name, order: &Order) -> Result<Counts, NotBegun> {
        let Some(plan) = self.plan_of(tenant, &order.to) else {
            return Err(NotBegun::NoTarget(order.to.clone()));
        };
        let until = Some(order.until.unwrap_or(self.doors.clock.now()));
        let order = Order { until, ..order.clone() };
        let (mut counts, mut after) = (Counts::default(), None);
        loop {
            let span = order.span(tenant);
            let look = self.doors.store.history(span, after, limits::PAGE_ITEMS_MAX).await?;
            for past in &look.messages {
                match judge(&order, None, &plan, past).await {
                    Judged::Send(_) => counts.sent += 1,
                    Judged::Present => counts.present += 1,
                    Judged::Skip => counts.skipped += 1,
                    Judged::Fail(_) | Judged::Busy => counts.failed += 1,
                }
                counts.scanned += 1;
            }
            after = look.reached;
            if look.is_last {
                return Ok(counts);
            }
        }
    }

    /// Every replay that is kept, the latest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn replays(&self) -> Result<Vec<Replay>, Fault> {
        let kept = self.doors.store.states(ScopeKind::Replay).await?;
        let read = kept.iter().filter_map(|(_, kept)| serde_json::from_slice(&kept.value).ok());
        let mut replays: Vec<Replay> = read.collect();
        replays.sort_by_key(|replay| std::cmp::Reverse(replay.id));
        Ok(replays)
    }

    /// One replay's progress.
    ///
    /// # Errors
    /// The store's.
    pub async fn replay_progress(&self, id: MessageId) -> Result<Option<Replay>, Fault> {
        let kept = self.doors.store.state(Scope::Replay(id)).await?;
        Ok(kept.and_then(|kept| serde_json::from_slice(&kept.value).ok()))
    }

    /// Ends a replay, and waits until it has; what it added goes on. It may have ended by itself before.
    ///
    /// # Errors
    /// The store's.
    pub async fn cancel_replay(&self, id: MessageId) -> Result<Option<Replay>, Fault> {
        let cancel = {
            let running = self.running.lock();
            running.iter().find(|one| one.id == id).map(|one| one.cancel.clone())
        };
        if let Some(cancel) = cancel {
            cancel.send_replace(true);
            cancel.closed().await;
        }
        self.replay_progress(id).await
    }

    /// Goes on with what an end of the process interrupted.
    pub(crate) async fn recall_replays(self: &Arc<Self>) -> Result<(), Fault> {
        for replay in self.replays().await? {
            if replay.state == State::Running
                && let Some(cancel) = self.admit_replay(replay.id)
            {
                self.services.spawn(run::run(Arc::clone(self), Name::default_tenant(), replay, cancel));
            }
        }
        Ok(())
    }

    /// Room for one more; it hears there when it is to end.
    fn admit_replay(&self, id: MessageId) -> Option<watch::Receiver<bool>> {
        let mut running = self.running.lock();
        running.retain(|one| !one.cancel.is_closed());
        if running.len() == limits::REPLAYS_MAX {
            return None;
        }
        let (cancel, cancelled) = watch::channel(false);
        running.push(Running { id, cancel });
        Some(cancelled)
    }

    fn plan_of(&self, tenant: &Name, target: &Name) -> Option<Arc<TargetPlan>> {
        let lanes = self.lanes();
        lanes.iter().find(|lane| lane.name == *target && lane.tenant == *tenant)?.plan()
    }

    /// Whether what a route takes now goes to a target.
    fn goes_to(&self, route: &Name, to: &Name) -> bool {
        self.ways_of(route).last().is_some_and(|route| route.brings_to(to))
    }

    /// Whether a message of the route may still be on its way to its commit under a configuration in which it does not go to the
    /// target, although it does in the one in use.
    fn may_be_passed_over(&self, route: &Name, to: &Name) -> bool {
        let routes = self.ways_of(route);
        routes.last().is_some_and(|route| route.brings_to(to))
            && !routes.iter().all(|route| route.brings_to(to))
    }

    /// A route as each configuration had it that somebody still works by, the one in use last.
    fn ways_of(&self, name: &Name) -> Vec<Arc<Route>> {
        let routes = self.routes.lock();
        routes.iter().filter_map(Weak::upgrade).filter(|route| route.name == *name).collect()
    }
}
