//! A backfill of a new target while the process is killed and messages come: every message reaches it, and none has two deliveries.

use crate::integrity;
use anyhow::{Context, Result, ensure};
use e2e::api::{Api, answer};
use e2e::book::{Book, body};
use e2e::gateway::{Gateway, Setup, Target};
use e2e::load::{Acknowledged, Load};
use e2e::patience::until;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Messages of the past, at least: more than are replayed until the last kill.
const PAST: u64 = 1000;
/// Kills in the middle of the replay, each when its progress has been kept once more.
const KILLS: usize = 3;
const SENDERS: usize = 2;
const PAUSE: Duration = Duration::from_millis(2);

fn api(book: &Arc<Book>) -> Result<Api> {
    let book = Arc::clone(book);
    Ok(Api::start(move |request, stream| {
        let entry = book.arrived(request).map_err(std::io::Error::other)?;
        book.answered(entry);
        answer(stream, 200, "", b"ok")
    })?)
}

/// What a replay has looked at.
fn scanned(gateway: &Gateway, id: &str) -> Result<u64> {
    let replay: Value = serde_json::from_str(&gateway.operate("GET", &format!("/v1/replays/{id}"), "")?)?;
    replay.pointer("/counts/scanned").and_then(Value::as_u64).context("no count")
}

#[test]
fn a_backfill_reaches_every_message_once_through_kills() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (crm, search) = (Arc::new(Book::default()), Arc::new(Book::default()));
    let (crm_api, search_api) = (api(&crm)?, api(&search)?);
    let targets = [
        Target { name: "crm", url: crm_api.url(), more: "" },
        Target { name: "search", url: search_api.url(), more: "" },
    ];
    let mut gateway = Gateway::start(&Setup::new(folder.path(), &targets))?;
    gateway.rewrite("to: [crm, search]", "to: [crm]")?;
    let next = Arc::new(AtomicU64::new(0));
    let mut sent = Vec::new();
    let load = Load::paced(gateway.listen, SENDERS, &next, PAUSE);
    until("messages of the past", || Ok((next.load(Ordering::Relaxed) > PAST).then_some(())))?;
    // Messages come while the target joins, and while the replay begins.
    gateway.rewrite("to: [crm]", "to: [crm, search]")?;
    let order = r#"{"filter": {"route": "signup"}, "to": "search", "only_missing": true, "rate": 200}"#;
    let begun: Value = serde_json::from_str(&gateway.operate("POST", "/v1/replays", order)?)?;
    let id = begun.get("id").and_then(Value::as_str).context("no id")?;
    sent.extend(load.finish()?);
    let mut seen = 0;
    for _ in 0..KILLS {
        until("the replay to go on", || Ok((scanned(&gateway, id)? > seen).then_some(())))?;
        gateway.kill()?;
        gateway.restart()?;
        seen = scanned(&gateway, id)?;
        let number = next.fetch_add(1, Ordering::Relaxed);
        sent.push(Acknowledged { number, ticket: gateway.accepted(&body(number))? });
    }
    gateway.replayed(id)?;
    for acknowledged in &sent {
        let delivery = gateway.delivery(&acknowledged.ticket, "search", &["delivered"])?;
        ensure!(delivery.get("run").and_then(Value::as_u64) == Some(1), "{delivery:#}");
        let ticket = gateway.ticket(&acknowledged.ticket)?;
        let deliveries = ticket.get("deliveries").and_then(Value::as_array).context("no deliveries")?;
        ensure!(deliveries.len() == 2, "one for each target: {ticket:#}");
    }
    // Of each message, every attempt had the same id.
    search.check()?;
    gateway.kill()?;
    ensure!(integrity::check(folder.path())? > 0, "no database was checked");
    Ok(())
}
