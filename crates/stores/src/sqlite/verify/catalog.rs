//! The names and the slices that a catalog lists.

use super::{Damage, Finding, Report, failed};
use crate::sqlite::OpenError;
use crate::sqlite::catalog::{self, Names};
use crate::sqlite::place::Number;
use crate::sqlite::trouble::{Result, Trouble};
use contract::Name;
use contract::store::ScopeKind;
use rusqlite::Connection;
use std::path::Path;

/// The names, and the slices with whether each is closed.
pub(super) type Listed = (Names, Vec<(Number, bool)>);

/// Reads everything that the catalog lists; adds what is wrong with it.
pub(super) fn check(file: &Connection, report: &mut Report) -> Result<Listed, OpenError> {
    let mut wrong = || report.add(Finding::of_file("catalog.db", Damage::Catalog));
    let done = || -> Result<(Listed, usize)> {
        let mut bad = 0;
        let mut listed = file.prepare("SELECT text FROM name")?;
        let texts: rusqlite::Result<Vec<String>> = listed.query_map([], |row| row.get(0))?.collect();
        bad += texts?.iter().filter(|text| Name::try_new(text).is_err()).count();
        let names = if bad == 0 { catalog::load_names(file)? } else { Names::default() };
        bad += names.lanes_without_names();
        for kind in [ScopeKind::Target, ScopeKind::Shape, ScopeKind::Redrive] {
            match catalog::states(file, kind) {
                Err(Trouble::Failed(_) | Trouble::Senseless(_)) => bad += 1,
                read => drop(read?),
            }
        }
        let slices = catalog::slices(file)?;
        Ok(((names, slices.into_iter().map(|one| (one.number, one.closed.is_some())).collect()), bad))
    };
    let (listed, bad) = done().map_err(|trouble| failed(Path::new("catalog.db"), trouble))?;
    (0..bad).for_each(|_| wrong());
    Ok(listed)
}
