//! Sends numbered messages from several threads until told to stop or until the gateway is gone.

use crate::book;
use crate::client::Connection;
use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A message that was acknowledged.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    /// Its number.
    pub number: u64,
    /// Its ticket's id.
    pub ticket: String,
}

/// Threads that send.
pub struct Load {
    stop: Arc<AtomicBool>,
    senders: Vec<JoinHandle<Result<Vec<Acknowledged>>>>,
}

impl Load {
    /// Starts `threads` senders that take their numbers from `next`.
    #[must_use]
    pub fn start(address: SocketAddr, threads: usize, next: &Arc<AtomicU64>) -> Self {
        Self::paced(address, threads, next, Duration::ZERO)
    }

    /// The same with a pause after each message of a sender: a steady load.
    #[must_use]
    pub fn paced(address: SocketAddr, threads: usize, next: &Arc<AtomicU64>, pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sender = |_| {
            let (stop, next) = (Arc::clone(&stop), Arc::clone(next));
            std::thread::spawn(move || send(address, &stop, &next, pause))
        };
        Self { senders: (0..threads).map(sender).collect(), stop: Arc::clone(&stop) }
    }

    /// Stops and gives everything that was acknowledged.
    ///
    /// # Errors
    /// When an acknowledgement is not as documented.
    pub fn finish(self) -> Result<Vec<Acknowledged>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for sender in self.senders {
            all.extend(sender.join().map_err(|_| anyhow::anyhow!("a sender broke off"))??);
        }
        Ok(all)
    }
}

fn send(
    address: SocketAddr,
    stop: &AtomicBool,
    next: &AtomicU64,
    pause: Duration,
) -> Result<Vec<Acknowledged>> {
    let mut acknowledged = Vec::new();
    let Ok(mut connection) = Connection::open(address) else { return Ok(acknowledged) };
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        // An error is the kill that these tests are about: this message was not acknowledged.
        let headers = [("content-type", "application/json")];
        let Ok(answer) = connection.send("POST", "/signup", &headers, &book::body(number)) else { break };
        if answer.status == 202 {
            let json = answer.json()?;
            let ticket = json.get("id").and_then(|id| id.as_str()).context("a 202 without an id")?;
            acknowledged.push(Acknowledged { number, ticket: ticket.to_owned() });
        }
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
    }
    Ok(acknowledged)
}
