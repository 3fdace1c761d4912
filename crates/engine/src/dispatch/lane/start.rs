//! Whether one more may start: its target's hold, the calls in flight, the rate.

use super::{Lane, State, earlier, has_memory};
use crate::plan::TargetPlan;
use crate::policy::hold::Gate;
use crate::policy::rate::Permit;
use contract::{Timestamp, limits};

impl Lane {
    /// Starts one: true if it may start now; then it counts.
    pub(super) fn begin(&self, state: &mut State, now: Timestamp) -> bool {
        let plan = self.plan.load();
        let Some(plan) = plan.as_deref().filter(|plan| has_place(state, plan, now)) else { return false };
        let go = plan.rate.as_ref().is_none_or(|limit| state.rate.permit(limit, now) == Permit::Go);
        state.in_flight += usize::from(go);
        go
    }

    /// When the first of the window may start, as far as that is known; none: something else must happen first.
    pub(super) fn opens(&self, state: &State, now: Timestamp) -> Option<Timestamp> {
        if state.window.is_empty() {
            return None;
        }
        let plan = self.plan.load();
        let plan = plan.as_deref().filter(|plan| has_place(state, plan, now))?;
        match plan.rate.as_ref().map(|limit| state.rate.look(limit, now)) {
            None | Some(Permit::Go) => Some(now),
            Some(Permit::NotBefore(at)) => Some(at),
        }
    }

    /// Whether the dispatcher must be told when the first of the window may start: it was told of no time as early.
    pub(super) fn rings(&self, state: &mut State, now: Timestamp) -> bool {
        let Some(at) = self.opens(state, now) else { return false };
        let told = state.alarm.is_some_and(|alarm| alarm <= at);
        state.alarm = earlier(state.alarm, Some(at));
        !told
    }

    /// Deliveries that this lane may have in memory: with a rate no more than what goes soon.
    pub(super) fn items_max(&self) -> usize {
        let ahead = self.plan.load().as_deref().and_then(|plan| plan.rate.as_ref().map(|rate| rate.ahead()));
        ahead.map_or(limits::WINDOW_ITEMS_MAX, |ahead| ahead.min(limits::WINDOW_ITEMS_MAX))
    }

    /// Deliveries that one claim brings, and below half of which the lane asks.
    pub(super) fn claim_max(&self) -> usize {
        self.items_max().min(limits::CLAIM_ITEMS_MAX)
    }

    /// When what waits on disk is worth a look.
    pub(super) fn looks_at(&self, state: &State, now: Timestamp) -> Option<Timestamp> {
        let in_hand = state.in_flight + state.window.len();
        // What is due already waits until a courier that ends says that there is room; what is due later needs the clock.
        let later = state.next_due.filter(|due| *due > now);
        match state.hold.gate(now) {
            Gate::Refuse(until) => until,
            Gate::Probe if in_hand > 0 => later,
            Gate::Admit | Gate::Probe if state.window.len() >= self.claim_max() / 2 || !has_memory(state) => {
                later
            }
            Gate::Admit | Gate::Probe => state.next_due,
        }
    }

    pub(super) fn is_hungry(&self, state: &State, now: Timestamp) -> bool {
        let open =
            !matches!(state.hold.gate(now), Gate::Refuse(_)) && !state.stopped && self.plan.load().is_some();
        open && has_memory(state)
            && state.window.len() < self.claim_max() / 2
            && state.next_due.is_some_and(|due| due <= now)
    }
}

/// Whether the hold and the calls in flight let one more start, whatever the rate says.
fn has_place(state: &State, plan: &TargetPlan, now: Timestamp) -> bool {
    if state.stopped {
        return false;
    }
    match state.hold.gate(now) {
        Gate::Admit => state.in_flight < plan.concurrency.now(&state.learner),
        Gate::Probe => state.in_flight == 0,
        Gate::Refuse(_) => false,
    }
}
