//! What operators ask for: cancel, pause, resume, redrive, edit, discard, another configuration; and what just happens.

use super::Script;
use crate::mutant::Mutant;
use crate::reach::Feat;
use crate::recipe::Generation;
use crate::rule::Rule;
use contract::order::Parking;
use contract::query::{Change, Delivered, Edit, Filter, Sequence};
use contract::{DeliveryId, Entropy, MessageId, Name};
use engine::Engine;
use engine::holds::HoldError;
use engine::policy::breaker::Forced;
use engine::policy::hold::Hold;
use engine::probe::Probed;
use engine::redrive::{Manner, OnError, Selection};
use std::sync::Arc;
use std::time::Duration;

impl Script {
    /// Has the engine use another configuration.
    pub(super) async fn configure(&mut self, engine: &Arc<Engine>, generation: Generation) {
        let oracle = Arc::clone(&self.stage.network.scene.oracle);
        let number = {
            let mut book = oracle.book();
            book.generations.push(generation.clone());
            let number = book.generations.len() - 1;
            book.say(|| format!("configure {number}: {generation:?}"));
            book.configuring(number);
            number
        };
        match engine.apply(self.stage.plan(&generation)).await {
            Ok(routes) => {
                (self.routes, self.generation) = (routes.into(), number);
                oracle.book().configured(number);
            }
            Err(fault) => oracle.book().fail(Rule::Lively, format!("a configuration is refused: {fault}")),
        }
    }

    pub(super) async fn reload(&mut self, engine: &Arc<Engine>) {
        let oracle = Arc::clone(&self.stage.network.scene.oracle);
        let mut next = oracle.book().generations.last().cloned().unwrap_or_default();
        let target = self.some_target();
        match self.random.within(0..=2) {
            0 => {
                next.dropped.insert(target);
            }
            1 => next.dropped.clear(),
            _ => {
                if let Some(shape) = next.shapes.get_mut(target) {
                    *shape = Some(shape.unwrap_or_default() + 1);
                }
            }
        }
        if !oracle.book().unfinished().is_empty() {
            oracle.note(Feat::Reload);
        }
        self.configure(engine, next).await;
    }

    pub(super) async fn cancel(&self, engine: &Arc<Engine>) {
        let oracle = &self.stage.network.scene.oracle;
        let Some(id) = self.some_ticket() else { return };
        let delivered = if self.random.chance(50) { Delivered::Stays } else { Delivered::IsUndone };
        match engine.cancel(&Name::default_tenant(), id, delivered).await {
            Ok(changed) => oracle.book().cancelled.extend(changed.deliveries.into_iter().map(|(id, _)| id)),
            Err(fault) => oracle.book().fail(Rule::Lively, format!("{id} cannot be cancelled: {fault}")),
        }
    }

    pub(super) async fn pause(&self, engine: &Arc<Engine>) {
        self.pause_one(engine, self.some_target()).await;
    }

    pub(super) async fn pause_one(&self, engine: &Arc<Engine>, number: usize) {
        let oracle = &self.stage.network.scene.oracle;
        let Some(target) = self.stage.recipe.targets.get(number) else { return };
        oracle.trace(|| format!("pause t{number}"));
        // A target that has left the configuration before this process began is not known.
        if engine.pause(&target.name).await.is_ok() {
            oracle.book().paused(number);
        }
        if self.stage.mutant == Some(Mutant::IgnoredPause) {
            drop(engine.resume(&target.name).await);
        }
    }

    pub(super) async fn resume(&self, engine: &Arc<Engine>, number: usize) {
        let oracle = &self.stage.network.scene.oracle;
        let Some(target) = self.stage.recipe.targets.get(number) else { return };
        oracle.trace(|| format!("resume t{number}"));
        oracle.book().resuming(number);
        drop(engine.resume(&target.name).await);
    }

    /// Opens a breaker, keeps it closed, or leaves it to itself.
    pub(super) async fn force(&self, engine: &Arc<Engine>) {
        let oracle = &self.stage.network.scene.oracle;
        let number = self.some_target();
        let Some(target) = self.stage.recipe.targets.get(number) else { return };
        let known = engine.views().iter().any(|view| view.name == target.name);
        let forced = *self.random.pick(&[Some(Forced::Open), Some(Forced::Closed), None]).unwrap_or(&None);
        oracle.trace(|| format!("force t{number}: {forced:?}"));
        if !known {
            return;
        }
        // What is allowed from now on goes at once; what is not may be on its way.
        if forced != Some(Forced::Open) {
            oracle.book().forced(number, forced);
        }
        self.expect_hold(engine.force_breaker(&target.name, forced).await);
        match forced {
            Some(Forced::Open) => {
                oracle.book().forced(number, forced);
                oracle.note(Feat::ForcedOpen);
            }
            Some(Forced::Closed) => oracle.note(Feat::ForcedClosed),
            None => {}
        }
        if self.stage.mutant == Some(Mutant::IgnoredForce) {
            drop(engine.force_breaker(&target.name, None).await);
        }
    }

    /// Wants one delivery to go now.
    pub(super) async fn probe(&self, engine: &Arc<Engine>) {
        let oracle = &self.stage.network.scene.oracle;
        let number = self.some_target();
        let Some(target) = self.stage.recipe.targets.get(number) else { return };
        oracle.trace(|| format!("probe t{number}"));
        oracle.book().probing(number);
        let probed = engine.probe(&target.name).await;
        oracle.trace(|| format!("probed t{number}: {probed:?}"));
        oracle.book().probed(number, if let Ok(Probed::Sent(id)) = probed { Some(id) } else { None });
    }

    /// Resumes what stays shut until a person acts.
    pub(super) async fn resume_shut(&self, engine: &Arc<Engine>) {
        let views = engine.views();
        for (number, target) in self.stage.recipe.targets.iter().enumerate() {
            let hold = views.iter().find(|view| view.name == target.name).map(|view| &view.hold);
            let opened = |hold: &Hold| hold.forced == Some(Forced::Open);
            if hold.is_some_and(|hold| hold.paused || hold.disabled || opened(hold)) {
                self.resume(engine, number).await;
            }
        }
    }

    pub(super) async fn redrive(&self, engine: &Arc<Engine>) {
        let Some(id) = self.some_dead(engine).await else { return };
        self.expect(engine.revive(&Name::default_tenant(), id).await);
    }

    pub(super) async fn redrive_many(&self, engine: &Arc<Engine>) {
        let target = self.stage.recipe.targets.get(self.some_target()).map(|target| target.name.clone());
        let selection =
            Selection { target: target.filter(|_| self.random.chance(50)), ..Selection::default() };
        let manner = Manner {
            rate: self.random.chance(50).then_some(0.5),
            sequence: if self.random.chance(50) { Sequence::Oldest } else { Sequence::Newest },
            on_error: if self.random.chance(40) { OnError::Stop } else { OnError::GoOn },
        };
        self.expect(engine.redrive(&Name::default_tenant(), selection, manner).await);
    }

    /// Gives a dead delivery another body and another run.
    pub(super) async fn edit(&self, engine: &Arc<Engine>) {
        let Some(id) = self.some_dead(engine).await else { return };
        let tenant = Name::default_tenant();
        let Ok(contract::ticket::Found::Here(detail)) = engine.store().detail(&tenant, id).await else {
            return;
        };
        let n = crate::language::number(&detail.message.body).unwrap_or_default();
        // Each edit has a body of its own, so that one key with two bodies would be seen.
        let body = format!("{{\"n\":{n},\"edited\":{}}}", self.random.bits()).into();
        let edit = Edit { body, headers: detail.message.headers.clone() };
        let change = Change::Edit { tenant: tenant.clone(), delivery: id, edit, by: "somebody".to_owned() };
        self.change(engine, change).await;
        self.expect(engine.revive(&tenant, id).await);
    }

    pub(super) async fn discard(&self, engine: &Arc<Engine>) {
        let Some(id) = self.some_dead(engine).await else { return };
        self.expect(engine.discard(&Name::default_tenant(), vec![id]).await);
    }

    /// Lets some parked keys go on.
    pub(super) async fn release_keys(&self, engine: &Arc<Engine>, most: usize) {
        let filter = Filter { parked: Some(Parking::Any), ..Filter::default() };
        let Ok(page) = engine.store().list(&Name::default_tenant(), filter, None, most).await else { return };
        let ids: Vec<DeliveryId> = page.rows.iter().map(|row| row.id).collect();
        if !ids.is_empty() {
            self.stage.network.scene.oracle.book().released.extend(&ids);
            self.expect(engine.release(&Name::default_tenant(), ids).await);
        }
    }

    /// As the operators' door does it: the engine follows what the store was asked for.
    async fn change(&self, engine: &Arc<Engine>, change: Change) {
        let changed = engine.store().change(change).await;
        if let Ok(changed) = &changed {
            engine.follow(changed);
        }
        self.expect(changed);
    }

    pub(super) fn jump(&self) {
        let by = Duration::from_secs(*self.random.pick(&[1, 30, 600, 3600]).unwrap_or(&1));
        self.stage.network.scene.oracle.book().jumped();
        if self.random.chance(50) {
            self.stage.network.scene.clock.jump_forward(by);
        } else {
            self.stage.network.scene.oracle.book().jumping_back();
            self.stage.network.scene.clock.jump_back(by);
        }
    }

    /// A person looks at a ticket: it must say what happened.
    pub(super) async fn look(&self, engine: &Arc<Engine>) {
        let Some(id) = self.some_ticket() else { return };
        let tenant = Name::default_tenant();
        // Through the engine's store, so that a look is a place to die too; then without a pause between look and comparison.
        self.expect(engine.store().ticket(&tenant, id).await);
        self.stage.network.scene.oracle.compare(&*self.stage.tap.store, id).await;
    }

    fn some_ticket(&self) -> Option<MessageId> {
        let book = self.stage.network.scene.oracle.book();
        let tickets: Vec<MessageId> = book.acknowledged.values().copied().flatten().collect();
        self.random.pick(&tickets).copied()
    }

    async fn some_dead(&self, engine: &Arc<Engine>) -> Option<DeliveryId> {
        let page = engine.store().list(&Name::default_tenant(), Filter::default(), None, 50).await.ok()?;
        let ids: Vec<DeliveryId> = page.rows.iter().map(|row| row.id).collect();
        self.random.pick(&ids).copied()
    }

    fn expect_hold(&self, done: Result<(), HoldError>) {
        match done {
            Ok(()) | Err(HoldError::Unknown) => {}
            Err(HoldError::Store(fault)) => self.expect::<()>(Err(fault)),
        }
    }

    /// Nothing that is asked for may fail.
    fn expect<T>(&self, done: Result<T, contract::store::Fault>) {
        if let Err(fault) = done {
            let seen = format!("what was asked for failed: {fault}");
            self.stage.network.scene.oracle.book().fail(Rule::Lively, seen);
        }
    }
}
