//! Published events: `POST /v1/messages` and `/batch`, as an envelope or as CloudEvents 1.0 in its three modes.

mod parse;

pub use parse::{Event, NotAnEvent, Published, read};

use super::accept::{self, Wish};
use super::front::Front;
use super::problem::{INVALID_EVENT, NO_ROUTE, Problem};
use super::terms::{Terms, Written};
use super::{body, dedupe, once, prefer};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contract::message::Headers;
use contract::part::Caller;
use contract::store::{Once, OrderKey};
use contract::{Timestamp, limits};
use engine::offer::Receipt;
use http::{StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /v1/messages`
pub(super) async fn one(State(front): State<Arc<Front>>, request: Request) -> Result<Response, Problem> {
    let (parts, published) = published(&front, request).await?;
    match published {
        Published::One(event) => {
            let wait = prefer::wait(&parts.headers);
            let receipt = take(&front, &parts, event).await?;
            accept::answer(&front, &receipt, wait).await
        }
        Published::Batch(events) => many(&front, &parts, events).await,
    }
}

/// `POST /v1/messages/batch`
pub(super) async fn batch(State(front): State<Arc<Front>>, request: Request) -> Result<Response, Problem> {
    let (parts, published) = published(&front, request).await?;
    match published {
        Published::Batch(events) => many(&front, &parts, events).await,
        Published::One(_) => Err(Problem::new(INVALID_EVENT, "a batch is a JSON array of events")),
    }
}

async fn published(front: &Front, request: Request) -> Result<(http::request::Parts, Published), Problem> {
    let (parts, incoming) = request.into_parts();
    let max = front.routing.load().body_max;
    let body = body::read(incoming, max, &**front.engine.clock()).await?;
    let published = read(&parts.headers, &body).map_err(|wrong| no_event(&wrong))?;
    Ok((parts, published))
}

/// One answer per event, in order; each is kept or not by itself.
async fn many(
    front: &Front,
    parts: &http::request::Parts,
    events: Vec<Result<Event, NotAnEvent>>,
) -> Result<Response, Problem> {
    if events.is_empty() {
        return Err(Problem::new(INVALID_EVENT, "the batch has no events: nothing was kept"));
    }
    if events.len() > limits::BATCH_ITEMS_MAX {
        let detail =
            format!("the batch has {} events; {} are allowed", events.len(), limits::BATCH_ITEMS_MAX);
        return Err(Problem::new(INVALID_EVENT, detail));
    }
    // All at once, so that they share a commit.
    let take = async |event: Result<Event, NotAnEvent>| match event {
        Ok(event) => take(front, parts, event).await,
        Err(wrong) => Err(no_event(&wrong)),
    };
    let taken = futures_util::future::join_all(events.into_iter().map(take)).await;
    let entries: Vec<Value> = taken.into_iter().map(entry).collect();
    Ok((StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], Value::from(entries).to_string())
        .into_response())
}

fn no_event(wrong: &NotAnEvent) -> Problem {
    Problem::new(INVALID_EVENT, wrong.to_string())
}

fn entry(taken: Result<Receipt, Problem>) -> Value {
    match taken {
        Ok(receipt) => {
            let ordinals = receipt.targets.iter().zip(0u16..);
            let deliveries: Vec<Value> =
                ordinals.map(|(target, n)| json!({"id": receipt.first.at(n), "target": target})).collect();
            json!({"status": 202, "id": receipt.id, "status_url": format!("/v1/tickets/{}", receipt.id), "deliveries": deliveries})
        }
        Err(problem) => problem.json(),
    }
}

async fn take(front: &Front, parts: &http::request::Parts, event: Event) -> Result<Receipt, Problem> {
    let entry = {
        let routing = front.routing.load();
        let found = routing.types.iter().find(|(pattern, _)| pattern.matches(&event.kind));
        found.and_then(|(_, route)| routing.entries.get(*route)).map(Arc::clone)
    };
    let Some(entry) = entry else {
        return Err(Problem::new(
            NO_ROUTE,
            format!("no route lists the type {:?} under `types`", event.kind),
        ));
    };
    let once = match (event_once(parts, &event)?, &entry.dedupe) {
        (None, Some(dedupe)) => {
            let request = once::Request { method: &parts.method, path: &event.kind, body: &event.body };
            dedupe::once(dedupe, request, &event.body).await?
        }
        (once, _) => once,
    };
    let headers = event_headers(parts, &event)?;
    let now = front.engine.clock().now();
    let written = Written::from_headers(&parts.headers).map(|request| match event.terms {
        Some(own) => own.or(request),
        None => request,
    });
    let terms = written.and_then(|written| written.read(now)).map_err(|wrong| accept::not_granted(&wrong))?;
    let expires = event.expires.map(Timestamp::from_micros);
    let terms = Terms { deadline: terms.deadline.into_iter().chain(expires).min(), ..terms };
    let key = event.key.map(|key| OrderKey(key.into()));
    // A publisher waits for nobody's answer.
    let wish = Wish { headers, body: event.body, once, key, terms, caller: Caller::Away };
    accept::take(front, &entry.route, wish).await
}

/// What begins a key that is made here: callers' keys are visible characters, so the two never meet.
const ITEM: char = '\u{1}';
const EVENT: char = '\u{2}';

/// The request's own key for a single event; else source and id, which identify a CloudEvent.
fn event_once(parts: &http::request::Parts, event: &Event) -> Result<Option<Once>, Problem> {
    let path = parts.uri.path();
    let request = once::Request { method: &parts.method, path, body: &event.body };
    if let Some(once) = once::from_headers(&parts.headers, request)? {
        return Ok(Some(Once {
            key: event.index.map_or(once.key.clone(), |index| format!("{ITEM}{index} {}", once.key)),
            ..once
        }));
    }
    Ok(event.identity.as_ref().map(|(source, id)| {
        let key = format!("{EVENT}{} {source} {id}", source.len());
        once::of_key(key, once::fingerprint(request))
    }))
}

fn event_headers(parts: &http::request::Parts, event: &Event) -> Result<Headers, Problem> {
    let mut headers = parts.headers.clone();
    if let Some(content_type) = &event.content_type
        && let Ok(value) = http::HeaderValue::from_str(content_type)
    {
        headers.insert(header::CONTENT_TYPE, value);
    }
    accept::passed_on(&headers)
}

/// The bytes of a part of a body, shared with it where possible.
fn slice(body: &Bytes, part: &str) -> Bytes {
    body.slice_ref(part.as_bytes())
}
