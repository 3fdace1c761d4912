//! One target's lane: what is in flight, what waits in memory, and whether more may go. No I/O.
//!
//! ```text
//!   intake: admit ──► (commit) ──► offer ──► courier ──► next ──► … ──► idle
//!   store:  ask ──► claim ──► claimed, offer ──┘
//! ```
//! The window is bounded; what does not fit stays on disk, and the lane remembers when the earliest of it is due.

mod held;

use super::memory::{Memory, Share};
use crate::plan::TargetPlan;
use crate::policy::hold::{Gate, Hold, Reason};
use arc_swap::ArcSwapOption;
use contract::store::{Ask, Lease};
use contract::{DeliveryId, MessageId, Name, Timestamp, limits};
use parking_lot::Mutex;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// One target's lane. It outlives configurations: only its plan is replaced.
pub struct Lane {
    pub(crate) tenant: Name,
    pub(crate) name: Name,
    plan: ArcSwapOption<TargetPlan>,
    state: Mutex<State>,
    unsaved: AtomicBool,
}

struct State {
    /// Couriers on their way.
    in_flight: usize,
    /// Room promised to messages that are being committed.
    promised: usize,
    window: VecDeque<Lease>,
    hold: Hold,
    /// When the earliest delivery on disk is due; none: nothing is on disk.
    next_due: Option<Timestamp>,
    /// The earliest that was put on disk since the claim under way began, which that claim may not have seen.
    noted: Option<Timestamp>,
    /// Bytes of what is in this lane's hands, promised and asked for included.
    share: Share,
    /// Bytes set aside for the claim under way.
    asked: usize,
    /// Not later than the earliest deadline in the window.
    deadline: Option<Timestamp>,
    /// Deliveries whose credentials were refused, while they are not delivered.
    refused: BTreeSet<DeliveryId>,
    /// The dispatcher was told that there is room for more from the disk.
    told: bool,
    stopped: bool,
}

/// A lane as people see it.
#[derive(Clone, Debug)]
pub struct View {
    /// The target.
    pub name: Name,
    /// Calls on the wire.
    pub in_flight: usize,
    /// Leased and waiting in memory.
    pub window: usize,
    /// The hold as it is now.
    pub hold: Hold,
    /// Why it is held now, if it is.
    pub reason: Option<Reason>,
}

/// What a courier does after its delivery.
pub(crate) struct Next {
    /// Its next delivery; none: it ends.
    pub(crate) lease: Option<Lease>,
    /// The dispatcher should look for more on disk.
    pub(crate) hungry: bool,
}

/// A lane asks for more from the disk when its window is shorter than this.
const HUNGRY_BELOW: usize = limits::CLAIM_ITEMS_MAX / 2;

impl State {
    fn new(share: Share) -> Self {
        Self {
            in_flight: 0,
            promised: 0,
            window: VecDeque::new(),
            hold: Hold::default(),
            next_due: None,
            noted: None,
            share,
            asked: 0,
            deadline: None,
            refused: BTreeSet::new(),
            told: false,
            stopped: false,
        }
    }
}

impl Lane {
    pub(crate) fn new(tenant: Name, name: Name, memory: Arc<Memory>) -> Self {
        Self {
            tenant,
            name,
            plan: ArcSwapOption::empty(),
            state: Mutex::new(State::new(Share::of(memory))),
            unsaved: AtomicBool::new(false),
        }
    }

    pub(crate) fn set_plan(&self, plan: Option<Arc<TargetPlan>>) {
        self.plan.store(plan);
    }

    /// Whether a message that is about to be committed may be leased. A yes promises room until `keep_promise` or
    /// `break_promise`.
    pub(crate) fn admit(&self, bytes: usize, now: Timestamp) -> bool {
        let mut state = self.state.lock();
        let room = state.in_flight + state.promised + state.window.len() < limits::WINDOW_ITEMS_MAX;
        let backlog = state.next_due.is_some_and(|due| due <= now);
        let open = state.hold.gate(now) == Gate::Admit && !state.stopped && self.plan.load().is_some();
        let admitted = room && !backlog && open && bytes <= state.share.room();
        if admitted {
            state.promised += 1;
            state.share.take(bytes);
        }
        admitted
    }

    /// The message was not taken, or not leased.
    pub(crate) fn break_promise(&self, bytes: usize) {
        let mut state = self.state.lock();
        state.promised -= 1;
        state.share.give(bytes);
    }

    /// The message is durable. Some: start a courier with it.
    pub(crate) fn keep_promise(&self, lease: Lease, now: Timestamp) -> Option<Lease> {
        let mut state = self.state.lock();
        state.promised -= 1;
        self.place(&mut state, lease, now)
    }

    /// A lease that was claimed. Some: start a courier with it.
    pub(crate) fn offer(&self, lease: Lease, now: Timestamp) -> Option<Lease> {
        let mut state = self.state.lock();
        state.share.take(weight(&lease));
        self.place(&mut state, lease, now)
    }

    /// What the courier of a finished delivery does next.
    pub(crate) fn next(&self, finished_bytes: usize, now: Timestamp) -> Next {
        let mut state = self.state.lock();
        state.share.give(finished_bytes);
        state.in_flight -= 1;
        let lease = if self.may_start(&state, now) { state.window.pop_front() } else { None };
        state.in_flight += usize::from(lease.is_some());
        let hungry = !state.told && self.is_hungry(&state, now);
        state.told |= hungry;
        Next { lease, hungry }
    }

    /// What waits in memory and may start now, after a hold has ended or the configuration changed.
    pub(crate) fn ready(&self, now: Timestamp) -> Vec<Lease> {
        let mut state = self.state.lock();
        let mut ready = Vec::new();
        while !state.window.is_empty() && self.may_start(&state, now) {
            state.in_flight += 1;
            ready.extend(state.window.pop_front());
        }
        ready
    }

    /// What to claim for this lane now.
    pub(crate) fn ask(&self, now: Timestamp) -> Option<Ask> {
        let mut state = self.state.lock();
        state.told = false;
        let probing = state.hold.gate(now) == Gate::Probe;
        if !self.is_hungry(&state, now) || (probing && state.in_flight + state.window.len() > 0) {
            return None;
        }
        state.noted = None;
        // Half of the room: other lanes ask at the same time.
        state.asked = state.share.room().div_ceil(2);
        let bytes = state.asked;
        state.share.take(bytes);
        let items = if probing { 1 } else { limits::CLAIM_ITEMS_MAX };
        Some(Ask { tenant: self.tenant.clone(), target: self.name.clone(), items, bytes: bytes.max(1) })
    }

    /// The claim has ended; this is when the earliest delivery that it left on disk is due.
    pub(crate) fn claimed(&self, next_due: Option<Timestamp>) {
        self.not_claimed();
        let mut state = self.state.lock();
        state.next_due = earlier(next_due, state.noted);
    }

    /// The claim is over: what was set aside for it is free again.
    pub(crate) fn not_claimed(&self) {
        let mut state = self.state.lock();
        let bytes = std::mem::take(&mut state.asked);
        state.share.give(bytes);
    }

    /// A delivery was put on disk, due at this time. True: sooner than anything known, so wake the dispatcher.
    #[must_use]
    pub(crate) fn note_due(&self, due: Timestamp) -> bool {
        let mut state = self.state.lock();
        state.noted = earlier(state.noted, Some(due));
        let sooner = state.next_due.is_none_or(|known| due < known);
        state.next_due = earlier(state.next_due, Some(due));
        sooner
    }

    /// When the dispatcher should look at this lane again.
    pub(crate) fn wakes_at(&self, now: Timestamp) -> Option<Timestamp> {
        let state = self.state.lock();
        let waiting = !state.window.is_empty() || state.next_due.is_some();
        let in_hand = state.in_flight + state.window.len();
        // What is due already waits until a courier that ends says that there is room; what is due later needs the clock.
        let later = state.next_due.filter(|due| *due > now);
        match state.hold.gate(now) {
            _ if state.stopped || !waiting || self.plan.load().is_none() => None,
            Gate::Refuse(until) => until,
            Gate::Probe if in_hand > 0 => later,
            Gate::Admit | Gate::Probe if state.window.len() >= HUNGRY_BELOW || !has_memory(&state) => later,
            Gate::Admit | Gate::Probe => state.next_due,
        }
    }

    /// Removes the message's deliveries that wait here, before they are sent.
    pub(crate) fn take_back(&self, message: MessageId) -> Vec<Lease> {
        let mut state = self.state.lock();
        // Undoing and telling are not cancelled.
        let is = |lease: &Lease| lease.message.id == message && lease.delivery.duty.is_main();
        let taken = state.window.iter().filter(|lease| is(lease)).cloned().collect();
        state.window.retain(|lease| !is(lease));
        forget(&mut state, taken)
    }

    /// Nothing starts from now on.
    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
    }

    /// What waits in memory although the target may not be called before a person acts, or is not configured: it belongs on the disk, where
    /// a crash does not make it suspect.
    pub(crate) fn shut_out(&self, now: Timestamp) -> Vec<Lease> {
        let mut state = self.state.lock();
        if !self.is_shut(&state, now) {
            return Vec::new();
        }
        let taken = Vec::from(std::mem::take(&mut state.window));
        forget(&mut state, taken)
    }

    /// Whether something waits in memory that belongs on the disk.
    pub(crate) fn is_shut_out(&self, now: Timestamp) -> bool {
        let state = self.state.lock();
        !state.window.is_empty() && !state.stopped && self.is_shut(&state, now)
    }

    /// Takes out of the window what has waited past its deadline, and gives the earliest deadline of what stays. Looks at nothing while no
    /// deadline has passed.
    pub(crate) fn take_late(&self, now: Timestamp) -> (Vec<Lease>, Option<Timestamp>) {
        let mut state = self.state.lock();
        if state.deadline.is_none_or(|earliest| earliest >= now) {
            return (Vec::new(), state.deadline);
        }
        let is_late = |lease: &Lease| lease.deadline().is_some_and(|deadline| deadline < now);
        let (late, rest): (VecDeque<Lease>, VecDeque<Lease>) =
            std::mem::take(&mut state.window).into_iter().partition(is_late);
        state.deadline = rest.iter().filter_map(Lease::deadline).min();
        state.window = rest;
        (forget(&mut state, late.into()), state.deadline)
    }

    /// Everything that waits in memory.
    pub(crate) fn take_all(&self) -> Vec<Lease> {
        let mut state = self.state.lock();
        let taken = Vec::from(std::mem::take(&mut state.window));
        forget(&mut state, taken)
    }

    /// A lane as people see it.
    pub(crate) fn view(&self, now: Timestamp) -> View {
        let reason = self.reason(now);
        let state = self.state.lock();
        View {
            name: self.name.clone(),
            in_flight: state.in_flight,
            window: state.window.len(),
            reason,
            hold: state.hold.clone(),
        }
    }

    /// Why the target is not called now, if it is not.
    pub(crate) fn reason(&self, now: Timestamp) -> Option<Reason> {
        let missing = self.plan.load().is_none().then_some(Reason::NoTarget);
        missing.or_else(|| self.state.lock().hold.reason(now))
    }

    /// The target as configured now; none when the configuration has it no more.
    pub(crate) fn plan(&self) -> Option<Arc<TargetPlan>> {
        self.plan.load_full()
    }

    fn is_shut(&self, state: &State, now: Timestamp) -> bool {
        state.hold.gate(now) == Gate::Refuse(None) || self.plan.load().is_none()
    }

    fn place(&self, state: &mut State, lease: Lease, now: Timestamp) -> Option<Lease> {
        if state.window.is_empty() && self.may_start(state, now) {
            state.in_flight += 1;
            return Some(lease);
        }
        state.deadline = earlier(state.deadline, lease.deadline());
        state.window.push_back(lease);
        None
    }

    fn is_hungry(&self, state: &State, now: Timestamp) -> bool {
        let open =
            !matches!(state.hold.gate(now), Gate::Refuse(_)) && !state.stopped && self.plan.load().is_some();
        open && has_memory(state)
            && state.window.len() < HUNGRY_BELOW
            && state.next_due.is_some_and(|due| due <= now)
    }

    fn may_start(&self, state: &State, now: Timestamp) -> bool {
        let concurrency = match self.plan.load().as_deref() {
            Some(plan) if !state.stopped => plan.concurrency,
            Some(_) | None => 0,
        };
        match state.hold.gate(now) {
            Gate::Admit => state.in_flight < concurrency,
            Gate::Probe => state.in_flight == 0 && concurrency > 0,
            Gate::Refuse(_) => false,
        }
    }
}

/// A lane with nothing in hand may always ask for one.
fn has_memory(state: &State) -> bool {
    state.share.room() > 0 || state.in_flight + state.window.len() == 0
}

/// What was taken out of the window counts no more.
fn forget(state: &mut State, taken: Vec<Lease>) -> Vec<Lease> {
    state.share.give(taken.iter().map(weight).sum());
    taken
}

/// The bytes that a lease counts for.
pub(crate) fn weight(lease: &Lease) -> usize {
    lease.message.body.len() + lease.edit.as_ref().map_or(0, |edit| edit.body.len())
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}
