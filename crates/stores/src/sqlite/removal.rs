//! Removes files, and keeps one as evidence.

use super::naming::beside;
use std::path::Path;

/// Keeps a damaged file under another name; of several times, the first has most to tell.
pub(super) fn keep_evidence(path: &Path) -> std::io::Result<()> {
    let evidence = path.with_extension("damaged");
    if !evidence.exists() && std::fs::hard_link(path, &evidence).is_err() {
        std::fs::copy(path, &evidence)?;
    }
    Ok(())
}

/// Removes a database with all that is beside it.
pub(super) fn remove(path: &Path) -> std::io::Result<()> {
    remove_if_there(path)?;
    remove_log(path)
}

/// Removes a database's log, whose content must be in the file.
pub(super) fn remove_log(path: &Path) -> std::io::Result<()> {
    ["-wal", "-shm", "-journal"].into_iter().try_for_each(|suffix| remove_if_there(&beside(path, suffix)))
}

pub(super) fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
