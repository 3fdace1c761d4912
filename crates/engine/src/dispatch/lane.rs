//! One target's lane: what is in flight, what waits in memory, and whether more may go. No I/O.
//!
//! ```text
//!   intake: admit ──► (commit) ──► offer ──► courier ──► next ──► … ──► idle
//!   store:  ask ──► claim ──► claimed, offer ──┘
//! ```
//! The window is bounded; what does not fit stays on disk, and the lane remembers when the earliest of it is due.

mod held;
mod start;
mod window;

use super::memory::{Memory, Share};
use crate::plan::TargetPlan;
use crate::policy::breaker::Pulse;
use crate::policy::concurrency::{Learned, Learner, Sign};
use crate::policy::hold::{Gate, Hold, Reason};
use crate::policy::rate::Rate;
use arc_swap::ArcSwapOption;
use contract::line::{Line, Lines};
use contract::store::{Ask, Lease};
use contract::{DeliveryId, MessageId, Name, Timestamp};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use window::Window;

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
    window: Window,
    hold: Hold,
    /// What was seen of the target's health.
    pulse: Pulse,
    /// What the target's limit has let go.
    rate: Rate,
    /// What its answers have taught about its concurrency.
    learner: Learner,
    /// What of it is on disk, or on its way there.
    kept: Option<Learned>,
    /// The earliest time that the dispatcher was told the first of the window may start at.
    alarm: Option<Timestamp>,
    /// When the earliest delivery on disk is due, in each line; none: nothing is on disk.
    next_due: Lines<Option<Timestamp>>,
    /// The earliest that was put on disk since the claim under way began, which that claim may not have seen.
    noted: Lines<Option<Timestamp>>,
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
    /// Calls that it may have in flight at once, as configured or as learned; none: it is not configured.
    pub concurrency: Option<usize>,
    /// The hold as it is now.
    pub hold: Hold,
    /// Why it is held now, if it is.
    pub reason: Option<Reason>,
}

/// What starts next.
pub(crate) struct Next {
    /// A delivery that starts now; none: nothing may.
    pub(crate) lease: Option<Lease>,
    /// The dispatcher should look at this lane: at what is on disk, or at when the next may start.
    pub(crate) wake: bool,
}

/// What follows from the end of a call.
pub(crate) struct After {
    pub(crate) next: Next,
    /// There is something worth keeping.
    pub(crate) keep: bool,
}

/// A call has ended.
pub(crate) struct Ended {
    /// What its delivery weighed.
    pub(crate) bytes: usize,
    /// What it says about how busy the target is.
    pub(crate) sign: Sign,
}

impl State {
    fn new(share: Share) -> Self {
        Self {
            in_flight: 0,
            promised: 0,
            window: Window::default(),
            hold: Hold::default(),
            pulse: Pulse::default(),
            rate: Rate::default(),
            learner: Learner::default(),
            kept: None,
            alarm: None,
            next_due: Lines::default(),
            noted: Lines::default(),
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
    pub(crate) fn admit(&self, line: Line, bytes: usize, now: Timestamp) -> bool {
        let mut state = self.state.lock();
        let room = state.in_flight + state.promised + state.window.len() < self.admit_max();
        let backlog = state.next_due.of(line).is_some_and(|due| due <= now);
        let open = match state.hold.gate(now) {
            Gate::Admit => true,
            Gate::Few(few) => state.in_flight + state.promised + state.window.len() < few,
            Gate::Refuse(_) => false,
        };
        let open = open && !state.stopped && self.plan.load().is_some();
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

    /// The message is durable.
    pub(crate) fn keep_promise(&self, lease: Lease, now: Timestamp) -> Next {
        let mut state = self.state.lock();
        state.promised -= 1;
        self.place(&mut state, lease, now)
    }

    /// A lease that was claimed.
    pub(crate) fn offer(&self, lease: Lease, now: Timestamp) -> Next {
        let mut state = self.state.lock();
        state.share.take(weight(&lease));
        self.place(&mut state, lease, now)
    }

    /// What the courier of a finished delivery does next.
    pub(crate) fn next(&self, ended: &Ended, now: Timestamp) -> After {
        let mut state = self.state.lock();
        state.share.give(ended.bytes);
        if let Some(plan) = self.plan.load().as_deref() {
            let in_flight = state.in_flight;
            state.learner.learn(&plan.concurrency, ended.sign, in_flight);
        }
        let keep = state.learner.has_moved_from(state.kept);
        if keep {
            self.keep_learned(&mut state);
        }
        state.in_flight -= 1;
        let lease = self.pop(&mut state, now);
        let hungry = !state.told && self.is_hungry(&state, now);
        state.told |= hungry;
        let rings = self.rings(&mut state, now);
        After { next: Next { lease, wake: hungry || rings }, keep }
    }

    /// What waits in memory and may start now, after a hold has ended or the configuration changed.
    pub(crate) fn ready(&self, now: Timestamp) -> Vec<Lease> {
        let mut state = self.state.lock();
        let mut ready = Vec::new();
        while let Some(lease) = self.pop(&mut state, now) {
            ready.push(lease);
        }
        ready
    }

    /// What to claim for this lane now.
    pub(crate) fn ask(&self, now: Timestamp) -> Option<Ask> {
        let mut state = self.state.lock();
        state.told = false;
        let lines = match state.hold.gate(now) {
            Gate::Admit | Gate::Refuse(_) => self.hungry_lines(&state, now),
            Gate::Few(few) => self.few_lines(&mut state, few, now),
        };
        if lines.is_empty() {
            return None;
        }
        state.noted = Lines::default();
        // Half of the room: other lanes ask at the same time.
        state.asked = state.share.room().div_ceil(2);
        let bytes = state.asked;
        state.share.take(bytes);
        Some(Ask { tenant: self.tenant.clone(), target: self.name.clone(), lines, bytes: bytes.max(1) })
    }

    /// The claim has ended; this is when the earliest delivery that it left on disk is due, in each line.
    pub(crate) fn claimed(&self, next_due: Lines<Option<Timestamp>>) {
        self.not_claimed();
        let mut state = self.state.lock();
        let noted = state.noted;
        state.next_due = next_due;
        noted.iter().for_each(|(line, due)| state.next_due.note(line, *due));
    }

    /// The claim is over: what was set aside for it is free again.
    pub(crate) fn not_claimed(&self) {
        let mut state = self.state.lock();
        let bytes = std::mem::take(&mut state.asked);
        state.share.give(bytes);
    }

    /// A delivery was put on disk in this line, due at this time. True: sooner than anything known, so wake the dispatcher.
    #[must_use]
    pub(crate) fn note_due(&self, line: Line, due: Timestamp) -> bool {
        let mut state = self.state.lock();
        state.noted.note(line, Some(due));
        let sooner = state.next_due.of(line).is_none_or(|known| due < known);
        state.next_due.note(line, Some(due));
        sooner
    }

    /// When the dispatcher should look at this lane again.
    pub(crate) fn wakes_at(&self, now: Timestamp) -> Option<Timestamp> {
        let mut state = self.state.lock();
        let waiting = !state.window.is_empty() || state.next_due.earliest().is_some();
        state.alarm = self.opens(&state, now);
        if state.stopped || !waiting || self.plan.load().is_none() {
            return None;
        }
        earlier(state.alarm, self.looks_at(&state, now))
    }

    /// Removes the message's deliveries that wait here, before they are sent.
    pub(crate) fn take_back(&self, message: MessageId) -> Vec<Lease> {
        let mut state = self.state.lock();
        // Undoing and telling are not cancelled.
        let taken = state.window.take(|lease| lease.message.id == message && lease.delivery.duty.is_main());
        forget(&mut state, taken)
    }

    /// Nothing starts from now on.
    pub(crate) fn stop(&self) {
        let mut state = self.state.lock();
        state.stopped = true;
        if state.learner.learned() != state.kept {
            self.keep_learned(&mut state);
        }
    }

    /// What waits in memory although the target may not be called for long, or is not configured: it belongs on the disk, where a crash does
    /// not make it suspect.
    pub(crate) fn shut_out(&self, now: Timestamp) -> Vec<Lease> {
        let mut state = self.state.lock();
        if !self.is_shut(&state, now) {
            return Vec::new();
        }
        let taken = state.window.take(|_| true);
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
        let late = state.window.take(is_late);
        state.deadline = state.window.iter().filter_map(Lease::deadline).min();
        (forget(&mut state, late), state.deadline)
    }

    /// Everything that waits in memory.
    pub(crate) fn take_all(&self) -> Vec<Lease> {
        let mut state = self.state.lock();
        let taken = state.window.take(|_| true);
        forget(&mut state, taken)
    }

    /// A lane as people see it.
    pub(crate) fn view(&self, now: Timestamp) -> View {
        let reason = self.reason(now);
        let plan = self.plan.load();
        let state = self.state.lock();
        View {
            name: self.name.clone(),
            in_flight: state.in_flight,
            window: state.window.len(),
            concurrency: plan.as_deref().map(|plan| plan.concurrency.now(&state.learner)),
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
        state.hold.is_long(now) || self.plan.load().is_none()
    }

    fn place(&self, state: &mut State, lease: Lease, now: Timestamp) -> Next {
        if state.window.is_empty() && self.begin(state, now) {
            return Next { lease: Some(lease), wake: false };
        }
        state.deadline = earlier(state.deadline, lease.deadline());
        state.window.push(lease);
        Next { lease: None, wake: self.rings(state, now) }
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
