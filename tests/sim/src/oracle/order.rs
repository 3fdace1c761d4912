//! Order keys: who holds one, who waits for it, and what a failure means for it.

use super::{Book, Kept, Ray};
use crate::reach::Feat;
use crate::rule::Rule;
use contract::DeliveryId;
use contract::delivery::Standing;
use contract::order::KeyFate;
use contract::store::{Settled, Settlement, Start};
use engine::policy::order::Policy;

impl Book {
    /// No earlier one holds the key, unless it was revived after this one was leased.
    pub(super) fn check_alone(&mut self, id: DeliveryId) {
        let Some((_, kept, ray)) = self.find(id) else { return };
        if !ray.holds_key() {
            return;
        }
        let since = ray.lease.as_ref().map_or(0, |lease| lease.since);
        let before =
            self.holders(ray).find(|(_, other, one)| other.position < kept.position && one.revived < since);
        let before = before.map(|(other, ..)| other);
        let key = |one: &Ray| one.target == ray.target && one.key == ray.key;
        let follows = self.rays().any(|(other, _, one)| other != id && key(one) && one.standing.is_final());
        if let Some(before) = before {
            let seen = format!("{} is sent before {}", self.word(id), self.word(before));
            self.fail(Rule::Ordered, seen);
        }
        if follows {
            self.reached.note(Feat::KeyFlows);
        }
    }

    /// A delivery was leased: no earlier one holds its key, and none that does is leased.
    pub(super) fn check_turn(&mut self, id: DeliveryId) {
        let Some((_, kept, ray)) = self.find(id) else { return };
        if ray.key.is_none() {
            return;
        }
        let waits = |other: &Kept, one: &Ray| {
            other.position > kept.position && matches!(one.standing, Standing::Due(_))
        };
        let behind = self.holders(ray).any(|(_, other, one)| waits(other, one));
        let retried = ray.attempts > 0 && behind;
        let holds = ray.holds_key();
        let before = self.holders(ray).find(|(other, message, one)| {
            let ahead = message.position < kept.position || one.standing == Standing::Leased;
            holds && *other != id && ahead
        });
        if let Some((before, ..)) = before {
            let seen =
                format!("{} is leased before {} has let go of their key", self.word(id), self.word(before));
            self.fail(Rule::Ordered, seen);
        }
        if retried {
            self.reached.note(if holds { Feat::KeyBlocked } else { Feat::KeySkipped });
        }
    }

    /// What becomes of the key when a delivery has failed, as its target says.
    pub(super) fn check_key(&mut self, id: DeliveryId, settlement: &Settlement, answer: Settled) {
        let Some((_, _, ray)) = self.find(id) else { return };
        let tried = settlement.attempt.as_ref().is_some_and(|attempt| attempt.is_counted());
        let Some(expected) = self.fate(ray.target, settlement.standing, tried) else { return };
        let fate = settlement.key_fate;
        // Nobody knows what is wanted while the configuration does not have the target.
        let unknown = self.generations.last().is_some_and(|one| one.dropped.contains(&ray.target));
        let right = fate == expected || unknown && fate == KeyFate::Kept;
        let dead = matches!(settlement.standing, Standing::Dead(_));
        let parks = dead && fate == KeyFate::Kept && ray.holds_key();
        let word = self.word(id);
        self.check(Rule::Ordered, right, || {
            format!("{word} is {:?}, and its key is {fate:?}, not {expected:?}", settlement.standing)
        });
        self.check(Rule::Ordered, (answer == Settled::Parked) == parks, || {
            format!("{word} is settled as {:?}: {answer:?}", settlement.standing)
        });
        if parks {
            self.reached.note(Feat::KeyParked);
        }
    }

    /// The same for one that is dead before it begins.
    pub(super) fn check_start_fate(&mut self, n: u64, target: usize, start: &Start) {
        let Some(expected) = self.fate(target, start.standing, false) else { return };
        let dead = matches!(start.standing, Standing::Dead(_));
        let right = !dead || start.key_fate == expected;
        self.check(Rule::Ordered, right, || {
            format!("{n}→t{target} is dead, and its key is {:?}", start.key_fate)
        });
    }

    /// The published table, written a second time; none: it does not matter.
    fn fate(&self, target: usize, standing: Standing, tried: bool) -> Option<KeyFate> {
        let again = matches!(standing, Standing::Due(_));
        if !again && !matches!(standing, Standing::Dead(_)) {
            return None;
        }
        Some(match self.recipe.targets.get(target)?.order {
            Policy::Park => KeyFate::Kept,
            Policy::Block if again => KeyFate::Kept,
            Policy::Skip if again && !tried => KeyFate::Kept,
            Policy::Block | Policy::Skip => KeyFate::Freed,
        })
    }

    /// The store has taken a key from a dead delivery: somebody wanted that, or its target does not park.
    pub(super) fn released(&mut self, id: DeliveryId) {
        let word = self.word(id);
        let Some((_, _, ray)) = self.find(id) else { return };
        let parks = self.recipe.targets.get(ray.target).is_some_and(|target| target.order == Policy::Park);
        let legal = ray.is_parked() && (!parks || self.released.contains(&id));
        self.check(Rule::Ordered, legal, || format!("{word} had to let go of its key"));
        self.reached.note(if parks { Feat::KeyReleased } else { Feat::KeyUnwanted });
        if let Some(ray) = self.ray(id) {
            ray.keyless = true;
        }
    }

    /// The one that a delivery waits for: of those that hold its key, the one in flight; where there is none, the earliest.
    pub(super) fn before(&self, id: DeliveryId) -> Option<DeliveryId> {
        let (_, _, ray) = self.find(id)?;
        if !ray.holds_key() || !matches!(ray.standing, Standing::Due(_)) {
            return None;
        }
        let leased = self.holders(ray).find(|(_, _, one)| one.standing == Standing::Leased);
        let first =
            leased.or_else(|| self.holders(ray).min_by_key(|(id, kept, _)| (kept.position, id.ordinal())));
        first.map(|(first, ..)| first).filter(|first| *first != id)
    }

    /// Who holds the key of this one.
    fn holders<'a>(&'a self, ray: &'a Ray) -> impl Iterator<Item = (DeliveryId, &'a Kept, &'a Ray)> {
        self.rays()
            .filter(move |(_, _, one)| one.target == ray.target && one.key == ray.key && one.holds_key())
    }
}

impl Ray {
    /// While it is unfinished, unless it has let go of it, and while it is dead and parked.
    pub(super) fn holds_key(&self) -> bool {
        let may = !self.standing.is_final() || matches!(self.standing, Standing::Dead(_));
        may && self.key.is_some() && !self.keyless
    }

    pub(super) fn is_parked(&self) -> bool {
        self.holds_key() && matches!(self.standing, Standing::Dead(_))
    }
}
