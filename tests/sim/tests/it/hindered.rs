//! A store that cannot end anything by its deadline while a test says so.

use bytes::Bytes;
use contract::history::{Append, Appended, Span, Stretch};
use contract::query::{Change, Changed, Cursor, Detail, Filter, Page};
use contract::store::{
    Accept, Accepted, Answer, Ask, Backlog, Claimed, Expired, Position, Pruned, Readiness, Renewed,
    Retention, Scope, ScopeKind, Session, Settlement, Settles, Store, Versioned,
};
use contract::ticket::{Found, Ticket};
use contract::{DeliveryId, MessageId, Name, Timestamp};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use stores::memory::Memory;

pub(crate) struct Hindered {
    store: Memory,
    pub(crate) cannot_end: AtomicBool,
    /// How often it was asked to end what is late.
    pub(crate) tries: AtomicU64,
}

impl Hindered {
    pub(crate) fn new(store: Memory) -> Self {
        Self { store, cannot_end: AtomicBool::new(false), tries: AtomicU64::new(0) }
    }
}

impl Store for Hindered {
    fn expire(&self, now: Timestamp) -> Answer<'_, Expired> {
        let tries = self.tries.fetch_add(1, Ordering::SeqCst);
        assert!(tries < 1000, "it is asked again and again");
        if self.cannot_end.load(Ordering::SeqCst) {
            let next = Some(now - Duration::from_secs(1));
            return Box::pin(std::future::ready(Ok(Expired { moved: Vec::new(), next })));
        }
        self.store.expire(now)
    }

    fn open(&self, node: &Name, now: Timestamp) -> Answer<'_, Session> {
        self.store.open(node, now)
    }
    fn accept(&self, session: Session, batch: Vec<Accept>) -> Answer<'_, Vec<Accepted>> {
        self.store.accept(session, batch)
    }
    fn claim(&self, session: Session, asks: Vec<Ask>, now: Timestamp) -> Answer<'_, Vec<Claimed>> {
        self.store.claim(session, asks, now)
    }
    fn settle(&self, session: Session, batch: Vec<Settlement>) -> Answer<'_, Settles> {
        self.store.settle(session, batch)
    }
    fn renew(&self, session: Session, now: Timestamp) -> Answer<'_, Renewed> {
        self.store.renew(session, now)
    }
    fn change(&self, change: Change) -> Answer<'_, Changed> {
        self.store.change(change)
    }
    fn ticket(&self, tenant: &Name, id: MessageId) -> Answer<'_, Found<Ticket>> {
        self.store.ticket(tenant, id)
    }
    fn list(&self, tenant: &Name, filter: Filter, after: Option<Cursor>, limit: usize) -> Answer<'_, Page> {
        self.store.list(tenant, filter, after, limit)
    }
    fn detail(&self, tenant: &Name, id: DeliveryId) -> Answer<'_, Found<Detail>> {
        self.store.detail(tenant, id)
    }
    fn backlog(&self) -> Answer<'_, Vec<Backlog>> {
        self.store.backlog()
    }
    fn append(&self, batch: Vec<Append>) -> Answer<'_, Vec<Appended>> {
        self.store.append(batch)
    }
    fn history(&self, span: Span, after: Option<Position>, limit: usize) -> Answer<'_, Stretch> {
        self.store.history(span, after, limit)
    }
    fn state(&self, scope: Scope) -> Answer<'_, Option<Versioned>> {
        self.store.state(scope)
    }
    fn states(&self, kind: ScopeKind) -> Answer<'_, Vec<(Scope, Versioned)>> {
        self.store.states(kind)
    }
    fn put_state(&self, scope: Scope, expected: u64, value: Bytes) -> Answer<'_, bool> {
        self.store.put_state(scope, expected, value)
    }
    fn forget_state(&self, scope: Scope, expected: u64) -> Answer<'_, bool> {
        self.store.forget_state(scope, expected)
    }
    fn prune(&self, retention: Retention, now: Timestamp) -> Answer<'_, Pruned> {
        self.store.prune(retention, now)
    }
    fn ready(&self) -> Readiness {
        self.store.ready()
    }
}
