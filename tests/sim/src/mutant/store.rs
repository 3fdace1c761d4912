//! Bugs between the engine and its store.

use super::Mutant;
use bytes::Bytes;
use contract::delivery::{Death, Standing, Suspicion};
use contract::order::KeyFate;
use contract::part::{Duty, Rule};
use contract::query::{Change, Changed, Cursor, Delivered, Detail, Filter, Page};
use contract::store::{
    Accept, Accepted, Answer, Ask, Backlog, Claimed, Expired, Fault, Lease, Pruned, Readiness, Renewed,
    Retention, Scope, ScopeKind, Session, Settled, Settlement, Settles, Store, Versioned,
};
use contract::ticket::{Found, Ray, Ticket};
use contract::{DeliveryId, Message, MessageId, Name, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Of so many chances, a bug that would stop everything takes one.
const ONE_IN: u64 = 4;

/// A store with a bug in front of it.
pub(crate) struct MutantStore {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) mutant: Mutant,
    /// How many processes there were before.
    pub(crate) lives: u32,
    pub(crate) chances: AtomicU64,
}

impl MutantStore {
    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == mutant
    }

    /// One chance in [`ONE_IN`].
    fn strikes(&self) -> bool {
        self.chances.fetch_add(1, Ordering::Relaxed) % ONE_IN == ONE_IN - 1
    }

    fn loses_settlements(&self) -> bool {
        self.is(Mutant::LostSettle) || self.is(Mutant::LostSettleAfterCrash) && self.lives > 1
    }

    fn spoil_accept(&self, accept: &mut Accept) {
        if self.is(Mutant::ForgottenOnce) {
            accept.once = None;
        }
        if self.is(Mutant::BlindConflict)
            && let Some(once) = &mut accept.once
        {
            once.fingerprint = 0;
        }
        if self.is(Mutant::ForgottenQuorum) {
            accept.rule = Rule::All;
        }
        for start in accept.deliveries.iter_mut().filter(|start| start.standing == Standing::Waiting) {
            match start.part.duty {
                Duty::Required | Duty::Optional if self.is(Mutant::HastyDependent) => {
                    start.standing = Standing::Leased;
                }
                Duty::Undo(_) if self.is(Mutant::HastyUndo) => {
                    start.standing = Standing::Due(accept.message.received);
                }
                Duty::Required | Duty::Optional | Duty::Undo(_) | Duty::Callback => {}
            }
        }
        if self.is(Mutant::LostDelivery) && accept.deliveries.len() > 1 {
            accept.deliveries.pop();
        }
    }

    fn spoil_lease(&self, lease: &mut Lease) {
        if self.is(Mutant::DroppedSuspect) {
            lease.delivery.suspect = Suspicion::Clear;
        }
        if self.is(Mutant::FalseSuspect) {
            lease.delivery.suspect = Suspicion::PossiblyDuplicate;
        }
        if self.is(Mutant::IgnoredDeadline) {
            lease.message = Arc::new(Message { deadline: None, ..(*lease.message).clone() });
        }
    }

    fn spoil_settlement(&self, settlement: &mut Settlement) {
        let Some(attempt) = &settlement.attempt else { return };
        let began = attempt.began;
        let again = matches!(settlement.standing, Standing::Due(_));
        if again && self.is(Mutant::OptimisticSettle) {
            settlement.standing = Standing::Delivered;
        }
        if again && self.is(Mutant::SkippedBackoff) {
            settlement.standing = Standing::Due(began);
        }
        if again && self.is(Mutant::HastyGiveUp) {
            settlement.standing = Standing::Dead(Death::Exhausted);
        }
        if self.is(Mutant::RetriedDead) && settlement.standing == Standing::Dead(Death::Exhausted) {
            settlement.standing = Standing::Due(began + Duration::from_secs(1));
        }
        match settlement.standing {
            Standing::Due(_) if self.is(Mutant::HastyKey) => settlement.key_fate = KeyFate::Freed,
            Standing::Due(_) if self.is(Mutant::StubbornKey) => settlement.key_fate = KeyFate::Kept,
            Standing::Dead(_) if self.is(Mutant::ForgottenPark) => settlement.key_fate = KeyFate::Freed,
            Standing::Leased
            | Standing::Due(_)
            | Standing::Delivered
            | Standing::Dead(_)
            | Standing::Cancelled
            | Standing::Expired
            | Standing::Skipped
            | Standing::Waiting
            | Standing::Unmet => {}
        }
        if self.is(Mutant::UnrecordedAttempt) {
            settlement.attempt = None;
        }
    }
}

impl MutantStore {
    async fn pretend_to_cancel(&self, message: MessageId) -> Result<Changed, Fault> {
        let due = |ray: &Ray| matches!(ray.standing, Standing::Due(_));
        let open = self.rays(message).await?.into_iter().filter(due);
        Ok(Changed { deliveries: open.map(|ray| (ray.id, ray.target)).collect(), moved: Vec::new() })
    }

    async fn cancel_all(&self, message: MessageId) -> Result<Changed, Fault> {
        let unsent = self.rays(message).await?.into_iter().map(|ray| ray.id).collect();
        self.store
            .change(Change::Cancel {
                tenant: Name::default_tenant(),
                message,
                unsent,
                delivered: Delivered::Stays,
            })
            .await
    }

    async fn rays(&self, message: MessageId) -> Result<Vec<Ray>, Fault> {
        match self.store.ticket(&Name::default_tenant(), message).await? {
            Found::Here(ticket) => Ok(ticket.deliveries),
            Found::Gone | Found::Unknown => Ok(Vec::new()),
        }
    }
}

impl Store for MutantStore {
    fn open(&self, node: &Name, now: Timestamp) -> Answer<'_, Session> {
        self.store.open(node, now)
    }

    fn accept(&self, session: Session, mut batch: Vec<Accept>) -> Answer<'_, Vec<Accepted>> {
        batch.iter_mut().for_each(|accept| self.spoil_accept(accept));
        Box::pin(async move {
            let mut answers = self.store.accept(session, batch).await?;
            for answer in &mut answers {
                if let (Accepted::New { demoted, .. }, true) = (answer, self.is(Mutant::LeasedDemoted)) {
                    demoted.clear();
                }
            }
            Ok(answers)
        })
    }

    fn claim(&self, session: Session, asks: Vec<Ask>, now: Timestamp) -> Answer<'_, Vec<Claimed>> {
        let early = if self.is(Mutant::EarlyClaim) { Duration::from_secs(3) } else { Duration::ZERO };
        Box::pin(async move {
            let mut claimed = self.store.claim(session, asks, now + early).await?;
            for one in &mut claimed {
                one.leases.iter_mut().for_each(|lease| self.spoil_lease(lease));
                if self.is(Mutant::LostLease) && !one.leases.is_empty() && self.strikes() {
                    one.leases.pop();
                }
            }
            Ok(claimed)
        })
    }

    fn settle(&self, session: Session, mut batch: Vec<Settlement>) -> Answer<'_, Settles> {
        batch.iter_mut().for_each(|settlement| self.spoil_settlement(settlement));
        Box::pin(async move {
            if self.loses_settlements() && self.strikes() {
                return Ok(Settles { answers: vec![Settled::Recorded; batch.len()], moved: Vec::new() });
            }
            let settles = self.store.settle(session, batch.clone()).await?;
            if self.is(Mutant::DoubleSettle) {
                self.store.settle(session, batch).await?;
            }
            Ok(settles)
        })
    }

    fn expire(&self, now: Timestamp) -> Answer<'_, Expired> {
        if self.is(Mutant::EndlessWait) {
            return Box::pin(std::future::ready(Ok(Expired::default())));
        }
        self.store.expire(now)
    }

    fn renew(&self, session: Session, now: Timestamp) -> Answer<'_, Renewed> {
        self.store.renew(session, now)
    }

    fn change(&self, change: Change) -> Answer<'_, Changed> {
        match (change, self.mutant) {
            (Change::Cancel { message, .. }, Mutant::IgnoredCancel) => {
                Box::pin(self.pretend_to_cancel(message))
            }
            (Change::Cancel { message, .. }, Mutant::CancelledOnTheWire) => {
                Box::pin(self.cancel_all(message))
            }
            (change, _) => self.store.change(change),
        }
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

    fn state(&self, scope: Scope) -> Answer<'_, Option<Versioned>> {
        self.store.state(scope)
    }

    fn states(&self, kind: ScopeKind) -> Answer<'_, Vec<(Scope, Versioned)>> {
        self.store.states(kind)
    }

    fn put_state(&self, scope: Scope, expected: u64, value: Bytes) -> Answer<'_, bool> {
        if self.is(Mutant::ForgottenPause) && matches!(scope, Scope::Target(..)) {
            return Box::pin(std::future::ready(Ok(true)));
        }
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
