//! What waits past its deadline ends, although its target is held.

use super::moving::Steps;
use super::{Book, Ray};
use crate::reach::Feat;
use crate::rule::Rule;
use contract::delivery::Standing;
use contract::store::Expired;
use contract::{Clock, DeliveryId, Tick, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a delivery may wait past its deadline: the engine gathers, reads the wall clock now and then, and the disk may be full.
const LATE_MAX: Duration = Duration::from_secs(15);

impl Book {
    /// The store has ended what was late when it was asked.
    pub(crate) fn expired(&mut self, expired: &Expired, asked: Timestamp) {
        let (late, moved): (Vec<_>, Vec<_>) =
            expired.moved.iter().cloned().partition(|one| one.standing == Standing::Expired);
        let mut steps = Steps::new();
        for late in &late {
            let id = late.delivery;
            let word = self.word(id);
            self.next_event();
            self.say(|| format!("expired {word}"));
            let Some((_, kept, ray)) = self.find(id) else {
                return self.fail(Rule::Kept, format!("{id} is expired, but nobody knows it"));
            };
            let waits = matches!(ray.standing, Standing::Due(_));
            let passed = kept.deadline_of(ray).is_some_and(|deadline| deadline < asked);
            let own = (kept.id, kept.position, kept.received) == (late.message, late.position, late.received)
                && self.recipe.targets.get(ray.target).is_some_and(|target| target.name == late.target);
            let (target, seen) = (ray.target, format!("{word} is expired while it is {:?}", ray.standing));
            self.check(Rule::EndsOnce, waits, || seen.clone());
            self.check(Rule::InTime, passed, || format!("{word} is expired before its deadline"));
            self.check(Rule::Truthful, own, || format!("{word} is expired as another one: {late:?}"));
            self.reached.note(Feat::Expired);
            if self.is_held(target) {
                self.reached.note(Feat::ExpiredHeld);
            }
            if let Some(ray) = self.ray(id) {
                ray.standing = Standing::Expired;
                ray.refused = None;
            }
            steps.extend(self.follow(id));
        }
        self.check_moved(steps, &moved);
    }

    /// The wall clock is about to jump back.
    pub(crate) fn jumping_back(&mut self) {
        self.jumped = Some((self.clock.tick(), self.now()));
    }

    /// Whether the deadline has passed, or had when somebody looked: the wall clock may have jumped back since.
    pub(super) fn has_passed(&self, deadline: Timestamp) -> bool {
        let before = self.jumped.filter(|(tick, _)| self.clock.tick().since(*tick) < LATE_MAX);
        deadline < self.now() || before.is_some_and(|(_, wall)| deadline < wall)
    }

    /// Nothing waits past its deadline for long.
    pub(crate) fn check_late(&mut self) {
        let (now, tick) = (self.now(), self.clock.tick());
        let waits = |ray: &Ray| match ray.standing {
            Standing::Due(_) => true,
            Standing::Leased => ray.lease.as_ref().is_some_and(|lease| !lease.sent),
            Standing::Delivered
            | Standing::Dead(_)
            | Standing::Cancelled
            | Standing::Expired
            | Standing::Skipped
            | Standing::Waiting
            | Standing::Unmet => false,
        };
        let late = self.rays().filter(|(_, kept, ray)| {
            kept.deadline_of(ray).is_some_and(|deadline| deadline < now) && waits(ray)
        });
        let since = |id: DeliveryId| (id, self.late.get(&id).copied().unwrap_or(tick));
        let late: BTreeMap<DeliveryId, Tick> = late.map(|(id, ..)| since(id)).collect();
        let endless = late.iter().find(|(_, since)| tick.since(**since) > LATE_MAX).map(|(id, _)| *id);
        self.late = late;
        if let Some(id) = endless {
            let seen = format!("{} waits more than {LATE_MAX:?} past its deadline", self.word(id));
            self.fail(Rule::Timely, seen);
        }
    }
}
