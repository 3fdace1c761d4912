//! Every developer command of Fanlight: `cargo xtask test`, `tidy`, `generate`, `bench`, `crash`, `soak`, `sim`.

mod bench;
mod crash;
mod generate;
mod machine;
mod runner;
mod sim;
mod soak;
mod test;
mod tidy;
mod tools;

use anyhow::Result;
use clap::Parser;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Every developer command of Fanlight")]
enum Command {
    /// Everything that checks the project, installing what it needs.
    Test,
    /// House rules that no compiler knows, each finding with its mend.
    Tidy,
    /// Writes the pages that are made from the program; `--check` only compares them.
    Generate(generate::Options),
    /// How fast: Fanlight against the floor, appended to bench/RESULTS.md.
    Bench(bench::Options),
    /// Kills the real binary at random moments and checks that nothing acknowledged is lost.
    Crash(crash::Options),
    /// A steady load with kills for a long time, appended to bench/SOAK.md.
    Soak(soak::Options),
    /// Seeded simulation of the whole world; with a seed: replays that one.
    Sim(sim::Options),
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Test => test::run(),
        Command::Tidy => tidy::run(),
        Command::Generate(options) => generate::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Crash(options) => crash::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Sim(options) => sim::run(&options),
    }
}
