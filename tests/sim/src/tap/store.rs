//! A store that tells the oracle what was committed, is slow at times, full at times, and where a process can die.

use crate::fuse::{Fuse, Place, Work};
use crate::oracle::Oracle;
use crate::random::Random;
use crate::reach::Feat;
use crate::rule::Rule;
use bytes::Bytes;
use contract::history::{Append, Appended, Span, Stretch};
use contract::query::{Change, Changed, Cursor, Detail, Filter, Page};
use contract::store::{
    Accept, Accepted, Answer, Ask, Backlog, Claimed, Expired, Fault, Position, Pruned, Readiness, Renewed,
    Retention, Scope, ScopeKind, Session, Settled, Settlement, Settles, Store, Versioned,
};
use contract::ticket::{Found, Ticket};
use contract::{Clock, DeliveryId, MessageId, Name, Tick, Timestamp};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// The real store, watched.
pub(crate) struct StoreTap {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) oracle: Arc<Oracle>,
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) random: Random,
    pub(crate) clock: Arc<dyn Clock>,
    /// The disk is full until then.
    pub(crate) full_until: Mutex<Tick>,
    /// What a process that died would still have settled.
    pub(crate) late: Mutex<Option<(Session, Settlement)>>,
}

impl StoreTap {
    /// The disk has no room for so long.
    pub(crate) fn fill(&self, time: Duration) {
        *self.full_until.lock() = Tick(self.clock.tick().0 + time);
    }

    /// `call` is made only when the process gets so far: a store may do its work at once.
    async fn pass<'a, T>(
        &'a self,
        work: Work,
        call: impl FnOnce() -> Answer<'a, T> + Send,
        tell: impl FnOnce(&Oracle, &T) + Send,
    ) -> Result<T, Fault> {
        self.dally().await;
        self.fuse.at(Place::Before(work)).await;
        if self.is_full_for(work) {
            self.oracle.note(Feat::DiskFull);
            self.oracle.book().stir_all();
            return Err(Fault::Full);
        }
        let done = call().await;
        if let Ok(done) = &done {
            tell(&self.oracle, done);
        }
        self.fuse.at(Place::After(work)).await;
        self.dally().await;
        done
    }

    /// As a store with a thread of its own: other tasks get their turn, and time passes.
    async fn dally(&self) {
        match self.random.within(0..=9) {
            0 => self.clock.sleep(self.random.millis(1..=5)).await,
            1..=3 => tokio::task::yield_now().await,
            _ => {}
        }
    }

    fn is_full_for(&self, work: Work) -> bool {
        let full = self.clock.tick() < *self.full_until.lock();
        full && matches!(work, Work::Accept | Work::Settle | Work::Claim | Work::Expire)
    }

    /// The dead session's last settlement comes late: it must be refused.
    async fn settle_late(&self) {
        let Some((session, settlement)) = self.late.lock().take() else { return };
        match self.store.settle(session, vec![settlement]).await {
            Ok(Settles { answers, moved }) if answers == [Settled::Fenced] && moved.is_empty() => {
                self.oracle.note(Feat::Fenced);
            }
            answer => {
                let seen = format!("a settlement of the dead {session:?} was answered {answer:?}");
                self.oracle.book().fail(Rule::Fenced, seen);
            }
        }
    }
}

impl Store for StoreTap {
    fn open(&self, node: &Name, now: Timestamp) -> Answer<'_, Session> {
        let node = node.clone();
        Box::pin(async move {
            let tell = |oracle: &Oracle, session: &Session| oracle.book().opened(*session, now);
            let session = self.pass(Work::Open, move || self.store.open(&node, now), tell).await?;
            self.settle_late().await;
            self.oracle.compare_all(&*self.store).await;
            Ok(session)
        })
    }

    fn accept(&self, session: Session, batch: Vec<Accept>) -> Answer<'_, Vec<Accepted>> {
        Box::pin(async move {
            let offered = batch.clone();
            let tell = |oracle: &Oracle, answers: &Vec<Accepted>| {
                offered
                    .iter()
                    .zip(answers)
                    .for_each(|(accept, answer)| oracle.book().accepted(accept, answer));
            };
            self.pass(Work::Accept, move || self.store.accept(session, batch), tell).await
        })
    }

    fn claim(&self, session: Session, asks: Vec<Ask>, now: Timestamp) -> Answer<'_, Vec<Claimed>> {
        Box::pin(async move {
            // The wall clock may jump back before the store does it.
            let asked = self.clock.now();
            let tell = |oracle: &Oracle, answers: &Vec<Claimed>| {
                answers
                    .iter()
                    .flat_map(|one| &one.leases)
                    .for_each(|lease| oracle.book().claimed(lease, asked));
            };
            self.pass(Work::Claim, move || self.store.claim(session, asks, now), tell).await
        })
    }

    fn settle(&self, session: Session, batch: Vec<Settlement>) -> Answer<'_, Settles> {
        Box::pin(async move {
            *self.late.lock() = batch.last().cloned().map(|last| (session, last));
            let ended = batch.clone();
            let tell = |oracle: &Oracle, settles: &Settles| oracle.book().settled_all(&ended, settles);
            self.pass(Work::Settle, move || self.store.settle(session, batch), tell).await
        })
    }

    fn expire(&self, now: Timestamp) -> Answer<'_, Expired> {
        let tell = move |oracle: &Oracle, expired: &Expired| oracle.book().expired(expired, now);
        Box::pin(self.pass(Work::Expire, move || self.store.expire(now), tell))
    }

    fn renew(&self, session: Session, now: Timestamp) -> Answer<'_, Renewed> {
        Box::pin(self.pass(Work::Renew, move || self.store.renew(session, now), |_, _| {}))
    }

    fn change(&self, change: Change) -> Answer<'_, Changed> {
        Box::pin(async move {
            let asked = change.clone();
            let tell = |oracle: &Oracle, changed: &Changed| oracle.book().changed(&asked, changed);
            self.pass(Work::Change, move || self.store.change(change), tell).await
        })
    }

    /// No script asks for one: `tests/it/replay.rs` has the crashes of replays.
    fn append(&self, batch: Vec<Append>) -> Answer<'_, Vec<Appended>> {
        Box::pin(self.pass(Work::Change, move || self.store.append(batch), |_, _| {}))
    }

    fn history(&self, span: Span, after: Option<Position>, limit: usize) -> Answer<'_, Stretch> {
        Box::pin(self.pass(Work::Look, move || self.store.history(span, after, limit), |_, _| {}))
    }

    fn ticket(&self, tenant: &Name, id: MessageId) -> Answer<'_, Found<Ticket>> {
        let tenant = tenant.clone();
        let tell = move |oracle: &Oracle, _: &Found<Ticket>| oracle.book().looked(id);
        Box::pin(self.pass(Work::Look, move || self.store.ticket(&tenant, id), tell))
    }

    fn list(&self, tenant: &Name, filter: Filter, after: Option<Cursor>, limit: usize) -> Answer<'_, Page> {
        let tenant = tenant.clone();
        Box::pin(self.pass(Work::Look, move || self.store.list(&tenant, filter, after, limit), |_, _| {}))
    }

    fn detail(&self, tenant: &Name, id: DeliveryId) -> Answer<'_, Found<Detail>> {
        let tenant = tenant.clone();
        Box::pin(self.pass(Work::Look, move || self.store.detail(&tenant, id), |_, _| {}))
    }

    fn backlog(&self) -> Answer<'_, Vec<Backlog>> {
        Box::pin(self.pass(Work::Recall, move || self.store.backlog(), |_, _| {}))
    }

    fn state(&self, scope: Scope) -> Answer<'_, Option<Versioned>> {
        Box::pin(self.pass(Work::Look, move || self.store.state(scope), |_, _| {}))
    }

    fn states(&self, kind: ScopeKind) -> Answer<'_, Vec<(Scope, Versioned)>> {
        Box::pin(self.pass(Work::Recall, move || self.store.states(kind), |_, _| {}))
    }

    fn put_state(&self, scope: Scope, expected: u64, value: Bytes) -> Answer<'_, bool> {
        Box::pin(async move {
            let (what, kept) = (scope.clone(), value.clone());
            let tell = |oracle: &Oracle, put: &bool| {
                if *put {
                    oracle.book().hold_kept(&what, &kept);
                }
            };
            self.pass(Work::Keep, move || self.store.put_state(scope, expected, value), tell).await
        })
    }

    fn forget_state(&self, scope: Scope, expected: u64) -> Answer<'_, bool> {
        Box::pin(self.pass(Work::Keep, move || self.store.forget_state(scope, expected), |_, _| {}))
    }

    fn prune(&self, retention: Retention, now: Timestamp) -> Answer<'_, Pruned> {
        Box::pin(self.pass(Work::Prune, move || self.store.prune(retention, now), |_, _| {}))
    }

    fn ready(&self) -> Readiness {
        self.store.ready()
    }
}
