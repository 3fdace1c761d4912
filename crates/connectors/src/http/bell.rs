//! The waker of a connection that is driven by whoever uses it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// Nobody waits: the user is at work on the connection, or there is none.
const QUIET: u8 = 0;
/// Like quiet, and something has happened since.
const RUNG: u8 = 1;
/// The user has gone to sleep and wants to be woken.
const ARMED: u8 = 2;

/// A connection rings it whenever it could go on. While the user is at work that is mostly the echo of its own doing (it took
/// a piece of the body, it queued a request) and must not cost another turn of its task; while the connection is idle it
/// is nobody's business. So a ring reaches the task only when armed; one that came earlier is told when arming.
pub(super) struct Bell {
    state: AtomicU8,
    task: Mutex<Waker>,
}

impl Bell {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: AtomicU8::new(QUIET), task: Mutex::new(Waker::noop().clone()) })
    }

    /// The user is at work: rings are only remembered.
    pub(super) fn quiet(&self) {
        self.state.store(QUIET, Ordering::SeqCst);
    }

    /// The next ring wakes the task; false if the bell has rung since it was quiet: then look again first.
    pub(super) fn arm(&self, task: &Waker) -> bool {
        self.task.lock().unwrap_or_else(PoisonError::into_inner).clone_from(task);
        self.state.compare_exchange(QUIET, ARMED, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(RUNG, Ordering::SeqCst) == ARMED {
            let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_ring_wakes_only_who_has_armed_the_bell_and_none_is_lost() {
        let (bell, count) = (Bell::new(), Arc::new(Count::default()));
        let (ring, task) = (Waker::from(Arc::clone(&bell)), Waker::from(Arc::clone(&count)));
        let woken = || count.0.load(Ordering::SeqCst);

        ring.wake_by_ref();
        assert_eq!(woken(), 0, "idle");
        bell.quiet();
        assert!(bell.arm(&task));
        ring.wake_by_ref();
        ring.wake_by_ref();
        assert_eq!(woken(), 1, "armed, once");
        bell.quiet();
        ring.wake_by_ref();
        assert!(!bell.arm(&task), "rung at work");
        assert_eq!(woken(), 1);
        bell.quiet();
        assert!(bell.arm(&task));
    }
}
