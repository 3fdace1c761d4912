//! The simulation as a test: many worlds, each of which must keep every promise; and small worlds for single promises.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

mod backlog;
mod breaker;
mod crowd;
mod forget;
mod hang_up;
mod held;
mod hindered;
mod lines;
mod linger;
mod mortal;
mod replay;
mod restart;
mod small;
mod stories;
mod told;
mod town;

use sim::{Keep, Mutant, run, run_many};

const WORLDS: u64 = 500;

#[test]
fn every_world_keeps_every_promise_and_together_they_reach_every_hard_place() {
    let summary = run_many(0..WORLDS);
    let broken: Vec<String> = summary
        .broken
        .iter()
        .filter_map(|story| Some((story.seed, story.violation.as_ref()?)))
        .map(|(seed, violation)| format!("{violation}; replay with: cargo xtask sim {seed}"))
        .collect();
    assert!(broken.is_empty(), "{} broken worlds:\n{}", broken.len(), broken.join("\n"));
    assert_eq!(summary.worlds, WORLDS);
    assert_eq!(summary.reached.missing(), Vec::<&str>::new(), "no world got there");
}

#[test]
fn a_seed_replays_to_the_same_trace() {
    for seed in [1, 3, 5, 11] {
        let (one, other) = (run(seed, None, Keep::Lines), run(seed, None, Keep::Lines));
        assert!(one.trace.len() > 100, "seed {seed} is too short to tell anything");
        assert_eq!(one.trace, other.trace, "seed {seed}");
    }
}

/// The others take longer: `cargo xtask sim --mutants` plants them all.
#[test]
fn planted_bugs_are_caught() {
    for mutant in [Mutant::LostSettle, Mutant::EarlyReceipt, Mutant::SkippedBackoff, Mutant::DroppedSuspect] {
        let caught = (0..20).any(|seed| {
            let broken = |mutant| run(seed, mutant, Keep::Nothing).violation.is_some();
            broken(Some(mutant)) && !broken(None)
        });
        assert!(caught, "{}", mutant.words());
    }
}
