//! A flipped byte in a page of a gateway's file: what the page does not cover is delivered, and everybody is told.

use anyhow::{Context, Result, ensure};
use e2e::book;
use e2e::client;
use e2e::fault;
use e2e::gateway::{Gateway, Setup, Target};
use e2e::patience::until;
use std::fs;
use std::path::Path;

const MESSAGES: u64 = 100;
const FILE: &str = "slice-000001.db";
const PAGE: usize = 8192;

/// Flips one byte at the head of the page that has the body of a message.
fn flip_page_of(number: u64, file: &Path) -> Result<()> {
    let mut bytes = fs::read(file)?;
    let body = book::body(number);
    let at =
        bytes.windows(body.len()).position(|window| window == body).context("the body is not in the file")?;
    let page = bytes.get_mut(at / PAGE * PAGE).context("no such page")?;
    *page ^= 0x40;
    Ok(fs::write(file, bytes)?)
}

fn operate(gateway: &Gateway, verb: &str) -> Result<()> {
    let answer = client::request(gateway.admin, "POST", &format!("/v1/targets/crm/{verb}"), &[], b"")?;
    ensure!(answer.status == 200, "{verb}: {}", answer.status);
    Ok(())
}

#[test]
fn a_flipped_byte_in_a_page_stops_only_what_the_page_covers() -> Result<()> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let api = fault::none()?;
    let targets = [Target { name: "crm", url: api.url(), more: "" }];
    let mut gateway = Gateway::start(&Setup::new(folder.path(), &targets))?;
    operate(&gateway, "pause")?;
    let accept = |number| gateway.accepted(&book::body(number));
    let tickets = (0..MESSAGES).map(accept).collect::<Result<Vec<_>>>()?;
    gateway.stop()?;
    flip_page_of(MESSAGES / 2, &folder.path().join("data").join(FILE))?;

    gateway.restart()?;
    operate(&gateway, "resume")?;
    let new = gateway.accepted(&book::body(MESSAGES))?;
    gateway.delivery(&new, "crm", &["delivered"])?;
    until("the damage to be told", || {
        let ready = client::request(gateway.admin, "GET", "/readyz", &[], b"")?;
        ensure!(ready.status == 200, "not ready: {}", ready.json()?);
        Ok(ready.json()?.get("damaged").is_some_and(|files| files.to_string().contains(FILE)).then_some(()))
    })?;
    let metrics = client::request(gateway.admin, "GET", "/metrics", &[], b"")?;
    let metrics = String::from_utf8_lossy(&metrics.wire.body).into_owned();
    ensure!(metrics.contains(&format!("fanlight_damaged_total{{file=\"{FILE}\"}} 1")), "{metrics}");
    ensure!(gateway.log().contains("messages are lost"), "{}", gateway.log());

    let mut lost = 0;
    for ticket in &tickets {
        let answer = client::request(gateway.listen, "GET", &format!("/v1/tickets/{ticket}"), &[], b"")?;
        match answer.status {
            404 => lost += 1,
            _ => drop(gateway.delivery(ticket, "crm", &["delivered"])?),
        }
    }
    ensure!((1..MESSAGES / 2).contains(&lost), "{lost} of {MESSAGES} messages are lost");
    gateway.stop()?;
    ensure!(folder.path().join("data/slice-000001.damaged").exists(), "the damaged file is gone");
    Ok(())
}
