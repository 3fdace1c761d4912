//! The closed loop: each connection sends its next message when the last one was answered.

use crate::message::Request;
use crate::settled::Settled;
use crate::{clock, plain, proc};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Args)]
pub(crate) struct Options {
    /// Where messages go.
    #[arg(long)]
    url: String,
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Stop sending after this many seconds…
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// …or after this many messages.
    #[arg(long, default_value_t = u64::MAX)]
    messages: u64,
    /// The process whose CPU time is measured.
    #[arg(long)]
    pid: u32,
    /// Do not wait for the deliveries (a target is down on purpose).
    #[arg(long)]
    only_send: bool,
    #[command(flatten)]
    settled: Settled,
}

/// What all connections share.
struct Run {
    authority: String,
    path: String,
    until: u64,
    messages: u64,
    next: AtomicU64,
    refused: AtomicU64,
}

pub(crate) fn run(options: &Options) -> Result<Value> {
    let before = options.settled.begin()?;
    let cpu = proc::cpu_micros(options.pid)?;
    let start = clock::now();
    let mut waits = send(options, start + options.seconds.saturating_mul(1_000_000_000))?;
    let sent = waits.values.len() as u64;
    if sent == 0 {
        bail!("{} accepted nothing; {} were refused", options.url, waits.refused);
    }
    let sending = clock::now() - start;
    if !options.only_send {
        options.settled.wait(&before, sent)?;
    }
    let whole = clock::now() - start;
    let cpu = proc::cpu_micros(options.pid)? - cpu;
    waits.values.sort_unstable();
    Ok(json!({
        "sent": sent,
        "refused": waits.refused,
        "sending_ms": sending / 1_000_000,
        "whole_ms": whole / 1_000_000,
        "cpu_us": cpu,
        "cpu_us_per_message": cpu as f64 / sent as f64,
        "messages_per_second": sent as f64 / (whole as f64 / 1e9),
        "answer_p50_us": clock::percentile(&waits.values, 50) / 1000,
        "answer_p99_us": clock::percentile(&waits.values, 99) / 1000,
    }))
}

struct Waits {
    /// Nanoseconds from request to 202.
    values: Vec<u64>,
    refused: u64,
}

/// One thread: what sends must leave the machine to what is measured.
fn send(options: &Options, until: u64) -> Result<Waits> {
    let (authority, path) = plain::split(&options.url)?;
    let (next, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let run = Arc::new(Run { authority, path, until, messages: options.messages, next, refused });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let tasks: Vec<_> =
            (0..options.connections).map(|_| runtime.spawn(connection(Arc::clone(&run)))).collect();
        let mut values = Vec::new();
        for task in tasks {
            values.extend(task.await??);
        }
        Ok(Waits { values, refused: run.refused.load(Ordering::Relaxed) })
    })
}

async fn connection(run: Arc<Run>) -> Result<Vec<u64>> {
    let mut stream = TcpStream::connect(&run.authority)
        .await
        .with_context(|| format!("cannot connect to {}", run.authority))?;
    stream.set_nodelay(true)?;
    let mut request = Request::new(&run.authority, &run.path);
    let mut waits = Vec::new();
    loop {
        let number = run.next.fetch_add(1, Ordering::Relaxed);
        if number >= run.messages {
            return Ok(waits);
        }
        // A refused message is sent again, so that the numbers have no holes.
        loop {
            let began = clock::now();
            if began >= run.until {
                return Ok(waits);
            }
            stream.write_all(request.numbered(number)).await?;
            match answered(&mut stream).await? {
                200..300 => {
                    waits.push(clock::now() - began);
                    break;
                }
                429 | 503 | 507 => run.refused.fetch_add(1, Ordering::Relaxed),
                other => bail!("{} answered {other}", run.path),
            };
        }
    }
}

/// Reads one answer to its end and gives its status.
async fn answered(stream: &mut TcpStream) -> Result<u16> {
    let mut buffer = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            bail!("the connection was closed before the answer");
        }
        if let Some(found) = plain::answer(&buffer)? {
            return Ok(found.status);
        }
    }
}
