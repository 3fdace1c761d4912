//! The caller gets the primary target's own answer, out of the store: so a repeat gets the same one, from any node.

use super::front::{Front, Primary};
use super::problem::{ANSWER_TIMEOUT, GONE, NO_ANSWER, Problem};
use super::tickets::internal;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use contract::delivery::{Attempt, AttemptResult, Capture, CaptureEnd, ErrorClass, Standing};
use contract::query::Detail;
use contract::ticket::Found;
use contract::{DeliveryId, MessageId, Name};
use engine::offer::Receipt;
use http::{HeaderName, HeaderValue, StatusCode, header};

/// Where a caller who gets somebody else's answer finds its ticket.
const TICKET: HeaderName = HeaderName::from_static("fanlight-ticket");

/// The primary's answer; `late`, with the ticket, when it does not come in time.
pub(super) async fn answer(
    front: &Front,
    primary: &Primary,
    receipt: &Receipt,
    late: impl FnOnce() -> Response,
) -> Response {
    let ended = end(front, primary, receipt).await;
    let mut response = ended.map_or_else(IntoResponse::into_response, |said| said.unwrap_or_else(late));
    if let Ok(path) = HeaderValue::try_from(format!("/v1/tickets/{}", receipt.id)) {
        response.headers_mut().insert(TICKET, path);
    }
    response
}

async fn end(front: &Front, primary: &Primary, receipt: &Receipt) -> Result<Option<Response>, Problem> {
    let own = receipt.targets.iter().zip(0u16..).find(|(target, _)| **target == primary.target);
    // A repeat of a message that was accepted when the route was another one has none.
    let Some((_, ordinal)) = own else { return Ok(None) };
    let (delivery, mut time) = (receipt.first.at(ordinal), front.engine.clock().sleep(primary.wait));
    let mut watcher = front.engine.watch.begin(receipt.id);
    loop {
        let detail = look(front, receipt.id, delivery).await?;
        if detail.row.standing.is_final() {
            return said(&primary.target, &detail);
        }
        tokio::select! {
            biased;
            () = watcher.changed() => {}
            () = &mut time => return Ok(None),
            () = front.stopped() => return Ok(None),
        }
    }
}

async fn look(front: &Front, ticket: MessageId, delivery: DeliveryId) -> Result<Detail, Problem> {
    match front.engine.store().detail(&Name::default_tenant(), delivery).await {
        Ok(Found::Here(detail)) => Ok(detail),
        Ok(Found::Gone | Found::Unknown) => Err(Problem::new(GONE, format!("{ticket} is no longer kept"))),
        Err(fault) => Err(internal(&fault)),
    }
}

/// What the end of its delivery says to the caller; none: it was not asked at all.
fn said(target: &Name, detail: &Detail) -> Result<Option<Response>, Problem> {
    let none = |why: &str| Problem::new(NO_ANSWER, format!("the target `{target}` gave no answer: {why}"));
    let late =
        |why: &str| Problem::new(ANSWER_TIMEOUT, format!("the target `{target}` did not answer: {why}"));
    match (detail.row.standing, detail.attempts.last()) {
        (Standing::Skipped | Standing::Unmet, _) => Ok(None),
        (Standing::Expired, _) => Err(late("the deadline has passed")),
        (Standing::Cancelled, _) => Err(none("it was cancelled")),
        (standing, Some(Attempt { result, .. })) => match (result, result.class()) {
            (AttemptResult::Answered { status, capture, .. }, _) if is_whole(standing, capture) => {
                Ok(Some(passed_on(*status, capture)))
            }
            (
                _,
                Some(
                    class @ (ErrorClass::TimeoutConnect | ErrorClass::TimeoutTotal | ErrorClass::TimeoutIdle),
                ),
            ) => Err(late(class.word())),
            (_, class) => Err(none(class.map_or("it was not kept", ErrorClass::word))),
        },
        (_, None) => Err(none("no attempt was made")),
    }
}

/// Whether it can be passed on. A success that was judged to be none is not.
fn is_whole(standing: Standing, capture: &Capture) -> bool {
    capture.end == CaptureEnd::Complete && standing != Standing::Dead(contract::delivery::Death::Unreadable)
}

fn passed_on(status: u16, capture: &Capture) -> Response {
    let mut response = Response::new(Body::from(capture.body.clone()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let headers = response.headers_mut();
    if let Some(value) = capture.content_type.as_ref().and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    let own = capture.headers.iter().filter(|(name, _)| *name != header::CONTENT_TYPE.as_str());
    for (name, value) in own {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    response
}
