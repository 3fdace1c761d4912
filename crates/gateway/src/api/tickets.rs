//! Tickets: look, wait, stream, cancel.

use super::front::Front;
use super::problem::{DAMAGED, FINAL, GONE, INTERNAL, INVALID_REQUEST, NOT_FOUND, Problem};
use super::view::TicketView;
use super::{body, prefer};
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use contract::query::Delivered;
use contract::store::Fault;
use contract::ticket::{Found, Ticket};
use contract::{MessageId, Name, limits};
use engine::status::{self, Status};
use engine::watch::Watcher;
use futures_util::stream::{self, Stream, StreamExt};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Something is sent at least so often to whoever follows a ticket, so that proxies keep the connection.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(15);

/// `GET /v1/tickets/{id}`: now, at its end (`Prefer: wait=N`), or as a stream (`Accept: text/event-stream`).
pub(super) async fn show(
    State(front): State<Arc<Front>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    if wants_stream(&headers) {
        look(&front, id).await?;
        let event = |ticket| Ok::<_, Infallible>(Event::default().event("ticket").data(ticket));
        let keep_alive = KeepAlive::new().interval(SILENCE_MAX);
        return Ok(Sse::new(changes(front, id).map(event)).keep_alive(keep_alive).into_response());
    }
    let Some(wait) = prefer::wait(&headers) else {
        let ticket = look(&front, id).await?;
        return Ok(respond(&front, &ticket, StatusCode::OK));
    };
    let (ticket, _) = wait_until(&front, id, wait, |status| status.settled).await?;
    let mut response = respond(&front, &ticket, StatusCode::OK);
    applied(&mut response, wait);
    Ok(response)
}

/// What a cancel may say.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Cancel {
    /// Whether what was delivered is undone.
    undo: bool,
}

/// `POST /v1/tickets/{id}/cancel`, perhaps with `{"undo": true}`.
pub(super) async fn cancel(
    State(front): State<Arc<Front>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let body = body::read(request.into_body(), limits::BODY_BYTES_DEFAULT, &**front.engine.clock()).await?;
    let wish: Cancel = if body.trim_ascii().is_empty() {
        Cancel::default()
    } else {
        let wrong = |error| {
            Problem::new(INVALID_REQUEST, format!("a cancel is empty or {{\"undo\": true}}: {error}"))
        };
        serde_json::from_slice(&body).map_err(wrong)?
    };
    let delivered = if wish.undo { Delivered::IsUndone } else { Delivered::Stays };
    let ticket = look(&front, id).await?;
    if status::fold(&ticket).settled {
        return Err(Problem::new(FINAL, format!("{id} has ended already")));
    }
    front.engine.cancel(&Name::default_tenant(), id, delivered).await.map_err(|fault| internal(&fault))?;
    let ticket = look(&front, id).await?;
    Ok(respond(&front, &ticket, StatusCode::ACCEPTED))
}

/// 200 when the ticket is decided within the time, else 202; with what has arrived so far either way.
pub(super) async fn wait_decided(front: &Front, id: MessageId, wait: Duration) -> Result<Response, Problem> {
    let (ticket, status) = wait_until(front, id, wait, |status| status.decided).await?;
    let code = if status.decided { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = respond(front, &ticket, code);
    applied(&mut response, wait);
    Ok(response)
}

async fn wait_until(
    front: &Front,
    id: MessageId,
    wait: Duration,
    enough: fn(&Status) -> bool,
) -> Result<(Ticket, Status), Problem> {
    let mut watcher = front.engine.watch.begin(id);
    let mut time = front.engine.clock().sleep(wait);
    loop {
        let ticket = look(front, id).await?;
        let status = status::fold(&ticket);
        if enough(&status) {
            return Ok((ticket, status));
        }
        tokio::select! {
            biased;
            () = watcher.changed() => {}
            () = &mut time => return Ok((ticket, status)),
            () = front.stopped() => return Ok((ticket, status)),
        }
    }
}

/// One ticket per change, the last one when it is settled.
pub(super) fn changes(front: Arc<Front>, id: MessageId) -> impl Stream<Item = String> {
    let watcher = front.engine.watch.begin(id);
    stream::unfold(Some((front, watcher, Turn::First)), move |state| async move {
        let (front, mut watcher, turn): (Arc<Front>, Watcher, Turn) = state?;
        if turn == Turn::Later {
            tokio::select! {
                biased;
                () = watcher.changed() => {}
                () = front.stopped() => return None,
            }
        }
        let ticket = look(&front, id).await.ok()?;
        let settled = status::fold(&ticket).settled;
        Some((json(&front, &ticket), (!settled).then_some((front, watcher, Turn::Later))))
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    First,
    Later,
}

pub(super) async fn look(front: &Front, id: MessageId) -> Result<Ticket, Problem> {
    match front.engine.store().ticket(&Name::default_tenant(), id).await {
        Ok(Found::Here(ticket)) => Ok(ticket),
        Ok(Found::Gone) => Err(Problem::new(GONE, format!("{id} is older than retention"))),
        Ok(Found::Unknown) => Err(Problem::new(NOT_FOUND, format!("there is no ticket {id}"))),
        Err(fault) => Err(internal(&fault)),
    }
}

pub(super) fn parse(id: &str) -> Result<MessageId, Problem> {
    id.parse().map_err(|wrong| Problem::new(INVALID_REQUEST, format!("{wrong}")))
}

fn respond(front: &Front, ticket: &Ticket, code: StatusCode) -> Response {
    let mut response = Response::new(Body::from(json(front, ticket)));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !status::fold(ticket).settled {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn json(front: &Front, ticket: &Ticket) -> String {
    // Plain data with string keys: it always has a JSON form.
    serde_json::to_string(&TicketView::new(ticket, &*front.engine)).unwrap_or_default()
}

fn applied(response: &mut Response, wait: Duration) {
    if let Ok(value) = HeaderValue::from_str(&format!("wait={}", wait.as_secs())) {
        response.headers_mut().insert("preference-applied", value);
    }
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept
        .split(',')
        .any(|range| range.split(';').next().is_some_and(|kind| kind.trim() == "text/event-stream"))
}

/// The caller learns that it is our fault; the log says which. Damage lasts: what to do about it is told at once.
pub(super) fn internal(fault: &Fault) -> Problem {
    tracing::warn!(%fault, "the store could not answer");
    if let Fault::Corrupt { message } = fault {
        let detail = format!(
            "the stored bytes of {message} are damaged: its dead deliveries can be discarded, but not shown or edited"
        );
        return Problem::new(DAMAGED, detail);
    }
    Problem::new(INTERNAL, "the store could not answer")
}
