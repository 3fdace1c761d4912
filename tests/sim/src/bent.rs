//! A store with something in between: what is not bent is passed on as it is.

use bytes::Bytes;
use contract::history::{Append, Appended, Span, Stretch};
use contract::query::{Change, Changed, Cursor, Detail, Filter, Page};
use contract::store::{
    Accept, Accepted, Answer, Ask, Backlog, Claimed, Expired, Position, Pruned, Readiness, Renewed,
    Retention, Scope, ScopeKind, Session, Settlement, Settles, Store, Versioned,
};
use contract::ticket::{Found, Ticket};
use contract::{DeliveryId, MessageId, Name, Timestamp};
use std::sync::Arc;

/// What stands in between. Each call is the store's own unless it says otherwise.
pub trait Bend: Send + Sync {
    /// [`Store::accept`]
    fn accept<'a>(
        &'a self,
        store: &'a dyn Store,
        session: Session,
        batch: Vec<Accept>,
    ) -> Answer<'a, Vec<Accepted>> {
        store.accept(session, batch)
    }

    /// [`Store::claim`]
    fn claim<'a>(
        &'a self,
        store: &'a dyn Store,
        session: Session,
        asks: Vec<Ask>,
        now: Timestamp,
    ) -> Answer<'a, Vec<Claimed>> {
        store.claim(session, asks, now)
    }

    /// [`Store::settle`]
    fn settle<'a>(
        &'a self,
        store: &'a dyn Store,
        session: Session,
        batch: Vec<Settlement>,
    ) -> Answer<'a, Settles> {
        store.settle(session, batch)
    }

    /// [`Store::expire`]
    fn expire<'a>(&'a self, store: &'a dyn Store, now: Timestamp) -> Answer<'a, Expired> {
        store.expire(now)
    }

    /// [`Store::change`]
    fn change<'a>(&'a self, store: &'a dyn Store, change: Change) -> Answer<'a, Changed> {
        store.change(change)
    }

    /// [`Store::ticket`]
    fn ticket<'a>(&'a self, store: &'a dyn Store, tenant: &Name, id: MessageId) -> Answer<'a, Found<Ticket>> {
        store.ticket(tenant, id)
    }

    /// [`Store::put_state`]
    fn put_state<'a>(
        &'a self,
        store: &'a dyn Store,
        scope: Scope,
        expected: u64,
        value: Bytes,
    ) -> Answer<'a, bool> {
        store.put_state(scope, expected, value)
    }
}

/// A store behind what bends its calls.
pub struct Bent<B> {
    /// Where calls go.
    pub store: Arc<dyn Store>,
    /// What stands before it.
    pub bend: Arc<B>,
}

impl<B: Bend> Store for Bent<B> {
    fn open(&self, node: &Name, now: Timestamp) -> Answer<'_, Session> {
        self.store.open(node, now)
    }
    fn accept(&self, session: Session, batch: Vec<Accept>) -> Answer<'_, Vec<Accepted>> {
        self.bend.accept(&*self.store, session, batch)
    }
    fn claim(&self, session: Session, asks: Vec<Ask>, now: Timestamp) -> Answer<'_, Vec<Claimed>> {
        self.bend.claim(&*self.store, session, asks, now)
    }
    fn settle(&self, session: Session, batch: Vec<Settlement>) -> Answer<'_, Settles> {
        self.bend.settle(&*self.store, session, batch)
    }
    fn expire(&self, now: Timestamp) -> Answer<'_, Expired> {
        self.bend.expire(&*self.store, now)
    }
    fn renew(&self, session: Session, now: Timestamp) -> Answer<'_, Renewed> {
        self.store.renew(session, now)
    }
    fn change(&self, change: Change) -> Answer<'_, Changed> {
        self.bend.change(&*self.store, change)
    }
    fn ticket(&self, tenant: &Name, id: MessageId) -> Answer<'_, Found<Ticket>> {
        self.bend.ticket(&*self.store, tenant, id)
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
        self.bend.put_state(&*self.store, scope, expected, value)
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
