//! The door to the network: names become addresses, addresses become lines; a simulation has its own.

use super::alarm::until;
use super::classify;
use super::line::Line;
pub use super::unresolved::Unresolved;
use contract::{Clock, Promise, Tick};
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpSocket;

/// Finds and connects. Both calls end early when their promise is dropped; neither knows a time-out of its own.
pub trait Dial: Send + Sync {
    /// The addresses of a host name, best first. Never empty.
    fn resolve<'a>(&'a self, host: &'a str) -> Promise<'a, Result<Arc<[IpAddr]>, Unresolved>>;
    /// A line to one address.
    fn connect(&self, to: SocketAddr) -> Promise<'_, io::Result<Line>>;
}

/// The real network: the operating system's resolver behind a small cache, and TCP. One serves all targets.
pub struct Tcp {
    names: Names,
}

/// An idle line is probed after this time, so that a peer that vanished is noticed.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(15);

impl Tcp {
    /// With an empty cache.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { names: Names { clock, slots: Mutex::default() } }
    }
}

impl Dial for Tcp {
    fn resolve<'a>(&'a self, host: &'a str) -> Promise<'a, Result<Arc<[IpAddr]>, Unresolved>> {
        Box::pin(self.names.addresses(host, || look_up(host)))
    }

    fn connect(&self, to: SocketAddr) -> Promise<'_, io::Result<Line>> {
        Box::pin(async move {
            let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            let stream = socket.connect(to).await?;
            stream.set_nodelay(true)?;
            let probes =
                socket2::TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_AFTER);
            socket2::SockRef::from(&stream).set_tcp_keepalive(&probes)?;
            Ok(Line::tcp(stream))
        })
    }
}

async fn look_up(host: &str) -> Result<Arc<[IpAddr]>, Unresolved> {
    let found = tokio::net::lookup_host((host, 0)).await.map_err(|error| classify::look_up(&error))?;
    let addresses: Arc<[IpAddr]> = found.map(|address| address.ip()).collect();
    if addresses.is_empty() { Err(Unresolved::NoSuchName) } else { Ok(addresses) }
}

/// Remembers answers for a while. Many calls that ask for one name at once share one question.
struct Names {
    clock: Arc<dyn Clock>,
    slots: Mutex<HashMap<Box<str>, Slot>>,
}

type Slot = Arc<tokio::sync::Mutex<Option<Known>>>;

struct Known {
    answer: Result<Arc<[IpAddr]>, Unresolved>,
    until: Tick,
}

/// The resolver does not tell a record's own time to live; this is short enough for a move to another address.
const KNOWN_FOR: Duration = Duration::from_secs(30);
/// A refusal is remembered just long enough to spare the resolver a storm.
const REFUSED_FOR: Duration = Duration::from_secs(3);
/// Names in the cache; with one more, those that nobody waits for are forgotten.
const NAMES_MAX: usize = 1024;

impl Names {
    async fn addresses<F>(&self, host: &str, ask: impl FnOnce() -> F) -> Result<Arc<[IpAddr]>, Unresolved>
    where
        F: Future<Output = Result<Arc<[IpAddr]>, Unresolved>>,
    {
        let slot = self.slot(host);
        let mut known = slot.lock().await;
        if let Some(known) = known.as_ref().filter(|known| self.clock.tick() < known.until) {
            return known.answer.clone();
        }
        let answer = ask().await;
        let lasts = if answer.is_ok() { KNOWN_FOR } else { REFUSED_FOR };
        *known = Some(Known { answer: answer.clone(), until: Tick(self.clock.tick().0 + lasts) });
        answer
    }

    fn slot(&self, host: &str) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(host) {
            return Arc::clone(slot);
        }
        if slots.len() >= NAMES_MAX {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(host.into()).or_default())
    }
}

/// Tries the addresses in turn until one answers. Each gets an even share of the time that is left, so that one that
/// swallows packets leaves time for the next.
pub(super) async fn first_line(
    dial: &dyn Dial,
    clock: &dyn Clock,
    addresses: &[SocketAddr],
    deadline: Tick,
) -> io::Result<Line> {
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for (tried, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let now = clock.tick();
        let share = Tick(now.0 + deadline.since(now) / left);
        match until(clock, share, dial.connect(*address)).await {
            Some(Ok(line)) => return Ok(line),
            Some(Err(error)) => last = error,
            None => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Timestamp;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::ZERO
        }
        fn tick(&self) -> Tick {
            Tick(Duration::from_secs(self.0.load(Ordering::SeqCst)))
        }
        fn sleep(&self, _: Duration) -> Promise<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    /// Asks for a name and says whether the question reached the resolver.
    async fn asks(names: &Names, host: &str, answer: Result<Arc<[IpAddr]>, Unresolved>) -> bool {
        let mut asked = false;
        let got = names
            .addresses(host, || {
                asked = true;
                std::future::ready(answer.clone())
            })
            .await;
        assert_eq!(got, answer);
        asked
    }

    fn one() -> Result<Arc<[IpAddr]>, Unresolved> {
        Ok([IpAddr::from([192, 0, 2, 1])].into())
    }

    #[tokio::test]
    async fn an_answer_is_remembered_for_thirty_seconds_and_a_refusal_for_three() {
        let clock = Arc::new(Hand::default());
        let names = Names { clock: Arc::<Hand>::clone(&clock), slots: Mutex::default() };
        for (answer, lasts) in [(one(), 30), (Err(Unresolved::NoSuchName), 3)] {
            let host = format!("host{lasts}");
            let start = clock.0.load(Ordering::SeqCst);
            assert!(asks(&names, &host, answer.clone()).await);
            clock.0.store(start + lasts - 1, Ordering::SeqCst);
            assert!(!asks(&names, &host, answer.clone()).await);
            clock.0.store(start + lasts, Ordering::SeqCst);
            assert!(asks(&names, &host, answer).await);
        }
    }

    #[tokio::test]
    async fn the_cache_stays_bounded() {
        let names = Names { clock: Arc::new(Hand::default()), slots: Mutex::default() };
        for number in 0..NAMES_MAX * 2 {
            asks(&names, &format!("host{number}"), one()).await;
        }
        assert!(names.slots.lock().unwrap().len() <= NAMES_MAX);
    }

    /// Knows one address that answers, one that refuses, and lets all others hang.
    struct Net;

    impl Dial for Net {
        fn resolve<'a>(&'a self, _: &'a str) -> Promise<'a, Result<Arc<[IpAddr]>, Unresolved>> {
            Box::pin(async { one() })
        }
        fn connect(&self, to: SocketAddr) -> Promise<'_, io::Result<Line>> {
            match to.port() {
                1 => Box::pin(async { Ok(Line::other(tokio::io::empty())) }),
                2 => Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) }),
                _ => Box::pin(std::future::pending()),
            }
        }
    }

    #[tokio::test]
    async fn the_addresses_are_tried_in_turn_and_the_last_fault_is_told() {
        let address = |port| SocketAddr::from(([192, 0, 2, 1], port));
        let deadline = Tick(Duration::from_secs(5));
        let dial = async |ports: &[u16]| {
            let addresses: Vec<_> = ports.iter().map(|port| address(*port)).collect();
            first_line(&Net, &Hand::default(), &addresses, deadline).await.err().map(|error| error.kind())
        };
        assert_eq!(dial(&[2, 1]).await, None);
        assert_eq!(dial(&[2, 2]).await, Some(io::ErrorKind::ConnectionRefused));
        assert_eq!(dial(&[]).await, Some(io::ErrorKind::TimedOut));
    }
}
