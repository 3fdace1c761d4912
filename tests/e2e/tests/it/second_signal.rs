//! A second signal while the gateway stops: it ends at once, with the exit code that is documented, and nothing is lost.

use anyhow::{Result, ensure};
use e2e::api::{Api, answer};
use e2e::gateway::{Gateway, Setup, Target};
use e2e::patience::until;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};

#[test]
fn a_second_signal_ends_at_once_and_loses_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (call, called) = mpsc::channel();
    // Nothing is sent into it: the first call is answered never.
    let (never, silence) = mpsc::channel::<()>();
    let (call, silence, calls) = (Mutex::new(call), Mutex::new(silence), AtomicU64::new(0));
    let api = Api::start(move |request, stream| {
        let suspect = request.header("fanlight-possible-duplicate").map(str::to_owned);
        call.lock().unwrap_or_else(PoisonError::into_inner).send(suspect).map_err(std::io::Error::other)?;
        if calls.fetch_add(1, Ordering::SeqCst) == 0 {
            silence.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
        }
        answer(stream, 200, "", b"ok")
    })?;
    let targets = [Target { name: "crm", url: api.url(), more: "" }];
    let more = "shutdown: { grace: 10m }\n";
    let mut gateway = Gateway::start(&Setup { more, ..Setup::new(folder.path(), &targets) })?;
    let ticket = gateway.accepted(b"{}")?;
    ensure!(called.recv()?.is_none(), "the first attempt repeats nothing");
    gateway.signal()?;
    until("the gateway to stop", || {
        Ok(gateway.log().contains("a second signal ends at once").then_some(()))
    })?;
    let ended = gateway.stop()?;
    ensure!(ended.code() == Some(1), "{ended}\n{}", gateway.log());
    gateway.restart()?;
    ensure!(called.recv()?.as_deref() == Some("true"), "what was in flight is marked");
    gateway.delivery(&ticket, "crm", &["delivered"])?;
    drop(never);
    Ok(())
}
