//! A store that cannot end anything by its deadline while a test says so.

use contract::Timestamp;
use contract::store::{Answer, Expired, Store};
use sim::Bend;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Hindered {
    pub(crate) cannot_end: AtomicBool,
    /// How often it was asked to end what is late.
    pub(crate) tries: AtomicU64,
}

impl Bend for Hindered {
    fn expire<'a>(&'a self, store: &'a dyn Store, now: Timestamp) -> Answer<'a, Expired> {
        let tries = self.tries.fetch_add(1, Ordering::SeqCst);
        assert!(tries < 1000, "it is asked again and again");
        if self.cannot_end.load(Ordering::SeqCst) {
            let next = Some(now - Duration::from_secs(1));
            return Box::pin(std::future::ready(Ok(Expired { moved: Vec::new(), next })));
        }
        store.expire(now)
    }
}
