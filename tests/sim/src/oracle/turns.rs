//! Who waits in one lane takes turns: priorities by their weights.

use super::{Book, Kept};
use crate::reach::Feat;
use crate::rule::Rule;
use contract::delivery::Standing;
use contract::line::Priority;
use contract::{Clock, DeliveryId};
use std::time::Duration;

/// What one start costs: 16 of high for 4 of normal for 1 of low.
const COSTS: [u64; 3] = [1, 4, 16];
/// A lease may be on its way to its lane for so long, and a start on its way to its call.
const SETTLED: Duration = Duration::from_millis(50);

/// What started in one lane since the same priorities have waited there.
#[derive(Clone, Debug, Default)]
pub(super) struct Contest {
    waiting: [bool; 3],
    starts: [u64; 3],
}

impl Book {
    /// A delivery is about to be sent: it was its turn.
    pub(super) fn check_turns(&mut self, target: usize, id: DeliveryId) {
        let tick = self.clock.tick();
        let Some(own) = self.find(id).and_then(|(_, kept, _)| self.priority(kept)) else { return };
        let concurrency = self.recipe.targets.get(target).map_or(0, |target| target.concurrency as u64);
        let mut waits = [false; 3];
        for (other, kept, ray) in self.rays() {
            let settled =
                ray.lease.as_ref().is_some_and(|lease| !lease.sent && tick.since(lease.at) > SETTLED);
            let here = other == id || (ray.target == target && ray.standing == Standing::Leased && settled);
            let line = self.priority(kept).and_then(|priority| waits.get_mut(priority as usize));
            line.into_iter().for_each(|line| *line |= here);
        }
        let Some(lane) = self.lanes.get_mut(target) else { return };
        let starved = lane.contest.start(own, waits, concurrency);
        let contested = lane.contest.waiting.iter().filter(|waits| **waits).count() > 1;
        if contested {
            self.reached.note(Feat::Turns);
        }
        if let Some(seen) = starved {
            let seen = format!("{} is sent out of its turn: {seen}", self.word(id));
            self.fail(Rule::Fair, seen);
        }
    }

    fn priority(&self, kept: &Kept) -> Option<Priority> {
        Some(self.recipe.routes.get(kept.route)?.priority)
    }
}

impl Contest {
    /// Counts a start; says what is wrong with it. As many as may be in flight may be on their way to their calls.
    fn start(&mut self, own: Priority, waits: [bool; 3], concurrency: u64) -> Option<String> {
        if waits != self.waiting {
            (self.waiting, self.starts) = (waits, [0; 3]);
        }
        let place = own as usize;
        *self.starts.get_mut(place)? += 1;
        let costs = |place: usize, more: u64| {
            Some((self.starts.get(place)? + more).saturating_mul(*COSTS.get(place)?))
        };
        let others = Priority::ALL.into_iter().filter(|one| *one != own);
        let mut starved = others.filter(|one| waits.get(*one as usize) == Some(&true));
        let starved = starved.find(|one| {
            // Turns are whole, and what is on its way was decided before.
            let (mine, theirs) = (costs(place, 0), costs(*one as usize, 2 + concurrency));
            let slack = COSTS.get(place).map_or(0, |cost| cost * (2 + concurrency));
            mine > theirs.map(|theirs| theirs + slack)
        });
        starved.map(|one| format!("{:?} starts while {one:?} waits", self.starts))
    }
}
