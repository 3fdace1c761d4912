//! `sim SEED` replays one world, `sim --seeds N` runs many, `sim --mutants` plants every bug in turn.

use sim::{Keep, Mutant, Story, run, run_many};
use std::io::{self, Write};
use std::process::ExitCode;

const SEEDS_DEFAULT: u64 = 500;
/// A planted bug must be caught within this many.
const SEEDS_OF_A_MUTANT: u64 = 200;
const USAGE: &str = "usage: sim SEED [--mutant NAME] | sim --seeds N [--from SEED] | sim --mutants [NAME]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match obey(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Nobody reads any more.
        Err(_) => ExitCode::FAILURE,
    }
}

/// True: everything held.
fn obey(words: &[&str]) -> io::Result<bool> {
    let number = |word: &str| word.parse::<u64>().ok();
    match words {
        [] => many(0, SEEDS_DEFAULT),
        ["--seeds", count] => number(count).map_or_else(usage, |count| many(0, count)),
        ["--seeds", count, "--from", from] => match (number(count), number(from)) {
            (Some(count), Some(from)) => many(from, count),
            _ => usage(),
        },
        ["--mutants"] => mutants(Mutant::ALL),
        ["--mutants", name] => mutant(name).map_or_else(usage, |mutant| mutants(&[mutant])),
        [seed] => number(seed).map_or_else(usage, |seed| replay(seed, None)),
        [seed, "--mutant", name] => match (number(seed), mutant(name)) {
            (Some(seed), Some(mutant)) => replay(seed, Some(mutant)),
            _ => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> io::Result<bool> {
    writeln!(io::stderr(), "{USAGE}")?;
    Ok(false)
}

fn mutant(name: &str) -> Option<Mutant> {
    Mutant::ALL.iter().copied().find(|mutant| format!("{mutant:?}") == name)
}

fn replay(seed: u64, mutant: Option<Mutant>) -> io::Result<bool> {
    let story = run(seed, mutant, Keep::Lines);
    let mut out = io::stdout().lock();
    for line in &story.trace {
        writeln!(out, "{line}")?;
    }
    match &story.violation {
        Some(violation) => writeln!(out, "seed {seed} broke a promise: {violation}")?,
        None => writeln!(out, "seed {seed} kept every promise")?,
    }
    Ok(story.violation.is_none())
}

fn many(from: u64, count: u64) -> io::Result<bool> {
    let summary = run_many(from..from.saturating_add(count));
    let mut out = io::stdout().lock();
    write!(out, "{}", summary.reached)?;
    for story in &summary.broken {
        if let Some(violation) = &story.violation {
            writeln!(out, "seed {}: {violation}; replay with: cargo xtask sim {}", story.seed, story.seed)?;
        }
    }
    let missing = summary.reached.missing();
    if !missing.is_empty() {
        writeln!(out, "never reached: {}", missing.join(", "))?;
    }
    writeln!(out, "{} worlds, {} broken", summary.worlds, summary.broken.len())?;
    Ok(summary.broken.is_empty() && missing.is_empty())
}

fn mutants(list: &[Mutant]) -> io::Result<bool> {
    let mut caught = 0;
    for mutant in list {
        let story = catch(*mutant);
        let how = story.as_ref().and_then(|story| Some((story.seed, story.violation.as_ref()?)));
        let words = match how {
            Some((seed, violation)) => format!("caught by seed {seed}: {}", violation.rule.words()),
            None => format!("NOT CAUGHT in {SEEDS_OF_A_MUTANT} seeds"),
        };
        caught += usize::from(how.is_some());
        writeln!(io::stdout(), "{:<20} {}: {words}", format!("{mutant:?}"), mutant.words())?;
    }
    writeln!(io::stdout(), "{caught} of {} planted bugs were caught", list.len())?;
    Ok(caught == list.len())
}

/// The first world that breaks a promise with the bug and none without it.
fn catch(mutant: Mutant) -> Option<Story> {
    let broken = (0..SEEDS_OF_A_MUTANT).map(|seed| run(seed, Some(mutant), Keep::Nothing));
    let mut broken = broken.filter(|story| story.violation.is_some());
    broken.find(|story| run(story.seed, None, Keep::Nothing).violation.is_none())
}
