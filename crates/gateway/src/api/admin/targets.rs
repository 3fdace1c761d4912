//! Targets: what they are doing; pause and resume.

use super::{Admin, json};
use crate::api::problem::{INVALID_REQUEST, NOT_FOUND, Problem};
use crate::api::tickets::internal;
use crate::api::view::Moment;
use axum::extract::{Path, State};
use axum::response::Response;
use contract::Name;
use engine::holds::HoldError;
use engine::policy::hold::Reason;
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
struct TargetView {
    name: Name,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Moment>,
    in_flight: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<usize>,
    waiting_in_memory: usize,
    waiting_on_disk: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_due: Option<Moment>,
    dead: u64,
}

/// `GET /v1/targets`
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Result<Response, Problem> {
    json(StatusCode::OK, &serde_json::json!({ "targets": views(&admin).await? }))
}

/// `POST /v1/targets/{name}/pause`: calls stop, the backlog is kept.
pub(super) async fn pause(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let name = parse(&name)?;
    admin.front.engine.pause(&name).await.map_err(|error| refused(&name, &error))?;
    show(&admin, &name).await
}

/// `POST /v1/targets/{name}/resume`: calls go on, whatever held them.
pub(super) async fn resume(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let name = parse(&name)?;
    admin.front.engine.resume(&name).await.map_err(|error| refused(&name, &error))?;
    show(&admin, &name).await
}

async fn show(admin: &Admin, name: &Name) -> Result<Response, Problem> {
    match views(admin).await?.into_iter().find(|view| view.name == *name) {
        Some(view) => json(StatusCode::OK, &view),
        None => Err(refused(name, &HoldError::Unknown)),
    }
}

async fn views(admin: &Admin) -> Result<Vec<TargetView>, Problem> {
    let backlog = admin.front.engine.store().backlog().await.map_err(|fault| internal(&fault))?;
    let views = admin.front.engine.views().into_iter().map(|view| {
        let waits = backlog.iter().find(|backlog| backlog.target == view.name);
        let until = match view.reason {
            Some(Reason::Throttled) => view.hold.throttled_until,
            Some(Reason::Auth) => view.hold.auth.as_ref().map(|auth| auth.probe_at),
            Some(Reason::Paused | Reason::Disabled | Reason::NoTarget) | None => None,
        };
        TargetView {
            state: if view.reason.is_some() { "held" } else { "open" },
            reason: view.reason.map(Reason::word),
            until: until.map(Moment),
            in_flight: view.in_flight,
            concurrency: view.concurrency,
            waiting_in_memory: view.window,
            waiting_on_disk: waits.map_or(0, |waits| waits.waiting),
            oldest_due: waits.and_then(|waits| waits.oldest_due).map(Moment),
            dead: waits.map_or(0, |waits| waits.dead),
            name: view.name,
        }
    });
    let mut views: Vec<TargetView> = views.collect();
    views.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(views)
}

fn parse(name: &str) -> Result<Name, Problem> {
    Name::try_new(name).map_err(|wrong| Problem::new(INVALID_REQUEST, wrong.to_string()))
}

fn refused(name: &Name, error: &HoldError) -> Problem {
    match error {
        HoldError::Unknown => {
            Problem::new(NOT_FOUND, format!("there is no target `{name}`; GET /v1/targets lists them"))
        }
        HoldError::Store(fault) => internal(fault),
    }
}
