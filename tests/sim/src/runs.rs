//! Runs of many seeds, on all cores: each seed is a world of its own on one thread.

use crate::mutant::Mutant;
use crate::reach::Reached;
use crate::trace::Keep;
use crate::world::{self, Story};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What came of many worlds.
#[derive(Debug, Default)]
pub struct Summary {
    /// Worlds that ran.
    pub worlds: u64,
    /// What they have reached together.
    pub reached: Reached,
    /// The broken ones, by seed.
    pub broken: Vec<Story>,
}

/// When a run of many seeds ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// All have run.
    End,
    /// A promise is broken: the lowest seed that breaks one.
    Broken,
}

/// Lets the world of each seed run.
#[must_use]
pub fn run_many(seeds: Range<u64>, mutant: Option<Mutant>, until: Until) -> Summary {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, stop) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    let work = || {
        let mut mine = Summary::default();
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !seeds.contains(&seed) {
                break;
            }
            let story = world::run(seed, mutant, Keep::Nothing);
            mine.worlds += 1;
            mine.reached.add(&story.reached);
            if story.violation.is_some() {
                stop.fetch_or(until == Until::Broken, Ordering::Relaxed);
                mine.broken.push(story);
            }
        }
        mine
    };
    let mut all = Summary::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            // A worker that panicked has said why.
            let Ok(mine) = worker.join() else { continue };
            all.worlds += mine.worlds;
            all.reached.add(&mine.reached);
            all.broken.extend(mine.broken);
        }
    });
    all.broken.sort_by_key(|story| story.seed);
    all
}
