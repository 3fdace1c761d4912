//! Knows what was promised and compares it with what happens, after every step.
//!
//! It has its own picture of every delivery, made from what the store has committed, and its own reading of the published
//! rules. It sits directly at the store, the targets and the APIs; so whatever lies above them is judged.

mod breaker;
mod deadlines;
mod fate;
mod group;
mod holds;
mod intake;
mod keeping;
mod moving;
mod order;
mod prompt;
mod rest;
mod sending;
mod turns;

use fate::Seen;
pub(crate) use intake::GENERATION;
pub(crate) use sending::Request;

use crate::clock::WorldClock;
use crate::fuse::{Fuse, Place};
use crate::reach::{Feat, Reached};
use crate::recipe::{Generation, Letter, Recipe};
use crate::rule::{Rule, Violation};
use crate::trace::Trace;
use bytes::Bytes;
use contract::delivery::Standing;
use contract::part::{Duty, Part};
use contract::store::{Position, Session};
use contract::{Clock, DeliveryId, MessageId, Name, Tick, Timestamp};
use engine::Engine;
use holds::Lane;
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

/// Shared by everything that it watches.
pub(crate) struct Oracle(Mutex<Book>);

/// The picture.
pub(crate) struct Book {
    pub(crate) recipe: Arc<Recipe>,
    pub(crate) clock: Arc<WorldClock>,
    pub(crate) trace: Trace,
    pub(crate) reached: Reached,
    pub(crate) violation: Option<Violation>,
    pub(crate) letters: BTreeMap<u64, Letter>,
    pub(crate) generations: Vec<Generation>,
    pub(crate) kept: BTreeMap<u64, Kept>,
    /// Letters whose 202 the sender has, with their tickets.
    pub(crate) acknowledged: BTreeMap<u64, Option<MessageId>>,
    /// Parked deliveries that somebody wants to let go of their key.
    pub(crate) released: BTreeSet<DeliveryId>,
    /// Deliveries whose cancellation was acknowledged.
    pub(crate) cancelled: BTreeSet<DeliveryId>,
    pub(crate) life: u32,
    /// The sessions so far, the living one last.
    pub(crate) sessions: Vec<Session>,
    by_first: BTreeMap<DeliveryId, u64>,
    lanes: Vec<Lane>,
    /// Each Idempotency-Key with its delivery and body, and a callback's run.
    keys: BTreeMap<String, (DeliveryId, Bytes, u32)>,
    fuse: Arc<Fuse>,
    engine: Weak<Engine>,
    events: u64,
    /// What waits past its deadline, and since when that was seen in this life.
    late: BTreeMap<DeliveryId, Tick>,
    /// When the wall clock last jumped back, and what it said before.
    jumped: Option<(Tick, Timestamp)>,
}

/// A message that the store has.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) id: MessageId,
    pub(crate) first: DeliveryId,
    pub(crate) position: Position,
    pub(crate) route: usize,
    pub(crate) received: Timestamp,
    pub(crate) deadline: Option<Timestamp>,
    quorum: Option<u16>,
    pub(crate) rays: Vec<Ray>,
}

/// One of its deliveries.
#[derive(Debug)]
pub(crate) struct Ray {
    pub(crate) target: usize,
    part: Part,
    pub(crate) standing: Standing,
    pub(crate) run: u32,
    /// Attempts of this run that are recorded.
    pub(crate) attempts: u32,
    /// Attempts of all runs that are recorded.
    pub(crate) recorded: usize,
    /// The last recorded one is a fault of this side that passes, of this run and number: the next such one takes its place.
    stumbled: Option<(u32, u32)>,
    /// The end of the last recorded one.
    ended: Option<Timestamp>,
    /// What a callback says in this run.
    report: Option<Bytes>,
    pub(crate) revision: u32,
    pub(crate) edited: Option<Bytes>,
    shape: Option<u32>,
    key: Option<String>,
    /// It does not hold its order key any more in this run.
    keyless: bool,
    orphaned: u32,
    suspect: bool,
    lease: Option<Lease>,
    /// The life in which an attempt of this run was answered with success.
    succeeded: Option<u32>,
    /// What that answer said.
    said: Bytes,
    /// The life in which its credentials were refused, until it ends.
    refused: Option<u32>,
    /// Its filter said no.
    unwanted: bool,
    /// A group has let it go since then, and nobody has it yet.
    let_go: Option<Tick>,
    /// In flight for the last time: its ticket was cancelled, or its group is given up. A callback: what it tells of is over.
    doomed: bool,
    revived: u64,
    sends: u64,
    arrivals: u64,
}

/// What the session does with a delivery that it has leased.
#[derive(Debug)]
struct Lease {
    since: u64,
    at: Tick,
    run: u32,
    /// Attempts of its run that were recorded before.
    made: u32,
    /// The ticket was read while its run was the current one.
    fresh: bool,
    sent: bool,
    end: Option<End>,
}

impl Lease {
    fn new((since, at): (u64, Tick), run: u32, made: u32) -> Self {
        Self { since, at, run, made, fresh: false, sent: false, end: None }
    }
}

/// How an attempt ended.
#[derive(Debug)]
struct End {
    seen: Seen,
    at: Timestamp,
    proven: bool,
    probes: u32,
    /// Its credentials were refused again, after the target had taken others.
    again: bool,
}

impl Oracle {
    pub(crate) fn new(recipe: Arc<Recipe>, clock: Arc<WorldClock>, trace: Trace) -> Self {
        let lanes = recipe.targets.iter().map(|_| Lane::default()).collect();
        Self(Mutex::new(Book {
            recipe,
            clock,
            trace,
            reached: Reached::default(),
            violation: None,
            letters: BTreeMap::new(),
            generations: Vec::new(),
            kept: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            released: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            life: 0,
            sessions: Vec::new(),
            by_first: BTreeMap::new(),
            lanes,
            keys: BTreeMap::new(),
            fuse: Arc::default(),
            engine: Weak::new(),
            events: 0,
            late: BTreeMap::new(),
            jumped: None,
        }))
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock()
    }

    pub(crate) fn note(&self, feat: Feat) {
        self.book().reached.note(feat);
    }

    pub(crate) fn trace(&self, words: impl FnOnce() -> String) {
        self.book().say(words);
    }
}

impl Book {
    /// A promise was broken: the world ends here.
    pub(crate) fn fail(&mut self, rule: Rule, seen: String) {
        self.say(|| format!("BROKEN  {}: {seen}", rule.words()));
        self.violation.get_or_insert(Violation { rule, seen });
        self.fuse.burn(Place::Broken);
    }

    /// Breaks the promise unless it holds.
    fn check(&mut self, rule: Rule, holds: bool, seen: impl FnOnce() -> String) {
        if !holds {
            self.fail(rule, seen());
        }
    }

    pub(crate) fn say(&mut self, words: impl FnOnce() -> String) {
        self.trace.line(&*self.clock, words);
    }

    /// A new process begins.
    pub(crate) fn begin_life(&mut self, fuse: Arc<Fuse>) {
        self.life += 1;
        self.fuse = fuse;
        self.engine = Weak::new();
        self.late.clear();
        for lane in &mut self.lanes {
            lane.begin_life();
        }
        if self.lanes.iter().any(Lane::is_tripped) {
            self.reached.note(Feat::BreakerRestored);
        }
        let life = self.life;
        self.say(|| format!("life {life} begins"));
    }

    /// The wall clock is set: what a rate has let go before says nothing about after.
    pub(crate) fn jumped(&mut self) {
        self.reached.note(Feat::WallJump);
        self.lanes.iter_mut().for_each(|lane| lane.starts.clear());
    }

    /// The engine of this life, of which the oracle asks how many couriers are on their way.
    pub(crate) fn attach(&mut self, engine: &Arc<Engine>) {
        self.engine = Arc::downgrade(engine);
    }

    /// How much has happened so far.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    fn next_event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The message and the delivery of an id.
    fn find(&self, id: DeliveryId) -> Option<(u64, &Kept, &Ray)> {
        let n = *self.by_first.get(&id.at(0))?;
        let kept = self.kept.get(&n)?;
        Some((n, kept, kept.rays.get(usize::from(id.ordinal()))?))
    }

    fn ray(&mut self, id: DeliveryId) -> Option<&mut Ray> {
        let n = self.by_first.get(&id.at(0))?;
        self.kept.get_mut(n)?.rays.get_mut(usize::from(id.ordinal()))
    }

    fn target_number(&self, name: &Name) -> Option<usize> {
        self.recipe.targets.iter().position(|target| target.name == *name)
    }

    /// A short word for a delivery.
    fn word(&self, id: DeliveryId) -> String {
        let Some((n, _, ray)) = self.find(id) else { return format!("{id}, which nobody knows") };
        match ray.part.duty {
            Duty::Required | Duty::Optional => format!("{n}→t{}", ray.target),
            Duty::Undo(of) => format!("{n}→t{} (undo {of})", ray.target),
            Duty::Callback => format!("{n}→t{} (callback)", ray.target),
            Duty::Replay(of) => format!("{n}→t{} (replay {of})", ray.target),
        }
    }

    /// Every delivery with its id.
    fn rays(&self) -> impl Iterator<Item = (DeliveryId, &Kept, &Ray)> {
        let of = |kept: &'_ Kept| kept.first;
        self.kept.values().flat_map(move |kept| {
            (0..).zip(&kept.rays).map(move |(ordinal, ray)| (of(kept).at(ordinal), kept, ray))
        })
    }
}
