//! A full disk: new messages are refused, accepted ones go on, and all is well again when there is room.

use crate::integrity;
use anyhow::{Context, Result, bail, ensure};
use e2e::api::{Api, answer};
use e2e::book::{self, Book};
use e2e::client;
use e2e::gateway::{Gateway, Setup, Target};
use e2e::patience::until;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const MESSAGES: u64 = 50;
const SIZE: &str = "size=96m";

/// A small file system, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(place: &Path) -> Result<Self> {
        fs::create_dir(place)?;
        let made = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(place).status()?;
        ensure!(
            made.success(),
            "cannot mount a small file system: run this as root (cargo xtask test says NOT RUN)"
        );
        Ok(Self(place.to_owned()))
    }

    /// Takes every byte that is left.
    fn fill(&self) -> Result<()> {
        let mut filler = File::create(self.filler())?;
        for size in [1 << 20, 4096, 1] {
            while filler.write(&vec![0; size]).is_ok_and(|written| written > 0) {}
        }
        Ok(())
    }

    fn empty(&self) -> Result<()> {
        fs::remove_file(self.filler()).context("the filler")
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

#[test]
fn a_full_disk_refuses_new_messages_and_loses_none() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let disk = SmallDisk::mount(&folder.path().join("disk"))?;
    let book = Arc::new(Book::default());
    let open = Arc::new(AtomicBool::new(false));
    let (recorded, opened) = (Arc::clone(&book), Arc::clone(&open));
    let api = Api::start(move |request, stream| {
        let entry = recorded.arrived(request).map_err(std::io::Error::other)?;
        if !opened.load(Ordering::Relaxed) {
            return answer(stream, 503, "", b"not now");
        }
        recorded.answered(entry);
        answer(stream, 200, "", b"ok")
    })?;
    let retry =
        "retry: { exponential: { first: 200ms, factor: 1, max: 200ms, attempts: 100 } }, breaker: off";
    let targets = [Target { name: "crm", url: api.url(), more: retry }];
    let store = format!("sqlite:{}", disk.0.join("data").display());
    let setup = Setup { store: Some(store), ..Setup::new(folder.path(), &targets) };
    let mut gateway = Gateway::start(&setup)?;

    let mut tickets = Vec::new();
    for number in 0..MESSAGES {
        tickets.push(gateway.accepted(&book::body(number))?);
    }
    disk.fill()?;
    let refused = until("a message to be refused", || {
        let answer = gateway.signup(&book::body(MESSAGES))?;
        if answer.status == 202 {
            // What is allocated already may still take some; those must arrive like all others.
            let json = answer.json()?;
            tickets.push(json.get("id").and_then(|id| id.as_str()).context("no id")?.to_owned());
        }
        Ok((answer.status != 202).then_some(answer))
    })?;
    ensure!([503, 507].contains(&refused.status), "{}: {}", refused.status, refused.json()?);
    ensure!(refused.wire.header("retry-after").is_some(), "no Retry-After: {:?}", refused.wire.headers);
    ensure!(
        refused.wire.header("content-type") == Some("application/problem+json"),
        "{:?}",
        refused.wire.headers
    );

    open.store(true, Ordering::Relaxed);
    for ticket in &tickets {
        gateway
            .delivery(ticket, "crm", &["delivered"])
            .context("settling must go on while the disk is full")?;
    }

    disk.empty()?;
    let late = until("a message to be accepted again", || {
        let answer = gateway.signup(&book::body(MESSAGES + 1))?;
        match answer.status {
            202 => Ok(Some(answer.json()?)),
            503 | 507 => Ok(None),
            other => bail!("{other}: {}", answer.json()?),
        }
    })?;
    let late = late.get("id").and_then(|id| id.as_str()).context("no id")?;
    gateway.delivery(late, "crm", &["delivered"])?;
    let ready = client::request(gateway.admin, "GET", "/readyz", &[], b"")?;
    ensure!(ready.status == 200, "not ready again: {}", ready.json()?);
    gateway.stop()?;
    ensure!(integrity::check(&disk.0)? > 0, "no database was checked");
    book.check()
}
