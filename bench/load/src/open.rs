//! The open loop: a fixed rate whatever the answers do; how long a message takes to reach every target.

use crate::message::Request;
use crate::settled::Settled;
use crate::{clock, plain};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Connections that are used in turn: at 100/s each rests 160 ms between two messages.
const CONNECTIONS: usize = 16;
/// Patience for the last answers.
const ANSWERS_WITHIN_NANOS: u64 = 10_000_000_000;

#[derive(Args)]
pub(crate) struct Options {
    /// Where messages go.
    #[arg(long)]
    url: String,
    /// Messages per second.
    #[arg(long, default_value_t = 100)]
    rate: u64,
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    #[command(flatten)]
    settled: Settled,
}

pub(crate) fn run(options: &Options) -> Result<Value> {
    let before = options.settled.begin()?;
    let sent = send(options)?;
    options.settled.wait(&before, sent.len() as u64)?;
    let mut waits = waits(&options.settled, &sent)?;
    waits.sort_unstable();
    Ok(json!({
        "sent": sent.len(),
        "p50_us": clock::percentile(&waits, 50) / 1000,
        "p99_us": clock::percentile(&waits, 99) / 1000,
        "max_us": clock::percentile(&waits, 100) / 1000,
    }))
}

/// Sends on time and returns when each message should have gone. Plain threads: a timer wheel's millisecond would show.
fn send(options: &Options) -> Result<Vec<u64>> {
    let (authority, path) = plain::split(&options.url)?;
    let mut request = Request::new(&authority, &path);
    let accepted = Arc::new(AtomicU64::new(0));
    let mut streams = Vec::new();
    let mut readers = Vec::new();
    for _ in 0..CONNECTIONS {
        let stream =
            TcpStream::connect(&authority).with_context(|| format!("cannot connect to {authority}"))?;
        stream.set_nodelay(true)?;
        readers.push(reader(stream.try_clone()?, Arc::clone(&accepted)));
        streams.push(stream);
    }
    let start = clock::now() + 10_000_000;
    let total = options.rate * options.seconds;
    let mut due = Vec::new();
    for (number, stream) in (0..total).zip((0..CONNECTIONS).cycle()) {
        let at = start + number * 1_000_000_000 / options.rate;
        std::thread::sleep(Duration::from_nanos(at.saturating_sub(clock::now())));
        let mut stream = streams.get(stream).context("no such connection")?;
        stream.write_all(request.numbered(number))?;
        due.push(at);
    }
    let patience = clock::now() + ANSWERS_WITHIN_NANOS;
    while accepted.load(Ordering::Relaxed) < total && clock::now() < patience {
        std::thread::sleep(Duration::from_millis(1));
    }
    for stream in &streams {
        stream.shutdown(std::net::Shutdown::Both)?;
    }
    for reader in readers {
        reader.join().map_err(|_| anyhow::anyhow!("a reader broke off"))??;
    }
    let accepted = accepted.load(Ordering::Relaxed);
    if accepted != total {
        bail!("only {accepted} of {total} were accepted");
    }
    Ok(due)
}

/// Counts the 202s of one connection until it is closed.
fn reader(mut stream: TcpStream, accepted: Arc<AtomicU64>) -> JoinHandle<Result<()>> {
    std::thread::spawn(move || {
        let mut buffer = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let count = stream.read(&mut chunk)?;
            if count == 0 {
                return Ok(());
            }
            buffer.extend_from_slice(chunk.get(..count).unwrap_or_default());
            while let Some(found) = plain::answer(&buffer)? {
                if (200..300).contains(&found.status) {
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
                buffer.drain(..found.total);
            }
        }
    })
}

/// Per message: from when it should have gone to its arrival on the last path.
fn waits(settled: &Settled, sent: &[u64]) -> Result<Vec<u64>> {
    let page = String::from_utf8(plain::get(&format!("{}/arrivals", settled.sink))?)?;
    let mut last = vec![0_u64; sent.len()];
    for (index, line) in page.lines().take(settled.targets).enumerate() {
        if !settled.only.is_empty() && !settled.only.contains(&index) {
            continue;
        }
        for (latest, arrival) in last.iter_mut().zip(line.split(',')) {
            *latest = (*latest).max(arrival.parse::<u64>()?);
        }
    }
    Ok(last.iter().zip(sent).map(|(last, due)| last.saturating_sub(*due)).collect())
}
