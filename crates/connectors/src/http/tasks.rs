//! The background tasks of one target; they end with it.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::task::JoinSet;

/// Owns the tasks: dropping it ends them.
#[derive(Default)]
pub(super) struct Tasks(Arc<Mutex<JoinSet<()>>>);

/// Starts tasks. It does not keep the set alive, because what it starts holds a copy of it.
#[derive(Clone)]
pub(super) struct Starter(Weak<Mutex<JoinSet<()>>>);

impl Tasks {
    pub(super) fn starter(&self) -> Starter {
        Starter(Arc::downgrade(&self.0))
    }
}

impl Starter {
    /// Runs the task until it ends or the target is dropped.
    pub(super) fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(tasks) = self.0.upgrade() {
            let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Starter {
    fn execute(&self, task: F) {
        self.start(task);
    }
}
