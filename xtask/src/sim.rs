//! `cargo xtask sim`: the simulation of tests/sim, with one seed, with more seeds, or with planted bugs.

use crate::runner::{self, program};
use anyhow::Result;
use clap::Args;

#[derive(Args)]
pub(crate) struct Options {
    /// Replays this seed.
    seed: Option<u64>,
    /// Plants every known bug in turn; each must be caught.
    #[arg(long, conflicts_with = "seed")]
    mutants: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let filter = if options.mutants { "mutants" } else { "" };
    let mut test =
        program("cargo", &["test", "--package", "sim", "--test", "it", filter, "--", "--nocapture"]);
    if let Some(seed) = options.seed {
        test.env("FANLIGHT_SIM_SEED", seed.to_string());
    }
    runner::run(&mut test)
}
