//! The `Store` joint in front of a core: a call becomes a value, and the answer's value becomes the call's answer.

use super::work::{Answered, Query, Reply, Work};
use bytes::Bytes;
use contract::history::{Append, Appended, Span, Stretch};
use contract::query::{Change, Changed, Cursor, Detail, Filter, Page};
use contract::store::{
    Accept, Accepted, Answer, Ask, Backlog, Claimed, Expired, Fault, Position, Pruned, Readiness, Renewed,
    Retention, Scope, ScopeKind, Session, Settlement, Settles, Store, Versioned,
};
use contract::ticket::{Found, Ticket};
use contract::{DeliveryId, MessageId, Name, Timestamp};
use std::future::Future;

/// Where calls are handed in.
pub trait Desk: Send + Sync {
    /// Has the writer do something.
    fn work(&self, work: Work) -> impl Future<Output = Answered> + Send;
    /// Has a reader look something up.
    fn query(&self, query: Query) -> impl Future<Output = Answered> + Send;
    /// Whether a message could be kept now.
    fn readiness(&self) -> Readiness;
}

/// A [`Store`] over a desk.
pub struct Front<D>(pub(super) D);

/// Awaits an answer and takes the kind of reply out of it that belongs to the question.
macro_rules! answer {
    ($asked:expr, $kind:ident) => {
        Box::pin(async move {
            let Reply::$kind(reply) = $asked.await? else {
                return Err(Fault::Failed { detail: "the answer is to another question".into() });
            };
            Ok(reply)
        })
    };
}

impl<D: Desk> Store for Front<D> {
    fn open(&self, node: &Name, now: Timestamp) -> Answer<'_, Session> {
        let node = node.clone();
        answer!(self.0.work(Work::Open(node, now)), Opened)
    }

    fn accept(&self, session: Session, batch: Vec<Accept>) -> Answer<'_, Vec<Accepted>> {
        answer!(self.0.work(Work::Accept(session, batch)), Accepted)
    }

    fn claim(&self, session: Session, asks: Vec<Ask>, now: Timestamp) -> Answer<'_, Vec<Claimed>> {
        answer!(self.0.work(Work::Claim(session, asks, now)), Claimed)
    }

    fn settle(&self, session: Session, batch: Vec<Settlement>) -> Answer<'_, Settles> {
        answer!(self.0.work(Work::Settle(session, batch)), Settled)
    }

    fn expire(&self, now: Timestamp) -> Answer<'_, Expired> {
        answer!(self.0.work(Work::Expire(now)), Expired)
    }

    /// The folder's lock keeps a session alive, so the time does not matter.
    fn renew(&self, session: Session, _now: Timestamp) -> Answer<'_, Renewed> {
        answer!(self.0.work(Work::Renew(session)), Renewed)
    }

    fn change(&self, change: Change) -> Answer<'_, Changed> {
        answer!(self.0.work(Work::Change(change)), Changed)
    }

    fn append(&self, batch: Vec<Append>) -> Answer<'_, Vec<Appended>> {
        answer!(self.0.work(Work::Append(batch)), Appended)
    }

    fn history(&self, span: Span, after: Option<Position>, limit: usize) -> Answer<'_, Stretch> {
        answer!(self.0.query(Query::History(span, after, limit)), History)
    }

    fn ticket(&self, tenant: &Name, id: MessageId) -> Answer<'_, Found<Ticket>> {
        let tenant = tenant.clone();
        answer!(self.0.query(Query::Ticket(tenant, id)), Ticket)
    }

    fn list(&self, tenant: &Name, filter: Filter, after: Option<Cursor>, limit: usize) -> Answer<'_, Page> {
        let tenant = tenant.clone();
        answer!(self.0.query(Query::List(tenant, filter, after, limit)), List)
    }

    fn detail(&self, tenant: &Name, id: DeliveryId) -> Answer<'_, Found<Detail>> {
        let tenant = tenant.clone();
        let found: Answer<'_, Box<Found<Detail>>> = answer!(self.0.query(Query::Detail(tenant, id)), Detail);
        Box::pin(async { Ok(*found.await?) })
    }

    fn backlog(&self) -> Answer<'_, Vec<Backlog>> {
        answer!(self.0.work(Work::Backlog), Backlog)
    }

    fn state(&self, scope: Scope) -> Answer<'_, Option<Versioned>> {
        answer!(self.0.query(Query::State(scope)), State)
    }

    fn states(&self, kind: ScopeKind) -> Answer<'_, Vec<(Scope, Versioned)>> {
        answer!(self.0.query(Query::States(kind)), States)
    }

    fn put_state(&self, scope: Scope, expected: u64, value: Bytes) -> Answer<'_, bool> {
        answer!(self.0.work(Work::PutState(scope, expected, value)), Put)
    }

    fn forget_state(&self, scope: Scope, expected: u64) -> Answer<'_, bool> {
        answer!(self.0.work(Work::ForgetState(scope, expected)), Forgotten)
    }

    fn prune(&self, retention: Retention, now: Timestamp) -> Answer<'_, Pruned> {
        answer!(self.0.work(Work::Prune(retention, now)), Pruned)
    }

    fn ready(&self) -> Readiness {
        self.0.readiness()
    }
}
