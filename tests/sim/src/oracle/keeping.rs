//! What the store has committed: leases, settlements, changes, new sessions.

use super::fate::{self, Case, Seen};
use super::group::begins_waiting;
use super::moving::Steps;
use super::{Book, Lease, Ray};
use crate::reach::Feat;
use crate::rule::Rule;
use contract::delivery::{Death, Standing, Suspicion};
use contract::order::KeyFate;
use contract::part::Duty;
use contract::query::{Change, Changed, Delivered};
use contract::store::{Session, Settled, Settlement, Settles};
use contract::{Clock, DeliveryId, Timestamp, limits, store};

impl Book {
    /// The store has leased a delivery that was due when it was asked.
    pub(crate) fn claimed(&mut self, lease: &store::Lease, asked: Timestamp) {
        let id = lease.delivery.id;
        let word = self.word(id);
        self.say(|| format!("claimed {word}"));
        let since = self.next_event();
        let Some((_, _, ray)) = self.find(id) else {
            return self.fail(Rule::Kept, format!("{id} is claimed, but nobody knows it"));
        };
        let early = self.lanes.get(ray.target).is_some_and(|lane| lane.probe.claim);
        let due = matches!(ray.standing, Standing::Due(at) if at <= asked || early);
        let (target, wanted) = (ray.target, matches!(ray.standing, Standing::Due(at) if at > asked));
        let suspect = if ray.suspect { Suspicion::PossiblyDuplicate } else { Suspicion::Clear };
        let facts = &lease.delivery;
        let same = (facts.attempts, facts.run, facts.revision) == (ray.attempts, ray.run, ray.revision)
            && facts.duty == ray.part.duty
            && lease.edit.as_ref().map(|edit| &edit.body) == ray.edited.as_ref();
        let marked = facts.suspect == suspect;
        let seen = format!("{word} is claimed as {facts:?}, but is {:?}", ray.standing);
        self.check(Rule::Due, due, || seen.clone());
        self.check(Rule::Truthful, same, || seen.clone());
        self.check(Rule::Marked, marked, || seen);
        let since = (since, self.clock.tick());
        if let Some(ray) = self.ray(id) {
            (ray.standing, ray.let_go) = (Standing::Leased, None);
            ray.lease = Some(Lease::new(since, ray.run, ray.attempts));
        }
        if let Some(lane) = self.lanes.get_mut(target).filter(|_| wanted) {
            lane.probe.claim = false;
        }
        self.check_turn(id);
        self.check_memory();
    }

    /// The store has answered for a batch of settlements.
    pub(crate) fn settled_all(&mut self, batch: &[Settlement], settles: &Settles) {
        let mut steps = Steps::new();
        for (settlement, answer) in batch.iter().zip(&settles.answers) {
            self.settled(settlement, *answer);
            steps.extend(self.follow(settlement.delivery));
        }
        self.check_moved(steps, &settles.moved);
    }

    fn settled(&mut self, settlement: &Settlement, answer: Settled) {
        let id = settlement.delivery;
        let word = self.word(id);
        self.next_event();
        self.say(|| format!("settled {word} as {:?}: {answer:?}", settlement.standing));
        if answer == Settled::Fenced {
            return self.fail(Rule::Fenced, format!("the settlement of {word} was refused"));
        }
        let Some((_, kept, ray)) = self.find(id) else {
            return self.fail(Rule::Kept, format!("{id} is settled, but nobody knows it"));
        };
        let deadline = kept.deadline_of(ray);
        let leased = ray.standing == Standing::Leased;
        let ended = ray.standing.is_final();
        self.check(Rule::EndsOnce, !ended, || format!("{word} is settled after its end"));
        self.check(Rule::Leased, leased || ended, || format!("{word} is settled without a lease"));
        self.check_fate(id, settlement, deadline);
        self.check_key(id, settlement, answer);
        let standing = self.check_ending(id, settlement.standing, answer);
        self.note_late(id, standing);
        self.count_end(standing);
        // What passes is not counted, as long as it is tried again.
        let again = matches!(settlement.standing, Standing::Due(_));
        let Some(ray) = self.ray(id) else { return };
        let end = ray.lease.take().and_then(|lease| lease.end);
        let own = again && end.is_some_and(|end| end.seen == Seen::OwnPassing);
        ray.standing = standing;
        ray.keyless |= settlement.key_fate == KeyFate::Freed;
        if standing.is_final() || settlement.standing.is_final() {
            ray.refused = None;
        }
        if let Some(attempt) = &settlement.attempt {
            ray.ended = Some(attempt.began + attempt.timings.total());
            let mark = Some((attempt.run, attempt.number)).filter(|_| own);
            ray.recorded += usize::from(mark.is_none() || ray.stumbled != mark);
            ray.stumbled = mark;
            if !own {
                ray.attempts += 1;
                ray.orphaned = 0;
            }
        }
        if standing == Standing::Waiting {
            ray.outdated();
        }
    }

    /// What was in flight when its ticket was cancelled is not tried again. Gives where it stands.
    fn check_ending(&mut self, id: DeliveryId, standing: Standing, answer: Settled) -> Standing {
        let outdated = self.find(id).is_some_and(|(_, _, ray)| ray.is_outdated());
        let dies = !outdated && self.find(id).is_some_and(|(_, _, ray)| ray.doomed);
        let doomed = dies && matches!(standing, Standing::Due(_));
        let right = (answer == Settled::Cancelled) == doomed && (answer == Settled::TakenBack) == outdated;
        let word = self.word(id);
        self.check(Rule::Cancelled, right, || format!("{word} is settled as {standing:?}: {answer:?}"));
        match () {
            () if outdated => Standing::Waiting,
            () if doomed => Standing::Cancelled,
            () => standing,
        }
    }

    /// Whether the settlement follows from the attempt, by the oracle's own reading of the rules.
    fn check_fate(&mut self, id: DeliveryId, settlement: &Settlement, deadline: Option<Timestamp>) {
        let word = self.word(id);
        let recipe = std::sync::Arc::clone(&self.recipe);
        let Some((_, kept, ray)) = self.find(id) else { return };
        let Some(target) = recipe.targets.get(ray.target) else { return };
        let told_until = kept.told_until(ray);
        let Some(lease) = &ray.lease else { return };
        let (run, made) = (lease.run, lease.made + 1);
        let standing = settlement.standing;
        let (fits, recorded) = match &lease.end {
            None if lease.sent => (false, false),
            None => {
                let late = deadline.is_some_and(|deadline| self.has_passed(deadline))
                    || standing != Standing::Expired;
                (
                    late && matches!(standing, Standing::Due(_) | Standing::Expired),
                    settlement.attempt.is_none(),
                )
            }
            Some(end) => {
                let case = Case {
                    target,
                    made,
                    at: end.at,
                    deadline,
                    proven: end.proven,
                    probes: end.probes,
                    again: end.again,
                    audience: ray.part.audience,
                    told: told_until.is_some_and(|until| end.at <= until),
                };
                let attempt = settlement.attempt.as_ref();
                let right = attempt.is_some_and(|attempt| attempt.number == made && attempt.run == run);
                (fate::fits(standing, end.seen, &case), right)
            }
        };
        let told = lease.end.as_ref().is_some_and(|end| told_until.is_some_and(|until| end.at <= until));
        if told && standing == Standing::Dead(Death::Exhausted) {
            self.reached.note(Feat::Told);
        }
        if standing == Standing::Dead(Death::Unreadable) {
            self.reached.note(Feat::Unreadable);
        }
        let Some((_, _, ray)) = self.find(id) else { return };
        let Some(lease) = &ray.lease else { return };
        let end = lease.end.as_ref().map(|end| (end.seen, end.at, end.proven, end.probes));
        let seen = || format!("{word} ended its attempt {made} as {end:?} and is {standing:?}");
        self.check(Rule::Judged, fits, seen);
        self.check(Rule::Truthful, recorded, || {
            format!("the attempt {made} of {word} is not recorded as it was")
        });
    }

    /// What ends as expired without having been sent has waited in a window.
    fn note_late(&mut self, id: DeliveryId, standing: Standing) {
        let unsent = |ray: &Ray| ray.lease.as_ref().is_some_and(|lease| !lease.sent);
        let held = self.find(id).is_some_and(|(_, _, ray)| unsent(ray) && self.is_held(ray.target));
        if held && standing == Standing::Expired {
            self.reached.note(Feat::ExpiredInWindow);
        }
    }

    fn count_end(&mut self, standing: Standing) {
        match standing {
            Standing::Expired => self.reached.note(Feat::Expired),
            Standing::Dead(Death::Exhausted) => self.reached.note(Feat::Exhausted),
            Standing::Dead(Death::Aborted) => self.reached.note(Feat::Word),
            Standing::Dead(_)
            | Standing::Leased
            | Standing::Due(_)
            | Standing::Delivered
            | Standing::Cancelled
            | Standing::Skipped
            | Standing::Waiting
            | Standing::Unmet => {}
        }
    }

    /// The store has done what a person asked for.
    pub(crate) fn changed(&mut self, change: &Change, changed: &Changed) {
        self.say(|| format!("changed {change:?}: {}", changed.deliveries.len()));
        if let Change::Cancel { message, .. } = change {
            self.doom(*message, changed);
        }
        let mut steps = Steps::new();
        for (id, _) in &changed.deliveries {
            self.change_one(change, *id);
            steps.extend(match change {
                Change::Revive { deliveries, .. } => {
                    let at = deliveries.iter().find(|(one, _)| one == id).map(|(_, at)| *at);
                    self.reopen(*id, at.unwrap_or_default())
                }
                Change::Discard { .. } => self.retell(*id),
                Change::Edit { .. } | Change::Cancel { .. } | Change::Release { .. } => Steps::new(),
            });
        }
        if let Change::Cancel { message, delivered, .. } = change {
            if *delivered == Delivered::Stays {
                steps.extend(self.forget_undos(*message));
            }
            let first = self.kept.values().find(|kept| kept.id == *message).map(|kept| kept.first);
            steps.extend(first.into_iter().flat_map(|first| self.follow(first)));
        }
        self.check_moved(steps, &changed.moved);
    }

    /// What was delivered of a cancelled ticket stays so: nothing is left to undo.
    fn forget_undos(&mut self, message: contract::MessageId) -> Steps {
        let Some(kept) = self.kept.values_mut().find(|kept| kept.id == message) else { return Steps::new() };
        let first = kept.first;
        let idle = |ray: &Ray| matches!(ray.part.duty, Duty::Undo(_)) && ray.standing == Standing::Waiting;
        let idle = (0..).zip(&mut kept.rays).filter(|(_, ray)| idle(ray));
        idle.map(|(ordinal, ray)| {
            ray.standing = Standing::Skipped;
            (first.at(ordinal), Standing::Skipped)
        })
        .collect()
    }

    /// What is in flight of a cancelled ticket is not tried again.
    fn doom(&mut self, message: contract::MessageId, changed: &Changed) {
        let Some(kept) = self.kept.values_mut().find(|kept| kept.id == message) else { return };
        let first = kept.first;
        let mut in_flight = 0;
        for (ordinal, ray) in (0..).zip(&mut kept.rays) {
            let taken = changed.deliveries.iter().any(|(id, _)| *id == first.at(ordinal));
            let own = matches!(ray.part.duty, Duty::Required | Duty::Optional);
            if own && ray.standing == Standing::Leased && !taken {
                ray.doomed = true;
                in_flight += 1;
            }
        }
        if in_flight > 0 {
            self.reached.note(Feat::CancelInFlight);
        }
    }

    fn change_one(&mut self, change: &Change, id: DeliveryId) {
        let word = self.word(id);
        let revived = self.next_event();
        let Some(ray) = self.ray(id) else { return };
        let dead = matches!(ray.standing, Standing::Dead(_));
        let (legal, feat) = match change {
            Change::Cancel { unsent, .. } => {
                let sent = ray.lease.as_ref().is_some_and(|lease| lease.sent);
                let unsent = unsent.contains(&id) && ray.standing == Standing::Leased && !sent;
                let waits = matches!(ray.standing, Standing::Due(_) | Standing::Waiting);
                let own = matches!(ray.part.duty, Duty::Required | Duty::Optional);
                let legal = own && (unsent || waits);
                (ray.standing, ray.lease) = (Standing::Cancelled, None);
                (legal, Feat::CancelWaiting)
            }
            Change::Edit { edit, .. } => {
                ray.revision += 1;
                ray.edited = Some(edit.body.clone());
                (dead, Feat::Redrive)
            }
            Change::Revive { deliveries, .. } => {
                let due = deliveries.iter().find(|(one, _)| *one == id).map(|(_, due)| *due);
                let waits = begins_waiting(&ray.part);
                let due = Standing::Due(due.unwrap_or_default());
                let feat = if ray.is_parked() { Feat::ParkedRedriven } else { Feat::Redrive };
                ray.revive(if waits { Standing::Waiting } else { due }, revived);
                (dead, feat)
            }
            Change::Discard { .. } => {
                ray.standing = Standing::Cancelled;
                (dead, Feat::Discard)
            }
            Change::Release { .. } => return self.released(id),
        };
        self.reached.note(feat);
        self.check(Rule::EndsOnce, legal, || format!("{word} was changed by {change:?}"));
    }

    /// The store has opened a session: what the others had leased is due.
    pub(crate) fn opened(&mut self, session: Session, now: Timestamp) {
        self.say(|| format!("opened {session:?}"));
        if !self.sessions.is_empty() {
            self.reached.note(Feat::Reopened);
        }
        let fresh = !self.sessions.contains(&session);
        self.check(Rule::Fenced, fresh, || format!("{session:?} was given twice"));
        self.sessions.push(session);
        let leased = |ray: &Ray| ray.standing == Standing::Leased;
        let orphans: Vec<_> = self.rays().filter(|(_, _, ray)| leased(ray)).map(|(id, ..)| id).collect();
        let mut poisoned = 0;
        for id in orphans {
            if let Some(ray) = self.ray(id) {
                ray.orphan(now);
                poisoned += u64::from(ray.standing == Standing::Dead(Death::Poison));
            }
            self.follow(id);
        }
        if poisoned > 0 {
            self.reached.note(Feat::Poison);
        }
    }
}

impl Ray {
    /// A callback in flight that tells of a run before this one.
    fn is_outdated(&self) -> bool {
        self.doomed && self.part.duty == Duty::Callback
    }

    /// Its session is dead.
    fn orphan(&mut self, now: Timestamp) {
        self.orphaned += 1;
        self.suspect = true;
        self.lease = None;
        self.standing = match self.orphaned {
            _ if self.is_outdated() => Standing::Waiting,
            _ if self.doomed => Standing::Cancelled,
            limits::ORPHANED_MAX.. => Standing::Dead(Death::Poison),
            0..limits::ORPHANED_MAX => Standing::Due(now),
        };
        if self.standing == Standing::Waiting {
            self.outdated();
        }
    }

    /// It has come back, and waits for its next run.
    fn outdated(&mut self) {
        (self.attempts, self.succeeded, self.doomed) = (0, None, false);
        self.forget_edit();
    }

    /// Begins another run.
    pub(super) fn revive(&mut self, standing: Standing, event: u64) {
        self.standing = standing;
        self.run += 1;
        self.attempts = 0;
        self.orphaned = 0;
        self.succeeded = None;
        self.doomed = false;
        self.keyless = false;
        self.revived = event;
    }
}
