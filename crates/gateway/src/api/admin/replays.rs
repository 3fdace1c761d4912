//! Replays: begin, list, show, cancel.

use super::{Admin, json};
use crate::api::body;
use crate::api::problem::{BUSY, FINAL, INVALID_REQUEST, NOT_FOUND, Problem};
use crate::api::tickets::internal;
use crate::api::view::Moment;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use contract::store::Fault;
use contract::{MessageId, Name, Timestamp, limits};
use engine::replay::{self, NotBegun, Replay, Take};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json as value};
use std::sync::Arc;

const FORM: &str =
    r#"{"filter": {"route": …}, "to": …, "from": …, "until": …, "only_missing": …, "rate": …}"#;

/// The body of a replay.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Wish {
    filter: Filter,
    to: Name,
    from: Option<String>,
    until: Option<String>,
    #[serde(default)]
    only_missing: bool,
    rate: Option<f64>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Filter {
    route: Name,
}

/// `POST /v1/replays`
pub(super) async fn begin(State(admin): State<Arc<Admin>>, request: Request) -> Result<Response, Problem> {
    let engine = &admin.front.engine;
    let body = body::read(request.into_body(), limits::BODY_BYTES_DEFAULT, &**engine.clock()).await?;
    let wish: Wish = serde_json::from_slice(&body)
        .map_err(|wrong| Problem::new(INVALID_REQUEST, format!("{wrong}; the body is {FORM}")))?;
    let dry = wish.dry_run;
    let order = order(&admin, wish)?;
    let tenant = Name::default_tenant();
    if dry {
        let counts = engine.replay_dry(&tenant, &order).await.map_err(not_begun)?;
        return json(StatusCode::OK, &value!({ "matches": counts.sent, "counts": counts }));
    }
    let replay = engine.replay(&tenant, order).await.map_err(not_begun)?;
    let mut response = json(StatusCode::ACCEPTED, &view(&replay))?;
    if let Ok(location) = http::HeaderValue::from_str(&format!("/v1/replays/{}", replay.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `GET /v1/replays`: the latest first.
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Result<Response, Problem> {
    let replays = admin.front.engine.replays().await.map_err(|fault| internal(&fault))?;
    let replays: Vec<Value> = replays.iter().map(view).collect();
    json(StatusCode::OK, &value!({ "replays": replays }))
}

/// `GET /v1/replays/{id}`
pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let replay = found(id, admin.front.engine.replay_progress(id).await)?;
    json(StatusCode::OK, &view(&replay))
}

/// `POST /v1/replays/{id}/cancel`: what it has added goes on.
pub(super) async fn cancel(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let engine = &admin.front.engine;
    if found(id, engine.replay_progress(id).await)?.state != replay::State::Running {
        return Err(Problem::new(FINAL, format!("the replay {id} has ended already")));
    }
    let replay = found(id, engine.cancel_replay(id).await)?;
    json(StatusCode::ACCEPTED, &view(&replay))
}

fn order(admin: &Admin, wish: Wish) -> Result<replay::Order, Problem> {
    let Wish { filter: Filter { route }, to, from, until, only_missing, rate, .. } = wish;
    if !admin.front.routing.load().entries.iter().any(|entry| entry.route.name == route) {
        return Err(Problem::new(
            INVALID_REQUEST,
            format!("there is no route `{route}` in the configuration"),
        ));
    }
    let rate = rate.unwrap_or(limits::REPLAY_RATE_DEFAULT);
    if !rate.is_finite() || rate <= 0.0 {
        return Err(Problem::new(INVALID_REQUEST, "`rate` is a number of deliveries per second above 0"));
    }
    let (from, until) = (time("from", from.as_deref())?, time("until", until.as_deref())?);
    if from.zip(until).is_some_and(|(from, until)| from >= until) {
        return Err(Problem::new(INVALID_REQUEST, "`from` is not before `until`: that is no time at all"));
    }
    let take = if only_missing { Take::Missing } else { Take::All };
    Ok(replay::Order { route, to, from, until, take, rate })
}

fn view(replay: &Replay) -> Value {
    let Replay { id, order, began, ended, state, counts, failure, reached, .. } = replay;
    value!({
        "id": id,
        "state": state,
        "filter": { "route": order.route },
        "to": order.to,
        "from": order.from.map(Moment),
        "until": order.until.map(Moment),
        "only_missing": order.take == Take::Missing,
        "rate": order.rate,
        "began": Moment(*began),
        "ended": ended.map(Moment),
        "reached": reached.map(|(_, last)| Moment(last)),
        "share": share(replay),
        "counts": counts,
        "failure": failure,
    })
}

/// How far it is in the time that it covers, from 0 to 1.
fn share(replay: &Replay) -> f64 {
    if replay.state == replay::State::Done {
        return 1.0;
    }
    let Some((first, last)) = replay.reached else { return 0.0 };
    let from = replay.order.from.unwrap_or(first).min(first);
    let all = replay.order.until.unwrap_or(replay.began).since(from).as_secs_f64();
    if all > 0.0 { (last.since(from).as_secs_f64() / all).clamp(0.0, 1.0) } else { 0.0 }
}

fn found(id: MessageId, looked: Result<Option<Replay>, Fault>) -> Result<Replay, Problem> {
    let found = looked.map_err(|fault| internal(&fault))?;
    found.ok_or_else(|| Problem::new(NOT_FOUND, format!("there is no replay {id}")))
}

fn not_begun(why: NotBegun) -> Problem {
    match why {
        NotBegun::NoTarget(_) => Problem::new(INVALID_REQUEST, why.to_string()),
        NotBegun::TooMany => Problem::new(BUSY, why.to_string()).retry_after(60),
        NotBegun::Store(fault) => internal(&fault),
    }
}

fn parse(id: &str) -> Result<MessageId, Problem> {
    id.parse().map_err(|wrong| Problem::new(INVALID_REQUEST, format!("{wrong}")))
}

/// A moment as RFC 3339.
fn time(key: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let time: jiff::Timestamp = text.parse().map_err(|_| {
        Problem::new(INVALID_REQUEST, format!("`{key}` is a time such as 2026-11-23T10:00:00Z, not {text:?}"))
    })?;
    Ok(Some(Timestamp::from_micros(u64::try_from(time.as_microsecond()).unwrap_or(0))))
}
