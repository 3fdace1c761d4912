//! Keeps the open connections of a target until they are used again or too old.

use super::shared::Shared;
use super::single::Single;
use contract::{Clock, Tick};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// The connections of a target. HTTP/1 connections are here only while idle; the newest is used first, so that the
/// oldest can grow old and go. Of an HTTP/2 connection there is one, for everybody.
pub(super) struct Pool {
    idle_max: usize,
    idle_for: Duration,
    inner: Mutex<Inner>,
    /// Held while somebody dials for everybody: before the server's HTTP version is known, and for HTTP/2.
    pub(super) gate: tokio::sync::Mutex<()>,
}

struct Inner {
    version: Version,
    /// The most lately used at the back.
    idle: VecDeque<Idle>,
    shared: Option<(Shared, Tick)>,
    sweeper: Sweeper,
}

/// What the server speaks, as far as known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// No connection yet.
    Unknown,
    /// Many connections.
    Http1,
    /// One connection.
    Http2,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sweeper {
    Runs,
    Rests,
}

struct Idle {
    connection: Box<Single>,
    expires: Tick,
}

/// A connection to use.
pub(super) enum Connection {
    /// Ours alone until it is put back.
    Single(Box<Single>),
    /// Everybody's.
    Shared(Shared),
}

/// Whether the pool has what to sweep and nobody who does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sweep {
    /// Start [`sweep`].
    Needed,
    /// Nothing to do.
    Unneeded,
}

impl Pool {
    pub(super) fn new(version: Version, idle_max: usize, idle_for: Duration) -> Self {
        let inner = Inner { version, idle: VecDeque::new(), shared: None, sweeper: Sweeper::Rests };
        Self { idle_max, idle_for, inner: Mutex::new(inner), gate: tokio::sync::Mutex::default() }
    }

    /// A connection that is open as far as known.
    pub(super) fn take(&self, now: Tick) -> Option<Connection> {
        let mut inner = self.lock();
        if let Some(shared) = inner.shared(now) {
            return Some(Connection::Shared(shared));
        }
        let newest = inner.idle.pop_back()?;
        if now < newest.expires {
            return Some(Connection::Single(newest.connection));
        }
        // The newest is too old: so are all. They are closed after the lock is released.
        let old = std::mem::take(&mut inner.idle);
        drop(inner);
        drop(old);
        None
    }

    /// Everybody's connection, if there is one.
    pub(super) fn shared(&self, now: Tick) -> Option<Shared> {
        self.lock().shared(now)
    }

    /// Puts a connection back. The server may have said for how long it keeps it open.
    pub(super) fn put(&self, connection: Box<Single>, now: Tick, kept_for: Option<Duration>) -> Sweep {
        let expires = Tick(now.0 + kept_for.map_or(self.idle_for, |time| time.min(self.idle_for)));
        let mut inner = self.lock();
        inner.idle.push_back(Idle { connection, expires });
        let surplus = if inner.idle.len() > self.idle_max { inner.idle.pop_front() } else { None };
        let sweep = inner.sweep();
        drop(inner);
        drop(surplus);
        sweep
    }

    /// Makes a connection everybody's.
    pub(super) fn share(&self, connection: Shared, now: Tick) -> Sweep {
        let mut inner = self.lock();
        inner.shared = Some((connection, now));
        inner.sweep()
    }

    /// Uses this connection no more; what goes over it ends as it may.
    pub(super) fn retire(&self, connection: &Shared) {
        let mut inner = self.lock();
        if inner.shared.as_ref().is_some_and(|(shared, _)| shared.is_same(connection)) {
            inner.shared = None;
        }
    }

    pub(super) fn version(&self) -> Version {
        self.lock().version
    }

    pub(super) fn learn(&self, version: Version) {
        self.lock().version = version;
    }

    /// Closes what is too old; whether anything is left.
    fn prune(&self, now: Tick) -> bool {
        let mut inner = self.lock();
        let mut old = Vec::new();
        while inner.idle.front().is_some_and(|oldest| oldest.expires <= now) {
            old.extend(inner.idle.pop_front());
        }
        let unused = inner.shared.take_if(|(_, used)| now.since(*used) >= self.idle_for);
        let is_left = !inner.idle.is_empty() || inner.shared.is_some();
        if !is_left {
            inner.sweeper = Sweeper::Rests;
        }
        drop(inner);
        drop((old, unused));
        is_left
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn shared(&mut self, now: Tick) -> Option<Shared> {
        self.shared.take_if(|(shared, _)| !shared.is_open());
        let (shared, used) = self.shared.as_mut()?;
        *used = now;
        Some(shared.clone())
    }

    fn sweep(&mut self) -> Sweep {
        match std::mem::replace(&mut self.sweeper, Sweeper::Runs) {
            Sweeper::Rests => Sweep::Needed,
            Sweeper::Runs => Sweep::Unneeded,
        }
    }
}

/// Closes old connections from time to time, until there are none or the target is gone.
pub(super) async fn sweep(pool: Weak<Pool>, clock: Arc<dyn Clock>, every: Duration) {
    loop {
        clock.sleep(every).await;
        match pool.upgrade() {
            Some(pool) if pool.prune(clock.tick()) => {}
            Some(_) | None => return,
        }
    }
}
