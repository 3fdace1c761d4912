//! What is sent: attempts as they leave, requests as they arrive.

use super::{Book, End, Ray, Seen};
use crate::language;
use crate::reach::Feat;
use crate::rule::Rule;
use bytes::Bytes;
use contract::delivery::{ErrorClass, Standing, Suspicion};
use contract::part::{self, Duty, Part};
use contract::target::{Outcome, Parcel};
use contract::{Clock, DeliveryId, Name, Timestamp, limits};
use std::collections::BTreeMap;
use std::time::Duration;

/// A request as an API sees it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: Option<DeliveryId>,
    pub(crate) key: String,
    pub(crate) duplicate: bool,
    pub(crate) body: Bytes,
}

/// From the start of a delivery to its call.
const START_MAX: Duration = Duration::from_millis(20);

impl Book {
    /// An attempt is about to be made.
    pub(crate) fn began(&mut self, target: usize, parcel: &Parcel) {
        let id = parcel.id;
        let word = self.word(id);
        self.say(|| format!("send {word} attempt {} {:?}", parcel.attempt, parcel.suspect));
        let life = self.life;
        let now = self.now();
        let Some((_, kept, ray)) = self.find(id) else {
            return self.fail(Rule::Kept, format!("{id} is sent, but nobody knows it"));
        };
        let leased = ray.target == target
            && ray.standing == Standing::Leased
            && ray.lease.as_ref().is_some_and(|lease| !lease.sent);
        let callback = ray.part.duty == Duty::Callback;
        let (run, made) = ray.lease.as_ref().map_or((ray.run, 0), |lease| (lease.run, lease.made));
        let revision = if callback { run - 1 } else { ray.revision };
        let next = (parcel.attempt, parcel.revision) == (made + 1, revision);
        let current = !callback || ray.lease.as_ref().is_some_and(|lease| lease.fresh);
        let late = kept.deadline_of(ray).is_some_and(|deadline| now > deadline);
        let suspect = if ray.suspect { Suspicion::PossiblyDuplicate } else { Suspicion::Clear };
        let marked = parcel.suspect == suspect;
        let repeat = ray.succeeded;
        let edited = ray.edited.is_some();
        let cancelled = self.cancelled.contains(&id);
        let (standing, unwanted) = (ray.standing, ray.unwanted);
        self.check(Rule::Routed, !unwanted, || format!("{word} is sent although its filter said no"));
        self.check(Rule::Leased, leased, || format!("{word} is sent while it is {standing:?}"));
        self.check(Rule::Truthful, next, || format!("{word} is sent as attempt {}", parcel.attempt));
        self.check(Rule::InTime, !late, || format!("{word} is sent after its deadline"));
        self.check(Rule::Grouped, current, || format!("{word} tells of a run that is over"));
        if callback {
            self.reached.note(if run > 1 { Feat::CalledAgain } else { Feat::CalledBack });
        }
        self.check(Rule::Cancelled, !cancelled, || format!("{word} is sent after its cancellation"));
        self.check(Rule::Marked, marked, || format!("{word} is sent marked {:?}", parcel.suspect));
        self.check_repeat(&word, repeat, life);
        self.check_body(id, &parcel.body);
        self.check_gate(target, id);
        self.check_alone(id);
        if suspect == Suspicion::PossiblyDuplicate {
            self.reached.note(Feat::SuspectResend);
        }
        if edited {
            self.reached.note(Feat::Edited);
        }
        if let Some(lane) = self.lanes.get_mut(target) {
            lane.in_flight.insert(id);
        }
        self.stir(target);
        self.check_concurrency(target);
        self.check_rate(target);
        self.check_turns(target, id);
        if let Some(ray) = self.ray(id) {
            ray.sends += 1;
            if let Some(lease) = &mut ray.lease {
                lease.sent = true;
            }
        }
    }

    /// An attempt has ended.
    pub(crate) fn ended(&mut self, target: usize, (id, began): (DeliveryId, Timestamp), outcome: &Outcome) {
        let seen = Seen::of(outcome);
        self.feel(target, seen, began);
        self.next_event();
        let word = self.word(id);
        self.say(|| format!("ended {word}: {seen:?}"));
        let (at, tick, life) = (self.now(), self.clock.tick(), self.life);
        let jitter = self.recipe.targets.get(target).map_or(0.0, |target| target.jitter);
        let (mut proven, mut probes) = (false, 0);
        if let Some(lane) = self.lanes.get_mut(target) {
            lane.in_flight.remove(&id);
            lane.stirred = tick;
            proven = lane.hold.proven;
            probes = lane.hold.auth.map_or(0, |(_, step)| step);
        }
        self.count_class(outcome);
        let refused = proven && seen.refuses_credentials();
        let mut again = false;
        if let Some(ray) = self.ray(id) {
            again = refused && probes == 0 && ray.refused == Some(life);
            if refused && !again {
                ray.refused = Some(life);
            }
            if seen.delivers(ray.part.audience) {
                ray.succeeded = Some(life);
                if let Outcome::Answered(reply) = outcome {
                    ray.said = reply.capture.body.clone();
                }
            }
            if let Some(lease) = &mut ray.lease {
                lease.end = Some(End { seen, at, proven, probes, again });
            }
        }
        if !again {
            self.hold_after(target, seen, jitter);
        }
    }

    /// A request has arrived at an API, whole.
    pub(crate) fn arrived(&mut self, target: usize, request: &Request) {
        let Some((id, (_, _, ray))) = request.id.and_then(|id| Some((id, self.find(id)?))) else {
            return self
                .fail(Rule::Faithful, format!("t{target} gets a request that nobody sent: {request:?}"));
        };
        let right = ray.target == target;
        let once = ray.arrivals < ray.sends;
        let suspect = ray.suspect;
        // Each run of a callback has a key of its own.
        let run = ray.lease.as_ref().map_or(ray.run, |lease| lease.run);
        let run = if ray.part.duty == Duty::Callback { run } else { 0 };
        let word = self.word(id);
        self.check(Rule::Routed, right, || format!("{word} arrives at t{target}"));
        self.check(Rule::Leased, once, || format!("{word} arrives more often than it is sent"));
        self.check(Rule::Marked, suspect || !request.duplicate, || {
            format!("{word} arrives marked as a repeat")
        });
        if let Some(ray) = self.ray(id) {
            ray.arrivals += 1;
        }
        let first = self.keys.entry(request.key.clone()).or_insert_with(|| (id, request.body.clone(), run));
        let same = *first == (id, request.body.clone(), run);
        self.check(Rule::OneKey, same, || {
            format!("{word} arrives with the key of another one: {}", request.key)
        });
        let keys = self.keys.iter().filter(|(key, (one, body, of))| {
            (*one, *of) == (id, run) && *body == request.body && **key != request.key
        });
        let others = keys.count();
        self.check(Rule::OneKey, others == 0, || format!("{word} arrives with another key than before"));
        self.check_body(id, &request.body);
    }

    fn check_repeat(&mut self, word: &str, succeeded: Option<u32>, life: u32) {
        match succeeded {
            Some(before) if before == life => {
                self.fail(Rule::Marked, format!("{word} is sent again after it was delivered"));
            }
            Some(_) => self.reached.note(Feat::Repeat),
            None => {}
        }
    }

    /// The body is the one that was accepted, in the shape of that time; or the edit.
    fn check_body(&mut self, id: DeliveryId, body: &Bytes) {
        let Some((n, _, ray)) = self.find(id) else { return };
        let Some(letter) = self.letters.get(&n) else { return };
        let told = ray.report.as_ref().filter(|_| ray.part.duty == Duty::Callback);
        let content = told.unwrap_or(&letter.body);
        let heard = self.heard(id);
        let quotes = ray.edited.is_none() && ray.shape.is_some_and(language::quotes);
        let expected = match (&ray.edited, ray.shape) {
            (Some(edited), _) => edited.clone(),
            (None, Some(version)) if quotes => {
                let said = heard.iter().map(|(name, said)| (name.as_str(), said.as_ref()));
                language::quote(version, said, content)
            }
            (None, Some(version)) => language::wrap(version, content),
            (None, None) => content.clone(),
        };
        let newest = self.generations.last().and_then(|one| one.shapes.get(ray.target).copied().flatten());
        let old = ray.edited.is_none() && ray.shape.is_some() && ray.shape != newest;
        let same = *body == expected;
        if old {
            self.reached.note(Feat::OldShape);
        }
        if quotes && !heard.is_empty() {
            self.reached.note(Feat::Quoted);
        }
        let word = self.word(id);
        self.check(Rule::Faithful, same, || {
            format!("{word} is sent with another body: {body:?}, not {expected:?}")
        });
    }

    /// What those before a delivery were answered, by name.
    fn heard(&self, id: DeliveryId) -> BTreeMap<Name, Bytes> {
        let Some((_, kept, _)) = self.find(id) else { return BTreeMap::new() };
        let parts: Vec<&Part> = kept.rays.iter().map(|ray| &ray.part).collect();
        let before = part::before(&parts, id.ordinal()).into_iter();
        let rays = before.filter_map(|one| kept.rays.get(usize::from(one)));
        let delivered = rays.filter(|ray| ray.standing == Standing::Delivered);
        let named = |ray: &Ray| Some((self.recipe.targets.get(ray.target)?.name.clone(), ray.said.clone()));
        delivered.filter_map(named).collect()
    }

    fn check_concurrency(&mut self, target: usize) {
        let limit = self.recipe.targets.get(target).map_or(0, |target| target.concurrency);
        let in_flight = self.lanes.get(target).map_or(0, |lane| lane.in_flight.len());
        self.check(Rule::Bounded, in_flight <= limit, || {
            format!("t{target} has {in_flight} of {limit} in flight")
        });
    }

    /// In no time since the first call more began than the burst and what comes evenly.
    fn check_rate(&mut self, target: usize) {
        let now = self.now();
        let Some(limit) = self.recipe.targets.get(target).and_then(|target| target.rate) else { return };
        let Some(lane) = self.lanes.get_mut(target) else { return };
        lane.starts.push(now);
        let starts = lane.starts.len();
        let allowed = |since: Timestamp| {
            // A callback reads its ticket between its start and its call.
            let elapsed = now.since(since) + START_MAX;
            u128::from(limit.burst()) + elapsed.as_nanos() / limit.interval().as_nanos()
        };
        let since = lane.starts.iter().enumerate();
        let wrong = since.map(|(before, at)| ((starts - before) as u128, *at));
        let wrong = wrong.into_iter().find(|(calls, at)| *calls > allowed(*at));
        let waited = starts > limit.burst() as usize;
        if let Some((calls, at)) = wrong {
            let seen = format!("t{target} got {calls} calls since {at:?}, with a rate of {limit}");
            self.fail(Rule::Paced, seen);
        }
        if waited {
            self.reached.note(Feat::RateWaits);
        }
    }

    /// The windows hold no more than they may. Each claim may bring one delivery that is larger than the room; what is too
    /// late is let go at once, although its end is recorded only later.
    pub(super) fn check_memory(&mut self) {
        let now = self.now();
        let mut counts = vec![0usize; self.recipe.targets.len()];
        let (mut bytes, mut largest) = (0, 0);
        for (id, kept, ray) in self.rays() {
            let held = ray.lease.as_ref().is_some_and(|lease| lease.end.is_none());
            let late = kept.deadline_of(ray).is_some_and(|deadline| deadline < now);
            if !held || late {
                continue;
            }
            let letter = self.by_first.get(&id.at(0)).and_then(|n| self.letters.get(n));
            let size =
                letter.map_or(0, |letter| letter.body.len()) + ray.edited.as_ref().map_or(0, Bytes::len);
            bytes += size;
            largest = largest.max(size);
            if let Some(count) = counts.get_mut(ray.target) {
                *count += 1;
            }
        }
        let bound = self.recipe.memory + (largest + self.recipe.memory / limits::LANE_SHARE) * counts.len();
        if bytes + largest > self.recipe.memory {
            self.reached.note(Feat::MemoryFull);
        }
        self.check(Rule::Bounded, bytes <= bound, || {
            format!("{bytes} bytes of bodies are in memory, at most {bound}")
        });
        let most = counts.into_iter().max().unwrap_or_default();
        self.check(Rule::Bounded, most <= limits::WINDOW_ITEMS_MAX, || format!("a window holds {most}"));
    }

    fn count_class(&mut self, outcome: &Outcome) {
        let feat = match outcome {
            Outcome::Broken { class: ErrorClass::ConnectionRefused, .. } => Feat::Refused,
            Outcome::Broken { class: ErrorClass::ConnectionReset, .. } => Feat::Reset,
            Outcome::Broken { class: ErrorClass::TimeoutTotal | ErrorClass::TimeoutConnect, .. } => {
                Feat::TimedOut
            }
            Outcome::Own { .. } => Feat::OwnFault,
            Outcome::Broken { .. } | Outcome::Answered(_) => return,
        };
        self.reached.note(feat);
    }
}
