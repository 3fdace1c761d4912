//! The machine that a figure comes from.

use crate::runner::{output, program};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Date, commit, processor, cores, kernel and file system in one line.
pub(crate) fn describe(file_system: &str) -> Result<String> {
    let date = output(&mut program("date", &["-u", "+%F"]))?;
    let commit = output(&mut program("git", &["describe", "--always", "--dirty"])).unwrap_or_default();
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!(
        "{}, {}: {model}, {cores} cores, Linux {}, {file_system}",
        date.trim(),
        commit.trim(),
        kernel.trim()
    ))
}

/// The type of the file system that holds a folder.
pub(crate) fn file_system(folder: &Path) -> Result<String> {
    let folder = folder.canonicalize()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    // Fields: id parent device root MOUNT-POINT options … - TYPE source options
    let mounted = mounts.lines().filter_map(|line| {
        let place = Path::new(line.split(' ').nth(4)?);
        let kind = line.split_once(" - ")?.1.split(' ').next()?;
        folder.starts_with(place).then_some((place, kind))
    });
    // The longest front is the nearest mount; of two at one place the later one is on top.
    let nearest = mounted.max_by_key(|(place, _)| place.components().count());
    Ok(nearest.with_context(|| format!("{}: no mount", folder.display()))?.1.to_owned())
}
