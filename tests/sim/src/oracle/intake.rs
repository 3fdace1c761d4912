//! What is taken in: each message once, with the deliveries that its route and filters ask for.

use super::group::{Seat, begins_waiting};
use super::{Book, Kept, Lease, Ray};
use crate::language;
use crate::reach::Feat;
use crate::recipe::{Keeping, Letter, TargetRecipe, WayRecipe};
use crate::rule::Rule;
use bytes::Bytes;
use contract::delivery::{Death, Standing};
use contract::order::KeyFate;
use contract::part;
use contract::part::{Caller, Duty};
use contract::store::{Accept, Accepted, Start};
use contract::{Clock, DeliveryId, Message, MessageId, Tick, Timestamp};
use engine::happened::Refusal;
use engine::offer::{Novelty, Receipt};
use std::time::Duration;

/// The header that names the configuration.
pub(crate) const GENERATION: &str = "x-generation";

impl Book {
    /// The store has answered for a message.
    pub(crate) fn accepted(&mut self, accept: &Accept, answer: &Accepted) {
        let message = &accept.message;
        let Some(n) = language::number(&message.body) else {
            return self.fail(Rule::Faithful, format!("{} has a body that nobody offered", message.id));
        };
        let Some(letter) = self.letters.get(&n).cloned() else {
            return self.fail(Rule::Faithful, format!("message {n} was never offered"));
        };
        match answer {
            Accepted::New { position, demoted } => {
                self.say(|| format!("kept {n} at {} demoted {demoted:?}", position.0));
                self.check_new(n, &letter, message);
                self.check_deliveries(n, &letter, accept);
                self.check_position(n, position.0);
                let since = (self.next_event(), self.clock.tick());
                let starts = (0..).zip(&accept.deliveries);
                let rays = starts.filter_map(|(ordinal, start)| {
                    let target = self.target_number(&start.target)?;
                    Some(begin(target, start, demoted.contains(&ordinal), message, since))
                });
                let rays = rays.collect();
                let mut kept = Kept {
                    id: message.id,
                    first: message.first,
                    position: *position,
                    route: letter.route,
                    received: message.received,
                    deadline: message.deadline,
                    quorum: self.recipe.routes.get(letter.route).and_then(|route| route.quorum),
                    rays,
                };
                let report = kept.report();
                for ray in &mut kept.rays {
                    ray.report = (ray.part.duty == Duty::Callback).then(|| report.clone());
                }
                self.by_first.insert(message.first.at(0), n);
                self.kept.insert(n, kept);
                self.check_leases_of_new(n);
            }
            Accepted::Same { id, first, targets } => {
                self.say(|| format!("kept {n} before as {id}"));
                self.check_same(n, *id, *first, targets.len());
            }
            Accepted::Conflict => {
                let other = self.first_with_key(&letter).and_then(|n| self.letters.get(&n)?.once.clone());
                let differs =
                    other.zip(letter.once).is_some_and(|(one, other)| one.fingerprint != other.fingerprint);
                self.check(Rule::Once, differs, || format!("message {n} conflicts with nothing"));
                self.reached.note(Feat::Conflict);
            }
            Accepted::NeverSent => {
                let late = message.deadline.is_some_and(|deadline| deadline <= message.received);
                let twin = self.first_with_key(&letter);
                self.check(Rule::InTime, late, || format!("message {n} is refused before its deadline"));
                self.check(Rule::Once, twin.is_none(), || format!("{n}, a repeat of {twin:?}, is refused"));
                self.reached.note(Feat::NeverSent);
            }
            Accepted::Full => self.fail(Rule::Lively, format!("message {n} found no room")),
        }
    }

    /// The sender has its 202.
    pub(crate) fn acknowledged(&mut self, n: u64, receipt: &Receipt) {
        self.say(|| format!("202 for {n}: {}", receipt.id));
        let kept = self.kept.values().find(|kept| kept.id == receipt.id);
        let whole =
            kept.is_some_and(|kept| kept.first == receipt.first && kept.own() == receipt.targets.len());
        self.check(Rule::Kept, whole, || format!("message {n} was acknowledged, but it is not kept"));
        let before = self.acknowledged.insert(n, Some(receipt.id)).flatten();
        match (receipt.novelty, before) {
            (Novelty::New, None) => {}
            (Novelty::New, Some(_)) => self.fail(Rule::Once, format!("message {n} was taken as new twice")),
            (Novelty::Repeated, None) => self.reached.note(Feat::SameAfterCrash),
            (Novelty::Repeated, Some(before)) => {
                self.reached.note(Feat::Same);
                let same = before == receipt.id;
                self.check(Rule::Once, same, || format!("message {n} has two tickets"));
            }
        }
    }

    /// The sender has a 202 of which nothing is known yet.
    pub(crate) fn promised(&mut self, n: u64) {
        self.acknowledged.entry(n).or_insert(None);
    }

    /// The sender was turned away.
    pub(crate) fn refused(&mut self, n: u64, why: Refusal) {
        self.say(|| format!("refused {n}: {why:?}"));
        match why {
            Refusal::Busy | Refusal::NoWorker => self.reached.note(Feat::Busy),
            Refusal::Full | Refusal::Conflict | Refusal::NeverSent | Refusal::Unavailable => {}
        }
    }

    fn check_new(&mut self, n: u64, letter: &Letter, message: &Message) {
        let twin = self.first_with_key(letter);
        self.check(Rule::Once, twin.is_none(), || format!("messages {n} and {twin:?} have one key"));
        let twice = self.kept.contains_key(&n) && letter.once.is_some();
        self.check(Rule::Once, !twice, || format!("message {n} is kept twice"));
        let route = self.recipe.routes.get(letter.route);
        let deadline = route.and_then(|route| route.deadline).map(|within| message.received + within);
        let deadline = deadline.into_iter().chain(letter.deadline).min();
        self.check(Rule::InTime, deadline == message.deadline, || {
            format!("message {n} has another deadline")
        });
        let same = message.body == letter.body;
        self.check(Rule::Faithful, same, || format!("message {n} has another body"));
    }

    /// The earliest kept message with the same key.
    fn first_with_key(&self, letter: &Letter) -> Option<u64> {
        let once = letter.once.as_ref()?;
        let same = |n: &u64| {
            let other = self.letters.get(n);
            other.is_some_and(|other| {
                other.route == letter.route && other.once.as_ref().is_some_and(|other| other.key == once.key)
            })
        };
        self.kept.keys().copied().find(same)
    }

    fn check_same(&mut self, n: u64, id: MessageId, first: DeliveryId, targets: usize) {
        let twin = self.letters.get(&n).cloned().and_then(|letter| self.first_with_key(&letter));
        let fingerprint = |n: u64| self.letters.get(&n)?.once.as_ref().map(|once| once.fingerprint);
        let kept = twin.and_then(|twin| self.kept.get(&twin));
        let same = kept.is_some_and(|kept| kept.id == id && kept.first == first && kept.own() == targets)
            && twin.is_some_and(|twin| fingerprint(twin) == fingerprint(n));
        self.check(Rule::Once, same, || {
            format!("message {n} is answered as the same as {id}, which it is not")
        });
    }

    fn check_deliveries(&mut self, n: u64, letter: &Letter, accept: &Accept) {
        let number = generation_of(&accept.message);
        let Some(generation) = number.and_then(|number| self.generations.get(number)).cloned() else {
            return;
        };
        let mut ways = self.recipe.ways(letter.route, &generation);
        let primary = self.recipe.primary(letter.route, &generation);
        if let Some(way) = primary.and_then(|primary| ways.get_mut(usize::from(primary))) {
            way.part.audience.caller = letter.caller;
        }
        let quorum = self.recipe.routes.get(letter.route).and_then(|route| route.quorum);
        let names = ways.iter().filter_map(|way| self.recipe.targets.get(way.target));
        let names = names.map(|target| &target.name);
        let right = names.eq(accept.deliveries.iter().map(|start| &start.target));
        self.check(Rule::Routed, right, || format!("message {n} does not go where its route says"));
        let mut seats: Vec<Seat> =
            (0..).zip(&ways).map(|(ordinal, way)| self.beginning(letter, way, ordinal)).collect();
        let grouped =
            seats.iter().map(|seat| &seat.part).eq(accept.deliveries.iter().map(|start| &start.part))
                && accept.rule == quorum.map_or(part::Rule::All, part::Rule::Quorum);
        self.check(Rule::Grouped, grouped, || format!("message {n} is another group"));
        super::group::follow(quorum, &mut seats);
        for ((way, seat), start) in ways.into_iter().zip(seats).zip(&accept.deliveries) {
            let target = way.target;
            let fits = self.start_fits(letter, target, &seat, start, &accept.message);
            self.check(Rule::Routed, fits, || format!("{n}→t{target} begins as {start:?}, not {seat:?}"));
            let shape = generation.shapes.get(target).copied().flatten().map(u64::from);
            let shaped = shape == start.shape.map(|shape| shape.0);
            self.check(Rule::Faithful, shaped, || format!("{n}→t{target} has the shape {:?}", start.shape));
            let own = matches!(way.part.duty, Duty::Required | Duty::Optional);
            let key = start.key.as_ref().map(|key| &*key.0) == letter.key.as_deref().filter(|_| own);
            self.check(Rule::Ordered, key, || format!("{n}→t{target} has the order key {:?}", start.key));
            self.check_start_fate(n, target, start);
        }
    }

    /// How it begins, before its group is looked at.
    fn beginning(&mut self, letter: &Letter, way: &WayRecipe, ordinal: u16) -> Seat {
        let recipe = std::sync::Arc::clone(&self.recipe);
        let target = recipe.targets.get(way.target).filter(|target| target.filtered);
        let raises = language::has(&letter.body, language::RAISE);
        let wanted = |target: &TargetRecipe| language::has(&letter.body, &format!("\"{}\"", target.name));
        let standing = match target {
            Some(_) if raises => {
                self.reached.note(Feat::FilterFailed);
                Standing::Dead(Death::Config)
            }
            Some(target) if !wanted(target) => {
                self.reached.note(Feat::Skipped);
                Standing::Skipped
            }
            Some(_) | None if begins_waiting(&way.part) => Standing::Waiting,
            Some(_) | None => Standing::Due(Timestamp::ZERO),
        };
        let mut part = way.part.clone();
        if let (Duty::Undo(of), Standing::Skipped) = (&mut part.duty, standing) {
            // It undoes nothing, in no run.
            *of = ordinal;
        }
        Seat { part, standing, ended: None, doomed: false }
    }

    fn start_fits(
        &mut self,
        letter: &Letter,
        target: usize,
        seat: &Seat,
        start: &Start,
        message: &Message,
    ) -> bool {
        let recipe = std::sync::Arc::clone(&self.recipe);
        let Some(target) = recipe.targets.get(target) else { return false };
        let failed = matches!(seat.standing, Standing::Dead(_));
        if !matches!(seat.standing, Standing::Due(_)) {
            return start.standing == seat.standing && start.fault.is_some() == failed;
        }
        let wait = target.waits.first().copied().unwrap_or_default();
        let slack = Duration::from_millis(2);
        let earliest = message.received + wait.mul_f64(1.0 - target.jitter).saturating_sub(slack);
        let put_off = letter.not_before.filter(|at| *at > message.received);
        let earliest = earliest.max(put_off.unwrap_or_default());
        if put_off.is_some() {
            self.reached.note(Feat::PutOff);
        }
        match start.standing {
            Standing::Leased => wait.is_zero() && put_off.is_none(),
            Standing::Due(at) => at >= earliest,
            Standing::Delivered
            | Standing::Dead(_)
            | Standing::Cancelled
            | Standing::Expired
            | Standing::Skipped
            | Standing::Waiting
            | Standing::Unmet => false,
        }
    }

    fn check_position(&mut self, n: u64, position: u64) {
        let newest = self.kept.values().map(|kept| kept.position.0).max().unwrap_or_default();
        self.check(Rule::Ordered, position > newest, || format!("message {n} is kept before an earlier one"));
        let sliced = matches!(self.recipe.keeping, Keeping::Sqlite { .. }) && newest > 0;
        if sliced && position > newest + 1 {
            self.reached.note(Feat::NewSlice);
        }
    }

    fn check_leases_of_new(&mut self, n: u64) {
        let Some(first) = self.kept.get(&n).map(|kept| kept.first) else { return };
        let leased = self.kept.get(&n).map(|kept| {
            let leased = (0..).zip(&kept.rays).filter(|(_, ray)| ray.standing == Standing::Leased);
            leased.map(|(ordinal, _)| first.at(ordinal)).collect::<Vec<_>>()
        });
        for id in leased.unwrap_or_default() {
            self.check_turn(id);
        }
        self.check_memory();
    }
}

impl Kept {
    /// Until when a failure is the caller's answer.
    pub(super) fn told_until(&self, ray: &Ray) -> Option<Timestamp> {
        match ray.part.audience.caller {
            Caller::Waits { seconds } if seconds > 0 && ray.run == 1 => {
                Some(self.received + Duration::from_secs(seconds.into()))
            }
            Caller::Waits { .. } | Caller::Away => None,
        }
    }

    /// How many deliveries the message is for.
    fn own(&self) -> usize {
        self.rays.iter().filter(|ray| matches!(ray.part.duty, Duty::Required | Duty::Optional)).count()
    }
}

fn begin(target: usize, start: &Start, demoted: bool, message: &Message, since: (u64, Tick)) -> Ray {
    let standing = if demoted { Standing::Due(message.received) } else { start.standing };
    let lease = (standing == Standing::Leased).then_some(Lease::new(since, 1, 0));
    Ray {
        target,
        part: start.part.clone(),
        standing,
        run: 1,
        attempts: u32::from(start.fault.is_some()),
        recorded: usize::from(start.fault.is_some()),
        stumbled: None,
        ended: None,
        report: None,
        revision: 0,
        edited: None,
        shape: start.shape.and_then(|shape| u32::try_from(shape.0).ok()),
        key: start.key.as_ref().map(|key| key.0.to_string()),
        keyless: start.key_fate == KeyFate::Freed && matches!(standing, Standing::Dead(_)),
        orphaned: 0,
        suspect: false,
        lease,
        succeeded: None,
        said: Bytes::new(),
        refused: None,
        unwanted: standing == Standing::Skipped,
        let_go: None,
        doomed: false,
        revived: 0,
        sends: 0,
        arrivals: 0,
    }
}

/// The configuration under which the message was offered; a header says so.
fn generation_of(message: &Message) -> Option<usize> {
    std::str::from_utf8(message.headers.value(GENERATION)?).ok()?.parse().ok()
}
