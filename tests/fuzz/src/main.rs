//! `cargo run -p fuzz -- TARGET --seconds 5 --seed 1`

use clap::Parser;
use fuzz::overseer::{Order, Until, oversee, work};
use fuzz::{Finding, Target, check, hex, run};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Feeds mutated inputs to what reads inputs of strangers, and checks what must hold.
#[derive(Parser)]
#[command(
    name = "fuzz",
    after_help = "Examples:
  cargo run -p fuzz -- config --seconds 5 --seed 1
  cargo run -p fuzz -- events --seed 1 --case 4711
  cargo run -p fuzz -- request --hex 474554202f"
)]
struct Arguments {
    /// What is fuzzed; all of it without this
    target: Option<Target>,
    /// Chooses the inputs: the same seed, the same cases
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ends after this time
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Ends after so many cases
    #[arg(long, conflicts_with = "seconds")]
    cases: Option<u64>,
    /// The first case
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Replays one case
    #[arg(long, requires = "target")]
    case: Option<u64>,
    /// Checks one input
    #[arg(long, requires = "target", conflicts_with = "case")]
    hex: Option<String>,
    /// Where the process that runs the cases tells how far it is
    #[arg(long, hide = true, requires = "target")]
    progress: Option<PathBuf>,
}

fn main() -> ExitCode {
    match Arguments::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Arguments {
    fn run(self) -> anyhow::Result<()> {
        let until = self.cases.map_or(Until::Time(Duration::from_secs(self.seconds)), Until::Cases);
        if let (Some(target), Some(case)) = (self.target, self.case) {
            return run(target, self.seed, case).map_err(|finding| anyhow::anyhow!("{finding}"));
        }
        if let (Some(target), Some(text)) = (self.target, &self.hex) {
            let input = hex::decode(text)
                .ok_or_else(|| anyhow::anyhow!("--hex takes pairs of hexadecimal digits"))?;
            return check(target, &input)
                .map_err(|what| anyhow::anyhow!("{}", Finding { target, place: None, input, what }));
        }
        for target in self.target.map_or(Target::ALL.to_vec(), |target| vec![target]) {
            let order = Order { target, seed: self.seed, first: self.first, until };
            if let Some(progress) = &self.progress {
                return work(order, progress);
            }
            let cases = oversee(order)?;
            writeln!(std::io::stdout(), "{target}: {cases} cases, seed {}", self.seed)?;
        }
        Ok(())
    }
}
