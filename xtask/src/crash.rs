//! `cargo xtask crash`: the crash rounds of tests/e2e, as many as wanted, with their report on the screen.

use crate::runner::{self, program};
use anyhow::Result;
use clap::Args;

#[derive(Args)]
pub(crate) struct Options {
    /// How often the binary is killed and restarted.
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// Replays the moments of another run; printed by each.
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    runner::run(&mut program("cargo", &["build", "--package", "fanlight", "--quiet"]))?;
    let mut test = program(
        "cargo",
        &["test", "--quiet", "--package", "e2e", "--test", "it", "crash", "--", "--nocapture"],
    );
    test.env("FANLIGHT_CRASH_ROUNDS", options.rounds.to_string());
    if let Some(seed) = options.seed {
        test.env("FANLIGHT_CRASH_SEED", seed.to_string());
    }
    runner::run(&mut test)
}
