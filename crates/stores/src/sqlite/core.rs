//! The store without its threads: groups of work in, answers out, each group durable when its answers are given.
//!
//! ```text
//!  work ─► one transaction per touched slice ─► commit (sync) ─► answers
//!             │ disk full                          │ sync failed
//!             ▼                                    ▼
//!      roll back, give back a step of the       nothing acknowledged,
//!      reserve, again without new messages      failed for good
//! ```

use super::batch::{Admission, Batch};
use super::files::Files;
use super::health::Health;
use super::ledger::Ledger;
use super::place::{Number, Suspects};
use super::reserve::Reserve;
use super::salvage::salvage;
use super::seen::Seen;
use super::take_up::{Loaded, take_up, tell_buried};
use super::trouble::{Result, Trouble};
use super::work::{Answered, Reply, Work};
use super::{OpenError, Options, Pace, admit};
use contract::Timestamp;
use contract::store::{Commit, Fault, Readiness, Session, Watcher};
use rusqlite::wal::CheckpointMode;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Pages in a log before they are copied into the file: 16 MiB, so that a hot page is copied once for many commits.
const LOG_PAGES: i32 = 2048;

/// The slices that readers may open, with the generation of each one's file.
pub(super) type Open = Arc<RwLock<BTreeMap<Number, u32>>>;

/// Owns the files. Everything is synchronous; the writer thread is a shell around it.
pub struct Core {
    pub(super) files: Files,
    pub(super) ledger: Ledger,
    pub(super) seen: BTreeMap<Number, Seen>,
    session: Option<Session>,
    pub(super) options: Options,
    reserve: Reserve,
    health: Health,
    pub(super) mark: i64,
    /// What readers may open.
    open: Open,
    /// Slices whose commit failed for lack of space after another slice's had succeeded.
    left_out: BTreeSet<Number>,
    pub(super) suspects: Suspects,
    /// A file was mended that nobody looked through since.
    pub(super) unverified: bool,
    /// A file was mended: the first of an order key may be gone.
    pub(super) disarranged: bool,
}

impl Core {
    /// Opens the folder, which is made if it is not there, and takes its lock.
    ///
    /// # Errors
    /// [`OpenError`]: what is wrong with which file, and what to do.
    pub fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        let now = options.clock.now();
        let mut reserve = Reserve::new(folder, options.reserve_bytes);
        let mut files = loop {
            let opened = admit::hold(folder).and_then(|held| Files::open(folder, held, options.sync, now));
            match opened {
                // A start needs a little room too. The lock was taken: nobody else uses the reserve.
                Err(OpenError::Full { .. }) if reserve.release().unwrap_or(false) => {}
                opened => break opened?,
            }
        };
        let failed = |trouble: Trouble| OpenError::Failed {
            path: folder.to_path_buf(),
            detail: trouble.fault().to_string(),
        };
        let taken_up = loop {
            match take_up(&mut files, &options, now) {
                // Mending needs room for another file.
                Err(Trouble::Full) if reserve.release().unwrap_or(false) => {}
                taken_up => break taken_up,
            }
        };
        let Loaded { ledger, seen, mark, mended } = taken_up.map_err(failed)?;
        let whole = reserve.is_whole() || reserve.rebuild().is_ok();
        let health = if whole { Health::default() } else { Health::full() };
        let open = Arc::new(RwLock::new(generations(&files)));
        let left_out = BTreeSet::new();
        let mut core = Self {
            files,
            ledger,
            seen,
            session: None,
            options,
            reserve,
            health,
            mark,
            open,
            left_out,
            suspects: Arc::new(Mutex::new(mended.clone())),
            unverified: false,
            disarranged: false,
        };
        // A crash may have come between mending and what follows from it.
        core.disarranged = core.files.has_evidence();
        core.mending(|core| core.transact_whole(|batch| batch.repair_order())).map_err(failed)?;
        if mended.contains(&core.files.current) {
            core.turn_slice(now).map_err(failed)?;
        }
        core.tell_readiness();
        Ok(core)
    }

    /// Does the work: grouped into as few commits as it takes. One answer per piece, in order.
    pub fn apply(&mut self, works: &[Work]) -> Vec<Answered> {
        self.recover();
        let now = self.now();
        if let Err(trouble) = self.mending(|core| core.turn_slice_if_due(now)) {
            self.note(&trouble);
        }
        let mut answers = Vec::with_capacity(works.len());
        let mut rest = works;
        while let Some((first, others)) = rest.split_first() {
            let grouped = rest.iter().take_while(|work| work.is_grouped()).count();
            let (group, later) = rest.split_at_checked(grouped).unwrap_or((rest, &[]));
            if grouped == 0 {
                answers.push(self.alone(first));
                rest = others;
            } else {
                answers.extend(self.group(group));
                rest = later;
            }
        }
        self.tell_readiness();
        answers
    }

    /// Copies what has grown too long a log into its file. To be called after the answers of [`Core::apply`] were handed on: nobody
    /// waits for it.
    pub fn tidy_up(&mut self) {
        self.checkpoint();
        self.tell_readiness();
    }

    /// Whether a message could be kept now.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.health.readiness()
    }

    /// Looks whether space has returned.
    pub fn recover(&mut self) {
        if self.health.looks_for_space(self.options.clock.tick()) {
            self.health.disk_full = self.reserve.rebuild().is_err();
        }
        self.tell_readiness();
    }

    pub(super) fn set_crowded(&mut self, crowded: bool) {
        self.health.crowded = crowded;
    }

    fn tell_readiness(&mut self) {
        if let Some(readiness) = self.health.turned() {
            self.options.watcher.turned(readiness);
        }
    }

    fn note(&mut self, trouble: &Trouble) {
        if let Some(detail) = self.health.note(trouble) {
            self.files.leave_as_they_are();
            self.options.watcher.failed(&detail);
        }
    }

    /// Copies every log into its file, so that a copy of the folder is small and the next start quick. A failed store is left as it is:
    /// nothing is synced again.
    ///
    /// # Errors
    /// The contract's faults; nothing acknowledged is lost by one.
    pub fn close(self) -> Result<(), Fault> {
        if self.health.failed.is_some() {
            return Ok(());
        }
        let truncated =
            self.files.slices.values().try_for_each(|slice| slice.checkpoint(CheckpointMode::TRUNCATE));
        truncated.map_err(Trouble::fault)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.options.clock.now()
    }

    pub(super) fn pace(&self) -> Pace {
        self.options.patrol
    }

    pub(super) fn watcher(&self) -> Arc<dyn Watcher> {
        Arc::clone(&self.options.watcher)
    }

    pub(super) fn shared(&self) -> (Open, Arc<RwLock<super::catalog::Names>>) {
        (Arc::clone(&self.open), Arc::clone(&self.files.catalog.names))
    }

    pub(super) fn publish(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = generations(&self.files);
    }

    pub(super) fn alone(&mut self, work: &Work) -> Answered {
        let done = self.mending(|core| core.try_alone(work));
        done.map_err(|trouble| {
            self.note(&trouble);
            trouble.fault()
        })
    }

    fn try_alone(&mut self, work: &Work) -> Result<Reply> {
        if let Some(detail) = &self.health.failed {
            return Err(Trouble::Fatal(detail.clone()));
        }
        match work {
            Work::Open(node, now) => {
                self.session = None;
                self.whatever_the_space(|core| core.transact_whole(|batch| batch.fence(*now)))?;
                let session = self.whatever_the_space(|core| core.files.catalog.open_session(node, *now))?;
                self.session = Some(session);
                Ok(Reply::Opened(session))
            }
            Work::PutState(scope, expected, value) => self
                .whatever_the_space(|core| core.files.catalog.put_state(scope, *expected, value))
                .map(Reply::Put),
            Work::ForgetState(scope, expected) => self
                .whatever_the_space(|core| core.files.catalog.forget_state(scope, *expected))
                .map(Reply::Forgotten),
            Work::Examine(number) => self.examine(Number(*number)).map(|()| Reply::Examined),
            Work::Prune(retention, now) => {
                self.whatever_the_space(|core| core.prune(*retention, *now)).map(Reply::Pruned)
            }
            Work::Accept(..)
            | Work::Claim(..)
            | Work::Settle(..)
            | Work::Expire(_)
            | Work::Renew(_)
            | Work::Change(_)
            | Work::Append(_)
            | Work::Bury(_)
            | Work::Backlog => Err(Trouble::Failed("this work is done in a group".into())),
        }
    }

    fn group(&mut self, works: &[Work]) -> Vec<Answered> {
        if let Some(detail) = &self.health.failed {
            return vec![Err(Fault::Fatal { detail: detail.clone() }); works.len()];
        }
        let began = self.options.clock.tick();
        let mut done = self.mending(|core| core.attempt(works));
        if matches!(done, Err(Trouble::Full)) {
            self.health.disk_full = true;
            done = self.mending(|core| core.whatever_the_space(|core| core.attempt(works)));
        }
        match done {
            Ok(answers) => {
                let items = works.iter().map(Work::items).sum();
                let took = self.options.clock.tick().since(began);
                self.options.watcher.committed(Commit { items, took });
                answers
            }
            Err(Trouble::Corrupt(_) | Trouble::Failed(_) | Trouble::Senseless(_)) if works.len() > 1 => {
                works.chunks(1).flat_map(|one| self.group(one)).collect()
            }
            Err(trouble) => {
                self.note(&trouble);
                vec![Err(trouble.fault()); works.len()]
            }
        }
    }

    fn attempt(&mut self, works: &[Work]) -> Result<Vec<Answered>> {
        let admission =
            if self.readiness() == Readiness::Ready { Admission::Open } else { Admission::Closed };
        let replies = self.transact(admission, |batch| {
            works.iter().map(|work| batch.run(work)).collect::<Result<Vec<Reply>>>()
        })?;
        let left_out = std::mem::take(&mut self.left_out);
        if left_out.is_empty() {
            return Ok(replies.into_iter().map(Ok).collect());
        }
        Ok(works.iter().zip(replies).map(|(work, reply)| salvage(work, reply, &left_out)).collect())
    }

    /// Tries again with a step of the reserve given back, for as long as there is one.
    pub(super) fn whatever_the_space<T>(
        &mut self,
        mut work: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<T> {
        loop {
            match work(self) {
                Err(Trouble::Full) => {
                    self.health.disk_full = true;
                    if !self.reserve.release()? {
                        return Err(Trouble::Full);
                    }
                }
                done => return done,
            }
        }
    }

    /// Runs the work in transactions that begin where it writes, and commits them; or leaves everything as it was.
    fn transact<T>(
        &mut self,
        admission: Admission,
        work: impl FnOnce(&mut Batch<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut batch = Batch {
            files: &self.files,
            ledger: &mut self.ledger,
            seen: &self.seen,
            session: self.session,
            admission,
            clock: self.options.clock.as_ref(),
            hot: None,
            moved: Vec::new(),
            buried: Vec::new(),
            space: Vec::new(),
        };
        let done = work(&mut batch).and_then(|done| Ok((done, batch.keep_short(self.mark)?)));
        let buried = std::mem::take(&mut batch.buried);
        drop(batch);
        match done.and_then(|done| self.commit().map(|()| done)) {
            Ok((done, mark)) => {
                self.mark = mark;
                self.ledger.commit();
                buried.iter().for_each(|one| tell_buried(&self.options, one, &self.suspects));
                Ok(done)
            }
            Err(trouble) => {
                self.ledger.roll_back();
                for slice in self.files.slices.values() {
                    slice.roll_back().map_err(|again| Trouble::Fatal(again.fault().to_string()))?;
                }
                Err(trouble)
            }
        }
    }

    /// The same for work that may be done again as a whole: what is done already is then found done.
    pub(super) fn transact_whole(&mut self, work: impl FnOnce(&mut Batch<'_>) -> Result<()>) -> Result<()> {
        self.transact(Admission::Open, work)?;
        if std::mem::take(&mut self.left_out).is_empty() { Ok(()) } else { Err(Trouble::Full) }
    }

    /// Commits the current slice first: when that fails for lack of space, nothing was done. Another one's failure is noted.
    fn commit(&mut self) -> Result<()> {
        self.left_out.clear();
        let mut committed = false;
        for slice in self.files.slices.values().rev().filter(|slice| slice.is_begun()) {
            match slice.commit() {
                Ok(()) => committed = true,
                Err(Trouble::Full) if committed => {
                    slice.roll_back()?;
                    self.ledger.roll_back_of(slice.number);
                    self.left_out.insert(slice.number);
                    self.health.disk_full = true;
                }
                Err(trouble) if committed => {
                    let Fault::Fatal { detail } = trouble.fault() else {
                        return Err(Trouble::Fatal("a commit over two slices failed half-way".into()));
                    };
                    return Err(Trouble::Fatal(detail));
                }
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(())
    }

    fn checkpoint(&mut self) {
        for number in self.files.slices.keys().copied().collect::<Vec<_>>() {
            let Some(slice) = self.files.slices.get(&number).filter(|slice| slice.logged() >= LOG_PAGES)
            else {
                continue;
            };
            if let Err(trouble) = slice.checkpoint(CheckpointMode::PASSIVE) {
                slice.put_off_checkpoint();
                self.note(&trouble);
            }
            let bytes = self.files.bytes(number);
            self.ledger.set_bytes(number, bytes);
        }
    }
}

fn generations(files: &Files) -> BTreeMap<Number, u32> {
    files.slices.iter().map(|(number, slice)| (*number, slice.generation)).collect()
}
