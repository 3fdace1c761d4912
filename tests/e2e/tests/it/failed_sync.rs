//! A sync that fails: nothing of its commit is acknowledged, the process ends and says why, and what was acknowledged is delivered
//! after the next start.

use anyhow::{Context, Result, ensure};
use e2e::api::{Api, answer};
use e2e::book::{self, Book};
use e2e::client;
use e2e::gateway::{Gateway, Setup, Target};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

const MESSAGES: u64 = 5;

/// From now on every sync of a process fails, as on a disk that has died. Ends with the process, or when dropped.
struct DeadDisk(Child);

impl DeadDisk {
    fn under(gateway: &Gateway, log: &Path) -> Result<Self> {
        let process = gateway.process().to_string();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-p", &process, "-e", "trace=fdatasync,fsync"]);
        strace.args(["-e", "inject=fdatasync,fsync:error=EIO", "-o"]).arg(log);
        let mut child = strace.stderr(Stdio::piped()).stdin(Stdio::null()).spawn().context("strace")?;
        let said = BufReader::new(child.stderr.take().context("no standard error")?);
        let disk = Self(child);
        for line in said.lines() {
            let line = line?;
            if line.contains("attached") {
                return Ok(disk);
            }
            ensure!(!line.contains("attach:"), "strace: {line}");
        }
        anyhow::bail!("strace ended before it was attached")
    }
}

impl Drop for DeadDisk {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A gateway with messages that are acknowledged and wait on disk, and the API that would take them.
fn waiting(folder: &Path, store: &str) -> Result<(Gateway, Api, Arc<Book>, Vec<String>)> {
    let book = Arc::new(Book::default());
    let recorded = Arc::clone(&book);
    let api = Api::start(move |request, stream| {
        let entry = recorded.arrived(request).map_err(std::io::Error::other)?;
        recorded.answered(entry);
        answer(stream, 200, "", b"ok")
    })?;
    let targets = [Target { name: "crm", url: api.url(), more: "" }];
    let gateway = Gateway::start(&Setup { store: Some(store.to_owned()), ..Setup::new(folder, &targets) })?;
    // Nothing is sent, so nothing but the next message is synced.
    operate(&gateway, "pause")?;
    let accept = |number| gateway.accepted(&book::body(number));
    let tickets = (0..MESSAGES).map(accept).collect::<Result<Vec<_>>>()?;
    Ok((gateway, api, book, tickets))
}

fn operate(gateway: &Gateway, verb: &str) -> Result<()> {
    let answer = client::request(gateway.admin, "POST", &format!("/v1/targets/crm/{verb}"), &[], b"")?;
    ensure!(answer.status == 200, "{verb}: {}", answer.status);
    Ok(())
}

#[test]
fn a_sync_that_fails_acknowledges_nothing_and_ends_the_process() -> Result<()> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (mut gateway, _api, book, tickets) = waiting(folder.path(), "sqlite:./data")?;
    let trace = folder.path().join("strace.log");
    let disk = DeadDisk::under(&gateway, &trace)?;
    let answer = gateway.signup(&book::body(MESSAGES));
    if let Ok(answer) = &answer {
        ensure!(answer.status == 503, "a message whose sync failed was answered with {}", answer.status);
    }
    let ended = gateway.ended()?;
    ensure!(ended.code().is_some_and(|code| code != 0), "it ended with {ended}");
    let log = gateway.log();
    ensure!(log.contains("the store failed and cannot go on"), "it does not say why it ended:\n{log}");
    ensure!(log.contains("disk I/O error"), "it does not say what failed:\n{log}");
    let syncs = std::fs::read_to_string(&trace)?;
    let failed = syncs.lines().filter(|line| line.contains("INJECTED")).count();
    ensure!(failed == 1, "a sync that failed was tried again, or none was seen:\n{syncs}");
    drop(disk);

    gateway.restart()?;
    operate(&gateway, "resume")?;
    for ticket in &tickets {
        gateway.delivery(ticket, "crm", &["delivered"])?;
    }
    let numbers: Vec<u64> = (0..MESSAGES).collect();
    ensure!(
        book.missing(&numbers).is_empty(),
        "acknowledged and not delivered: {:?}",
        book.missing(&numbers)
    );
    gateway.stop()?;
    book.check()
}

#[test]
fn without_syncs_the_dead_disk_is_not_noticed() -> Result<()> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (gateway, _api, _book, _tickets) = waiting(folder.path(), "\"sqlite:./data?sync=off\"")?;
    let _disk = DeadDisk::under(&gateway, &folder.path().join("strace.log"))?;
    let answer = gateway.signup(&book::body(MESSAGES))?;
    ensure!(answer.status == 202, "with sync=off something was synced, so the test above could not tell");
    Ok(())
}
