//! What the engine does by the clock: keep holds, renew its session, forget what is old.

use crate::engine::Engine;
use contract::limits;
use contract::store::Renewed;
use std::sync::Arc;
use std::time::Duration;

/// Soon after the start: it may have been off for long.
const PRUNE_AT_FIRST: Duration = Duration::from_secs(2);
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// Writes changed holds to the store.
pub(crate) async fn keep_holds(engine: Arc<Engine>) {
    let mut stop = engine.stop.subscribe();
    let mut stopped = false;
    while !stopped {
        stopped = tokio::select! {
            biased;
            () = engine.keep.woken() => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        engine.save_holds().await;
    }
}

/// Says that the session lives.
pub(crate) async fn renew(engine: Arc<Engine>) {
    while every(&engine, limits::RENEW_EVERY).await {
        let now = engine.doors.clock.now();
        match engine.doors.store.renew(engine.session(), now).await {
            Ok(Renewed::Alive) => {}
            Ok(Renewed::Fenced) => {
                let detail = "another process has taken over this node's session".to_owned();
                return engine.store_failed(&contract::store::Fault::Failed { detail });
            }
            Err(fault) => engine.store_failed(&fault),
        }
    }
}

/// Drops what retention allows, and looks again at what waits.
pub(crate) async fn prune(engine: Arc<Engine>) {
    let mut wait = PRUNE_AT_FIRST;
    while every(&engine, std::mem::replace(&mut wait, PRUNE_EVERY)).await {
        if let Err(fault) = engine.forget().await {
            tracing::warn!(%fault, "retention could not be applied; it is tried again");
        }
        if let Err(fault) = engine.release_unwanted().await {
            tracing::warn!(%fault, "parked order keys could not be looked at; it is tried again");
        }
        if let Err(fault) = engine.recall_backlog().await {
            tracing::warn!(%fault, "what waits on disk could not be counted; it is tried again");
        }
    }
}

/// Waits; false when the engine stops meanwhile.
async fn every(engine: &Engine, time: Duration) -> bool {
    let mut stop = engine.stop.subscribe();
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => false,
        () = engine.doors.clock.sleep(time) => true,
    }
}
