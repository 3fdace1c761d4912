//! `cargo xtask bench`: Fanlight against the floor in one run, as ratios; the rows of bench/RESULTS.md.

mod disk;
mod machine;
mod page;
mod rig;
mod rows;

use crate::runner::{self, program};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use page::Page;
use rig::Rig;
use std::fs::OpenOptions;
use std::io::Write;

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
    let mut page = Page::begin(&machine::describe(&file_system)?);
    for row in wanted(options) {
        match row {
            Row::Throughput => rows::throughput(&rig, &effort, &mut page)?,
            Row::Latency => rows::latency(&rig, &effort, &mut page)?,
            Row::Isolation => rows::isolation(&rig, &effort, &mut page)?,
            Row::Growth => rows::growth(&rig, &effort, &mut page)?,
            Row::Waiting => rows::waiting(&rig, &mut page)?,
        }
    }
    runner::say(page.text())?;
    if options.quick {
        return Ok(());
    }
    let results = runner::root().join("bench/RESULTS.md");
    let mut results = OpenOptions::new().append(true).open(&results).context("bench/RESULTS.md")?;
    write!(results, "\n{}", page.text()).context("bench/RESULTS.md")
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
