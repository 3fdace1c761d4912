//! Whether one more may start: its target's hold, the calls in flight, the rate.

use super::{Lane, State, earlier, has_memory};
use crate::plan::TargetPlan;
use crate::policy::hold::Gate;
use crate::policy::rate::{self, Permit};
use contract::line::{Line, Lines};
use contract::store::Lease;
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

    /// The one of the window whose turn it is, if it may start now.
    pub(super) fn pop(&self, state: &mut State, now: Timestamp) -> Option<Lease> {
        if state.window.is_empty() || !self.begin(state, now) {
            return None;
        }
        let concurrency = self.plan.load().as_deref().map_or(0, |plan| plan.concurrency.now(&state.learner));
        state.window.pop(concurrency, now)
    }

    /// Deliveries that this lane may have in hand when one more comes from outside. What is claimed has room above it.
    pub(super) fn admit_max(&self) -> usize {
        self.ahead().min(limits::ADMIT_ITEMS_MAX)
    }

    /// Deliveries that one claim brings for one line, and below half of which the lane asks for more of it.
    fn claim_max(&self) -> usize {
        self.ahead().min(limits::CLAIM_ITEMS_MAX)
    }

    /// With a rate no more is kept in memory than what goes soon.
    fn ahead(&self) -> usize {
        let plan = self.plan.load();
        plan.as_deref().and_then(|plan| plan.rate.as_ref()).map_or(usize::MAX, rate::Limit::ahead)
    }

    /// When what waits on disk is worth a look.
    pub(super) fn looks_at(&self, state: &State, now: Timestamp) -> Option<Timestamp> {
        let in_hand = state.in_flight + state.window.len();
        let (all, short) = (has_memory(state), self.claim_max() / 2);
        let due = state.next_due.iter().filter_map(|(line, due)| {
            // What is due already waits until a courier that ends says that there is room; what is due later needs the clock.
            due.filter(|due| *due > now || (all && state.window.len_of(line) < short))
        });
        match state.hold.gate(now) {
            Gate::Refuse(until) => until,
            Gate::Few(few) if in_hand >= few => {
                state.next_due.iter().filter_map(|(_, due)| *due).filter(|due| *due > now).min()
            }
            Gate::Admit | Gate::Few(_) => due.min(),
        }
    }

    pub(super) fn is_hungry(&self, state: &State, now: Timestamp) -> bool {
        state.next_due.earliest().is_some_and(|due| due <= now) && !self.hungry_lines(state, now).is_empty()
    }

    /// The lines of which there is more on disk that is due and little in memory, with what to claim. Those with the least in memory come
    /// first: where memory is short, none of them goes without for long.
    pub(super) fn hungry_lines(&self, state: &State, now: Timestamp) -> Vec<(Line, usize)> {
        let closed =
            matches!(state.hold.gate(now), Gate::Refuse(_)) || state.stopped || self.plan.load().is_none();
        if closed || !has_memory(state) {
            return Vec::new();
        }
        let items = self.claim_max();
        let due = state.next_due.iter().filter(|(line, due)| {
            due.is_some_and(|due| due <= now) && state.window.len_of(*line) < items / 2
        });
        let mut lines: Vec<(Line, usize)> = due.map(|(line, _)| (line, items)).collect();
        lines.sort_by_key(|(line, _)| state.window.len_of(*line));
        lines
    }

    /// What to claim while only a few calls may go: no more than goes now, so that nothing waits in memory among which turns could be taken.
    /// They are taken here.
    pub(super) fn few_lines(&self, state: &mut State, few: usize, now: Timestamp) -> Vec<(Line, usize)> {
        let room = few.saturating_sub(state.in_flight + state.window.len()).min(self.claim_max());
        let mut due = Lines::default();
        self.hungry_lines(state, now).iter().for_each(|(line, items)| *due.of_mut(*line) = *items);
        let concurrency = self.plan.load().as_deref().map_or(0, |plan| plan.concurrency.now(&state.learner));
        state.window.share_out(room, &due, concurrency, now)
    }
}

/// Whether the hold and the calls in flight let one more start, whatever the rate says.
fn has_place(state: &State, plan: &TargetPlan, now: Timestamp) -> bool {
    if state.stopped {
        return false;
    }
    let most = plan.concurrency.now(&state.learner);
    match state.hold.gate(now) {
        Gate::Admit => state.in_flight < most,
        Gate::Few(few) => state.in_flight < few.min(most),
        Gate::Refuse(_) => false,
    }
}
