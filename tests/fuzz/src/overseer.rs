//! Runs cases in a process of their own and watches it: a stack that overflows, memory that runs out or a case that never ends
//! takes that process with it, and this one says which case it was.

use crate::{Finding, Target, input, run};
use anyhow::{Context, bail};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A case that takes longer never ends.
const CASE_TIME_MAX: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// What is fuzzed.
    pub target: Target,
    /// Chooses the inputs.
    pub seed: u64,
    /// The first case.
    pub first: u64,
    /// When to end.
    pub until: Until,
}

/// When a run ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After so many cases.
    Cases(u64),
    /// After this time.
    Time(Duration),
}

/// How many cases were run.
///
/// # Errors
/// The finding, or that no process could be started.
pub fn oversee(order: Order) -> anyhow::Result<u64> {
    let progress = tempfile::NamedTempFile::new().context("the progress cannot be kept")?;
    let mut child = start(order, progress.path())?;
    let (mut known, mut since) = (0, now());
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(LOOK_EVERY);
        let at = read(progress.as_file())?;
        if at != known {
            (known, since) = (at, now());
        } else if since.elapsed() > CASE_TIME_MAX {
            child.kill()?;
            child.wait()?;
            bail!(lost(order, at, &format!("it does not end within {} s", CASE_TIME_MAX.as_secs())));
        }
    };
    let at = read(progress.as_file())?;
    match status.code() {
        Some(0) => Ok(at),
        // It has told its finding itself.
        Some(1) => bail!("{}: a finding after {at} cases", order.target),
        Some(_) | None => bail!(lost(order, at, &format!("its process ended: {status}"))),
    }
}

/// The process that runs the cases.
///
/// # Errors
/// The first finding.
pub fn work(order: Order, progress: &Path) -> anyhow::Result<()> {
    let progress = File::options().write(true).open(progress).context("the progress cannot be told")?;
    let began = now();
    for done in 0.. {
        let over = match order.until {
            Until::Cases(cases) => done >= cases,
            Until::Time(time) => began.elapsed() >= time,
        };
        if over {
            break;
        }
        progress.write_all_at(&u64::to_le_bytes(done + 1), 0)?;
        run(order.target, order.seed, order.first + done).map_err(|finding| anyhow::anyhow!("{finding}"))?;
    }
    Ok(())
}

fn start(order: Order, progress: &Path) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(order.target.to_string())
        .arg("--seed")
        .arg(order.seed.to_string())
        .arg("--first")
        .arg(order.first.to_string());
    match order.until {
        Until::Cases(cases) => command.arg("--cases").arg(cases.to_string()),
        Until::Time(time) => command.arg("--seconds").arg(time.as_secs().to_string()),
    };
    command.arg("--progress").arg(progress).spawn().context("the cases need a process of their own")
}

/// The number of cases begun.
fn read(progress: &File) -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    match progress.read_exact_at(&mut bytes, 0) {
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error.into()),
        Ok(()) | Err(_) => Ok(u64::from_le_bytes(bytes)),
    }
}

/// The finding of a process that could not tell it.
fn lost(order: Order, begun: u64, what: &str) -> String {
    let case = order.first + begun.saturating_sub(1);
    let input = input(order.target, order.seed, case);
    Finding { target: order.target, place: Some((order.seed, case)), input, what: what.to_owned() }
        .to_string()
}

#[expect(clippy::disallowed_methods, reason = "how long a run of a developer's tool takes")]
fn now() -> Instant {
    Instant::now()
}
