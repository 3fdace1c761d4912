//! `cargo xtask soak`: the soak of tests/e2e for as long as wanted; what it found goes to bench/SOAK.md.

use crate::machine;
use crate::runner::{self, program};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fs::OpenOptions;
use std::io::Write;

/// What begins a line of the test that is a result.
const RESULT: &str = "soak: ";

#[derive(Args)]
pub(crate) struct Options {
    /// How long the load lasts.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let minutes = options.minutes;
    runner::run(&mut program("cargo", &["build", "--release", "--package", "fanlight", "--quiet"]))?;
    eprintln!("the soak takes {minutes} min and a little");
    let mut test = program(
        "cargo",
        &["test", "--quiet", "--package", "e2e", "--test", "it", "soak::", "--", "--nocapture"],
    );
    test.env("FANLIGHT_SOAK_MINUTES", minutes.to_string());
    test.env("FANLIGHT_BIN", runner::root().join("target/release/fanlight"));
    let watched = runner::watch(&mut test, |line| line.starts_with(RESULT))?;
    if !watched.ended_well {
        bail!("the soak failed, see above; nothing was appended to bench/SOAK.md");
    }
    let file_system = machine::file_system(&std::env::temp_dir())?;
    let section = section(&machine::describe(&file_system)?, minutes, &watched.kept);
    let mut results = OpenOptions::new().append(true).open(runner::root().join("bench/SOAK.md"))?;
    results.write_all(section.as_bytes()).context("bench/SOAK.md")
}

/// A heading with date and machine, then a line for each result.
fn section(machine: &str, minutes: u64, results: &[String]) -> String {
    let lines = results.iter().filter_map(|line| line.strip_prefix(RESULT));
    let lines: String = lines.map(|line| format!("- {line}\n")).collect();
    format!("\n## {machine}\n\n{minutes} minutes.\n\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_has_the_machine_and_a_line_for_each_result() {
        let results = ["soak: 7 acknowledged".to_owned(), "soak: all whole".to_owned()];
        let expected = "\n## a machine\n\n30 minutes.\n\n- 7 acknowledged\n- all whole\n";
        assert_eq!(section("a machine", 30, &results), expected);
    }
}
