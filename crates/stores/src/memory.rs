//! The store in plain memory: the same semantics, no durability. For tests, simulations and trials.

mod backlog;
mod change;
mod group;
mod history;
mod order;
mod state;

use bytes::Bytes;
use contract::history::{Append, Appended, Span, Stretch};
use contract::query::{Change, Changed, Cursor, Detail, Filter, Page};
use contract::store::{
    Accept, Accepted, Answer, Ask, Backlog, Claimed, Expired, Fault, Position, Pruned, Readiness, Renewed,
    Retention, Scope, ScopeKind, Session, Settlement, Settles, Store, Versioned,
};
use contract::ticket::{Found, Ticket};
use contract::{Clock, DeliveryId, MessageId, Name, Timestamp};
use state::State;
use std::sync::{Arc, Mutex, PoisonError};

/// Everything behind one lock; every promise is ready at once.
pub struct Memory {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::new(State::default()) }
    }

    /// What the death of the process does to a durable store: everything acknowledged stays, the session is dead.
    pub fn crash(&self) {
        self.with(|state, _| state.alive = None);
    }

    fn with<T>(&self, call: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let now = self.clock.now();
        call(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner), now)
    }

    fn answer<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut State, Timestamp) -> Result<T, Fault>,
    ) -> Answer<'_, T> {
        Box::pin(std::future::ready(self.with(call)))
    }
}

impl Store for Memory {
    fn open(&self, _node: &Name, now: Timestamp) -> Answer<'_, Session> {
        self.answer(|state, wall| Ok(state.open(now, wall)))
    }

    fn accept(&self, session: Session, batch: Vec<Accept>) -> Answer<'_, Vec<Accepted>> {
        self.answer(|state, _| state.accept(session, &batch))
    }

    fn claim(&self, session: Session, asks: Vec<Ask>, now: Timestamp) -> Answer<'_, Vec<Claimed>> {
        self.answer(|state, _| Ok(asks.iter().map(|ask| state.claim(session, ask, now)).collect()))
    }

    fn settle(&self, session: Session, batch: Vec<Settlement>) -> Answer<'_, Settles> {
        self.answer(|state, wall| {
            let answers = batch.iter().map(|one| state.settle(session, one, wall)).collect();
            Ok(Settles { answers, moved: state.take_moved() })
        })
    }

    fn expire(&self, now: Timestamp) -> Answer<'_, Expired> {
        self.answer(|state, wall| Ok(state.expire(now, wall)))
    }

    fn renew(&self, session: Session, _now: Timestamp) -> Answer<'_, Renewed> {
        self.answer(|state, _| {
            Ok(if state.alive == Some(session) { Renewed::Alive } else { Renewed::Fenced })
        })
    }

    fn change(&self, change: Change) -> Answer<'_, Changed> {
        self.answer(|state, wall| Ok(state.change(&change, wall)))
    }

    fn append(&self, batch: Vec<Append>) -> Answer<'_, Vec<Appended>> {
        self.answer(|state, _| Ok(batch.iter().map(|item| state.append(item)).collect()))
    }

    fn history(&self, span: Span, after: Option<Position>, limit: usize) -> Answer<'_, Stretch> {
        self.answer(|state, _| Ok(state.history(&span, after, limit)))
    }

    fn ticket(&self, tenant: &Name, id: MessageId) -> Answer<'_, Found<Ticket>> {
        let tenant = tenant.clone();
        self.answer(|state, _| Ok(state.ticket(&tenant, id)))
    }

    fn list(&self, tenant: &Name, filter: Filter, after: Option<Cursor>, limit: usize) -> Answer<'_, Page> {
        let tenant = tenant.clone();
        self.answer(|state, _| Ok(state.list(&tenant, &filter, after, limit)))
    }

    fn detail(&self, tenant: &Name, id: DeliveryId) -> Answer<'_, Found<Detail>> {
        let tenant = tenant.clone();
        self.answer(|state, _| Ok(state.detail(&tenant, id)))
    }

    fn backlog(&self) -> Answer<'_, Vec<Backlog>> {
        self.answer(|state, _| Ok(state.backlog()))
    }

    fn state(&self, scope: Scope) -> Answer<'_, Option<Versioned>> {
        self.answer(|state, _| Ok(state.states.get(&scope).cloned()))
    }

    fn states(&self, kind: ScopeKind) -> Answer<'_, Vec<(Scope, Versioned)>> {
        self.answer(|state, _| {
            let of_kind = |scope: &Scope| match scope {
                Scope::Target(..) => kind == ScopeKind::Target,
                Scope::Shape(_) => kind == ScopeKind::Shape,
                Scope::Redrive(_) => kind == ScopeKind::Redrive,
                Scope::Replay(_) => kind == ScopeKind::Replay,
            };
            let found = state.states.iter().filter(|(scope, _)| of_kind(scope));
            Ok(found.map(|(scope, value)| (scope.clone(), value.clone())).collect())
        })
    }

    fn put_state(&self, scope: Scope, expected: u64, value: Bytes) -> Answer<'_, bool> {
        self.answer(|state, _| {
            let version = state.states.get(&scope).map_or(0, |found| found.version);
            if version == expected {
                state.states.insert(scope, Versioned { version: version + 1, value });
            }
            Ok(version == expected)
        })
    }

    fn forget_state(&self, scope: Scope, expected: u64) -> Answer<'_, bool> {
        self.answer(|state, _| {
            let found = state.states.get(&scope).is_some_and(|found| found.version == expected);
            if found {
                state.states.remove(&scope);
            }
            Ok(found)
        })
    }

    fn prune(&self, retention: Retention, now: Timestamp) -> Answer<'_, Pruned> {
        self.answer(|state, _| Ok(state.prune(retention, now)))
    }

    fn ready(&self) -> Readiness {
        self.with(|state, _| if state.crowded { Readiness::Full } else { Readiness::Ready })
    }
}
