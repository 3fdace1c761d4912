//! One running Fanlight: store, engine and both listeners, from start to stop.

pub mod watcher;

use crate::api::admin::{self, Admin, Peer};
use crate::api::door::Door;
use crate::api::front::Front;
use crate::api::server::{Bounds, ListenError, listen, serve};
use crate::config::{Config, StoreLocation};
use crate::doors::{SystemClock, SystemEntropy};
use crate::telemetry::logs::Log;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::tail::Tail;
use crate::wiring::{Wiring, WiringError};
use arc_swap::ArcSwap;
use axum::body::Body;
use contract::store::{Fault, Readiness, Store};
use contract::{Clock, MessageId, delivery::Death};
use engine::happened::{Happened, Listener};
use engine::{Doors, Engine};
use expressions::{Runner, RunnerOptions};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use stores::sqlite::{OpenError, Options, SLICE_TIME, Sqlite, Sync};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// A slice takes messages for so long at least, however short the retention: each is a file.
const SLICE_TIME_MIN: Duration = Duration::from_secs(1);

/// One running Fanlight.
pub struct App {
    /// The engine.
    pub engine: Arc<Engine>,
    /// Where the front door listens.
    pub front_address: SocketAddr,
    /// Where the admin door listens.
    pub admin_address: SocketAddr,
    front: Arc<Front>,
    wiring: Arc<Wiring>,
    store: Opened,
    clock: Arc<dyn Clock>,
    config: Mutex<Arc<Config>>,
    /// What addresses, store and limits of the process were made from.
    started_with: Arc<Config>,
    stop: watch::Sender<bool>,
    servers: TaskTracker,
}

/// A Fanlight cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address is taken.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store failed at once.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A target cannot be built.
    #[error(transparent)]
    Wiring(#[from] WiringError),
}

/// A configuration that the running process cannot take.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// A target cannot be built.
    #[error(transparent)]
    Wiring(#[from] WiringError),
    /// The store could not keep a shape.
    #[error(transparent)]
    Store(#[from] Fault),
}

enum Opened {
    Sqlite(Arc<Sqlite>),
    Memory,
}

/// Passes on what the store tells about itself.
struct Relay(Vec<Arc<dyn Listener>>);

impl contract::store::Watcher for Relay {
    fn committed(&self, commit: contract::store::Commit) {
        self.0.iter().for_each(|listener| listener.on(&Happened::Committed(commit)));
    }

    fn corrupt(&self, message: MessageId, _: Death) {
        self.0.iter().for_each(|listener| listener.on(&Happened::Corrupted { message }));
    }

    fn damaged(&self, file: &str, detail: &str) {
        self.0.iter().for_each(|listener| listener.on(&Happened::Damaged { file, detail }));
    }

    fn sound(&self, file: &str) {
        self.0.iter().for_each(|listener| listener.on(&Happened::Sound { file }));
    }

    fn turned(&self, readiness: Readiness) {
        self.0.iter().for_each(|listener| listener.on(&Happened::Turned(readiness)));
    }

    fn failed(&self, detail: &str) {
        tracing::error!(detail, "the store failed and cannot go on");
    }
}

impl App {
    /// Opens the store, takes up what an earlier process left, and serves.
    ///
    /// # Errors
    /// [`StartError`]
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let (front_listener, admin_listener) =
            (listen("listen", config.listen).await?, listen("admin", config.admin).await?);
        let (metrics, tail) = (Arc::new(Metrics::default()), Arc::new(Tail::default()));
        let listeners: Vec<Arc<dyn Listener>> =
            vec![metrics.clone(), tail.clone(), Arc::new(Log::new(Arc::clone(&clock)))];
        let (store, opened) = open_store(&config, &clock, Relay(listeners.clone()))?;
        // Without a path to this executable, expressions that are not proven to end do not run; all others do.
        let options = RunnerOptions { worker: std::env::current_exe().ok(), ..RunnerOptions::default() };
        let wiring = Arc::new(Wiring::new(Runner::new(options, Arc::clone(&clock)), Arc::clone(&clock)));
        let plan = wiring.plan(&config)?;
        let doors = Doors {
            clock: Arc::clone(&clock),
            entropy: Arc::new(SystemEntropy),
            store,
            compile: wiring.clone(),
            report: wiring.clone(),
            listeners,
        };
        let settings = engine::Settings {
            node: config.node.clone(),
            retention: config.retention,
            accept_queue: config.limits.accept_queue,
            memory: config.limits.memory,
        };
        let engine = Engine::start(doors, settings).await?;
        let routes = engine.apply(plan).await?;
        let routing = ArcSwap::from_pointee(wiring.routing(&config, routes));
        let stop = watch::Sender::new(false);
        let front = Arc::new(Front { engine: Arc::clone(&engine), routing, stopping: stop.subscribe() });
        let config = Arc::new(config);
        let app = Self {
            front_address: address(&front_listener, config.listen),
            admin_address: address(&admin_listener, config.admin),
            engine,
            front,
            wiring,
            store: opened,
            clock,
            config: Mutex::new(Arc::clone(&config)),
            started_with: config,
            stop,
            servers: TaskTracker::new(),
        };
        app.warn_of_missing_targets();
        app.serve(front_listener, admin_listener, metrics, tail);
        Ok(app)
    }

    fn serve(&self, front: TcpListener, admin: TcpListener, metrics: Arc<Metrics>, tail: Arc<Tail>) {
        let config = self.config();
        let bounds = Bounds::new(config.limits.connections, config.shutdown_grace);
        let door = Arc::new(Door::new(Arc::clone(&self.front)));
        let handle = move |request, _| {
            let door = Arc::clone(&door);
            async move { door.handle(request).await }
        };
        let (stop, clock) = (self.stop.subscribe(), Arc::clone(&self.clock));
        self.servers.spawn(serve(front, bounds, stop, clock, handle));
        let router = admin::router(Arc::new(Admin { front: Arc::clone(&self.front), metrics, tail }));
        let handle = move |mut request: http::Request<hyper::body::Incoming>, peer: SocketAddr| {
            let router = router.clone();
            request.extensions_mut().insert(Peer(peer));
            async move {
                match router.oneshot(request.map(Body::new)).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            }
        };
        let (stop, clock) = (self.stop.subscribe(), Arc::clone(&self.clock));
        self.servers.spawn(serve(admin, bounds, stop, clock, handle));
        self.servers.close();
    }

    /// The configuration in use.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.lock())
    }

    /// Takes a new configuration into use without dropping a request. Addresses, the store and limits of the process stay as they
    /// are until the next start; a warning names those that differ.
    ///
    /// # Errors
    /// [`ReloadError`]: the old configuration goes on.
    pub async fn reload(&self, config: Config) -> Result<(), ReloadError> {
        let routes = self.engine.apply(self.wiring.plan(&config)?).await?;
        self.front.routing.store(Arc::new(self.wiring.routing(&config, routes)));
        for key in self.needs_restart(&config) {
            tracing::warn!(key, "this setting changes only with a restart");
        }
        *self.config.lock() = Arc::new(config);
        self.warn_of_missing_targets();
        Ok(())
    }

    /// The keys of this configuration that need a restart: those that differ from what the process was started with, whatever files
    /// came between.
    #[must_use]
    pub fn needs_restart(&self, config: &Config) -> Vec<&'static str> {
        fixed_differences(&self.started_with, config)
    }

    /// Ends when the process cannot go on, with the reason.
    pub async fn failure(&self) -> String {
        self.engine.failure().await
    }

    /// Stops accepting, finishes what is in flight for at most `grace`, settles it and closes the store.
    pub async fn stop(self, grace: Duration) {
        self.stop.send_replace(true);
        self.engine.stop(grace).await;
        self.servers.wait().await;
        match self.store {
            Opened::Sqlite(store) => store.close(),
            Opened::Memory => {}
        }
    }

    fn warn_of_missing_targets(&self) {
        for view in self.engine.views() {
            if view.reason == Some(engine::policy::hold::Reason::NoTarget) {
                tracing::warn!(target = %view.name, "the configuration does not have this target; its deliveries are held until it returns");
            }
        }
    }
}

fn open_store(
    config: &Config,
    clock: &Arc<dyn Clock>,
    relay: Relay,
) -> Result<(Arc<dyn Store>, Opened), OpenError> {
    let (folder, sync) = match &config.store {
        StoreLocation::Memory => {
            return Ok((Arc::new(stores::memory::Memory::new(Arc::clone(clock))), Opened::Memory));
        }
        StoreLocation::Sqlite(folder) => (folder, Sync::Full),
        StoreLocation::Unsynced(folder) => (folder, Sync::Off),
    };
    // Retention drops whole slices, so it is at most a quarter later than it says.
    let slice_time = SLICE_TIME.min((config.retention.time / 4).max(SLICE_TIME_MIN));
    let options = Options { sync, slice_time, ..Options::new(Arc::new(relay), Arc::clone(clock)) };
    let store = Arc::new(Sqlite::open(folder, options)?);
    Ok((store.clone(), Opened::Sqlite(store)))
}

/// Where it listens in fact: the configuration may say port 0.
fn address(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

/// The keys that differ although a running process cannot change them.
fn fixed_differences(old: &Config, new: &Config) -> Vec<&'static str> {
    let keys = [
        ("listen", old.listen != new.listen),
        ("admin", old.admin != new.admin),
        ("store", old.store != new.store),
        ("node", old.node != new.node),
        ("retention", old.retention != new.retention),
        ("limits", old.limits != new.limits),
        ("log", old.log != new.log),
    ];
    keys.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
}
