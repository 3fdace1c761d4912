//! `cargo xtask sim`: the simulation of tests/sim, which has its own words.

use crate::runner::{self, program};
use anyhow::Result;
use clap::Args;

#[derive(Args)]
pub(crate) struct Options {
    /// SEED replays one world, `--seeds N` runs many, `--mutants` plants every bug in turn.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut simulation = program("cargo", &["run", "--quiet", "--package", "sim", "--"]);
    runner::run(simulation.args(&options.words))
}
