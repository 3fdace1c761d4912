//! Takes a message for a route: the hot path from request to 202.

use super::front::{Entry, Front};
use super::problem::{
    BUSY, HEADERS_TOO_LARGE, IDEMPOTENCY_MISMATCH, INVALID_REQUEST, Problem, STORAGE_FULL, UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
};
use super::terms::{Terms, Written, Wrong};
use super::{body, dedupe, once, prefer, primary, tickets};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use contract::field::{Owner, owner};
use contract::message::Headers;
use contract::part::Caller;
use contract::store::{Once, OrderKey};
use contract::{Name, limits, params};
use engine::happened::Refusal;
use engine::offer::{Offer, Receipt};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use std::sync::Arc;
use std::time::Duration;

/// What a request asks of one accepted message.
pub(super) struct Wish {
    pub(super) headers: Headers,
    pub(super) body: Bytes,
    pub(super) once: Option<Once>,
    pub(super) key: Option<OrderKey>,
    pub(super) terms: Terms,
    pub(super) caller: Caller,
}

/// The hint when to look at a ticket, and when to send a refused request again.
const RETRY_AFTER_SECONDS: u32 = 1;

/// `params` is what is kept of the path's parameters, as [`contract::params`] writes them.
pub(super) async fn handle<B>(
    front: &Front,
    entry: &Entry,
    params: Option<String>,
    request: Request<B>,
) -> Result<Response, Problem>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let (parts, incoming) = request.into_parts();
    check_content_type(entry, &parts.headers)?;
    let body = body::read(incoming, entry.body_max, &**front.engine.clock()).await?;
    let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let request = once::Request { method: &parts.method, path, body: &body };
    let once = match (once::from_headers(&parts.headers, request)?, &entry.dedupe) {
        (None, Some(dedupe)) => dedupe::once(dedupe, request, &body).await?,
        (once, _) => once,
    };
    let headers = kept(&parts.headers, params.as_deref())?;
    let terms =
        Written::from_headers(&parts.headers).and_then(|written| written.read(front.engine.clock().now()));
    let terms = terms.map_err(|wrong| not_granted(&wrong))?;
    let caller = entry.primary.as_ref().map_or(Caller::Away, |primary| primary.caller);
    let wish = Wish { headers, body, once, key: None, terms, caller };
    let receipt = take(front, &entry.route, wish).await?;
    match &entry.primary {
        // Boxed: it is large, and every request would carry its size.
        Some(primary) => Ok(Box::pin(primary::answer(front, primary, &receipt, || ticket(&receipt))).await),
        None => answer(front, &receipt, prefer::wait(&parts.headers)).await,
    }
}

/// Makes the message durable.
pub(super) async fn take(
    front: &Front,
    route: &Arc<engine::route::Route>,
    wish: Wish,
) -> Result<Receipt, Problem> {
    let Terms { not_before, deadline, priority } = wish.terms;
    let offer = Offer {
        tenant: Name::default_tenant(),
        route: Arc::clone(route),
        headers: wish.headers,
        body: wish.body,
        once: wish.once,
        key: wish.key,
        deadline,
        not_before,
        priority,
        caller: wish.caller,
    };
    front.engine.accept(offer).await.map_err(refused)
}

pub(super) fn not_granted(wrong: &Wrong) -> Problem {
    Problem::new(INVALID_REQUEST, wrong.to_string())
}

/// 202 with the ticket; or, if the caller waits and it is decided in time, 200 with all of it.
pub(super) async fn answer(
    front: &Front,
    receipt: &Receipt,
    wait: Option<Duration>,
) -> Result<Response, Problem> {
    match wait {
        None => Ok(ticket(receipt)),
        Some(wait) => Ok(with_location(tickets::wait_decided(front, receipt.id, wait).await?, receipt)),
    }
}

fn ticket(receipt: &Receipt) -> Response {
    with_location(accepted(receipt_json(receipt)), receipt)
}

fn with_location(mut response: Response, receipt: &Receipt) -> Response {
    if let Ok(location) = HeaderValue::from_maybe_shared(Bytes::from(format!("/v1/tickets/{}", receipt.id))) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

pub(super) fn accepted(json: String) -> Response {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = StatusCode::ACCEPTED;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Only what never changes, so that a repeat gets the same answer. Names and ids need no escapes.
pub(super) fn receipt_json(receipt: &Receipt) -> String {
    let mut json = String::with_capacity(160 + 96 * receipt.targets.len());
    let id = receipt.id;
    json.push_str(&format!(r#"{{"id":"{id}","status_url":"/v1/tickets/{id}","deliveries":["#));
    for (target, ordinal) in receipt.targets.iter().zip(0u16..) {
        let comma = if ordinal == 0 { "" } else { "," };
        json.push_str(&format!(r#"{comma}{{"id":"{}","target":"{target}"}}"#, receipt.first.at(ordinal)));
    }
    json.push_str("]}");
    json
}

fn refused(why: Refusal) -> Problem {
    let problem = match why {
        Refusal::Conflict => {
            return Problem::new(IDEMPOTENCY_MISMATCH, "this Idempotency-Key was used with another request");
        }
        Refusal::NeverSent => return not_granted(&Wrong::NeverSent),
        Refusal::Busy => Problem::new(BUSY, "as many requests wait for their commit as may wait"),
        Refusal::NoWorker => {
            Problem::new(BUSY, "an expression of this route could not run now; nothing was kept")
        }
        Refusal::Full => Problem::new(STORAGE_FULL, "the disk or retention.bytes is full; nothing was kept"),
        Refusal::Unavailable => Problem::new(UNAVAILABLE, "the process is stopping or its store has failed"),
    };
    problem.retry_after(RETRY_AFTER_SECONDS)
}

fn check_content_type(entry: &Entry, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(types) = &entry.content_types else { return Ok(()) };
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if types.allow(given) {
        return Ok(());
    }
    Err(Problem::new(UNSUPPORTED_MEDIA_TYPE, format!("this route takes {types}, not {given:?}")))
}

/// What goes with the message. Credentials are never kept; what is about this connection or this answer is not passed on.
pub(super) fn passed_on(headers: &HeaderMap) -> Result<Headers, Problem> {
    kept(headers, None)
}

/// The same with the parameters of the path.
pub(crate) fn kept(headers: &HeaderMap, params: Option<&str>) -> Result<Headers, Problem> {
    let named = headers.get(header::CONNECTION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let by_connection = |name: &HeaderName| {
        !named.is_empty() && named.split(',').any(|token| token.trim().eq_ignore_ascii_case(name.as_str()))
    };
    let kept =
        headers.iter().filter(|(name, _)| owner(name.as_str()) == Owner::Message && !by_connection(name));
    let kept = kept.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let params = params.map(|params| (params::FIELD, params.as_bytes()));
    bounded(Headers::from_pairs(kept.chain(params)))
}

/// The headers, if they are not too large to be kept.
pub(super) fn bounded(headers: Headers) -> Result<Headers, Problem> {
    let (length, most) = (headers.block().len(), limits::HEADER_BYTES_MAX);
    if length <= most {
        return Ok(headers);
    }
    let detail = format!("the headers that are passed on have {length} bytes; {most} are allowed");
    Err(Problem::new(HEADERS_TOO_LARGE, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_hop_by_hop_headers_are_not_kept() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "text/plain"),
            ("authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("x-id", "7"),
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("idempotency-key", "k"),
            ("host", "h"),
            ("ce-id", "1"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let kept = passed_on(&headers).unwrap();
        let names: Vec<_> = kept.iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["content-type", "x-id", "ce-id"]);
    }
}
