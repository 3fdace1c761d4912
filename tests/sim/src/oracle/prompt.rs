//! What a group has let go goes soon, when nothing holds it: nobody has to look for it by chance.

use super::turns::Contest;
use super::{Book, Ray};
use crate::rule::Rule;
use contract::delivery::Standing;
use contract::{Clock, DeliveryId, Tick};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long it may wait while its target does nothing.
const IDLE_MAX: Duration = Duration::from_secs(5);

impl Book {
    /// Something happens to a target: it is not idle.
    pub(super) fn stir(&mut self, target: usize) {
        let tick = self.clock.tick();
        if let Some(lane) = self.lanes.get_mut(target) {
            lane.stirred = tick;
        }
    }

    /// The disk was full: nothing could go.
    pub(crate) fn stir_all(&mut self) {
        (0..self.lanes.len()).for_each(|target| self.stir(target));
        // What is given back waits for room too.
        self.lanes.iter_mut().for_each(|lane| lane.contest = Contest::default());
    }

    /// What may go does not wait for an idle target.
    pub(crate) fn check_prompt(&mut self) {
        let (now, tick) = (self.now(), self.clock.tick());
        let leased = self.rays().filter(|(_, _, ray)| ray.standing == Standing::Leased);
        let mut busy: BTreeSet<usize> = leased.map(|(_, _, ray)| ray.target).collect();
        busy.extend((0..self.lanes.len()).filter(|target| self.may_be_held(*target)));
        busy.into_iter().for_each(|target| self.stir(target));
        let may_go = |id: DeliveryId, ray: &Ray| {
            matches!(ray.standing, Standing::Due(at) if at <= now) && self.before(id).is_none()
        };
        let let_go = self.rays().filter_map(|(id, _, ray)| Some((id, ray, ray.let_go?)));
        let let_go: Vec<(DeliveryId, usize, Tick, bool)> =
            let_go.map(|(id, ray, since)| (id, ray.target, since, may_go(id, ray))).collect();
        for (id, target, since, may_go) in let_go {
            let stirred = self.lanes.get(target).map_or(tick, |lane| lane.stirred);
            if !may_go {
                // It waits for something else.
                self.ray(id).into_iter().for_each(|ray| ray.let_go = Some(tick));
            } else if tick.since(since.max(stirred)) > IDLE_MAX {
                let seen = format!("{} waits although its group has let it go", self.word(id));
                self.fail(Rule::Prompt, seen);
            }
        }
    }
}
