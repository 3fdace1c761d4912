//! No 202 before its message is on the disk: the order of system calls, as strace saw it.

mod trace;

use anyhow::{Context, Result, ensure};
use e2e::book;
use e2e::fault;
use e2e::gateway::{Gateway, Setup, Target};
use std::fs;
use std::path::Path;
use trace::Trace;

const CALLS: &str =
    "trace=fdatasync,fsync,sync_file_range,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg";
const CONCURRENT: u64 = 16;

/// A message that was acknowledged, as it shows in system calls.
struct Sent {
    /// What is written to the store.
    mark: String,
    /// What is written to the caller.
    ticket: String,
}

/// Runs the gateway under strace, sends messages one by one and then all at once, and gives what was seen.
fn observe(folder: &Path, store: &str) -> Result<(Trace, Vec<Sent>)> {
    let api = fault::none()?;
    let targets = [
        Target { name: "crm", url: api.url(), more: "" },
        Target { name: "mailing", url: api.url(), more: "" },
    ];
    let log = folder.join("strace.log");
    let log_name = log.to_str().context("a strange folder")?;
    // -D: the gateway stays our child. -s: more than a page, so that a mark in it is seen.
    let under = ["strace", "-D", "-f", "-q", "-s", "8192", "-o", log_name, "-e", CALLS];
    let setup = Setup { store: Some(store.to_owned()), under: &under, ..Setup::new(folder, &targets) };
    let mut gateway = Gateway::start(&setup)?;
    let send = |number: u64| -> Result<Sent> {
        let ticket = gateway.accepted(&book::body(number))?;
        Ok(Sent { mark: format!("{number:09}"), ticket })
    };
    let mut sent = (700_000_001..700_000_004).map(send).collect::<Result<Vec<_>>>()?;
    std::thread::scope(|scope| -> Result<()> {
        let senders: Vec<_> =
            (0..CONCURRENT).map(|index| scope.spawn(move || send(800_000_001 + index))).collect();
        for sender in senders {
            sent.push(sender.join().map_err(|_| anyhow::anyhow!("a sender broke off"))??);
        }
        Ok(())
    })?;
    gateway.stop()?;
    let text = trace::finished(|| Ok(fs::read_to_string(&log)?))?;
    Ok((Trace::read(&text), sent))
}

#[test]
fn the_sync_of_a_message_returns_before_its_202_is_written() -> Result<()> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (trace, sent) = observe(folder.path(), "sqlite:./data")?;
    for Sent { mark, ticket } in &sent {
        let synced = trace.synced_before_answer(mark, ticket)?;
        ensure!(synced, "message {mark}: its 202 was written before the sync that covers it had returned");
    }
    Ok(())
}

#[test]
fn without_syncs_the_same_check_fails() -> Result<()> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (trace, sent) = observe(folder.path(), "\"sqlite:./data?sync=off\"")?;
    for Sent { mark, ticket } in &sent {
        let synced = trace.synced_before_answer(mark, ticket)?;
        ensure!(!synced, "message {mark}: with sync=off a sync was seen, so this test could not tell");
    }
    Ok(())
}
