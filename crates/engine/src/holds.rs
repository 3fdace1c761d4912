//! Holds of targets: what an attempt or a person changes, and how it is kept.

use crate::dispatch::lane::Lane;
use crate::engine::Engine;
use crate::happened::Happened;
use crate::plan::TargetPlan;
use crate::policy::breaker::{End, Forced, Host, Policy, Turn};
use crate::policy::hold::{Auth, Hold};
use crate::verdict::Effect;
use contract::store::{Fault, Scope};
use contract::{Name, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// A longer hold replaces a shorter one only if it is longer by this much: many answers at once say nearly the same.
const HOLD_STEP: Duration = Duration::from_millis(500);

/// A target of this name is not known.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// No such target.
    #[error("there is no target of this name")]
    Unknown,
    /// The store could not keep it; it holds until the process ends.
    #[error(transparent)]
    Store(#[from] Fault),
}

impl Engine {
    /// Stops calls to a target; its backlog is kept.
    ///
    /// # Errors
    /// [`HoldError`]
    pub async fn pause(&self, target: &Name) -> Result<(), HoldError> {
        self.change_hold(target, |hold| hold.paused = true).await
    }

    /// Lets calls to a target go on, whatever held it.
    ///
    /// # Errors
    /// [`HoldError`]
    pub async fn resume(&self, target: &Name) -> Result<(), HoldError> {
        let resumed = |hold: &mut Hold| {
            let forced = hold.forced.filter(|forced| *forced == Forced::Closed);
            *hold = Hold { proven: hold.proven, forced, ..Hold::default() };
        };
        self.change_hold(target, resumed).await
    }

    /// What a person wants of a target's breaker; none: it opens and closes by itself again, and begins closed.
    ///
    /// # Errors
    /// [`HoldError`]
    pub async fn force_breaker(&self, target: &Name, forced: Option<Forced>) -> Result<(), HoldError> {
        self.change_hold(target, |hold| (hold.forced, hold.breaker) = (forced, None)).await
    }

    async fn change_hold(&self, target: &Name, change: impl FnOnce(&mut Hold)) -> Result<(), HoldError> {
        let lanes = self.lanes();
        let lane = lanes.iter().find(|lane| lane.name == *target).ok_or(HoldError::Unknown)?;
        self.hold(lane, change);
        self.save_hold(lane).await?;
        Ok(())
    }

    /// What the end of an attempt means for its target.
    pub(crate) fn apply_effect(&self, lane: &Arc<Lane>, plan: &TargetPlan, end: End, effect: Effect) {
        let now = end.now;
        let felt = lane.feel(end, plan, || self.doors.entropy.bits());
        if let (Some(turn), Some(hold)) = (felt.turn, &felt.hold) {
            self.tell(&Happened::Switched { target: &lane.name, turn, hold });
            self.wake.wake();
            self.keep.wake();
            if plan.disable_after.is_some_and(|limit| hold.has_failed_for(limit, now)) {
                self.hold(lane, |hold| hold.disabled = true);
            }
        }
        self.note_host(plan, end);
        match effect {
            Effect::None => {}
            Effect::Succeeded if felt.hold.is_some_and(|hold| !hold.proven || hold.auth.is_some()) => {
                self.hold(lane, prove);
            }
            Effect::Succeeded => {}
            Effect::Spent(until) => self.hold(lane, |hold| {
                prove(hold);
                throttle(hold, until);
            }),
            Effect::HoldUntil(until) => self.hold(lane, |hold| throttle(hold, until)),
            Effect::AuthFailed { probe_at } => self.hold(lane, |hold| {
                refuse_auth(hold, (probe_at, plan.credentials), now);
                hold.disabled |= plan.disable_after.is_some_and(|limit| hold.has_failed_for(limit, now));
            }),
            Effect::Disable => self.hold(lane, |hold| hold.disabled = true),
        }
    }

    /// What the end of a call means for the other targets of its host.
    fn note_host(&self, plan: &TargetPlan, end: End) {
        let (Some(host), Some(policy)) = (&plan.host, shared(plan)) else { return };
        if self.hosts.note(host, end, policy) {
            self.open_all(host, end);
        }
    }

    fn open_all(&self, host: &Arc<str>, end: End) {
        for lane in self.lanes().iter() {
            let Some(plan) = lane.plan().filter(|plan| plan.host.as_ref() == Some(host)) else { continue };
            let Some(policy) = shared(&plan) else { continue };
            let trip = policy.trip(end.now, 0, end.now, self.doors.entropy.bits());
            let (before, hold) = lane.change_hold(|hold| {
                if hold.forced.is_none() {
                    hold.breaker = hold.breaker.or(Some(trip));
                }
            });
            if before != hold {
                self.tell(&Happened::Switched { target: &lane.name, turn: Turn::Opened, hold: &hold });
            }
        }
        self.wake.wake();
        self.keep.wake();
    }

    pub(crate) fn hold(&self, lane: &Lane, change: impl FnOnce(&mut Hold)) {
        let (before, after) = lane.change_hold(change);
        if before == after {
            return;
        }
        let now = self.doors.clock.now();
        if before.reason(now) != after.reason(now) || before.throttled_until != after.throttled_until {
            self.tell(&Happened::Held { target: &lane.name, hold: &after, reason: after.reason(now) });
        }
        self.wake.wake();
        self.keep.wake();
    }

    pub(crate) async fn save_holds(&self) {
        for lane in self.lanes().iter().filter(|lane| lane.is_unsaved()) {
            if let Err(fault) = self.save_hold(lane).await {
                lane.mark_unsaved();
                tracing::warn!(target = %lane.name, %fault, "the hold of a target could not be kept; it is tried again when a hold changes");
            }
        }
    }

    async fn save_hold(&self, lane: &Lane) -> Result<(), Fault> {
        let scope = Scope::Target(lane.tenant.clone(), lane.name.clone());
        loop {
            let version = self.doors.store.state(scope.clone()).await?.map_or(0, |kept| kept.version);
            if self.doors.store.put_state(scope.clone(), version, lane.to_save().into()).await? {
                return Ok(());
            }
        }
    }
}

fn prove(hold: &mut Hold) {
    hold.proven = true;
    hold.auth = None;
}

fn throttle(hold: &mut Hold, until: Timestamp) {
    if hold.throttled_until.is_none_or(|known| known + HOLD_STEP < until) {
        hold.throttled_until = Some(until);
    }
}

/// Only a probe's failure is a step further: the others were under way when the first failed.
fn refuse_auth(hold: &mut Hold, (probe_at, refused): (Timestamp, u16), now: Timestamp) {
    let credentials = Some(refused);
    hold.auth = match hold.auth.take() {
        None => Some(Auth { step: 1, probe_at, since: Some(now), credentials }),
        Some(auth) if auth.probe_at <= now => {
            Some(Auth { step: auth.step + 1, probe_at, credentials, ..auth })
        }
        Some(auth) => Some(auth),
    };
}

fn shared(plan: &TargetPlan) -> Option<&Policy> {
    plan.breaker.as_ref().filter(|policy| policy.host == Host::Shared)
}
