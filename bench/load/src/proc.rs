//! What the kernel says about the process under test.

use anyhow::{Context, Result};
use std::fs;

/// Microseconds per tick of `/proc/PID/stat`; USER_HZ is 100 on every Linux that Rust builds for.
const TICK_MICROS: u64 = 10_000;

/// CPU time of all threads of a process, living and ended, in microseconds.
pub(crate) fn cpu_micros(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| path.clone())?;
    // The second field is the name in brackets and may hold anything.
    let (_, fields) = stat.rsplit_once(')').with_context(|| format!("{path}: no name"))?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let user = ticks.next().context("no utime")??;
    let system = ticks.next().context("no stime")??;
    Ok((user + system) * TICK_MICROS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_has_a_figure() {
        assert!(cpu_micros(std::process::id()).is_ok());
    }
}
