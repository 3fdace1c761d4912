//! A store that a process loses at a place that a test chooses: from then on no call ends.

use bytes::Bytes;
use contract::history::{Append, Appended, Span, Stretch};
use contract::query::{Change, Changed, Cursor, Detail, Filter, Page};
use contract::store::{
    Accept, Accepted, Answer, Ask, Backlog, Claimed, Expired, Position, Pruned, Readiness, Renewed,
    Retention, Scope, ScopeKind, Session, Settlement, Settles, Store, Versioned,
};
use contract::ticket::{Found, Ticket};
use contract::{DeliveryId, MessageId, Name, Timestamp};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stores::memory::Memory;

pub(crate) struct Mortal {
    store: Arc<Memory>,
    /// Places that are left; there is one before each call and one after it.
    left: AtomicU64,
}

impl Mortal {
    pub(crate) fn new(store: Arc<Memory>) -> Self {
        Self { store, left: AtomicU64::new(u64::MAX) }
    }

    /// So many places from now on.
    pub(crate) fn dies_after(&self, places: u64) {
        self.left.store(places, Ordering::SeqCst);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    fn burns(&self) -> bool {
        let less = |left: u64| Some(if left == u64::MAX { left } else { left.saturating_sub(1) });
        self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).unwrap() <= 1
    }
}

macro_rules! pass {
    ($(fn $call:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $call(&self, $($argument: $kind),*) -> Answer<'_, $answer> {
            if self.burns() {
                return Box::pin(pending());
            }
            let answer = self.store.$call($($argument),*);
            Box::pin(async move {
                let answer = answer.await;
                if self.burns() {
                    return pending().await;
                }
                answer
            })
        })*
    };
}

impl Store for Mortal {
    pass! {
        fn open(node: &Name, now: Timestamp) -> Session;
        fn accept(session: Session, batch: Vec<Accept>) -> Vec<Accepted>;
        fn claim(session: Session, asks: Vec<Ask>, now: Timestamp) -> Vec<Claimed>;
        fn settle(session: Session, batch: Vec<Settlement>) -> Settles;
        fn expire(now: Timestamp) -> Expired;
        fn renew(session: Session, now: Timestamp) -> Renewed;
        fn change(change: Change) -> Changed;
        fn append(batch: Vec<Append>) -> Vec<Appended>;
        fn history(span: Span, after: Option<Position>, limit: usize) -> Stretch;
        fn ticket(tenant: &Name, id: MessageId) -> Found<Ticket>;
        fn list(tenant: &Name, filter: Filter, after: Option<Cursor>, limit: usize) -> Page;
        fn detail(tenant: &Name, id: DeliveryId) -> Found<Detail>;
        fn backlog() -> Vec<Backlog>;
        fn state(scope: Scope) -> Option<Versioned>;
        fn states(kind: ScopeKind) -> Vec<(Scope, Versioned)>;
        fn put_state(scope: Scope, expected: u64, value: Bytes) -> bool;
        fn forget_state(scope: Scope, expected: u64) -> bool;
        fn prune(retention: Retention, now: Timestamp) -> Pruned;
    }
    fn ready(&self) -> Readiness {
        self.store.ready()
    }
}
