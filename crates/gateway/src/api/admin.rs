//! The admin door: targets, dead letters, parked keys, redrives, replays, the live tail, health and metrics.

mod dead;
pub(crate) mod edit;
mod keys;
mod redrive;
mod replays;
mod selection;
mod targets;

use super::front::Front;
use super::manners::{errors_are_problems, only_from_here};
use super::problem::{INTERNAL, Problem};
use super::{nowhere, tickets};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::tail::Tail;
use axum::Router;
use axum::extract::State;
use axum::middleware::{from_fn, map_response};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use contract::store::Readiness;
use futures_util::stream::{self, Stream};
use http::{StatusCode, Uri, header};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// What the admin handlers share.
pub struct Admin {
    /// The engine and the tickets.
    pub front: Arc<Front>,
    /// For `/metrics`.
    pub metrics: Arc<Metrics>,
    /// For `/v1/tail`.
    pub tail: Arc<Tail>,
}

/// Where a request to the admin door comes from.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The admin door as one router.
pub fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/v1/tail", get(tail))
        .route("/v1/targets", get(targets::list))
        .route("/v1/targets/{name}/pause", post(targets::pause))
        .route("/v1/targets/{name}/resume", post(targets::resume))
        .route("/v1/targets/{name}/breaker", post(targets::breaker))
        .route("/v1/targets/{name}/probe", post(targets::probe))
        .route("/v1/dead", get(dead::list))
        .route("/v1/dead/redrive", post(redrive::begin))
        .route("/v1/dead/discard", post(dead::discard))
        .route("/v1/dead/{delivery}", get(dead::show).patch(dead::edit))
        .route("/v1/keys", get(keys::list))
        .route("/v1/keys/resume", post(keys::resume))
        .route("/v1/redrives/{id}", get(redrive::progress))
        .route("/v1/replays", get(replays::list).post(replays::begin))
        .route("/v1/replays/{id}", get(replays::show))
        .route("/v1/replays/{id}/cancel", post(replays::cancel))
        .fallback(async |uri: Uri| nowhere::at_admin(uri.path()))
        .method_not_allowed_fallback(async || nowhere::wrong_method())
        .layer(map_response(errors_are_problems))
        .layer(from_fn(only_from_here))
        .with_state(admin)
}

/// 200 while a message could be kept, else 503 with the reason; and the files that were found damaged, which alone are no reason.
async fn ready(State(admin): State<Arc<Admin>>) -> Result<Response, Problem> {
    let (code, word) = match admin.front.engine.store().ready() {
        Readiness::Ready => (StatusCode::OK, "ready"),
        Readiness::Full => (StatusCode::SERVICE_UNAVAILABLE, "full"),
        Readiness::Failed => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
    };
    let damaged = admin.metrics.damaged_files();
    let said = if damaged.is_empty() {
        serde_json::json!({ "store": word })
    } else {
        serde_json::json!({ "store": word, "damaged": damaged })
    };
    json(code, &said)
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Result<Response, Problem> {
    let page = admin.metrics.page(&admin.front.engine).await.map_err(|fault| tickets::internal(&fault))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], page).into_response())
}

async fn tail(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    Sse::new(lines(admin)).keep_alive(keep_alive)
}

fn lines(admin: Arc<Admin>) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    stream::unfold((admin.tail.listen(), admin), |(mut lines, admin)| async move {
        let line = tokio::select! {
            biased;
            line = lines.recv() => line,
            () = admin.front.stopped() => return None,
        };
        let event = match line {
            Ok(line) => Event::default().event("attempt").data(&*line),
            Err(RecvError::Lagged(lost)) => Event::default().event("lost").data(lost.to_string()),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(event), (lines, admin)))
    })
}

fn json<T: serde::Serialize>(code: StatusCode, value: &T) -> Result<Response, Problem> {
    let text = serde_json::to_string(value).map_err(|error| Problem::new(INTERNAL, error.to_string()))?;
    Ok((code, [(header::CONTENT_TYPE, "application/json")], text).into_response())
}
