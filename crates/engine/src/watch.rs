//! Who waits for a ticket to change: long polls, streams, `Prefer: wait`.

use contract::MessageId;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// The tickets that somebody watches. Costs one atomic load per settlement while nobody does.
#[derive(Default)]
pub struct Watch {
    count: AtomicUsize,
    tickets: Mutex<HashMap<MessageId, Watched>>,
}

struct Watched {
    changes: watch::Sender<u64>,
    watchers: usize,
}

/// One who waits; dropping it ends the watch.
pub struct Watcher {
    watch: Arc<Watch>,
    id: MessageId,
    changes: watch::Receiver<u64>,
}

impl Watch {
    /// Begins to watch. Changes after this call are not missed.
    #[must_use]
    pub fn begin(self: &Arc<Self>, id: MessageId) -> Watcher {
        let mut tickets = self.tickets.lock();
        let watched =
            tickets.entry(id).or_insert_with(|| Watched { changes: watch::Sender::new(0), watchers: 0 });
        watched.watchers += 1;
        let changes = watched.changes.subscribe();
        self.count.store(tickets.len(), Ordering::SeqCst);
        Watcher { watch: Arc::clone(self), id, changes }
    }

    /// Whether somebody waits for this ticket.
    #[must_use]
    pub fn is_watched(&self, id: MessageId) -> bool {
        self.count.load(Ordering::SeqCst) > 0 && self.tickets.lock().contains_key(&id)
    }

    /// Says that the ticket changed.
    pub fn changed(&self, id: MessageId) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        if let Some(watched) = self.tickets.lock().get(&id) {
            watched.changes.send_modify(|count| *count += 1);
        }
    }
}

impl Watcher {
    /// Ends at the next change, or at once if there was one since the last call.
    pub async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            // The sender lives in the map as long as this watcher does.
            std::future::pending().await
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut tickets = self.watch.tickets.lock();
        if let Some(watched) = tickets.get_mut(&self.id) {
            watched.watchers -= 1;
            if watched.watchers == 0 {
                tickets.remove(&self.id);
            }
        }
        self.watch.count.store(tickets.len(), Ordering::SeqCst);
    }
}
