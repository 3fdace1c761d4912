//! Runs of many seeds, on all cores: each seed is a world of its own on one thread.

use crate::reach::Reached;
use crate::trace::Keep;
use crate::world::{self, Story};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// Lets the world of each seed run.
#[must_use]
pub fn run_many(seeds: Range<u64>) -> Summary {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut mine = Summary::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !seeds.contains(&seed) {
                return mine;
            }
            mine.add(world::run(seed, None, Keep::Nothing));
        }
    };
    let mut all = Summary::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            // A worker that panicked has said why; its worlds are missing from the count.
            let Ok(mine) = worker.join() else { continue };
            all.worlds += mine.worlds;
            all.reached.add(&mine.reached);
            all.broken.extend(mine.broken);
        }
    });
    all.broken.sort_by_key(|story| story.seed);
    all
}

impl Summary {
    fn add(&mut self, story: Story) {
        self.worlds += 1;
        self.reached.add(&story.reached);
        if story.violation.is_some() {
            self.broken.push(story);
        }
    }
}
