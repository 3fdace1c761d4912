//! Checks a whole store without writing to it: pages, checksums, packed forms, references, counts.
//!
//! ```text
//!  catalog ─► which files, which names ─► per file: pages (SQLite's own check), then message by message (walk)
//! ```
//! The background pass of a running gateway does the second half only, a bite at a time.

mod bite;
mod catalog;
mod finding;
mod gap;
mod message;
mod walk;

pub(super) use bite::Place;
pub use finding::{Damage, Finding};
pub(super) use gap::beyond;
pub(super) use walk::Walk;

use super::admit;
use super::catalog::Names;
use super::naming::{size, slices_in};
use super::opening::{Opened, is_listed, open_to_verify};
use super::place::Number;
use super::slice::Slice;
use super::trouble::{Result, Trouble};
use super::{OpenError, Torn, Unfit};
use rusqlite::Connection;
use std::path::Path;

/// Findings that a report keeps; further ones are only counted.
pub const FINDINGS_MAX: usize = 1000;
/// Faults of pages that SQLite names per file.
const PAGE_FAULTS_MAX: u32 = 100;

/// What was looked at so far, and what was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The first [`FINDINGS_MAX`] of them.
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub more: u64,
    /// Files looked at.
    pub files: u64,
    /// Messages looked at.
    pub messages: u64,
    /// Bytes of the files.
    pub bytes: u64,
}

impl Report {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty() && self.more == 0
    }

    fn add(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }
}

/// Checks the store in a folder. A gateway may use it meanwhile: each file's pages are checked at one moment, the rest in bites of a few
/// messages. `watch` hears how far it is.
///
/// # Errors
/// What is not damaged but cannot be read: no store, one of a newer version, no right to read it.
pub fn verify(folder: &Path, watch: &mut dyn FnMut(&Report)) -> Result<Report, OpenError> {
    let mut report = Report::default();
    let catalog = folder.join("catalog.db");
    if !catalog.exists() {
        return Err(if folder.is_file() {
            OpenError::Unfit { path: folder.to_path_buf(), why: Unfit::NotAFolder }
        } else if folder.is_dir() && admit::has_data(folder)? {
            OpenError::Torn { path: catalog, why: Torn::Missing }
        } else {
            OpenError::Unfit { path: folder.to_path_buf(), why: Unfit::Nowhere }
        });
    }
    let listed = match open_to_verify(folder, None)? {
        Opened::Sound(file) => {
            let before = report.findings.len();
            pages(&file, "catalog.db", &mut report)?;
            if report.findings.len() > before { None } else { Some(catalog::check(&file, &mut report)?) }
        }
        Opened::Empty => {
            report.add(Finding::of_file("catalog.db", Damage::Empty));
            None
        }
        Opened::Damaged(detail) => {
            report.add(Finding::of_file("catalog.db", Damage::Pages { detail }));
            None
        }
    };
    report.files += 1;
    report.bytes += size(&catalog);
    // Without a sound catalog nobody knows the names, but the pages of what is there can be looked at.
    let (names, slices) = match listed {
        Some((names, slices)) => (Some(names), slices),
        None => (None, slices_in(folder)?.into_iter().map(|number| (number, true)).collect()),
    };
    for number in slices_in(folder)? {
        if names.is_some() && !slices.iter().any(|(listed, _)| *listed == number) {
            unlisted(folder, number, &mut report)?;
        }
    }
    for (number, closed) in slices.into_iter().chain([(Number::CARRIED, true)]) {
        slice(folder, number, closed, names.as_ref(), &mut report, watch)?;
    }
    Ok(report)
}

fn slice(
    folder: &Path,
    number: Number,
    closed: bool,
    names: Option<&Names>,
    report: &mut Report,
    watch: &mut dyn FnMut(&Report),
) -> Result<(), OpenError> {
    let (path, name) = (number.path(folder), number.file_name());
    if !path.exists() {
        // A running gateway may have dropped it since the catalog was read.
        if is_listed(folder, number).unwrap_or(true) {
            report.add(Finding::of_file(&name, Damage::Missing));
        }
        return Ok(());
    }
    report.files += 1;
    report.bytes += size(&path);
    watch(report);
    let file = match open_to_verify(folder, Some(number))? {
        Opened::Sound(file) => file,
        Opened::Empty => {
            if is_listed(folder, number).unwrap_or(true) {
                report.add(Finding::of_file(&name, Damage::Empty));
            }
            return Ok(());
        }
        Opened::Damaged(detail) => {
            report.add(Finding::of_file(&name, Damage::Pages { detail }));
            return Ok(());
        }
    };
    pages(&file, &name, report)?;
    let Some(names) = names else { return Ok(()) };
    let slice = Slice::to_read(number, file);
    let walk = Walk { slice: &slice, names, closed };
    let mut place = Some(Place::default());
    while let Some(at) = place {
        let bite = walk.bite(at).map_err(|trouble| failed(&path, trouble))?;
        bite.findings.into_iter().for_each(|finding| report.add(finding));
        report.messages += bite.messages;
        place = bite.next;
        watch(report);
    }
    Ok(())
}

/// A file that the catalog does not list is what a crash left while it was made or dropped, unless it has messages.
fn unlisted(folder: &Path, number: Number, report: &mut Report) -> Result<(), OpenError> {
    let used = match open_to_verify(folder, Some(number))? {
        Opened::Sound(file) => file.query_row("SELECT 1 FROM message LIMIT 1", [], |_| Ok(())).is_ok(),
        Opened::Empty => false,
        Opened::Damaged(_) => true,
    };
    // A running gateway may have made it since the catalog was read.
    if used && !is_listed(folder, number)? {
        report.add(Finding::of_file(&number.file_name(), Damage::Unlisted));
    }
    Ok(())
}

/// SQLite's own check: the tree of every table and index, free pages, and that each index agrees with its table.
fn pages(file: &Connection, name: &str, report: &mut Report) -> Result<(), OpenError> {
    for detail in page_faults(file, PAGE_FAULTS_MAX).map_err(|trouble| failed(Path::new(name), trouble))? {
        report.add(Finding::of_file(name, Damage::Pages { detail }));
    }
    Ok(())
}

/// What SQLite says is wrong with the pages of a file, at most so many faults.
pub(super) fn page_faults(file: &Connection, most: u32) -> Result<Vec<String>> {
    let faults = || -> Result<Vec<String>> {
        let mut check = file.prepare(&format!("PRAGMA integrity_check({most})"))?;
        let lines: rusqlite::Result<Vec<String>> = check.query_map([], |row| row.get(0))?.collect();
        Ok(lines?)
    };
    match faults() {
        Ok(lines) => Ok(lines.into_iter().filter(|line| line != "ok").collect()),
        Err(Trouble::Damaged(detail)) => Ok(vec![detail]),
        Err(other) => Err(other),
    }
}

fn failed(path: &Path, trouble: Trouble) -> OpenError {
    OpenError::Failed { path: path.to_path_buf(), detail: trouble.fault().to_string() }
}
