//! An API to develop against: answers as badly as it is told to, and remembers what it was asked.
//!
//! [`Behaviour`] decides what happens to the n-th request, by its number alone, so that a test can foretell it. `GET /__mock/requests` and
//! `GET /__mock/count` tell what came; they are not counted themselves.

mod answer;
mod behaviour;
mod connection;
mod memory;
mod syntax;

pub use behaviour::{Behaviour, Content, Latency, Occasions, Statuses};
pub use memory::{Counts, Outcome, Recorded};
pub use syntax::{NotABehaviour, bytes_per_second, percentage};

use crate::doors::SystemClock;
use contract::Clock;
use memory::Memory;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

/// Connections at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 4096;
/// What follows an accept that failed: no file handles left, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Is told of each request when it is decided what happens to it.
pub type Observer = Arc<dyn Fn(&Recorded) + Send + Sync>;

/// A mock API that is running. Dropping it leaves it running until the runtime ends; [`Self::stop`] ends it.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    tasks: TaskTracker,
}

struct Shared {
    behaviour: Behaviour,
    clock: Arc<dyn Clock>,
    memory: Mutex<Memory>,
    observer: Observer,
}

impl Server {
    /// Listens on `listen`; port 0 picks a free one.
    ///
    /// # Errors
    /// The address is taken or forbidden.
    pub async fn start(behaviour: Behaviour, listen: SocketAddr) -> std::io::Result<Self> {
        Self::start_observed(behaviour, listen, Arc::new(|_| {})).await
    }

    /// As [`Self::start`], with somebody who is told of each request.
    ///
    /// # Errors
    /// The address is taken or forbidden.
    pub async fn start_observed(
        behaviour: Behaviour,
        listen: SocketAddr,
        observer: Observer,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let clock = Arc::new(SystemClock::new());
        let shared = Arc::new(Shared { behaviour, clock, memory: Mutex::default(), observer });
        let (stop, stopped) = watch::channel(false);
        let tasks = TaskTracker::new();
        tasks.spawn(accept(listener, Arc::clone(&shared), stopped, tasks.clone()));
        tasks.close();
        Ok(Self { address, shared, stop, tasks })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests came, and what happened to them.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.memory.lock().counts().clone()
    }

    /// The last requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.memory.lock().recorded().cloned().collect()
    }

    /// Closes the listener and all connections, also those that hang, and waits for that.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.tasks.wait().await;
    }
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
    tasks: TaskTracker,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await.map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>((listener.accept().await?.0, permit))
        };
        let accepted = tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => return,
            accepted = next => accepted,
        };
        let Ok((stream, permit)) = accepted else {
            shared.clock.sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (shared, mut stopped) = (Arc::clone(&shared), stopped.clone());
        tasks.spawn(async move {
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => {}
                () = connection::serve(stream, shared) => {}
            }
            drop(permit);
        });
    }
}

#[cfg(test)]
mod tests;
