//! The engine's life: from what an earlier process left, to what it leaves itself.

use crate::commit::{self, Inbox};
use crate::engine::{Doors, Engine, Settings};
use crate::{dispatch, expire, tasks};
use contract::limits;
use contract::store::{Fault, Scope, ScopeKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;

impl Engine {
    /// Opens a session of the store, takes up what earlier ones left, and starts the tasks. Nothing is sent before `apply`.
    ///
    /// # Errors
    /// The store's.
    pub async fn start(doors: Doors, settings: Settings) -> Result<Arc<Self>, Fault> {
        let session = doors.store.open(&settings.node, doors.clock.now()).await?;
        let (offers, offered) = mpsc::channel(settings.accept_queue.max(1));
        let (done, finished) = mpsc::channel(limits::SETTLE_QUEUE_MAX);
        let engine = Arc::new(Self::new(doors, &settings, session, offers, done));
        engine.recall().await?;
        // What they have in hand at a stop must be settled, so they end before the commits do.
        engine.couriers.spawn(dispatch::run(Arc::clone(&engine)));
        engine.couriers.spawn(expire::run(Arc::clone(&engine)));
        let services = &engine.services;
        let (stop, couriers_gone) = (engine.stop.subscribe(), engine.couriers_gone.subscribe());
        let inbox = Inbox { offers: offered, done: finished, stop, couriers_gone };
        services.spawn(commit::run(Arc::clone(&engine), inbox));
        services.spawn(tasks::keep_holds(Arc::clone(&engine)));
        services.spawn(tasks::renew(Arc::clone(&engine)));
        services.spawn(tasks::prune(Arc::clone(&engine)));
        engine.recall_redrives().await?;
        engine.recall_replays().await?;
        services.close();
        Ok(engine)
    }

    /// A lane for every target that has work on disk or a hold, with or without a plan.
    async fn recall(&self) -> Result<(), Fault> {
        self.recall_backlog().await?;
        for (scope, kept) in self.doors.store.states(ScopeKind::Target).await? {
            if let Scope::Target(tenant, name) = scope {
                self.lane(&tenant, &name).recall(&kept.value);
            }
        }
        Ok(())
    }

    /// Tells each lane what waits for it on disk: at the start, and now and then, since the store may free what it finds damage before.
    pub(crate) async fn recall_backlog(&self) -> Result<(), Fault> {
        for backlog in self.doors.store.backlog().await? {
            let lane = self.lane(&backlog.tenant, &backlog.target);
            if let Some(due) = backlog.oldest_due {
                self.put_somewhere(&lane, due);
            }
        }
        Ok(())
    }

    /// Stops taking and starting, waits up to `grace` for what is in flight, settles it, and gives the rest back.
    pub async fn stop(&self, grace: Duration) {
        // First, so that what they have learned is saved with the last holds.
        for lane in self.lanes().iter() {
            lane.stop();
        }
        self.stop.send_replace(true);
        self.couriers.close();
        tokio::select! {
            biased;
            () = self.couriers.wait() => {}
            () = self.doors.clock.sleep(grace) => {}
        }
        self.couriers_gone.send_replace(true);
        tokio::select! {
            biased;
            () = self.services.wait() => {}
            () = self.doors.clock.sleep(grace) => self.give_up.store(true, Ordering::SeqCst),
        }
        self.services.wait().await;
    }
}
