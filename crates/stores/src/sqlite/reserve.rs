//! Space kept back on the disk, so that settling goes on when the disk is full.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The reserve is released in this many steps.
const STEPS: u64 = 8;
static CHUNK: [u8; 64 * 1024] = [0; 64 * 1024];

/// A file of zeros.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    size: u64,
    held: u64,
}

impl Reserve {
    /// Takes over what an earlier run left.
    pub(super) fn new(folder: &Path, size: u64) -> Self {
        let path = folder.join("reserve");
        let held = std::fs::metadata(&path).map_or(0, |file| file.len());
        Self { path, size, held }
    }

    /// Gives one step back to the disk; false when nothing is left.
    pub(super) fn release(&mut self) -> std::io::Result<bool> {
        if self.held == 0 {
            return Ok(false);
        }
        self.held = self.held.saturating_sub((self.size / STEPS).max(1));
        File::options().write(true).open(&self.path)?.set_len(self.held)?;
        Ok(true)
    }

    /// Fills the reserve up, with a quarter more that is given back at once: so a disk that has hardly any space counts
    /// as full. An error leaves what was held.
    pub(super) fn rebuild(&mut self) -> std::io::Result<()> {
        let mut file = File::options().create(true).append(true).open(&self.path)?;
        let filled = fill(&mut file, self.held, self.size + self.size / 4);
        let keep = if filled.is_ok() { self.size } else { self.held.min(self.size) };
        file.set_len(keep)?;
        self.held = keep;
        filled
    }

    pub(super) fn is_whole(&self) -> bool {
        self.held == self.size
    }
}

fn fill(file: &mut File, from: u64, to: u64) -> std::io::Result<()> {
    let mut missing = to.saturating_sub(from);
    while missing > 0 {
        let step = usize::try_from(missing).unwrap_or(usize::MAX).min(CHUNK.len());
        file.write_all(CHUNK.get(..step).unwrap_or(&CHUNK))?;
        missing -= step as u64;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_released_in_steps_and_rebuilt() {
        let folder = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::new(folder.path(), 80_000);
        assert!(!reserve.is_whole());
        reserve.rebuild().unwrap();
        let size = || std::fs::metadata(folder.path().join("reserve")).unwrap().len();
        assert_eq!(size(), 80_000);
        assert!(reserve.release().unwrap());
        assert_eq!(size(), 70_000);
        while reserve.release().unwrap() {}
        assert_eq!(size(), 0);
        let mut later = Reserve::new(folder.path(), 80_000);
        later.rebuild().unwrap();
        assert!(later.is_whole());
    }
}
