//! Targets: what they are doing; pause, resume, breaker and probe.

use super::{Admin, json};
use crate::api::body;
use crate::api::problem::{INVALID_REQUEST, NO_PROBE, NOT_FOUND, Problem};
use crate::api::tickets::internal;
use crate::api::view::Moment;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use contract::{DeliveryId, Name, Timestamp, limits};
use engine::holds::HoldError;
use engine::policy::breaker::Forced;
use engine::policy::hold::{Hold, Reason};
use engine::probe::Probed;
use http::StatusCode;
use serde::{Deserialize, Serialize};
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
    /// Of the dead, those for which what came later with their order key waits.
    parked: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    breaker: Option<BreakerView>,
}

/// A breaker that is not simply closed.
#[derive(Serialize)]
struct BreakerView {
    state: &'static str,
    /// A person wants it so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    forced: bool,
    /// When the target began to fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_probe: Option<Moment>,
    /// Calls that may be in flight at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<u32>,
}

/// What a person wants of a breaker.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Wish {
    state: Wanted,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    Open,
    Closed,
    Auto,
}

#[derive(Serialize)]
struct ProbeView {
    delivery: DeliveryId,
}

impl BreakerView {
    fn new(hold: &Hold, now: Timestamp) -> Option<Self> {
        let forced = |state| Some(Self { state, forced: true, since: None, next_probe: None, calls: None });
        match (hold.forced, hold.breaker) {
            (Some(Forced::Open), _) => forced("open"),
            (Some(Forced::Closed), _) => forced("closed"),
            (None, Some(trip)) => {
                let open = trip.is_open(now);
                Some(Self {
                    state: if open { "open" } else { "half_open" },
                    forced: false,
                    since: Some(Moment(trip.since)),
                    next_probe: open.then_some(Moment(trip.until)),
                    calls: (!open).then_some(trip.width),
                })
            }
            (None, None) => None,
        }
    }
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

/// `POST /v1/targets/{name}/breaker`: open, closed, or by itself.
pub(super) async fn breaker(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let name = parse(&name)?;
    let text =
        body::read(request.into_body(), limits::BODY_BYTES_DEFAULT, &**admin.front.engine.clock()).await?;
    let Wish { state } = serde_json::from_slice(&text).map_err(|wrong| {
        let form = r#"{"state": "open"}, {"state": "closed"} or {"state": "auto"}"#;
        Problem::new(INVALID_REQUEST, format!("{wrong}; the body is {form}"))
    })?;
    let forced = match state {
        Wanted::Open => Some(Forced::Open),
        Wanted::Closed => Some(Forced::Closed),
        Wanted::Auto => None,
    };
    admin.front.engine.force_breaker(&name, forced).await.map_err(|error| refused(&name, &error))?;
    show(&admin, &name).await
}

/// `POST /v1/targets/{name}/probe`: one delivery goes now.
pub(super) async fn probe(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let name = parse(&name)?;
    let no = |why: String| Err(Problem::new(NO_PROBE, why));
    match admin.front.engine.probe(&name).await.map_err(|error| refused(&name, &error))? {
        Probed::Sent(delivery) => json(StatusCode::ACCEPTED, &ProbeView { delivery }),
        Probed::Nothing => no(format!("nothing waits for `{name}`")),
        Probed::Busy => no(format!(
            "as many calls to `{name}` as may go are on their way; look again when they have ended"
        )),
        Probed::Paced(at) => no(format!("the rate of `{name}` lets no call go before {}", Moment(at))),
        Probed::Shut(Reason::Paused) => no(format!("`{name}` is paused; `resume` lets calls go on")),
        Probed::Shut(Reason::NoTarget) => no(format!("the configuration does not have `{name}`")),
        Probed::Shut(Reason::Breaker | Reason::Disabled | Reason::Throttled | Reason::Auth) => {
            no(format!("a person has opened the breaker of `{name}`; `breaker auto` lets it close"))
        }
    }
}

async fn show(admin: &Admin, name: &Name) -> Result<Response, Problem> {
    match views(admin).await?.into_iter().find(|view| view.name == *name) {
        Some(view) => json(StatusCode::OK, &view),
        None => Err(refused(name, &HoldError::Unknown)),
    }
}

async fn views(admin: &Admin) -> Result<Vec<TargetView>, Problem> {
    let backlog = admin.front.engine.store().backlog().await.map_err(|fault| internal(&fault))?;
    let now = admin.front.engine.clock().now();
    let views = admin.front.engine.views().into_iter().map(|view| {
        let waits = backlog.iter().find(|backlog| backlog.target == view.name);
        let until = match view.reason {
            Some(Reason::Throttled | Reason::Auth | Reason::Breaker) => view.hold.until(now),
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
            parked: waits.map_or(0, |waits| waits.parked),
            breaker: BreakerView::new(&view.hold, now),
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
