//! How tickets, deliveries and attempts look as JSON.

use contract::delivery::{Attempt, AttemptResult, Capture, CaptureEnd, Standing, Suspicion, Timings};
use contract::part::Duty;
use contract::ticket::{Ray, Ticket};
use contract::{DeliveryId, MessageId, Name, Timestamp, limits};
use engine::Engine;
use engine::policy::hold::Reason;
use engine::status::{self, Phase, State};
use serde::Serialize;
use std::time::Duration;

/// A ticket.
#[derive(Debug, Serialize)]
pub struct TicketView<'a> {
    id: MessageId,
    route: &'a Name,
    state: State,
    decided: bool,
    settled: bool,
    received: Moment,
    deliveries: Vec<RayView<'a>>,
}

/// One delivery of a ticket.
#[derive(Debug, Serialize)]
pub struct RayView<'a> {
    id: DeliveryId,
    target: &'a Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    duty: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undoes: Option<&'a Name>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    after: Vec<&'a Name>,
    state: Phase,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    behind: Option<DeliveryId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt: Option<Moment>,
    run: u32,
    attempts: Vec<AttemptView<'a>>,
}

/// One attempt.
#[derive(Debug, Serialize)]
pub struct AttemptView<'a> {
    number: u32,
    run: u32,
    began: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    /// The API's own word, where the target's `error_code` finds one.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    possible_duplicate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt: Option<Moment>,
    timings_ms: TimingsView,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<ResponseView<'a>>,
}

#[derive(Debug, Serialize)]
struct TimingsView {
    queue: Millis,
    dns: Millis,
    connect: Millis,
    tls: Millis,
    first_byte: Millis,
    body: Millis,
}

#[derive(Debug, Serialize)]
struct ResponseView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    /// Text; bytes that are no UTF-8 are shown as U+FFFD.
    body: std::borrow::Cow<'a, str>,
    capture: CaptureEnd,
}

/// A wall-clock time as RFC 3339 with microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Moment(pub Timestamp);

impl Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = i64::try_from(self.0.as_micros()).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_microsecond(micros) {
            Ok(time) => write!(f, "{time:.6}"),
            Err(_) => f.write_str("9999-12-31T23:59:59.999999Z"),
        }
    }
}

/// Milliseconds with microseconds behind the point.
#[derive(Clone, Copy, Debug)]
struct Millis(Duration);

impl Serialize for Millis {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a duration of an attempt is far below 2^53 microseconds"
        )]
        to.serialize_f64(self.0.as_micros() as f64 / 1000.0)
    }
}

/// What is known of targets now, besides what is kept of their deliveries.
pub trait Known {
    /// Why a target is not called, if it is not.
    fn held(&self, target: &Name) -> Option<Reason>;

    /// What a target calls the failure that it answered with.
    fn code(&self, target: &Name, answer: &Capture) -> Option<String>;
}

impl Known for Engine {
    fn held(&self, target: &Name) -> Option<Reason> {
        Self::held(self, target)
    }

    fn code(&self, target: &Name, answer: &Capture) -> Option<String> {
        self.error_code(target, answer)
    }
}

/// Of whom nothing is asked.
pub struct Nobody;

impl Known for Nobody {
    fn held(&self, _: &Name) -> Option<Reason> {
        None
    }

    fn code(&self, _: &Name, _: &Capture) -> Option<String> {
        None
    }
}

impl<'a> TicketView<'a> {
    /// The ticket, with the holds of its targets as they are now.
    pub fn new(ticket: &'a Ticket, known: &dyn Known) -> Self {
        let status = status::fold(ticket);
        Self {
            id: ticket.id,
            route: &ticket.route,
            state: status.state,
            decided: status.decided,
            settled: status.settled,
            received: Moment(ticket.received),
            deliveries: ticket.deliveries.iter().map(|ray| RayView::new(ticket, ray, known)).collect(),
        }
    }
}

impl<'a> RayView<'a> {
    fn new(ticket: &'a Ticket, ray: &'a Ray, known: &dyn Known) -> Self {
        let held = known.held(&ray.target);
        let phase = status::phase(ray, held);
        let target = |ordinal: u16| Some(&ticket.deliveries.get(usize::from(ordinal))?.target);
        let (duty, undoes) = match ray.part.duty {
            Duty::Required => (None, None),
            Duty::Optional => (Some("optional"), None),
            // One that undoes itself undoes nothing.
            Duty::Undo(of) => (Some("undo"), target(of).filter(|_| of != ray.id.ordinal())),
            Duty::Callback => (Some("callback"), None),
            Duty::Replay(_) => (Some("replay"), None),
        };
        Self {
            id: ray.id,
            target: &ray.target,
            duty,
            undoes,
            after: ray.part.after.iter().filter_map(|ordinal| target(*ordinal)).collect(),
            state: phase,
            reason: reason(ray.standing, held.filter(|_| phase == Phase::Held))
                .or(ray.behind.is_some().then_some("order")),
            behind: ray.behind,
            next_attempt: next_attempt(ray.standing),
            run: ray.run,
            attempts: ray
                .attempts
                .iter()
                .map(|attempt| AttemptView::new(attempt, &ray.target, known))
                .collect(),
        }
    }
}

impl<'a> AttemptView<'a> {
    /// An attempt on a target.
    #[must_use]
    pub fn new(attempt: &'a Attempt, target: &Name, known: &dyn Known) -> Self {
        let code = match &attempt.result {
            AttemptResult::Answered { class: Some(_), capture, .. } => known.code(target, capture),
            AttemptResult::Answered { class: None, .. } | AttemptResult::Failed { .. } => None,
        };
        let (detail, response) = match &attempt.result {
            AttemptResult::Failed { detail, .. } => (Some(detail.as_str()), None),
            AttemptResult::Answered { capture, .. } => {
                let content_type = capture.content_type.as_deref();
                // What is kept whole for those who read it is shown as any other.
                let shown = capture.body.get(..limits::CAPTURE_BYTES_MAX);
                let end = if shown.is_some_and(|shown| shown.len() < capture.body.len()) {
                    CaptureEnd::Truncated
                } else {
                    capture.end
                };
                let body = String::from_utf8_lossy(shown.unwrap_or(&capture.body));
                (None, Some(ResponseView { content_type, body, capture: end }))
            }
        };
        Self {
            number: attempt.number,
            run: attempt.run,
            began: Moment(attempt.began),
            status: attempt.result.status(),
            class: attempt.result.class().map(contract::delivery::ErrorClass::word),
            code,
            detail,
            possible_duplicate: attempt.suspect == Suspicion::PossiblyDuplicate,
            next_attempt: attempt.next.map(Moment),
            timings_ms: TimingsView::new(&attempt.timings),
            response,
        }
    }
}

impl TimingsView {
    fn new(timings: &Timings) -> Self {
        Self {
            queue: Millis(timings.queue),
            dns: Millis(timings.dns),
            connect: Millis(timings.connect),
            tls: Millis(timings.tls),
            first_byte: Millis(timings.first_byte),
            body: Millis(timings.body),
        }
    }
}

/// The word that explains a standing: why it is dead, or why it is held.
#[must_use]
pub fn reason(standing: Standing, held: Option<Reason>) -> Option<&'static str> {
    match (standing, held) {
        (Standing::Dead(death), _) => Some(death.word()),
        (Standing::Waiting, _) => Some("after"),
        (Standing::Unmet, _) => Some("dependency"),
        (_, Some(held)) => Some(held.word()),
        (_, None) => None,
    }
}

fn next_attempt(standing: Standing) -> Option<Moment> {
    match standing {
        Standing::Due(at) => Some(Moment(at)),
        Standing::Leased
        | Standing::Delivered
        | Standing::Dead(_)
        | Standing::Cancelled
        | Standing::Expired
        | Standing::Skipped
        | Standing::Waiting
        | Standing::Unmet => None,
    }
}
