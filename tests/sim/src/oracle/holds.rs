//! Targets that must be left alone: paused, throttled, without valid credentials, gone, or not configured.

use super::Book;
use super::breaker::{Breaker, Turn};
use super::fate::{Kind, OWN_WAIT, Seen, kind, probe_wait};
use super::turns::Contest;
use crate::reach::Feat;
use crate::recipe::TargetRecipe;
use crate::rule::Rule;
use contract::store::Scope;
use contract::target::Word;
use contract::{Clock, DeliveryId, Tick, Timestamp, limits};
use engine::policy::breaker::Forced;
use engine::policy::hold::Hold;
use std::collections::BTreeSet;
use std::time::Duration;

/// Many answers at once say nearly the same: a longer hold replaces a shorter one only if it is longer by this much.
const HOLD_STEP: Duration = Duration::from_millis(500);

/// One target as far as its calls are concerned.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) in_flight: BTreeSet<DeliveryId>,
    pub(super) hold: Held,
    /// The hold as the store has it: what a new process begins with.
    durable: Held,
    /// When calls began, since the process or the wall clock did.
    pub(super) starts: Vec<Timestamp>,
    /// Couriers that were on their way when the hold began: their calls still go out.
    late: usize,
    configured: bool,
    /// When something last happened to it.
    pub(super) stirred: Tick,
    /// Its breaker has opened since somebody resumed it, or may have.
    tripped: bool,
    /// Who has started since the same ones wait.
    pub(super) contest: Contest,
    /// A person wants one delivery to go: it is claimed whenever it is due, and sent whatever time holds its target.
    pub(super) probe: Probe,
    /// Faults of this side since the last call that was made.
    own_in_row: u32,
}

/// What a wish for a probe still allows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Probe {
    pub(super) claim: bool,
    pub(super) send: bool,
}

/// Why a target is left alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) paused: bool,
    pub(super) disabled: bool,
    throttled: Option<Timestamp>,
    /// No probe before this; and how many have failed.
    pub(super) auth: Option<(Timestamp, u32)>,
    pub(super) proven: bool,
    breaker: Breaker,
    /// What a person wants of the breaker.
    pub(super) forced: Option<Forced>,
}

impl Lane {
    pub(super) fn is_tripped(&self) -> bool {
        self.hold.breaker.is_tripped()
    }

    pub(super) fn begin_life(&mut self) {
        self.in_flight.clear();
        self.starts.clear();
        self.hold = self.durable.clone();
        self.late = 0;
        self.probe = Probe::default();
        self.contest = Contest::default();
        self.configured = false;
    }
}

impl Held {
    fn of(hold: &Hold) -> Self {
        Self {
            paused: hold.paused,
            disabled: hold.disabled,
            throttled: hold.throttled_until,
            auth: hold.auth.as_ref().map(|auth| (auth.probe_at, auth.step)),
            proven: hold.proven,
            breaker: Breaker::of(hold.breaker),
            forced: hold.forced,
        }
    }

    /// What the end of an attempt makes of the hold; `probe` is the earliest time of a probe. Gives what it reached.
    fn after(&mut self, seen: Seen, now: Timestamp, probe: Timestamp) -> Option<Feat> {
        let (kind, wait, word) = match seen {
            Seen::Answered { status, wait, word, .. } => {
                (kind(status), wait.filter(|wait| !wait.is_zero()), word)
            }
            Seen::Broken(_) => (Kind::Again, None, None),
            Seen::OwnPassing | Seen::OwnLasting(_) => return None,
        };
        match (kind, wait) {
            _ if word == Some(Word::Disable) => {
                self.disabled = true;
                Some(Feat::Word)
            }
            (Kind::Success, _) => {
                (self.proven, self.auth) = (true, None);
                None
            }
            (Kind::Gone, _) => {
                self.disabled = true;
                Some(Feat::Gone)
            }
            (Kind::Again, Some(wait)) => {
                self.throttled = self.throttled.max(Some(now + wait.min(limits::RETRY_AFTER_MAX)));
                Some(Feat::RetryAfter)
            }
            (Kind::Credentials, _) if self.proven => {
                self.doubt(now, probe);
                Some(Feat::AuthHold)
            }
            (Kind::Credentials | Kind::Again | Kind::Never, _) => {
                if self.auth.is_some() {
                    self.doubt(now, probe);
                }
                None
            }
        }
    }

    /// Only the failure of a probe is a step further: the others were under way when the first failed.
    fn doubt(&mut self, now: Timestamp, probe: Timestamp) {
        self.auth = match self.auth {
            None => Some((probe, 1)),
            Some((before, step)) if before <= now => Some((probe, step + 1)),
            Some(before) => Some(before),
        };
    }
}

impl Book {
    /// A call is about to leave for the target.
    pub(super) fn check_gate(&mut self, target: usize, id: DeliveryId) {
        let now = self.now();
        let word = self.word(id);
        let Some(lane) = self.lanes.get_mut(target) else { return };
        let hold = &lane.hold;
        let auth = hold.auth.is_some();
        let why = if !lane.configured {
            Some("is not configured")
        } else if hold.paused {
            Some("is paused")
        } else if hold.disabled {
            Some("is disabled")
        } else if hold.forced == Some(Forced::Open) {
            Some("has a breaker that a person has opened")
        } else if hold.throttled.is_some_and(|until| now + HOLD_STEP < until) {
            Some("asked for a wait")
        } else if hold.auth.is_some_and(|(probe, _)| now < probe) {
            Some("refuses the credentials")
        } else if hold.breaker.is_open(now) {
            Some("has failed too often")
        } else if hold.breaker.width().is_some_and(|width| lane.in_flight.len() >= width) {
            Some("is well again for fewer calls only")
        } else if auth && !lane.in_flight.is_empty() {
            Some("is being probed")
        } else {
            None
        };
        let (late, spare) = (lane.late, lane.late.saturating_sub(1));
        let width = hold.breaker.width();
        match (why, width) {
            (None, Some(1)) => self.reached.note(Feat::BreakerProbe),
            (None, Some(_)) => self.reached.note(Feat::BreakerRamp),
            (None, None) | (Some(_), _) => {}
        }
        let Some(lane) = self.lanes.get_mut(target) else { return };
        match why {
            None if auth => self.reached.note(Feat::Probe),
            None => {}
            Some(_) if lane.probe.send => {
                lane.probe.send = false;
                self.reached.note(Feat::WantedProbe);
            }
            Some(_) if late > 0 => lane.late = spare,
            Some(why) => self.fail(Rule::Holding, format!("{word} is sent although its target {why}")),
        }
    }

    /// Whether the target may not be called now.
    pub(super) fn is_held(&self, target: usize) -> bool {
        let now = self.now();
        self.lanes.get(target).is_some_and(|lane| {
            let Held { paused, disabled, throttled, auth, breaker, forced, .. } = &lane.hold;
            let disabled = *disabled || *forced == Some(Forced::Open);
            let waits = throttled.is_some_and(|until| now < until) || auth.is_some() || breaker.is_open(now);
            !lane.configured || *paused || disabled || waits
        })
    }

    /// Whether it may be left alone for now.
    pub(super) fn may_be_held(&self, target: usize) -> bool {
        let now = self.now();
        self.is_held(target) || self.lanes.get(target).is_some_and(|lane| lane.hold.breaker.may_be_open(now))
    }

    /// An attempt's end means something for the whole target.
    pub(super) fn hold_after(&mut self, target: usize, seen: Seen, jitter: f64) {
        let now = self.now();
        let recipe = std::sync::Arc::clone(&self.recipe);
        let Some(lane) = self.lanes.get_mut(target) else { return };
        let probes = lane.hold.auth.map_or(0, |(_, step)| step);
        let wait = recipe.targets.get(target).map_or(OWN_WAIT, |target| probe_wait(target, probes));
        if let Some(feat) = lane.hold.after(seen, now, now + wait.mul_f64(1.0 - jitter)) {
            self.reached.note(feat);
            self.let_late_ones_go(target);
        }
    }

    /// An attempt's end says how well the target is.
    pub(super) fn feel(&mut self, target: usize, seen: Seen, began: Timestamp) {
        let now = self.now();
        let recipe = std::sync::Arc::clone(&self.recipe);
        let Some(TargetRecipe { breaker: Some(policy), concurrency, .. }) = recipe.targets.get(target) else {
            return;
        };
        let Some(lane) = self.lanes.get_mut(target) else { return };
        let own = matches!(seen, Seen::OwnPassing | Seen::OwnLasting(_));
        lane.own_in_row = if own { lane.own_in_row + 1 } else { 0 };
        if lane.own_in_row >= policy.consecutive && !lane.is_tripped() {
            self.reached.note(Feat::OwnFaultsInRow);
        }
        if lane.hold.forced.is_some() {
            // It neither opens nor closes by itself.
            return;
        }
        let Some(turn) = lane.hold.breaker.ended(seen, began, now, policy, *concurrency) else { return };
        lane.tripped = true;
        self.reached.note(match turn {
            Turn::Opened => Feat::BreakerOpened,
            Turn::Reopened => Feat::BreakerReopened,
        });
        self.let_late_ones_go(target);
    }

    /// The engine has said that the target is paused.
    pub(crate) fn paused(&mut self, target: usize) {
        let Some(lane) = self.lanes.get_mut(target) else { return };
        lane.hold.paused = true;
        let durable = lane.durable.paused;
        self.check(Rule::Holding, durable, || {
            format!("the pause of t{target} was acknowledged, but is not kept")
        });
        self.let_late_ones_go(target);
    }

    /// The engine does what a person wants of a breaker.
    pub(crate) fn forced(&mut self, target: usize, forced: Option<Forced>) {
        self.stir(target);
        let Some(lane) = self.lanes.get_mut(target) else { return };
        if lane.hold.forced != forced || lane.hold.breaker.is_tripped() {
            lane.hold.breaker = lane.hold.breaker.restarted();
        }
        lane.hold.forced = forced;
        if forced == Some(Forced::Open) {
            let durable = lane.durable.forced == forced;
            self.check(Rule::Holding, durable, || {
                format!("the opening of the breaker of t{target} was acknowledged, but is not kept")
            });
            self.let_late_ones_go(target);
        }
    }

    /// A person wants one delivery to go now.
    pub(crate) fn probing(&mut self, target: usize) {
        let now = self.now();
        self.stir(target);
        let Some(lane) = self.lanes.get_mut(target) else { return };
        lane.probe = Probe { claim: true, send: true };
        lane.hold.breaker.look_now(now);
        if let Some((probe, _)) = &mut lane.hold.auth {
            *probe = (*probe).min(now);
        }
    }

    /// One goes, or none. If it had to be claimed, it has been.
    pub(crate) fn probed(&mut self, target: usize, sent: Option<DeliveryId>) {
        if let Some(lane) = self.lanes.get_mut(target) {
            lane.probe.claim = false;
            lane.probe.send &= sent.is_some();
        }
    }

    /// The engine is about to resume the target.
    pub(crate) fn resuming(&mut self, target: usize) {
        self.stir(target);
        if let Some(lane) = self.lanes.get_mut(target) {
            let forced = lane.hold.forced.filter(|forced| *forced == Forced::Closed);
            let breaker = match lane.hold.forced {
                Some(Forced::Open) => lane.hold.breaker.restarted(),
                Some(Forced::Closed) | None => lane.hold.breaker.resumed(),
            };
            lane.hold = Held { proven: lane.hold.proven, breaker, forced, ..Held::default() };
            lane.late = 0;
        }
    }

    /// The engine is about to use a configuration.
    pub(crate) fn configuring(&mut self, generation: usize) {
        let dropped = self.generations.get(generation).map(|one| one.dropped.clone()).unwrap_or_default();
        for (target, lane) in self.lanes.iter_mut().enumerate() {
            lane.configured |= !dropped.contains(&target);
            lane.stirred = self.clock.tick();
        }
    }

    /// The engine uses it.
    pub(crate) fn configured(&mut self, generation: usize) {
        let dropped = self.generations.get(generation).map(|one| one.dropped.clone()).unwrap_or_default();
        for target in dropped {
            if let Some(lane) = self.lanes.get_mut(target) {
                lane.configured = false;
            }
            self.let_late_ones_go(target);
        }
    }

    /// The store has kept a hold.
    pub(crate) fn hold_kept(&mut self, scope: &Scope, value: &[u8]) {
        let Scope::Target(_, name) = scope else { return };
        let Some(target) = self.target_number(name) else { return };
        match serde_json::from_slice::<Hold>(value) {
            Ok(hold) => {
                self.say(|| format!("kept the hold of {name}: {hold:?}"));
                let Some(lane) = self.lanes.get_mut(target) else { return };
                lane.durable = Held::of(&hold);
                let cause = lane.tripped || hold.breaker.is_none();
                self.check(Rule::Holding, cause, || {
                    format!("the breaker of {name} has opened without cause")
                });
            }
            Err(error) => self.fail(Rule::Holding, format!("the hold of {name} is kept unreadable: {error}")),
        }
    }

    /// Couriers that are on their way now, but not yet on the wire, may still send.
    fn let_late_ones_go(&mut self, target: usize) {
        let Some(name) = self.recipe.targets.get(target).map(|target| target.name.clone()) else { return };
        let views = self.engine.upgrade().map(|engine| engine.views()).unwrap_or_default();
        let couriers = views.iter().find(|view| view.name == name).map_or(0, |view| view.in_flight);
        if let Some(lane) = self.lanes.get_mut(target) {
            lane.late = couriers.saturating_sub(lane.in_flight.len());
        }
    }
}
