//! Where the process dies: every place where it touches the world counts, and a seed says which one is its last.

use parking_lot::Mutex;
use std::future::pending;
use tokio::sync::Notify;

/// A place where a process can die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A call to the store that has not been done.
    Before(Work),
    /// A call to the store that is durable, but nobody knows yet.
    After(Work),
    /// An attempt is about to begin.
    Sending,
    /// An attempt has ended; nothing of it is durable.
    Sent,
    /// An API has a whole request in hand.
    Arrived,
    /// An API has answered.
    Answered,
    /// A promise was broken: there is nothing more to see.
    Broken,
}

/// What a store is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Open,
    Recall,
    Accept,
    Claim,
    Settle,
    Expire,
    Renew,
    Change,
    Look,
    Keep,
    Prune,
}

/// Burns down by one at each place; at its end the process is dead: nothing goes on.
#[derive(Debug, Default)]
pub(crate) struct Fuse {
    left: Mutex<Option<u64>>,
    burnt: Mutex<Option<Place>>,
    told: Notify,
}

impl Fuse {
    /// A fuse that burns for so many places; none: for ever.
    pub(crate) fn new(places: Option<u64>) -> Self {
        Self { left: Mutex::new(places), ..Self::default() }
    }

    /// The process is at this place. It ends only if the process lives on.
    pub(crate) async fn at(&self, place: Place) {
        if let Some(left) = &mut *self.left.lock() {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.burn(place);
            }
        }
        if self.is_burnt() {
            pending::<()>().await;
        }
    }

    /// Ends the process here, whatever is left.
    pub(crate) fn burn(&self, place: Place) {
        self.burnt.lock().get_or_insert(place);
        self.told.notify_one();
    }

    pub(crate) fn is_burnt(&self) -> bool {
        self.burnt.lock().is_some()
    }

    /// Ends when the process dies, and says where.
    pub(crate) async fn burnt(&self) -> Place {
        loop {
            if let Some(place) = *self.burnt.lock() {
                return place;
            }
            self.told.notified().await;
        }
    }
}
