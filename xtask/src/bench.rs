//! `cargo xtask bench`: Fanlight against the floor in one run, as ratios; the rows of bench/RESULTS.md.

mod disk;
mod page;
mod rig;
mod rows;

use crate::machine;
use crate::runner::{self, program};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use page::Page;
use rig::Rig;
use std::fs::{File, OpenOptions};

#[derive(Args)]
pub(crate) struct Options {
    /// Short runs for a first look: printed, not appended to bench/RESULTS.md.
    #[arg(long)]
    quick: bool,
    /// With the row of 1,000,000 waiting deliveries, which takes minutes and gigabytes.
    #[arg(long)]
    full: bool,
    /// Measures the release binaries that are there.
    #[arg(long)]
    no_build: bool,
    /// Only these rows.
    #[arg(long, value_enum)]
    row: Vec<Row>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Row {
    /// CPU per message and messages per second, with 32 and 128 connections.
    Throughput,
    /// From send to both delivered at 100 messages per second.
    Latency,
    /// The healthy target while the other one hangs.
    Isolation,
    /// CPU per delivery with 2, 8 and 32 targets.
    Growth,
    /// Memory and start-up with 1,000,000 waiting deliveries.
    Waiting,
}

/// What a run takes beyond its time: a fresh process and store, and settling the last deliveries.
const AROUND_SECONDS: u64 = 2;
/// A million deliveries pile up, and are read again at a start.
const WAITING_SECONDS: u64 = 120;

impl Row {
    /// How long it takes, about.
    fn seconds(self, effort: &Effort) -> u64 {
        let (closed, open) = (effort.closed_seconds + AROUND_SECONDS, effort.open_seconds + AROUND_SECONDS);
        let pairs = effort.rounds as u64;
        match self {
            Self::Throughput => 2 * 3 * pairs * closed,
            Self::Latency | Self::Isolation => 2 * pairs.min(rows::OPEN_ROUNDS_MAX as u64) * open,
            Self::Growth => 3 * 2 * closed,
            Self::Waiting => WAITING_SECONDS,
        }
    }
}

/// How long and how often.
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) closed_seconds: u64,
    pub(crate) open_seconds: u64,
}

const QUICK: Effort = Effort { rounds: 3, closed_seconds: 3, open_seconds: 5 };
const THOROUGH: Effort = Effort { rounds: 5, closed_seconds: 10, open_seconds: 60 };

pub(crate) fn run(options: &Options) -> Result<()> {
    let folder = runner::root().join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let file_system = machine::file_system(&folder)?;
    if ["tmpfs", "ramfs"].contains(&file_system.as_str()) {
        bail!("{} is on {file_system}, which has no disk to wait for: bench elsewhere", folder.display());
    }
    let build = ["build", "--release", "--package", "fanlight", "--package", "floor", "--package", "load"];
    if !options.no_build {
        runner::run(&mut program("cargo", &build))?;
    }
    let effort = if options.quick { QUICK } else { THOROUGH };
    let rig = Rig::begin(folder)?;
    let rows = wanted(options);
    let seconds: u64 = rows.iter().map(|row| row.seconds(&effort)).sum();
    eprintln!("measuring takes about {} min", seconds.div_ceil(60));
    let results = if options.quick { None } else { Some(results()?) };
    let mut page = Page::begin(&machine::describe(&file_system)?, results)?;
    for row in rows {
        match row {
            Row::Throughput => rows::throughput(&rig, &effort, &mut page)?,
            Row::Latency => rows::latency(&rig, &effort, &mut page)?,
            Row::Isolation => rows::isolation(&rig, &effort, &mut page)?,
            Row::Growth => rows::growth(&rig, &effort, &mut page)?,
            Row::Waiting => rows::waiting(&rig, &mut page)?,
        }
    }
    runner::say(page.text())
}

/// Where each row is kept as soon as it is measured.
fn results() -> Result<File> {
    let path = runner::root().join("bench/RESULTS.md");
    OpenOptions::new().append(true).open(path).context("bench/RESULTS.md")
}

fn wanted(options: &Options) -> Vec<Row> {
    if !options.row.is_empty() {
        return options.row.clone();
    }
    let mut rows = vec![Row::Throughput, Row::Latency, Row::Isolation, Row::Growth];
    if options.full {
        rows.push(Row::Waiting);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_run_says_that_it_takes_a_while() {
        let minutes = |effort: &Effort, rows: &[Row]| {
            rows.iter().map(|row| row.seconds(effort)).sum::<u64>().div_ceil(60)
        };
        let all = [Row::Throughput, Row::Latency, Row::Isolation, Row::Growth, Row::Waiting];
        assert_eq!(minutes(&THOROUGH, &all), 22);
        assert_eq!(minutes(&QUICK, &all[..4]), 4);
    }
}
