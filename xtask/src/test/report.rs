//! What the test run says at its end: minutes per part, the runners' own closing lines, one line with the sum.

use crate::runner::{self, Watched};
use anyhow::Result;
use std::process::Command;
use std::time::{Duration, Instant};

/// Collects what every part came to.
pub(crate) struct Report {
    parts: Vec<Part>,
    /// The closing lines of the test runners, as they were.
    closing: Vec<String>,
    not_run: Vec<String>,
    counts: Counts,
}

struct Part {
    name: &'static str,
    took: Duration,
    failure: Option<String>,
}

/// Tests by how they ended.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    passed: u64,
    failed: u64,
}

impl Report {
    pub(crate) fn begin() -> Self {
        Self { parts: Vec::new(), closing: Vec::new(), not_run: Vec::new(), counts: Counts::default() }
    }

    /// Runs a part that passes or fails as a whole.
    pub(crate) fn part(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) {
        let start = announce(name);
        let failure = work().err().map(|error| format!("{error:#}"));
        if failure.is_some() {
            // A part that is no test runner counts too: nobody may read "0 failed" beside a broken build.
            self.counts.failed += 1;
        }
        self.parts.push(Part { name, took: start.elapsed(), failure });
    }

    /// Runs a test runner and adds up what it counted.
    pub(crate) fn tests(&mut self, name: &'static str, mut command: Command) -> Result<()> {
        let start = announce(name);
        let Watched { kept, ended_well } = runner::watch(&mut command, |line| counted(line).is_some())?;
        let mut counts = Counts::default();
        for count in kept.iter().filter_map(|line| counted(line)) {
            counts.passed += count.passed;
            counts.failed += count.failed;
        }
        let ran = counts.passed + counts.failed > 0;
        if !(ended_well && ran) && counts.failed == 0 {
            counts.failed += 1;
        }
        self.counts.passed += counts.passed;
        self.counts.failed += counts.failed;
        let failure = match (counts.failed, ran) {
            (0, _) => None,
            (_, true) => Some(format!("{} failed", counts.failed)),
            (_, false) => Some("no test ran".to_owned()),
        };
        self.closing.extend(kept.into_iter().map(|line| format!("{name}: {line}")));
        self.parts.push(Part { name, took: start.elapsed(), failure });
        Ok(())
    }

    /// Notes a part that cannot run here.
    pub(crate) fn not_run(&mut self, name: &str, reason: &str) {
        self.not_run.push(format!("NOT RUN: {name}, {reason}"));
    }

    /// Says everything; true if nothing failed.
    pub(crate) fn close(&self) -> Result<bool> {
        runner::say("\nminutes  part")?;
        for part in &self.parts {
            let end =
                part.failure.as_ref().map_or_else(|| "ok".to_owned(), |failure| format!("FAILED: {failure}"));
            runner::say(&format!("{:7.1}  {}: {end}", part.took.as_secs_f64() / 60.0, part.name))?;
        }
        let minutes = self.parts.iter().map(|part| part.took.as_secs_f64()).sum::<f64>() / 60.0;
        runner::say(&format!("{minutes:7.1}  in all\n"))?;
        for line in self.closing.iter().chain(&self.not_run) {
            runner::say(line)?;
        }
        runner::say(&format!("{} passed, {} failed", self.counts.passed, self.counts.failed))?;
        Ok(self.counts.failed == 0)
    }
}

fn announce(name: &str) -> Instant {
    eprintln!("\n== {name}");
    runner::now()
}

/// The counts of a runner's closing line: `Summary [ 1.2s] 9 tests run: 8 passed (1 slow), 1 failed, 2 skipped` of
/// nextest, `test result: ok. 3 passed; 0 failed; …` of the doc tests.
fn counted(line: &str) -> Option<Counts> {
    let line = line.trim();
    let rest = if line.starts_with("Summary [") {
        line.split_once("run:")?.1
    } else {
        line.strip_prefix("test result:")?.split_once('.')?.1
    };
    let mut counts = Counts::default();
    for item in rest.split([',', ';']) {
        let mut words = item.split_whitespace();
        let Some(count) = words.next().and_then(|word| word.parse::<u64>().ok()) else { continue };
        match words.next() {
            Some("passed") => counts.passed += count,
            Some("failed" | "timed" | "exec") => counts.failed += count,
            _ => {}
        }
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_both_runners_are_counted() {
        let cases = [
            ("     Summary [   0.012s] 10 tests run: 10 passed, 0 skipped\n", 10, 0),
            ("Summary [   1.0s] 9/10 tests run: 6 passed (1 slow), 2 failed, 1 timed out, 1 skipped", 6, 3),
            ("Summary [   1.0s] 1 test run: 0 passed, 1 exec failed, 0 skipped", 0, 1),
            (
                "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s",
                3,
                0,
            ),
            ("test result: FAILED. 1 passed; 2 failed; 0 ignored", 1, 2),
        ];
        for (line, passed, failed) in cases {
            assert_eq!(counted(line), Some(Counts { passed, failed }), "{line}");
        }
    }

    #[test]
    fn other_lines_are_not_counted() {
        for line in ["running 3 tests", "        PASS [   0.004s] xtask a::b", "error: 2 failed"] {
            assert_eq!(counted(line), None, "{line}");
        }
    }
}
