//! What all verbs of the engine share: its doors, its lanes, its queues.

use crate::deadlines::Deadlines;
use crate::dispatch::lane::{Lane, View};
use crate::dispatch::memory::Memory;
use crate::done::Done;
use crate::happened::{Happened, Listener};
use crate::hosts::Hosts;
use crate::offer::Offered;
use crate::plan::{Compile, Report};
use crate::policy::hold::Reason;
use crate::replay::running::Running;
use crate::route::Route;
use crate::wake::Wake;
use crate::watch::Watch;
use arc_swap::ArcSwap;
use contract::delivery::{Capture, ShapeId};
use contract::line::Line;
use contract::mould::Mould;
use contract::store::{Fault, Retention, Session, Store};
use contract::{Clock, Entropy, Name, Timestamp, limits};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
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
    /// For callbacks.
    pub report: Arc<dyn Report>,
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
    pub(crate) session: Session,
    pub(crate) all_lanes: ArcSwap<Vec<Arc<Lane>>>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) hosts: Hosts,
    /// The routes of every configuration that somebody still works by, the one in use last.
    pub(crate) routes: Mutex<Vec<Weak<Route>>>,
    /// The replays that go on.
    pub(crate) running: Mutex<Vec<Running>>,
    pub(crate) shapes: Mutex<HashMap<ShapeId, Arc<dyn Mould>>>,
    pub(crate) retention: Retention,
    pub(crate) offers: mpsc::Sender<Offered>,
    pub(crate) done: mpsc::Sender<Done>,
    pub(crate) wake: Wake,
    pub(crate) keep: Wake,
    pub(crate) deadlines: Deadlines,
    /// Who waits for tickets.
    pub watch: Arc<Watch>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) couriers_gone: watch::Sender<bool>,
    /// The grace period is over: a disk that is full is not waited for any more.
    pub(crate) give_up: AtomicBool,
    pub(crate) failed: watch::Sender<Option<String>>,
    pub(crate) couriers: TaskTracker,
    pub(crate) services: TaskTracker,
}

impl Engine {
    pub(crate) fn new(
        doors: Doors,
        settings: &Settings,
        session: Session,
        offers: mpsc::Sender<Offered>,
        done: mpsc::Sender<Done>,
    ) -> Self {
        Self {
            doors,
            session,
            all_lanes: ArcSwap::default(),
            memory: Arc::new(Memory::new(settings.memory)),
            hosts: Hosts::default(),
            routes: Mutex::default(),
            running: Mutex::default(),
            shapes: Mutex::default(),
            retention: settings.retention,
            offers,
            done,
            wake: Wake::default(),
            keep: Wake::default(),
            deadlines: Deadlines::default(),
            watch: Arc::default(),
            stop: watch::Sender::new(false),
            couriers_gone: watch::Sender::new(false),
            give_up: AtomicBool::new(false),
            failed: watch::Sender::new(None),
            couriers: TaskTracker::new(),
            services: TaskTracker::new(),
        }
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
        let lanes = self.all_lanes.load();
        let lane = lanes.iter().find(|lane| lane.name == *target);
        lane.map_or(Some(Reason::NoTarget), |lane| lane.reason(self.doors.clock.now()))
    }

    /// What a target calls the failure that it answered with, if it says so and is known.
    #[must_use]
    pub fn error_code(&self, target: &Name, answer: &Capture) -> Option<String> {
        let lanes = self.all_lanes.load();
        lanes.iter().find(|lane| lane.name == *target)?.plan()?.target.error_code(answer)
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

    /// A delivery is on disk in this line and due at this time: the dispatcher looks for it then.
    pub(crate) fn put_on_disk(&self, lane: &Lane, line: Line, at: Timestamp) {
        if lane.note_due(line, at) {
            self.wake.wake();
        }
    }

    /// The same where the line is not known: the next claim tells.
    pub(crate) fn put_somewhere(&self, lane: &Lane, at: Timestamp) {
        Line::ALL.into_iter().for_each(|line| self.put_on_disk(lane, line, at));
    }

    /// Tells every listener.
    pub fn tell(&self, happened: &Happened<'_>) {
        for listener in &self.doors.listeners {
            listener.on(happened);
        }
    }

    pub(crate) fn gives_up(&self) -> bool {
        self.give_up.load(Ordering::SeqCst)
    }

    pub(crate) fn session(&self) -> Session {
        self.session
    }

    pub(crate) fn lanes(&self) -> Arc<Vec<Arc<Lane>>> {
        self.all_lanes.load_full()
    }

    /// The lane of a target, made when it is not there.
    pub(crate) fn lane(&self, tenant: &Name, name: &Name) -> Arc<Lane> {
        let is = |lane: &&Arc<Lane>| lane.name == *name && lane.tenant == *tenant;
        if let Some(lane) = self.all_lanes.load().iter().find(is) {
            return Arc::clone(lane);
        }
        let new = Arc::new(Lane::new(tenant.clone(), name.clone(), Arc::clone(&self.memory)));
        self.all_lanes.rcu(|lanes| {
            let mut lanes = lanes.to_vec();
            if !lanes.iter().any(|lane| is(&lane)) {
                lanes.push(Arc::clone(&new));
            }
            lanes
        });
        self.all_lanes.load().iter().find(is).map_or(new, Arc::clone)
    }

    pub(crate) async fn settle(&self, mut done: Done) {
        done.awaited = self.watch.is_watched(done.message);
        // The settler has gone only after a failure or past the grace period: the next session finds the delivery leased.
        drop(self.done.send(done).await);
    }

    pub(crate) fn store_failed(&self, fault: &Fault) {
        match fault {
            Fault::Full | Fault::Corrupt { .. } => {}
            Fault::Fatal { .. } | Fault::Closed | Fault::Failed { .. } => self.fail(fault),
        }
    }

    /// The process must end, and this is why.
    pub(crate) fn fail(&self, reason: &Fault) {
        self.failed.send_if_modified(|failed| {
            let first = failed.is_none();
            failed.get_or_insert_with(|| reason.to_string());
            first
        });
    }

    /// Runs to its end even if the caller goes away: a client that hangs up must not stop us between a commit and what follows from it.
    pub(crate) async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Result<T, Fault> {
        self.services.spawn(work).await.unwrap_or(Err(Fault::Closed))
    }
}
