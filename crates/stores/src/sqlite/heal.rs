//! Goes on after damage: finds the file that a piece of work stumbled over, mends it, and does the work again.

use super::core::Core;
use super::ledger::Tally;
use super::load;
use super::opening::open_slice_to_read;
use super::place::{Number, Spot};
use super::read::Shelf;
use super::take_up::{damaged, fault_of, tell};
use super::trouble::{Result, Stumble, Trouble};
use super::work::{Answered, Query, Reply, Work};
use std::collections::BTreeSet;
use std::sync::PoisonError;

impl Core {
    /// Does the work, and once more for each file that had to be mended for it.
    pub(super) fn mending<T>(&mut self, mut work: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        let mut mended = BTreeSet::new();
        loop {
            match self.arranged().and_then(|()| work(self)) {
                Err(trouble @ (Trouble::Damaged(_) | Trouble::Senseless(_))) => {
                    let Some((number, fault)) = damaged(&self.files, &mended)? else {
                        return Err(trouble);
                    };
                    self.whatever_the_space(|core| core.mend(number, &fault))?;
                    mended.insert(number);
                }
                done => return done,
            }
        }
    }

    /// Looks something up on the writer's own files; once more if a file had to be mended for it.
    ///
    /// # Errors
    /// The contract's faults.
    pub fn look_up(&mut self, query: &Query) -> Answered {
        let again = match self.try_look_up(query) {
            Err(stumble) => match stumble.damaged() {
                Some(number) => self.alone(&Work::Examine(number.0)).map(|_| self.try_look_up(query))?,
                None => Err(stumble),
            },
            found => found,
        };
        again.map_err(|stumble| stumble.trouble.fault())
    }

    fn try_look_up(&self, query: &Query) -> Result<Reply, Stumble> {
        let names = self.files.catalog.read();
        let shelf = Shelf { catalog: &self.files.catalog.file, names: &names, slices: &self.files.slices };
        shelf.answer(query)
    }

    /// Looks at the pages of a file that somebody else stumbled over, and mends it if it is damaged.
    pub(super) fn examine(&mut self, number: Number) -> Result<()> {
        if !self.files.slices.contains_key(&number) {
            return Ok(());
        }
        // Not on our own connection: it may still have the page as it was.
        let fault = match open_slice_to_read(&self.files.folder, number).map_err(Trouble::from) {
            Ok(slice) => fault_of(&slice)?,
            Err(Trouble::Damaged(fault)) => Some(fault),
            Err(other) => return Err(other),
        };
        if let Some(fault) = fault {
            self.whatever_the_space(|core| core.mend(number, &fault))?;
        }
        self.arranged()
    }

    /// After a file was mended, whatever waited behind something that was lost with it goes on.
    fn arranged(&mut self) -> Result<()> {
        if self.disarranged {
            self.whatever_the_space(|core| core.transact_whole(|batch| batch.arrange_all()))?;
            self.disarranged = false;
        }
        Ok(())
    }

    fn mend(&mut self, number: Number, fault: &str) -> Result<()> {
        let now = self.now();
        let held: BTreeSet<Spot> = self.ledger.held_in(number);
        let open = self.shared().0;
        let closed_to_readers = open.write().unwrap_or_else(PoisonError::into_inner);
        let loss = self.files.mend(number, now, self.options.patience, &|spot, _, _| held.contains(&spot))?;
        drop(closed_to_readers);
        let before = self.ledger.tally(number).cloned().unwrap_or_default();
        if let Some(slice) = self.files.slices.get(&number) {
            let tally = load::tally(slice)?;
            let newest = tally.newest.max(before.newest);
            self.ledger.load(number, Tally { newest, bytes: before.bytes, ..tally });
            for spot in held {
                if slice.head(spot.position()).is_ok_and(|head| head.is_none()) {
                    self.ledger.take(spot);
                }
            }
            self.ledger.commit();
            if self.seen.remove(&number).is_some() {
                self.seen.extend(load::seen_in(slice)?.map(|seen| (number, seen)));
            }
        }
        self.disarranged = true;
        self.publish();
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
        self.unverified = true;
        tell(&self.options, number, fault, &loss);
        // Positions that were lost are not given again: the damaged slice takes no more messages.
        if number == self.files.current { self.turn_slice(now) } else { Ok(()) }
    }
}
