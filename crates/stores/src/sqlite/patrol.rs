//! Looks through every file in the background, slowly, and tells of what is damaged before somebody needs it.
//!
//! It reads on connections of its own and in bites of a few messages, so that no log is kept from shrinking and no disk is kept busy.

use super::catalog::Names;
use super::core::Open;
use super::opening::open_slice_to_read;
use super::place::{Number, Suspects};
use super::queue::Queue;
use super::slice::Slice;
use super::trouble::{Result, Trouble};
use super::verify::{Damage, Finding, Place, Walk};
use super::work::Work;
use contract::store::{Position, Watcher};
use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// Findings that are remembered as told, so that each is told once per process; and that one pass over a file tells.
const TOLD_MAX: usize = 10_000;
const TOLD_PER_FILE: usize = 20;

/// How the files are looked through in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From the start to the first pass: a start has better things to do.
    pub first: Duration,
    /// From the end of a pass to the next one.
    pub every: Duration,
    /// What is read at most.
    pub bytes_per_second: u64,
}

impl Default for Pace {
    /// A full store (10 GB) takes three quarters of an hour, once a day.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(10 * 60),
            every: Duration::from_secs(24 * 3600),
            bytes_per_second: 4 << 20,
        }
    }
}

pub(super) struct Patrol {
    pub(super) folder: PathBuf,
    pub(super) pace: Pace,
    pub(super) watcher: Arc<dyn Watcher>,
    pub(super) open: Open,
    pub(super) names: Arc<RwLock<Names>>,
    pub(super) suspects: Suspects,
    pub(super) told: HashSet<String>,
    /// A file was mended since this pass began.
    pub(super) rung: bool,
}

/// How a pause ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pause {
    Over,
    /// A file was mended.
    Rung,
    /// The store is closing.
    Closing,
}

impl Patrol {
    /// Until the bell is closed. `ask` hands work to the writer; false when it has no room.
    pub(super) fn run(mut self, bell: &Queue<()>, ask: impl Fn(Work) -> bool) {
        let mut wait = self.pace.first;
        loop {
            let ended = pause(bell, if self.rung { Duration::ZERO } else { wait });
            if ended == Pause::Closing {
                return;
            }
            // After a file was mended, only those that were damaged are looked through, and what is found is left to the next pass:
            // a disk that spoils each copy must not keep the store mending.
            let again = ended == Pause::Rung || std::mem::take(&mut self.rung);
            let ask = |work| again || ask(work);
            let numbers: Vec<Number> =
                self.open.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
            for number in &numbers {
                if again && !self.suspects().contains(number) {
                    continue;
                }
                let closed = numbers.last() != Some(number) || *number == Number::CARRIED;
                match self.look_through(*number, closed, bell, &ask) {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(trouble) => {
                        let (file, fault) = (number.file_name(), trouble.fault());
                        tracing::warn!(file, %fault, "a file could not be looked through; the next pass tries again");
                    }
                }
            }
            if !again {
                wait = self.pace.every;
            }
        }
    }

    /// False when the store is closing.
    fn look_through(
        &mut self,
        number: Number,
        closed: bool,
        bell: &Queue<()>,
        ask: &impl Fn(Work) -> bool,
    ) -> Result<bool> {
        // Retention may have dropped it since.
        if !number.path(&self.folder).exists() {
            return Ok(true);
        }
        let opened = {
            // Held while the file is opened: mending replaces it.
            let _open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            open_slice_to_read(&self.folder, number)
        };
        let slice: Slice = opened.map_err(|error| Trouble::Failed(error.to_string()))?;
        let (mut pages_are_damaged, mut is_sound) = (false, true);
        let mut place = Some(Place::default());
        let mut left = TOLD_PER_FILE;
        while let Some(at) = place {
            let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
            let bite = Walk { slice: &slice, names: &names, closed }.bite(at)?;
            drop(names);
            for finding in &bite.findings {
                pages_are_damaged |= finding.damage.is_of_pages();
                is_sound &= is_own(finding);
                self.tell(number, finding, &mut left);
            }
            let damaged: Vec<Position> =
                bite.damaged.into_iter().filter(|position| self.is_new(format!("{}", position.0))).collect();
            if !damaged.is_empty() && !ask(Work::Bury(damaged)) {
                tracing::warn!(
                    "damaged messages were found while the store was busy; each claim finds them too"
                );
            }
            place = bite.next;
            let took = bite.bytes.saturating_mul(1_000_000) / self.pace.bytes_per_second.max(1);
            match pause(bell, Duration::from_micros(took)) {
                Pause::Over => {}
                Pause::Rung => self.rung = true,
                Pause::Closing => return Ok(false),
            }
        }
        if is_sound && self.suspects().remove(&number) {
            // Should the same be found again, it is new.
            self.told.retain(|told| !told.starts_with(&number.file_name()));
            self.watcher.sound(&number.file_name());
        }
        if pages_are_damaged && !ask(Work::Examine(number.0)) {
            tracing::warn!("a damaged file was found while the store was busy; the next pass finds it again");
        }
        Ok(true)
    }

    /// Damaged messages are told by the writer, once their deliveries are dead.
    fn tell(&mut self, number: Number, finding: &Finding, left: &mut usize) {
        if is_own(finding) {
            return;
        }
        self.suspects().insert(number);
        if *left == 0 || !self.is_new(finding.to_string()) {
            return;
        }
        *left -= 1;
        self.watcher.damaged(&finding.file, &finding.to_string());
    }

    fn suspects(&self) -> MutexGuard<'_, BTreeSet<Number>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_new(&mut self, what: String) -> bool {
        self.told.len() < TOLD_MAX && self.told.insert(what)
    }
}

/// Whether it is of one message only, which costs no other.
fn is_own(finding: &Finding) -> bool {
    matches!(finding.damage, Damage::Message | Damage::Beginnings)
}

fn pause(bell: &Queue<()>, time: Duration) -> Pause {
    match bell.take(1, Some(time), |()| 1) {
        Ok(rung) if rung.is_empty() => Pause::Over,
        Ok(_) => Pause::Rung,
        Err(_) => Pause::Closing,
    }
}
