//! What a seed makes of the world: routes, targets, their manners, and how much happens.

use crate::language;
use crate::random::Random;
use bytes::Bytes;
use contract::line::Priority;
use contract::part::{self, Caller, Duty, Part, Reads};
use contract::store::Once;
use contract::{Name, Timestamp, limits};
use engine::policy::breaker;
use engine::policy::order;
use engine::policy::rate;
use engine::policy::retry::{Policy, Schedule};
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

/// Everything that is the same over the whole life of a world.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) keeping: Keeping,
    pub(crate) targets: Vec<TargetRecipe>,
    pub(crate) routes: Vec<RouteRecipe>,
    /// Bytes of bodies that may wait in memory.
    pub(crate) memory: usize,
    pub(crate) accept_queue: usize,
    /// Messages that are offered, repeats not counted.
    pub(crate) letters: u64,
    /// Things that happen from outside.
    pub(crate) steps: u64,
    /// How often a process dies, in percent of its lives.
    pub(crate) mortality: u64,
    /// More messages than usual, all at once.
    pub(crate) crowded: bool,
    /// One of the messages kills the process that sends it.
    pub(crate) poisoned: bool,
}

/// Which store, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    Memory,
    Sqlite { sync: stores::sqlite::Sync, slice: Duration },
}

#[derive(Debug)]
pub(crate) struct TargetRecipe {
    pub(crate) name: Name,
    /// The wait before each attempt, as the oracle knows it.
    pub(crate) waits: Vec<Duration>,
    pub(crate) jitter: f64,
    /// The same as the engine knows it.
    pub(crate) policy: Policy,
    pub(crate) concurrency: usize,
    pub(crate) breaker: Option<breaker::Policy>,
    pub(crate) rate: Option<rate::Limit>,
    pub(crate) order: order::Policy,
    pub(crate) filtered: bool,
    pub(crate) timeout: Duration,
    pub(crate) temper: Temper,
}

/// An API's character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temper {
    Steady,
    Flaky,
    Busy,
    Strict,
    Suspicious,
    Dead,
}

#[derive(Debug)]
pub(crate) struct RouteRecipe {
    pub(crate) name: Name,
    /// In order of ordinal: what messages are for, then undos and a callback.
    pub(crate) ways: Vec<WayRecipe>,
    /// So many of the required ones are enough; none: all of them are needed.
    pub(crate) quorum: Option<u16>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) priority: Priority,
    pub(crate) keyed: bool,
    /// The way whose answer the caller waits for; all others wait for it too.
    pub(crate) primary: Option<u16>,
}

/// One way out of a route.
#[derive(Clone, Debug)]
pub(crate) struct WayRecipe {
    pub(crate) target: usize,
    pub(crate) part: Part,
}

/// One configuration: which targets it has, and in which shape it sends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Generation {
    pub(crate) dropped: BTreeSet<usize>,
    pub(crate) shapes: Vec<Option<u32>>,
}

/// What the front door was given.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) route: usize,
    pub(crate) body: Bytes,
    pub(crate) key: Option<String>,
    pub(crate) once: Option<Once>,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) not_before: Option<Timestamp>,
    /// Whether its sender waits for the answer of its route's primary.
    pub(crate) caller: Caller,
}

impl Recipe {
    pub(crate) fn new(random: &Random) -> Self {
        let count = random.within(1..=6);
        let targets: Vec<_> = (0..count).filter_map(|n| target(n, random)).collect();
        let routes = (0..random.within(1..=5)).filter_map(|n| route(n, targets.len(), random)).collect();
        let crowded = random.chance(3);
        Self {
            keeping: keeping(random),
            targets,
            routes,
            memory: if random.chance(25) { 2000 } else { limits::WINDOW_BYTES_MAX },
            accept_queue: if random.chance(10) { 4 } else { limits::ACCEPT_QUEUE_MAX },
            letters: if crowded { 400 } else { random.within(5..=40) },
            crowded,
            steps: random.within(10..=50),
            mortality: random.weighted(&[(1, 0), (3, 60), (2, 95)]).unwrap_or(60),
            poisoned: random.chance(12),
        }
    }

    /// The ways out of a route in this configuration, in order of ordinal. Without a target there is nothing to undo or to wait for.
    pub(crate) fn ways(&self, route: usize, generation: &Generation) -> Vec<WayRecipe> {
        let all = self.routes.get(route).map(|route| route.ways.as_slice()).unwrap_or_default();
        let kept = kept(all, generation);
        let place = |old: &u16| (0..).zip(&kept).find(|(_, kept)| *kept == old).map(|(n, _)| n);
        let ways = kept.iter().filter_map(|n| all.get(usize::from(*n))).map(|way| {
            let duty = match way.part.duty {
                Duty::Undo(of) => Duty::Undo(place(&of).unwrap_or_default()),
                Duty::Required | Duty::Optional | Duty::Callback | Duty::Replay(_) => way.part.duty,
            };
            let after = way.part.after.iter().filter_map(place).collect();
            WayRecipe { target: way.target, part: Part { duty, after, ..Part::default() } }
        });
        let mut ways: Vec<WayRecipe> = ways.collect();
        for (reader, way) in (0..).zip(ways.clone()) {
            let shape = generation.shapes.get(way.target).copied().flatten();
            let parts: Vec<Part> = ways.iter().map(|way| way.part.clone()).collect();
            let parts: Vec<&Part> = parts.iter().collect();
            for read in
                part::before(&parts, reader).into_iter().filter(|_| shape.is_some_and(language::quotes))
            {
                if let Some(way) = ways.get_mut(usize::from(read)) {
                    way.part.audience.others = Reads::Body;
                }
            }
        }
        ways
    }

    /// The place of a route's primary among its ways in this configuration.
    pub(crate) fn primary(&self, route: usize, generation: &Generation) -> Option<u16> {
        let route = self.routes.get(route)?;
        let kept = kept(&route.ways, generation);
        (0..).zip(kept).find(|(_, kept)| Some(*kept) == route.primary).map(|(n, _)| n)
    }
}

/// The ways of a route whose targets are in this configuration.
fn kept(all: &[WayRecipe], generation: &Generation) -> Vec<u16> {
    let has = |way: &WayRecipe| !generation.dropped.contains(&way.target);
    let stays = |way: &WayRecipe| {
        let Duty::Undo(of) = way.part.duty else { return has(way) };
        has(way) && all.get(usize::from(of)).is_some_and(has)
    };
    (0..).zip(all).filter(|(_, way)| stays(way)).map(|(n, _)| n).collect()
}

fn keeping(random: &Random) -> Keeping {
    if random.chance(40) {
        return Keeping::Memory;
    }
    // Crashes here keep what was written, so the sync makes no difference but for the code that runs.
    let sync = if random.chance(20) { stores::sqlite::Sync::Full } else { stores::sqlite::Sync::Off };
    let slice = Duration::from_secs(*random.pick(&[30, 300, 6 * 3600]).unwrap_or(&300));
    Keeping::Sqlite { sync, slice }
}

fn target(number: u64, random: &Random) -> Option<TargetRecipe> {
    let (schedule, waits) = schedule(random);
    let jitter = *random.pick(&[0.0, 0.2, 0.5])?;
    Some(TargetRecipe {
        name: Name::try_new(&format!("t{number}")).ok()?,
        waits,
        jitter,
        policy: Policy::try_new(schedule, jitter).ok()?,
        concurrency: usize::try_from(random.within(1..=8)).ok()?,
        breaker: if random.chance(60) { Some(breaker(random)?) } else { None },
        rate: pace(random),
        order: *random.pick(&[order::Policy::Block, order::Policy::Skip, order::Policy::Park])?,
        filtered: random.chance(40),
        timeout: random.millis(1_000..=15_000),
        temper: random.weighted(&[
            (4, Temper::Steady),
            (4, Temper::Flaky),
            (3, Temper::Busy),
            (2, Temper::Strict),
            (2, Temper::Suspicious),
            (2, Temper::Dead),
        ])?,
    })
}

/// Failures in a row open it: how a share is counted is tested where it is decided.
fn breaker(random: &Random) -> Option<breaker::Policy> {
    let open = Duration::from_secs(*random.pick(&[2, 5, 20])?);
    Some(breaker::Policy {
        consecutive: u32::try_from(random.within(2..=5)).ok()?,
        calls: u32::MAX,
        open,
        open_max: open * u32::try_from(random.within(1..=8)).ok()?,
        ..breaker::Policy::default()
    })
}

/// Some targets have a rate, slow enough that a crowd waits for it, quick enough that a wait does not look like an end.
fn pace(random: &Random) -> Option<rate::Limit> {
    if !random.chance(25) {
        return None;
    }
    let (count, seconds) = *random.pick(&[(4, 1), (20, 1), (300, 60)])?;
    let burst = u32::try_from(random.within(1..=4)).ok().and_then(NonZeroU32::new);
    Some(rate::Limit::new(NonZeroU32::new(count)?, Duration::from_secs(seconds), burst))
}

fn schedule(random: &Random) -> (Schedule, Vec<Duration>) {
    let seconds = Duration::from_secs;
    if random.chance(30) {
        let (first, max, attempts) = (seconds(random.within(1..=4)), seconds(30), 5);
        let factor = 2u32;
        let later = (0..attempts - 1).map(|step| (first * factor.pow(step)).min(max));
        let waits = std::iter::once(Duration::ZERO).chain(later).collect();
        return (Schedule::Exponential { first, factor: f64::from(factor), max, attempts }, waits);
    }
    let begin = if random.chance(15) { seconds(2) } else { Duration::ZERO };
    let later =
        (0..random.within(0..=5)).map(|_| seconds(*random.pick(&[0, 1, 5, 20, 90, 400]).unwrap_or(&5)));
    let waits: Vec<_> = std::iter::once(begin).chain(later).collect();
    (Schedule::List(waits.clone()), waits)
}

fn route(number: u64, targets: usize, random: &Random) -> Option<RouteRecipe> {
    let mut to: Vec<usize> = (0..targets).filter(|_| random.chance(60)).collect();
    if to.is_empty() && !random.chance(5) {
        to.push(usize::try_from(random.within(0..=(targets as u64).saturating_sub(1))).ok()?);
    }
    let way = |target| WayRecipe { target, part: Part::default() };
    let mut ways: Vec<WayRecipe> = to.into_iter().map(way).collect();
    let mut quorum = None;
    if random.chance(50) {
        quorum = random.chance(30).then(|| if random.chance(50) { 1 } else { 2 });
        group(&mut ways, targets, random)?;
    }
    let primary = if random.chance(35) { primary(&mut ways, random) } else { None };
    let deadline = if random.chance(30) { Some(Duration::from_secs(random.within(2..=120))) } else { None };
    Some(RouteRecipe {
        name: Name::try_new(&format!("r{number}")).ok()?,
        ways,
        quorum,
        deadline,
        priority: *random.pick(&[Priority::Normal, Priority::High, Priority::Low, Priority::Normal])?,
        keyed: random.chance(45),
        primary,
    })
}

/// Lets one of the ways go first, and the others wait for it.
fn primary(ways: &mut [WayRecipe], random: &Random) -> Option<u16> {
    let own = ways.iter().filter(|way| way.part.is_main()).count() as u64;
    let first = u16::try_from(random.within(0..=own.checked_sub(1)?)).ok()?;
    for (n, way) in (0..).zip(ways).filter(|(_, way)| way.part.is_main()) {
        if n == first {
            way.part = Part::default();
        } else if way.part.after.is_empty() {
            way.part.after.push(first);
        }
    }
    Some(first)
}

/// Makes a group of what goes out together: some wait for others, some are optional, some are undone, and somebody is told.
fn group(ways: &mut Vec<WayRecipe>, targets: usize, random: &Random) -> Option<()> {
    let own = u16::try_from(ways.len()).ok()?;
    let forward = random.chance(50);
    for (n, way) in (0..own).zip(ways.iter_mut()) {
        let befores = if forward { 0..n } else { n + 1..own };
        way.part.after = befores.filter(|_| random.chance(30)).collect();
        if random.chance(20) {
            way.part.duty = Duty::Optional;
        }
    }
    let some_target = || usize::try_from(random.within(0..=(targets as u64).saturating_sub(1))).ok();
    let mut more = |duty| {
        ways.push(WayRecipe { target: some_target()?, part: Part { duty, ..Part::default() } });
        Some(())
    };
    if random.chance(60) {
        for of in (0..own).filter(|_| random.chance(60)) {
            more(Duty::Undo(of))?;
        }
    }
    if random.chance(60) {
        more(Duty::Callback)?;
    }
    Some(())
}
