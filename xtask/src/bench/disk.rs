//! The bare disk: how long an append of 4 KiB and its fdatasync take.

use crate::runner;
use anyhow::Result;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

const SYNCS: usize = 500;

/// Microseconds of many appends of 4 KiB with `fdatasync`, in a file beside the store.
pub(super) fn appends(folder: &Path) -> Result<Vec<f64>> {
    let path = folder.join("bare-append");
    let mut file = File::create(&path)?;
    let block = [7_u8; 4096];
    let mut took = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let start = runner::now();
        file.write_all(&block)?;
        file.sync_data()?;
        took.push(start.elapsed().as_secs_f64() * 1e6);
    }
    drop(file);
    fs::remove_file(path)?;
    Ok(took)
}
