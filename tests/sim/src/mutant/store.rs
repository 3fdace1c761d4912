//! Bugs between the engine and its store.

use super::Mutant;
use crate::bent::Bend;
use bytes::Bytes;
use contract::delivery::{AttemptResult, Death, Standing, Suspicion};
use contract::line::Priority;
use contract::order::KeyFate;
use contract::part::{Duty, Rule};
use contract::query::{Change, Changed, Delivered};
use contract::store::{
    Accept, Accepted, Answer, Ask, Claimed, Expired, Fault, Lease, Moved, Scope, Session, Settled,
    Settlement, Settles, Store,
};
use contract::ticket::{Found, Ray, Ticket};
use contract::{Message, MessageId, Name, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Of so many chances, a bug that would stop everything takes one.
const ONE_IN: u64 = 4;

/// A bug in front of a store.
pub(crate) struct StoreBug {
    pub(crate) mutant: Mutant,
    /// How many processes there were before.
    pub(crate) lives: u32,
    pub(crate) chances: AtomicU64,
}

impl StoreBug {
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

    fn lose_moves(&self, moved: &mut Vec<Moved>) {
        if self.is(Mutant::LostMoves) {
            moved.clear();
        }
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
                Duty::Required | Duty::Optional | Duty::Undo(_) | Duty::Callback | Duty::Replay(_) => {}
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
        if self.is(Mutant::BlindPriority) {
            lease.delivery.priority = Priority::Normal;
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

impl Bend for StoreBug {
    fn accept<'a>(
        &'a self,
        store: &'a dyn Store,
        session: Session,
        mut batch: Vec<Accept>,
    ) -> Answer<'a, Vec<Accepted>> {
        batch.iter_mut().for_each(|accept| self.spoil_accept(accept));
        Box::pin(async move {
            let mut answers = store.accept(session, batch).await?;
            for answer in &mut answers {
                if let (Accepted::New { demoted, .. }, true) = (answer, self.is(Mutant::LeasedDemoted)) {
                    demoted.clear();
                }
            }
            Ok(answers)
        })
    }

    fn claim<'a>(
        &'a self,
        store: &'a dyn Store,
        session: Session,
        asks: Vec<Ask>,
        now: Timestamp,
    ) -> Answer<'a, Vec<Claimed>> {
        let early = if self.is(Mutant::EarlyClaim) { Duration::from_secs(3) } else { Duration::ZERO };
        Box::pin(async move {
            let mut claimed = store.claim(session, asks, now + early).await?;
            for one in &mut claimed {
                one.leases.iter_mut().for_each(|lease| self.spoil_lease(lease));
                if self.is(Mutant::LostLease) && !one.leases.is_empty() && self.strikes() {
                    one.leases.pop();
                }
            }
            Ok(claimed)
        })
    }

    fn settle<'a>(
        &'a self,
        store: &'a dyn Store,
        session: Session,
        mut batch: Vec<Settlement>,
    ) -> Answer<'a, Settles> {
        batch.iter_mut().for_each(|settlement| self.spoil_settlement(settlement));
        Box::pin(async move {
            if self.loses_settlements() && self.strikes() {
                return Ok(Settles { answers: vec![Settled::Recorded; batch.len()], moved: Vec::new() });
            }
            let mut settles = store.settle(session, batch.clone()).await?;
            if self.is(Mutant::DoubleSettle) {
                store.settle(session, batch).await?;
            }
            self.lose_moves(&mut settles.moved);
            Ok(settles)
        })
    }

    fn expire<'a>(&'a self, store: &'a dyn Store, now: Timestamp) -> Answer<'a, Expired> {
        if self.is(Mutant::EndlessWait) {
            return Box::pin(std::future::ready(Ok(Expired::default())));
        }
        store.expire(now)
    }

    fn change<'a>(&'a self, store: &'a dyn Store, change: Change) -> Answer<'a, Changed> {
        Box::pin(async move {
            let mut changed = match (change, self.mutant) {
                (Change::Cancel { message, .. }, Mutant::IgnoredCancel) => {
                    pretend_to_cancel(store, message).await?
                }
                (Change::Cancel { message, .. }, Mutant::CancelledOnTheWire) => {
                    cancel_all(store, message).await?
                }
                (change, _) => store.change(change).await?,
            };
            self.lose_moves(&mut changed.moved);
            Ok(changed)
        })
    }

    fn ticket<'a>(&'a self, store: &'a dyn Store, tenant: &Name, id: MessageId) -> Answer<'a, Found<Ticket>> {
        if !self.is(Mutant::AnotherAnswer) {
            return store.ticket(tenant, id);
        }
        let tenant = tenant.clone();
        Box::pin(async move {
            let mut found = store.ticket(&tenant, id).await?;
            if let Found::Here(ticket) = &mut found {
                let attempts = ticket.deliveries.iter_mut().flat_map(|ray| &mut ray.attempts);
                for attempt in attempts {
                    if let AttemptResult::Answered { capture, .. } = &mut attempt.result {
                        capture.body = Bytes::from_static(b"{\"said\":0}");
                    }
                }
            }
            Ok(found)
        })
    }

    fn put_state<'a>(
        &'a self,
        store: &'a dyn Store,
        scope: Scope,
        expected: u64,
        value: Bytes,
    ) -> Answer<'a, bool> {
        if self.is(Mutant::ForgottenPause) && matches!(scope, Scope::Target(..)) {
            return Box::pin(std::future::ready(Ok(true)));
        }
        store.put_state(scope, expected, value)
    }
}

async fn pretend_to_cancel(store: &dyn Store, message: MessageId) -> Result<Changed, Fault> {
    let due = |ray: &Ray| matches!(ray.standing, Standing::Due(_));
    let open = rays(store, message).await?.into_iter().filter(due);
    Ok(Changed { deliveries: open.map(|ray| (ray.id, ray.target)).collect(), moved: Vec::new() })
}

async fn cancel_all(store: &dyn Store, message: MessageId) -> Result<Changed, Fault> {
    let unsent = rays(store, message).await?.into_iter().map(|ray| ray.id).collect();
    let tenant = Name::default_tenant();
    store.change(Change::Cancel { tenant, message, unsent, delivered: Delivered::Stays }).await
}

async fn rays(store: &dyn Store, message: MessageId) -> Result<Vec<Ray>, Fault> {
    match store.ticket(&Name::default_tenant(), message).await? {
        Found::Here(ticket) => Ok(ticket.deliveries),
        Found::Gone | Found::Unknown => Ok(Vec::new()),
    }
}
