//! The engine as a whole: its doors, its lanes, its tasks from start to stop.

mod holds;

mod tasks;

pub use holds::HoldError;

use crate::commit::{self, Inbox};
use crate::deliver;
use crate::dispatch::lane::{Lane, Memory, View};
use crate::dispatch::{self, Wake};
use crate::happened::{Happened, Listener};
use crate::intake::Offered;
use crate::plan::{Compile, Plan, Ray, Route};
use crate::policy::hold::Reason;
use crate::settle::Done;
use crate::watch::Watch;
use arc_swap::ArcSwap;
use contract::delivery::{ErrorClass, ShapeId, Standing};
use contract::expression::Expression;
use contract::query::{Change, Changed};
use contract::store::{Fault, Lease, Retention, Scope, ScopeKind, Session, Store};
use contract::target::{Lasting, Outcome};
use contract::{Clock, Entropy, MessageId, Name, Timestamp, limits};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

/// What the engine reaches the world through.
pub struct Doors {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Durable memory.
    pub store: Arc<dyn Store>,
    /// For shapes that only an earlier configuration had.
    pub compile: Arc<dyn Compile>,
    /// Who hears what happens.
    pub listeners: Vec<Arc<dyn Listener>>,
}

/// What one engine may use.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of this node.
    pub node: Name,
    /// What may be forgotten.
    pub retention: Retention,
    /// Requests that may wait for a commit at once.
    pub accept_queue: usize,
    /// Bytes of message bodies that wait in memory.
    pub memory: usize,
}

impl Default for Settings {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            node: Name::default_tenant(),
            retention: Retention { time: DAY * 7, dead: DAY * 30, bytes: 10_000_000_000 },
            accept_queue: limits::ACCEPT_QUEUE_MAX,
            memory: limits::WINDOW_BYTES_MAX,
        }
    }
}

/// One running engine.
pub struct Engine {
    pub(crate) doors: Doors,
    session: Session,
    lanes: ArcSwap<Vec<Arc<Lane>>>,
    memory: Arc<Memory>,
    shapes: Mutex<HashMap<ShapeId, Arc<dyn Expression>>>,
    retention: Retention,
    pub(crate) offers: mpsc::Sender<Offered>,
    done: mpsc::Sender<Done>,
    pub(crate) wake: Wake,
    keep: Wake,
    /// Who waits for tickets.
    pub watch: Arc<Watch>,
    pub(crate) stop: watch::Sender<bool>,
    couriers_gone: watch::Sender<bool>,
    failed: watch::Sender<Option<String>>,
    couriers: TaskTracker,
    pub(crate) services: TaskTracker,
}

impl Engine {
    /// Opens a session of the store, takes up what earlier ones left, and starts the tasks. Nothing is sent before `apply`.
    ///
    /// # Errors
    /// The store's.
    pub async fn start(doors: Doors, settings: Settings) -> Result<Arc<Self>, Fault> {
        let session = doors.store.open(&settings.node, doors.clock.now()).await?;
        let (offers, offered) = mpsc::channel(settings.accept_queue.max(1));
        let (done, finished) = mpsc::channel(limits::SETTLE_QUEUE_MAX);
        let engine = Arc::new(Self {
            doors,
            session,
            lanes: ArcSwap::default(),
            memory: Arc::new(Memory::new(settings.memory)),
            shapes: Mutex::default(),
            retention: settings.retention,
            offers,
            done,
            wake: Wake::default(),
            keep: Wake::default(),
            watch: Arc::default(),
            stop: watch::Sender::new(false),
            couriers_gone: watch::Sender::new(false),
            failed: watch::Sender::new(None),
            couriers: TaskTracker::new(),
            services: TaskTracker::new(),
        });
        engine.recall().await?;
        let services = &engine.services;
        let (stop, couriers_gone) = (engine.stop.subscribe(), engine.couriers_gone.subscribe());
        let inbox = Inbox { offers: offered, done: finished, stop, couriers_gone };
        services.spawn(commit::run(Arc::clone(&engine), inbox));
        services.spawn(dispatch::run(Arc::clone(&engine)));
        services.spawn(tasks::keep_holds(Arc::clone(&engine)));
        services.spawn(tasks::renew(Arc::clone(&engine)));
        services.spawn(tasks::prune(Arc::clone(&engine)));
        engine.recall_redrives().await?;
        services.close();
        Ok(engine)
    }

    /// A lane for every target that has work on disk or a hold, with or without a plan.
    async fn recall(&self) -> Result<(), Fault> {
        for backlog in self.doors.store.backlog().await? {
            let lane = self.lane(&backlog.tenant, &backlog.target);
            if let Some(due) = backlog.oldest_due {
                // Nobody to wake yet.
                let _sooner: bool = lane.note_due(due);
            }
        }
        for (scope, kept) in self.doors.store.states(ScopeKind::Target).await? {
            if let Scope::Target(tenant, name) = scope {
                self.lane(&tenant, &name).recall_hold(&kept.value);
            }
        }
        Ok(())
    }

    /// Takes a configuration into use; gives its routes in order. Deliveries of targets that it does not have are held.
    ///
    /// # Errors
    /// The store's: then the configuration is not in use.
    pub async fn apply(&self, plan: Plan) -> Result<Vec<Arc<Route>>, Fault> {
        for shape in plan.targets.iter().filter_map(|target| target.shape.as_ref()) {
            let text = bytes::Bytes::copy_from_slice(shape.text.as_bytes());
            // Already there: the same text, since its hash is its name.
            self.doors.store.put_state(Scope::Shape(shape.id), 0, text).await?;
            self.shapes.lock().insert(shape.id, Arc::clone(&shape.expression));
        }
        let tenant = Name::default_tenant();
        let targets: Vec<_> = plan.targets.into_iter().map(Arc::new).collect();
        for lane in self.lanes().iter().filter(|lane| !targets.iter().any(|target| target.name == lane.name))
        {
            lane.set_plan(None);
            self.give_back(lane, lane.take_all()).await;
        }
        for target in &targets {
            self.lane(&tenant, &target.name).set_plan(Some(Arc::clone(target)));
        }
        let routes = plan.routes.into_iter().map(|route| {
            let rays = route.to.iter().filter_map(|name| {
                let target = targets.iter().find(|target| target.name == *name)?;
                Some(Ray {
                    lane: self.lane(&tenant, name),
                    when: target.when.clone(),
                    shape: target.shape.as_ref().map(|shape| shape.id),
                    first_wait: target.retry.wait(0, self.doors.entropy.bits()).unwrap_or_default(),
                })
            });
            Arc::new(Route {
                name: route.name,
                deadline: route.deadline,
                key: route.key,
                rays: rays.collect(),
                targets: route.to.into(),
            })
        });
        let routes = routes.collect();
        self.wake.wake();
        Ok(routes)
    }

    /// Ends what is not in flight of a message; what is in flight ends by itself and is not tried again.
    ///
    /// # Errors
    /// The store's.
    pub async fn cancel(&self, tenant: &Name, message: MessageId) -> Result<Changed, Fault> {
        let taken: Vec<Lease> = self.lanes().iter().flat_map(|lane| lane.take_back(message)).collect();
        let unsent = taken.iter().map(|lease| lease.delivery.id).collect();
        let changed =
            self.doors.store.change(Change::Cancel { tenant: tenant.clone(), message, unsent }).await?;
        let now = self.doors.clock.now();
        for (delivery, target) in &changed.deliveries {
            let (standing, age) = (Standing::Cancelled, now.since(message.made()));
            self.tell(&Happened::Settled { message, delivery: *delivery, target, standing, age });
            // The next of its order key may be due now.
            self.put_on_disk(&self.lane(tenant, target), now);
        }
        self.watch.changed(message);
        Ok(changed)
    }

    /// Stops taking and starting, waits up to `grace` for what is in flight, settles it, and gives the rest back.
    pub async fn stop(&self, grace: Duration) {
        self.stop.send_replace(true);
        for lane in self.lanes().iter() {
            lane.stop();
            self.give_back(lane, lane.take_all()).await;
        }
        self.couriers.close();
        tokio::select! {
            biased;
            () = self.couriers.wait() => {}
            () = self.doors.clock.sleep(grace) => {}
        }
        self.couriers_gone.send_replace(true);
        self.services.wait().await;
    }

    /// Ends when the engine cannot go on, with the reason.
    pub async fn failure(&self) -> String {
        let mut failed = self.failed.subscribe();
        match failed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// The targets as people see them.
    #[must_use]
    pub fn views(&self) -> Vec<View> {
        let now = self.doors.clock.now();
        self.lanes().iter().map(|lane| lane.view(now)).collect()
    }

    /// Why a target is not called now, if it is not.
    #[must_use]
    pub fn held(&self, target: &Name) -> Option<Reason> {
        let lanes = self.lanes.load();
        let lane = lanes.iter().find(|lane| lane.name == *target);
        lane.map_or(Some(Reason::NoTarget), |lane| lane.reason(self.doors.clock.now()))
    }

    /// The store, for questions that need no rule.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.doors.store
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.doors.clock
    }

    /// A delivery is on disk and due at this time: the dispatcher looks for it then.
    pub(crate) fn put_on_disk(&self, lane: &Lane, at: Timestamp) {
        if lane.note_due(at) {
            self.wake.wake();
        }
    }

    /// Tells every listener.
    pub fn tell(&self, happened: &Happened<'_>) {
        for listener in &self.doors.listeners {
            listener.on(happened);
        }
    }

    pub(crate) fn session(&self) -> Session {
        self.session
    }

    pub(crate) fn lanes(&self) -> Arc<Vec<Arc<Lane>>> {
        self.lanes.load_full()
    }

    /// The lane of a target, made when it is not there.
    pub(crate) fn lane(&self, tenant: &Name, name: &Name) -> Arc<Lane> {
        let is = |lane: &&Arc<Lane>| lane.name == *name && lane.tenant == *tenant;
        if let Some(lane) = self.lanes.load().iter().find(is) {
            return Arc::clone(lane);
        }
        let new = Arc::new(Lane::new(tenant.clone(), name.clone(), Arc::clone(&self.memory)));
        self.lanes.rcu(|lanes| {
            let mut lanes = lanes.to_vec();
            if !lanes.iter().any(|lane| is(&lane)) {
                lanes.push(Arc::clone(&new));
            }
            lanes
        });
        self.lanes.load().iter().find(is).map_or(new, Arc::clone)
    }

    pub(crate) fn courier(self: &Arc<Self>, lane: &Arc<Lane>, lease: Lease) {
        self.couriers.spawn(deliver::courier(Arc::clone(self), Arc::clone(lane), lease));
    }

    /// What was leased and not sent goes back to the disk.
    async fn give_back(&self, lane: &Arc<Lane>, leases: Vec<Lease>) {
        for lease in leases {
            self.settle(deliver::done(lane, &lease, None, Standing::Due(lease.message.received))).await;
        }
    }

    pub(crate) async fn settle(&self, done: Done) {
        // The settler has gone only after a failure or past the grace period: the next session finds the delivery leased.
        drop(self.done.send(done).await);
    }

    /// The expression of a shape, from the plan or, when that has changed, from the store.
    pub(crate) async fn shape(&self, id: ShapeId) -> Result<Arc<dyn Expression>, Outcome> {
        if let Some(shape) = self.shapes.lock().get(&id) {
            return Ok(Arc::clone(shape));
        }
        let own = |lasting, detail: &str| deliver::own(ErrorClass::LocalConfig, lasting, detail);
        let kept = self.doors.store.state(Scope::Shape(id)).await;
        let kept = kept.map_err(|fault| own(Lasting::Passing, &fault.to_string()))?;
        let kept =
            kept.ok_or_else(|| own(Lasting::Lasting, "the shape pinned at accept is not in the store"))?;
        let text = String::from_utf8_lossy(&kept.value);
        let compiled = self.doors.compile.compile(&text);
        let shape = compiled
            .ok_or_else(|| own(Lasting::Lasting, "the shape pinned at accept does not compile any more"))?;
        self.shapes.lock().insert(id, Arc::clone(&shape));
        Ok(shape)
    }

    pub(crate) fn store_failed(&self, fault: &Fault) {
        match fault {
            Fault::Full | Fault::Corrupt { .. } => {}
            Fault::Fatal { .. } | Fault::Closed | Fault::Failed { .. } => {
                self.failed.send_if_modified(|failed| {
                    let first = failed.is_none();
                    failed.get_or_insert_with(|| fault.to_string());
                    first
                });
            }
        }
    }
}
