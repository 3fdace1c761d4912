//! Gives turns at the child processes: expressions queue among themselves first, so that none of them keeps the others waiting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

/// The turns of all expressions.
pub(crate) struct Turns {
    /// One permit per child process, given in the order of asking.
    processes: Semaphore,
    /// Turns that one expression may have or stand in line for: below the number of processes, if there are several.
    share: usize,
    /// By text, because a reload compiles what it has compiled before.
    lines: Mutex<HashMap<String, Weak<Line>>>,
}

/// Where the runs of one expression wait for each other. Each holds a body that its caller has counted already: a request that a
/// door let in, or a delivery of a lane's window.
pub(crate) struct Line(Semaphore);

/// A turn, until it is dropped.
pub(crate) struct Turn<'a> {
    _line: SemaphorePermit<'a>,
    _process: SemaphorePermit<'a>,
}

impl Turns {
    pub(crate) fn new(processes: usize) -> Self {
        let processes = processes.min(Semaphore::MAX_PERMITS);
        let share = processes.saturating_sub(1).max(1);
        Self { processes: Semaphore::new(processes), share, lines: Mutex::default() }
    }

    /// The line of the expression with this text.
    pub(crate) fn line(&self, text: &str) -> Arc<Line> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(text).and_then(Weak::upgrade) {
            return line;
        }
        // What no configuration has any more.
        lines.retain(|_, line| line.strong_count() > 0);
        let line = Arc::new(Line(Semaphore::new(self.share)));
        lines.insert(text.to_owned(), Arc::downgrade(&line));
        line
    }

    /// Waits for a turn. Only the first of each line ask for a process, so these go round from one expression to the next.
    pub(crate) async fn take<'a>(&'a self, line: &'a Line) -> Result<Turn<'a>, AcquireError> {
        Ok(Turn { _line: line.0.acquire().await?, _process: self.processes.acquire().await? })
    }
}
