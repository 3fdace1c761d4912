//! Loads a configuration for a command, and tells the person at the terminal what is wrong with it.

use crate::config::{self, Config, Process, Report};
use std::path::Path;

/// The configuration; none if it was refused, and that has been told.
pub(super) fn or_report(path: &Path) -> Option<Config> {
    config::load(path, &Process).inspect_err(report).ok()
}

/// What is wrong, or probably not meant, if there is anything.
pub(super) fn report(report: &Report) {
    if !report.is_empty() {
        anstream::eprintln!("{}\n", report.coloured());
    }
}
