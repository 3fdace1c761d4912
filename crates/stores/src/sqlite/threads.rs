//! The store for production: one thread writes, a few read.

use super::core::{Core, Open};
use super::opening::{open_catalog_to_read, open_slice_to_read};
use super::patrol::Patrol;
use super::place::Number;
use super::queue::{Closed, Queue};
use super::read::Shelf;
use super::slice::Slice;
use super::trouble::{Result, Stumble, Trouble};
use super::work::{Answered, Query, Reply, Work};
use super::{Desk, OpenError, Options, Sqlite, catalog::Names};
use contract::limits;
use contract::store::{Fault, Readiness};
use rusqlite::Connection;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Look-ups that run at once.
const READERS: usize = 2;
/// How often the writer looks whether space has returned while it has nothing else to do.
const PATIENCE_WHEN_FULL: Duration = Duration::from_millis(500);

type Call<Q> = (Q, oneshot::Sender<Mail>);

/// An answer, and those of the same commit to others. Waking many tasks from a foreign thread costs a system call each; so
/// one task is woken and, by dropping the rest, wakes the others from inside its runtime.
struct Mail {
    answer: Answered,
    _rest: Rest,
}

/// Answers that are handed on when this is dropped, wherever that happens: none is lost.
#[derive(Default)]
struct Rest(Vec<(oneshot::Sender<Mail>, Answered)>);

impl Drop for Rest {
    fn drop(&mut self) {
        for (to, answer) in self.0.drain(..) {
            // Whoever asked may have gone away; what was done stays done.
            drop(to.send(Mail { answer, _rest: Self::default() }));
        }
    }
}

/// The threads and the queues to them.
pub struct Threads {
    works: Arc<Queue<Call<Work>>>,
    queries: Arc<Queue<Call<Query>>>,
    /// The patrol waits at it: the writer rings it when a file was mended, and its closing ends the patrol.
    bell: Arc<Queue<()>>,
    readiness: Arc<AtomicU8>,
    running: Mutex<Vec<JoinHandle<()>>>,
}

impl Sqlite {
    /// Opens the folder, which is made if it is not there, takes its lock and starts the threads.
    ///
    /// # Errors
    /// [`OpenError`]: what is wrong with which file, and what to do.
    pub fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        let core = Core::open(folder, options)?;
        let failed = |detail: String| OpenError::Failed { path: folder.to_path_buf(), detail };
        let threads = Threads {
            works: Arc::new(Queue::new()),
            queries: Arc::new(Queue::new()),
            bell: Arc::new(Queue::new()),
            readiness: Arc::new(AtomicU8::new(core.readiness() as u8)),
            running: Mutex::new(Vec::new()),
        };
        let (open, names) = core.shared();
        let patrol = Patrol {
            folder: folder.to_path_buf(),
            pace: core.pace(),
            watcher: core.watcher(),
            open: Arc::clone(&open),
            names: Arc::clone(&names),
            suspects: Arc::clone(&core.suspects),
            told: HashSet::new(),
            rung: false,
        };
        let (works, readiness) = (Arc::clone(&threads.works), Arc::clone(&threads.readiness));
        let bell = Arc::clone(&threads.bell);
        threads
            .start("fanlight-writer", move || write(core, &works, &readiness, &bell))
            .map_err(|e| failed(e.to_string()))?;
        let (bell, works) = (Arc::clone(&threads.bell), Arc::clone(&threads.works));
        let ask = move |work: Work| works.offer((work, oneshot::channel().0));
        threads
            .start("fanlight-patrol", move || patrol.run(&bell, ask))
            .map_err(|e| failed(e.to_string()))?;
        for _ in 0..READERS {
            let reader = Reader {
                folder: folder.to_path_buf(),
                catalog: open_catalog_to_read(folder)?,
                slices: BTreeMap::new(),
                open: Arc::clone(&open),
                names: Arc::clone(&names),
                works: Arc::clone(&threads.works),
            };
            let queries = Arc::clone(&threads.queries);
            threads
                .start("fanlight-reader", move || read(reader, &queries))
                .map_err(|e| failed(e.to_string()))?;
        }
        Ok(Self(threads))
    }

    /// Does what has been asked for, refuses the rest, and ends the threads. Blocks until then.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Threads {
    fn start(&self, name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let thread = std::thread::Builder::new().name(name.into()).spawn(run)?;
        self.running.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    fn close(&self) {
        self.bell.close();
        self.works.close();
        self.queries.close();
        let running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in running {
            if thread.join().is_err() {
                tracing::error!("a thread of the store ended badly");
            }
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.close();
    }
}

impl Desk for Threads {
    async fn work(&self, work: Work) -> Answered {
        ask(&self.works, work).await
    }

    async fn query(&self, query: Query) -> Answered {
        ask(&self.queries, query).await
    }

    fn readiness(&self) -> Readiness {
        match self.readiness.load(Ordering::Relaxed) {
            code if code == Readiness::Ready as u8 => Readiness::Ready,
            code if code == Readiness::Full as u8 => Readiness::Full,
            _ => Readiness::Failed,
        }
    }
}

async fn ask<Q>(queue: &Queue<Call<Q>>, question: Q) -> Answered {
    let (to, answer) = oneshot::channel();
    queue.push((question, to)).await.map_err(|Closed| Fault::Closed)?;
    answer.await.map_or(Err(Fault::Closed), |mail| mail.answer)
}

/// Closes a queue when its thread ends for whatever reason, so that nobody waits for ever.
struct Ending<'a, Q>(&'a Queue<Call<Q>>);

impl<Q> Drop for Ending<'_, Q> {
    fn drop(&mut self) {
        self.0.close();
        self.0.clear();
    }
}

fn write(mut core: Core, queue: &Queue<Call<Work>>, readiness: &AtomicU8, bell: &Queue<()>) {
    let ending = Ending(queue);
    loop {
        let patience = (core.readiness() == Readiness::Full).then_some(PATIENCE_WHEN_FULL);
        let Ok(calls) = queue.take(limits::COMMIT_ITEMS_MAX, patience, |(work, _)| work.items()) else {
            break;
        };
        let (works, to): (Vec<Work>, Vec<_>) = calls.into_iter().unzip();
        let answers = core.apply(&works);
        if std::mem::take(&mut core.unverified) {
            bell.offer(());
        }
        // Before the answers: who reads "full" must not be told "ready" afterwards.
        readiness.store(core.readiness() as u8, Ordering::Relaxed);
        let mut rest = Rest(to.into_iter().zip(answers).collect());
        if let Some((to, answer)) = rest.0.pop() {
            drop(to.send(Mail { answer, _rest: rest }));
        }
        core.tidy_up();
        readiness.store(core.readiness() as u8, Ordering::Relaxed);
    }
    readiness.store(Readiness::Failed as u8, Ordering::Relaxed);
    drop(ending);
    if let Err(fault) = core.close() {
        tracing::warn!(%fault, "the last checkpoint failed; the next start makes it");
    }
}

struct Reader {
    folder: PathBuf,
    catalog: Connection,
    slices: BTreeMap<Number, Slice>,
    open: Open,
    names: Arc<RwLock<Names>>,
    works: Arc<Queue<Call<Work>>>,
}

impl Reader {
    /// Looks something up; once more if a file had to be mended for it.
    fn answer(&mut self, query: &Query) -> Answered {
        let again = match self.look_up(query) {
            Err(stumble) => match stumble.damaged() {
                Some(number) => self.have_mended(number).map(|()| self.look_up(query))?,
                None => Err(stumble),
            },
            found => found,
        };
        again.map_err(|stumble| stumble.trouble.fault())
    }

    /// Waits until the writer has examined a file, and mended it if it is damaged.
    fn have_mended(&self, number: Number) -> Result<(), Fault> {
        let (to, examined) = oneshot::channel();
        if self.works.offer((Work::Examine(number.0), to)) {
            let mail = examined.blocking_recv().map_err(|_| Fault::Closed)?;
            return mail.answer.map(|_| ());
        }
        let file = number.file_name();
        let detail =
            format!("{file} is damaged, and there is too much to do to mend it now: ask again later");
        Err(Fault::Failed { detail })
    }

    fn look_up(&mut self, query: &Query) -> Result<Reply, Stumble> {
        {
            // Held while files are opened: mending one replaces it.
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            self.slices.retain(|number, slice| open.get(number) == Some(&slice.generation));
            for (number, generation) in open.iter() {
                if let Entry::Vacant(place) = self.slices.entry(*number) {
                    let slice = open_slice_to_read(&self.folder, *number);
                    let stumble = |error| Stumble { over: Some(*number), trouble: Trouble::from(error) };
                    let mut slice = slice.map_err(stumble)?;
                    slice.generation = *generation;
                    place.insert(slice);
                }
            }
        }
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        Shelf { catalog: &self.catalog, names: &names, slices: &self.slices }.answer(query)
    }
}

fn read(mut reader: Reader, queue: &Queue<Call<Query>>) {
    let _ending = Ending(queue);
    while let Ok(calls) = queue.take(1, None, |_| 1) {
        for (query, to) in calls {
            let answer = reader.answer(&query);
            drop(to.send(Mail { answer, _rest: Rest::default() }));
        }
    }
}
