//! What moves in a group when one of its deliveries has ended, compared with what the store says.

use super::group::{self, Seat};
use super::{Book, Kept, Ray};
use crate::language;
use crate::reach::Feat;
use crate::rule::Rule;
use bytes::Bytes;
use contract::delivery::Standing;
use contract::group::Move;
use contract::part::Duty;
use contract::store::Moved;
use contract::{Clock, DeliveryId, MessageId, Timestamp};

/// What must have moved, in order.
pub(super) type Steps = Vec<(DeliveryId, Standing)>;

impl Book {
    /// A delivery has ended, or may have: what follows for the others of its message.
    pub(super) fn follow(&mut self, id: DeliveryId) -> Steps {
        let (now, tick) = (self.now(), self.clock.tick());
        let Some(kept) = self.by_first.get(&id.at(0)).and_then(|n| self.kept.get_mut(n)) else {
            return Steps::new();
        };
        let mut moved = Steps::new();
        let mut feats = Vec::new();
        for (ordinal, step) in group::follow(kept.quorum, &mut kept.seats()) {
            let report = kept.report();
            let Some(ray) = kept.rays.get_mut(usize::from(ordinal)) else { continue };
            feats.extend(ray.turn(step, now));
            ray.let_go = (step == Move::Start).then_some(tick);
            if !ray.doomed {
                moved.push((id.at(ordinal), ray.standing));
            }
            if step == Move::Start && ray.part.duty == Duty::Callback {
                ray.report = Some(report);
            }
        }
        feats.into_iter().for_each(|feat| self.reached.note(feat));
        for (id, standing) in &moved {
            let word = self.word(*id);
            self.say(|| format!("moved {word} to {standing:?}"));
        }
        moved
    }

    /// A delivery got another run: what that brings back, and what follows. One that has its turn now goes at its time.
    pub(super) fn reopen(&mut self, id: DeliveryId, at: Timestamp) -> Steps {
        self.bring_back(id, group::back);
        let mut steps = self.follow(id);
        let started =
            |(one, standing): &(DeliveryId, Standing)| *one == id && matches!(standing, Standing::Due(_));
        if steps.iter().any(started) {
            steps.retain(|(one, _)| *one != id);
            if let Some(ray) = self.ray(id) {
                (ray.standing, ray.let_go) = (Standing::Due(at), None);
            }
        }
        steps
    }

    /// A delivery was discarded: who was about to tell that it is dead tells something else.
    pub(super) fn retell(&mut self, id: DeliveryId) -> Steps {
        self.bring_back(id, group::outdated);
        self.follow(id)
    }

    fn bring_back(&mut self, id: DeliveryId, back: fn(&[Seat], u16) -> Vec<u16>) {
        let event = self.next_event();
        if let Some(kept) = self.by_first.get(&id.at(0)).and_then(|n| self.kept.get_mut(n)) {
            for ordinal in back(&kept.seats(), id.ordinal()) {
                let Some(ray) = kept.rays.get_mut(usize::from(ordinal)) else { continue };
                let flies = ray.standing == Standing::Leased;
                ray.revive(Standing::Waiting, event);
                if !flies {
                    ray.forget_edit();
                } else {
                    (ray.standing, ray.doomed) = (Standing::Leased, true);
                    self.reached.note(Feat::OutdatedCallback);
                }
            }
        }
    }

    /// The store says what has moved.
    pub(super) fn check_moved(&mut self, mut expected: Steps, told: &[Moved]) {
        for one in told {
            let own = self.find(one.delivery).is_some_and(|(_, kept, ray)| {
                (kept.id, kept.position, kept.received) == (one.message, one.position, one.received)
                    && self.recipe.targets.get(ray.target).is_some_and(|target| target.name == one.target)
            });
            self.check(Rule::Truthful, own, || format!("moved as another one: {one:?}"));
        }
        let mut said: Steps = told.iter().map(|one| (one.delivery, one.standing)).collect();
        // Those of one delivery stay in order.
        expected.sort_by_key(|(id, _)| *id);
        said.sort_by_key(|(id, _)| *id);
        self.check(Rule::Grouped, said == expected, || {
            format!("the store has moved {said:?}, but should have moved {expected:?}")
        });
    }

    /// Somebody has read the ticket.
    pub(crate) fn looked(&mut self, id: MessageId) {
        for kept in self.kept.values_mut().filter(|kept| kept.id == id) {
            for ray in &mut kept.rays {
                let run = ray.run;
                if let Some(lease) = &mut ray.lease {
                    lease.fresh |= lease.run == run;
                }
            }
        }
    }

    /// The process has died: perhaps between the end of one delivery and the start of the next.
    pub(crate) fn note_unstarted(&mut self) {
        let unstarted = |ray: &Ray| {
            let standing = matches!(ray.standing, Standing::Due(_) | Standing::Leased);
            standing && ray.recorded == 0 && ray.sends == 0 && group::begins_waiting(&ray.part)
        };
        if self.rays().any(|(_, _, ray)| unstarted(ray)) {
            self.reached.note(Feat::CrashBetween);
        }
    }
}

impl Kept {
    pub(super) fn seats(&self) -> Vec<Seat> {
        let seat = |ray: &Ray| Seat {
            part: ray.part.clone(),
            standing: ray.standing,
            ended: ray.ended,
            doomed: ray.doomed,
        };
        self.rays.iter().map(seat).collect()
    }

    /// What a callback says now.
    pub(super) fn report(&self) -> Bytes {
        let own = self.rays.iter().filter(|ray| ray.part.duty != Duty::Callback);
        language::told(self.id, own.map(|ray| (ray.run, ray.standing)))
    }

    /// No attempt of this one is made later.
    pub(super) fn deadline_of(&self, ray: &Ray) -> Option<Timestamp> {
        self.deadline.filter(|_| matches!(ray.part.duty, Duty::Required | Duty::Optional))
    }
}

impl Ray {
    /// An edit of a callback was written for the run before.
    pub(super) fn forget_edit(&mut self) {
        if self.part.duty == Duty::Callback {
            (self.revision, self.edited) = (0, None);
        }
    }

    /// Moves; gives what that reached.
    fn turn(&mut self, step: Move, now: Timestamp) -> Option<Feat> {
        match (step, self.part.duty) {
            (Move::Start, duty) => {
                self.standing = Standing::Due(now);
                match duty {
                    Duty::Required | Duty::Optional => Some(Feat::Followed),
                    Duty::Undo(_) => Some(Feat::Undone),
                    Duty::Callback | Duty::Replay(_) => None,
                }
            }
            (Move::Skip, _) => {
                self.standing = Standing::Skipped;
                Some(Feat::UndoSkipped)
            }
            (Move::Fail, _) => {
                self.standing = Standing::Unmet;
                Some(Feat::Unmet)
            }
            (Move::Cancel, _) if self.standing == Standing::Leased => {
                self.doomed = true;
                Some(Feat::SiblingAwaited)
            }
            (Move::Cancel, _) => {
                self.standing = Standing::Cancelled;
                Some(Feat::SiblingCancelled)
            }
        }
    }
}
