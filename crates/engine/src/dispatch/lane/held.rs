//! A lane's hold: as it is, as it is saved, and whose credentials were refused.

use super::{Lane, State, weight};
use crate::plan::TargetPlan;
use crate::policy::breaker::{End, Turn};
use crate::policy::concurrency::{Learned, Learner};
use crate::policy::hold::{Gate, Hold, Reason};
use crate::policy::rate::Permit;
use crate::probe::{Place, Probed};
use crate::verdict::Refused;
use contract::store::Lease;
use contract::{DeliveryId, Timestamp, limits};
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;

/// What is kept of a lane: the hold's own fields, and beside them what was learned.
#[derive(Serialize)]
struct Saved<'a> {
    #[serde(flatten)]
    hold: &'a Hold,
    #[serde(skip_serializing_if = "Option::is_none")]
    learned: Option<Learned>,
}

/// The part of it that is no hold.
#[derive(Deserialize)]
struct Memory {
    learned: Option<Learned>,
}

/// What the end of a call has changed.
pub(crate) struct Felt {
    /// Of the breaker.
    pub(crate) turn: Option<Turn>,
    /// The hold as it is now, if that is worth a look.
    pub(crate) hold: Option<Hold>,
}

impl Lane {
    /// Takes the end of a call into account. Allocates nothing, and on most days changes two numbers.
    pub(crate) fn feel(&self, end: End, plan: &TargetPlan, random: impl FnOnce() -> u64) -> Felt {
        let mut state = self.state.lock();
        let State { hold, pulse, learner, .. } = &mut *state;
        let most = plan.concurrency.now(learner);
        let turn = match (&plan.breaker, hold.forced) {
            (Some(policy), None) => pulse.note(&mut hold.breaker, end, policy, most, random),
            (Some(_), Some(_)) | (None, _) => None,
        };
        match turn {
            // The width of a ramp is not kept.
            Some(Turn::Ramping) | None => {}
            Some(Turn::Opened | Turn::Closed) => self.unsaved.store(true, Ordering::SeqCst),
        }
        let changes = turn.is_some() || !hold.proven || hold.auth.is_some();
        Felt { turn, hold: changes.then(|| hold.clone()) }
    }

    /// Takes a place in flight whatever time the target is to be left alone for; from now on an end says how it is.
    pub(crate) fn begin_probe(&self, now: Timestamp) -> Result<Place, Probed> {
        let mut state = self.state.lock();
        let Some(plan) = self.plan().filter(|_| !state.stopped) else {
            return Err(Probed::Shut(Reason::NoTarget));
        };
        if let Some(reason) = state.hold.shut_by_person() {
            return Err(Probed::Shut(reason));
        }
        let most = plan.concurrency.now(&state.learner);
        let few = match state.hold.gate(now) {
            Gate::Few(few) => few.min(most),
            Gate::Admit | Gate::Refuse(_) => most,
        };
        if state.in_flight >= few {
            return Err(Probed::Busy);
        }
        // What a person wants is no reason to call a target more often than was agreed with it.
        if let Some(Permit::NotBefore(at)) = plan.rate.as_ref().map(|limit| state.rate.look(limit, now)) {
            return Err(Probed::Paced(at));
        }
        let on_disk =
            state.next_due.iter().filter_map(|(line, due)| Some(((*due)?, line))).min_by_key(|(due, _)| *due);
        let place = match (state.window.pop(most, now), on_disk) {
            (Some(lease), _) => Ok(Place::Lease(lease)),
            (None, Some((_, line))) => Ok(Place::Disk(line)),
            (None, None) => Err(Probed::Nothing),
        }?;
        state.in_flight += 1;
        if let Some(limit) = &plan.rate {
            state.rate.permit(limit, now);
        }
        let before = state.hold.clone();
        state.hold.look_now(now);
        if state.hold != before {
            self.unsaved.store(true, Ordering::SeqCst);
        }
        Ok(place)
    }

    /// There was nothing to send.
    pub(crate) fn end_probe(&self) {
        self.state.lock().in_flight -= 1;
    }

    /// A lease that did not come through the window.
    pub(crate) fn hold_bytes(&self, lease: &Lease) {
        self.state.lock().share.take(weight(lease));
    }

    /// The hold as it is now, and whether this delivery's credentials were refused before.
    pub(crate) fn hold_and_refused(&self, delivery: DeliveryId) -> (Hold, Refused) {
        let state = self.state.lock();
        let refused = if state.refused.contains(&delivery) { Refused::Before } else { Refused::Never };
        (state.hold.clone(), refused)
    }

    /// Keeps in mind whose credentials were refused: of so many at most.
    pub(crate) fn remember_refused(&self, delivery: DeliveryId) {
        let mut state = self.state.lock();
        if state.refused.len() < limits::WINDOW_ITEMS_MAX {
            state.refused.insert(delivery);
        }
    }

    /// The delivery has ended.
    pub(crate) fn forget_refused(&self, delivery: DeliveryId) {
        self.state.lock().refused.remove(&delivery);
    }

    /// Changes the hold; gives the hold before and after.
    pub(crate) fn change_hold(&self, change: impl FnOnce(&mut Hold)) -> (Hold, Hold) {
        let mut state = self.state.lock();
        let before = state.hold.clone();
        change(&mut state.hold);
        if before.breaker != state.hold.breaker || before.forced != state.hold.forced {
            state.pulse.restart();
        }
        if before != state.hold {
            self.unsaved.store(true, Ordering::SeqCst);
        }
        (before, state.hold.clone())
    }

    /// The hold could not be saved.
    pub(crate) fn mark_unsaved(&self) {
        self.unsaved.store(true, Ordering::SeqCst);
    }

    /// Whether the hold has changed since it was last saved.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.unsaved.load(Ordering::SeqCst)
    }

    /// What was learned is to be saved.
    pub(super) fn keep_learned(&self, state: &mut State) {
        state.kept = state.learner.learned();
        self.unsaved.store(true, Ordering::SeqCst);
    }

    /// The hold and what was learned, as they are saved; they count as saved from now on.
    pub(crate) fn to_save(&self) -> Vec<u8> {
        self.unsaved.store(false, Ordering::SeqCst);
        let mut state = self.state.lock();
        state.kept = state.learner.learned();
        let saved = Saved { hold: &state.hold, learned: state.kept };
        // Plain data: it always has a JSON form.
        serde_json::to_vec(&saved).unwrap_or_default()
    }

    /// What an earlier process saved. What cannot be read holds nothing.
    pub(crate) fn recall(&self, saved: &[u8]) {
        let learned = serde_json::from_slice::<Memory>(saved).ok().and_then(|memory| memory.learned);
        match serde_json::from_slice(saved) {
            Ok(hold) => {
                let mut state = self.state.lock();
                (state.hold, state.kept) = (hold, learned);
                state.learner = learned.map(Learner::recall).unwrap_or_default();
            }
            Err(error) => {
                tracing::warn!(target = %self.name, %error, "the saved hold of a target cannot be read and is ignored")
            }
        }
    }

    /// The hold as it is now.
    pub(crate) fn hold(&self) -> Hold {
        self.state.lock().hold.clone()
    }
}
