//! Takes up what an earlier process left in the files; mends those that cannot be read.

use super::batch::Buried;
use super::files::Files;
use super::ledger::Ledger;
use super::mend::{Loss, Sight};
use super::pack::Form;
use super::place::{Number, Spot, Suspects};
use super::seen::Seen;
use super::slice::Slice;
use super::trouble::{Result, Trouble};
use super::verify::page_faults;
use super::{Options, carry, load};
use contract::Timestamp;
use contract::delivery::Death;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

/// What a writer knows when its files are open.
pub(super) struct Loaded {
    pub(super) ledger: Ledger,
    pub(super) seen: BTreeMap<Number, Seen>,
    pub(super) mark: i64,
    /// Files that were mended for it.
    pub(super) mended: BTreeSet<Number>,
}

/// Reads what a writer must know of its files; mends those that cannot be read.
pub(super) fn take_up(files: &mut Files, options: &Options, now: Timestamp) -> Result<Loaded> {
    let mut mended = std::mem::take(&mut files.broken);
    for number in &mended {
        mend(files, options, *number, "it could not be opened as it was", now)?;
    }
    loop {
        let loaded = carry::drop_doubles(files).and_then(|()| {
            let mark = files.slices.get(&files.current).map_or(Ok(1), load::mark)?;
            Ok((load::ledger(files)?, load::seen(files, now)?, mark))
        });
        match loaded {
            Ok((ledger, seen, mark)) => return Ok(Loaded { ledger, seen, mark, mended }),
            Err(trouble @ (Trouble::Damaged(_) | Trouble::Senseless(_))) => {
                let Some((number, fault)) = damaged(files, &mended)? else {
                    return Err(trouble);
                };
                mend(files, options, number, &fault, now)?;
                mended.insert(number);
            }
            Err(other) => return Err(other),
        }
    }
}

fn mend(files: &mut Files, options: &Options, number: Number, fault: &str, now: Timestamp) -> Result<()> {
    let current = number == files.current;
    let mark = files.slices.get(&number).map_or(Ok(1), load::mark).unwrap_or(1);
    let base = number.base();
    let may_lack = |spot: Spot, form: Form, sight: Sight| {
        let row = (spot.position().0 - base).cast_signed();
        current && form == Form::Implied && row >= mark && sight == Sight::Clear
    };
    let loss = files.mend(number, now, options.patience, &may_lack)?;
    tell(options, number, fault, &loss);
    Ok(())
}

/// The newest file with a damaged page, of those that were not mended yet.
pub(super) fn damaged(files: &Files, mended: &BTreeSet<Number>) -> Result<Option<(Number, String)>> {
    for (number, slice) in files.slices.iter().rev().filter(|(number, _)| !mended.contains(number)) {
        if let Some(fault) = fault_of(slice)? {
            return Ok(Some((*number, fault)));
        }
    }
    Ok(None)
}

/// What is wrong with a file that a copy of it would not have: a damaged page, or a delivery with values that were never written, which
/// SQLite's own check does not see.
pub(super) fn fault_of(slice: &Slice) -> Result<Option<String>> {
    let unread = match slice.first_senseless() {
        Ok(None) => None,
        Ok(Some(fault)) => return Ok(Some(fault)),
        Err(Trouble::Damaged(detail)) => Some(detail),
        Err(other) => return Err(other),
    };
    Ok(page_faults(&slice.file, 1)?.into_iter().next().or(unread))
}

/// Tells what a file has lost.
pub(super) fn tell(options: &Options, number: Number, fault: &str, loss: &Loss) {
    let Loss { messages, killed, tables } = loss;
    let detail = if tables.is_empty() && *messages == 0 && killed.is_empty() {
        format!("{fault}; everything could be read and is in a new file")
    } else {
        format!(
            "{fault}; at least {messages} messages are lost and {} have a dead(corrupt) delivery, because parts of {} cannot be \
             read; the rest is in a new file",
            killed.len(),
            tables.join(", ")
        )
    };
    options.watcher.damaged(&number.file_name(), &detail);
    killed.iter().for_each(|id| options.watcher.corrupt(*id, Death::Corrupt));
}

/// Tells what was found dead by damage.
pub(super) fn tell_buried(options: &Options, buried: &Buried, suspects: &Suspects) {
    match buried {
        Buried::Message(id) => options.watcher.corrupt(*id, Death::Corrupt),
        Buried::Orphan(number, target) => {
            let detail =
                format!("the message of a delivery to {target} is gone; the delivery is dead(corrupt)");
            suspects.lock().unwrap_or_else(PoisonError::into_inner).insert(*number);
            options.watcher.damaged(&number.file_name(), &detail);
        }
    }
}
