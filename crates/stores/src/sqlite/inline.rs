//! The store for simulations: every call is done at once, in the caller. Dropping it without `close` is a crash.

use super::core::Core;
use super::work::{Answered, Query, Work};
use super::{Desk, Inline, OpenError, Options};
use contract::store::{Fault, Readiness};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// [`Core`] behind a lock.
pub struct Locked(Mutex<Option<Core>>);

impl Inline {
    /// Opens the folder.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        Ok(Self(Locked(Mutex::new(Some(Core::open(folder, options)?)))))
    }

    /// Ends it in good order; every later call fails.
    ///
    /// # Errors
    /// What went wrong with the last copy of a log into its file; nothing acknowledged is lost by it.
    pub fn close(&self) -> Result<(), Fault> {
        let core = self.0.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        core.map_or(Ok(()), Core::close)
    }
}

impl Desk for Locked {
    async fn work(&self, work: Work) -> Answered {
        self.with(|core| {
            let answer = core.apply(&[work]).pop().unwrap_or(Err(Fault::Closed));
            core.tidy_up();
            answer
        })
    }

    async fn query(&self, query: Query) -> Answered {
        self.with(|core| core.look_up(&query))
    }

    fn readiness(&self) -> Readiness {
        let mut core = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        core.as_mut().map_or(Readiness::Failed, |core| {
            core.recover();
            core.readiness()
        })
    }
}

impl Locked {
    fn with(&self, call: impl FnOnce(&mut Core) -> Answered) -> Answered {
        let mut core = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        core.as_mut().map_or(Err(Fault::Closed), call)
    }
}
