//! What a process uses: memory, file handles, disk.

use anyhow::{Context, Result, ensure};
use std::fmt;
use std::fs;
use std::path::Path;

/// Growth that says nothing: an allocator's reserves, a log of the store, a few connections.
const SLACK: Usage = Usage { memory_kilobytes: 48 * 1024, handles: 64, disk_kilobytes: 64 * 1024 };

/// One look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory.
    pub memory_kilobytes: u64,
    /// Open files and sockets.
    pub handles: u64,
    /// Bytes of all files of a folder.
    pub disk_kilobytes: u64,
}

impl Usage {
    /// Looks at a process and the folder of its store.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn read(process: u32, folder: &Path) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(Self {
            memory_kilobytes: line.trim().trim_end_matches(" kB").parse()?,
            handles: fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64,
            disk_kilobytes: disk(folder)? / 1024,
        })
    }

    /// The larger of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            memory_kilobytes: self.memory_kilobytes.max(other.memory_kilobytes),
            handles: self.handles.max(other.handles),
            disk_kilobytes: self.disk_kilobytes.max(other.disk_kilobytes),
        }
    }

    /// Whether it has not grown much over what it was: half as much again, and a little.
    ///
    /// # Errors
    /// Says what has grown.
    pub fn check(self, early: Self) -> Result<()> {
        let pairs = [
            ("resident memory, kB", self.memory_kilobytes, early.memory_kilobytes, SLACK.memory_kilobytes),
            ("file handles", self.handles, early.handles, SLACK.handles),
            ("disk, kB", self.disk_kilobytes, early.disk_kilobytes, SLACK.disk_kilobytes),
        ];
        for (what, now, before, slack) in pairs {
            ensure!(now <= before + before / 2 + slack, "{what}: {now}, after {before} in the first minutes");
        }
        Ok(())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory_kilobytes, handles, disk_kilobytes } = self;
        let (memory, disk) = (memory_kilobytes / 1024, disk_kilobytes / 1024);
        write!(formatter, "{memory} MiB resident, {handles} file handles, {disk} MiB on disk")
    }
}

/// Bytes of all files below a folder; one that goes while it is looked at counts nothing.
fn disk(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        bytes += match entry.metadata() {
            Ok(found) if found.is_dir() => disk(&entry.path())?,
            Ok(found) => found.len(),
            Err(_) => 0,
        };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_growing_is_found() {
        let early = Usage { memory_kilobytes: 100_000, handles: 40, disk_kilobytes: 200_000 };
        assert!(early.check(early).is_ok());
        assert!(Usage { handles: 124, ..early }.check(early).is_ok());
        for grown in [
            Usage { memory_kilobytes: 200_000, ..early },
            Usage { handles: 125, ..early },
            Usage { disk_kilobytes: 400_000, ..early },
        ] {
            assert!(grown.check(early).is_err(), "{grown:?}");
        }
    }

    #[test]
    fn this_process_uses_something() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), vec![0; 4096]).unwrap();
        let usage = Usage::read(std::process::id(), folder.path()).unwrap();
        assert!(usage.memory_kilobytes > 0 && usage.handles > 2 && usage.disk_kilobytes == 4, "{usage:?}");
    }
}
