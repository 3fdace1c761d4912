//! Errors as `application/problem+json` (RFC 9457), each kind with a stable `type`.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// What kind of problem. The slug is part of the API: never change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The last part of `type`.
    pub slug: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// For people.
    pub title: &'static str,
    /// When it is given and what to do: the reference is made from this.
    pub help: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $slug:literal $status:ident $title:literal $help:literal;)*) => {
        $(#[doc = $help] pub const $name: Kind = Kind { slug: $slug, status: StatusCode::$status, title: $title, help: $help };)*
        /// Every kind, in the order of the reference.
        pub const KINDS: &[Kind] = &[$($name),*];
    };
}

kinds! {
    INVALID_REQUEST = "invalid-request" BAD_REQUEST "The request is not valid" "Something in the request cannot be read; `detail` says what. Correct it and send it again.";
    INVALID_IDEMPOTENCY_KEY = "invalid-idempotency-key" BAD_REQUEST "The Idempotency-Key is not valid" "The key is empty, longer than 255 bytes, given twice, or has characters other than visible ASCII.";
    INVALID_EVENT = "invalid-event" BAD_REQUEST "The event is not valid" "A CloudEvent or an envelope lacks a required attribute or has one of the wrong form.";
    FORBIDDEN = "forbidden" FORBIDDEN "Not from there" "The operators' door takes requests for localhost or an address only, and from no other origin.";
    NOT_FOUND = "not-found" NOT_FOUND "Nothing is here" "No route has this path, or no ticket, delivery, target, redrive or replay has this name.";
    METHOD_NOT_ALLOWED = "method-not-allowed" METHOD_NOT_ALLOWED "Not with this method" "The path exists; `Allow` names its methods.";
    REQUEST_TIMEOUT = "request-timeout" REQUEST_TIMEOUT "The request came too slowly" "The body paused for too long. Nothing was kept.";
    FINAL = "final" CONFLICT "It is final" "Every delivery of the ticket, or the replay, has ended: there is nothing to cancel.";
    NOT_DEAD = "not-dead" CONFLICT "It is not dead" "Only dead deliveries can be edited, redriven or discarded.";
    UNDONE = "undone" CONFLICT "It has been undone" "The message could not succeed, and what was delivered of it was undone, so that it is not sent again. Send it anew.";
    NO_PROBE = "no-probe" CONFLICT "No call can be let through" "Nothing waits for the target, as many calls as may go are on their way, it is not in the configuration, or a person has shut it (`pause`, `breaker open`); `detail` says which.";
    DAMAGED = "damaged" CONFLICT "Its stored bytes are damaged" "What is on the disk does not match its checksum, so it cannot be shown, edited or sent; `detail` names the message. Discard its dead deliveries (`fanlight dead discard ID`), have its sender send it again, and look at the disk (`fanlight verify`).";
    GONE = "gone" GONE "It is no longer kept" "The ticket is older than retention.";
    PAYLOAD_TOO_LARGE = "payload-too-large" PAYLOAD_TOO_LARGE "The body is too large" "`limits.body` or the route's `body` says how large a body may be. Nothing was kept.";
    URI_TOO_LONG = "uri-too-long" URI_TOO_LONG "The path is too long" "Path and query may have 64 KiB together.";
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE "Not this content type" "The route names the content types that it takes.";
    IDEMPOTENCY_MISMATCH = "idempotency-mismatch" UNPROCESSABLE_ENTITY "The key stands for another request" "This Idempotency-Key was used with another body within the last 24 hours. Use a new key.";
    NO_ROUTE = "no-route" UNPROCESSABLE_ENTITY "No route takes this event" "No route lists this event type under `types`. Nothing was kept.";
    HEADERS_TOO_LARGE = "headers-too-large" REQUEST_HEADER_FIELDS_TOO_LARGE "The headers are too large" "The headers that are passed on may have 16 KiB together; all of a request may have 64 KiB with its first line, in at most 100 headers.";
    INTERNAL = "internal" INTERNAL_SERVER_ERROR "This side failed" "The log says why. It is not known whether anything was kept: send it again with the same Idempotency-Key.";
    NOT_IMPLEMENTED = "not-implemented" NOT_IMPLEMENTED "This coding is not known" "`transfer-encoding` names something other than chunked. Send the body with a `content-length`, or chunked.";
    NO_ANSWER = "no-answer" BAD_GATEWAY "The primary target gave no answer" "The route passes on the answer of its primary target, and there is none: no connection, or an answer that is broken or too long. Nothing else was sent; `Fanlight-Ticket` leads to what happened.";
    ANSWER_TIMEOUT = "answer-timeout" GATEWAY_TIMEOUT "The primary target did not answer in time" "The route passes on the answer of its primary target, and its `timeout` or the message's deadline came first. It may have acted. Nothing else was sent; `Fanlight-Ticket` leads to what happened.";
    BUSY = "busy" SERVICE_UNAVAILABLE "Too much at once" "The accept queue is full, too many bodies are on their way, the route's expressions have no free worker, or as many replays run as may; `detail` says which. Nothing was kept; send it again after `Retry-After`.";
    UNAVAILABLE = "unavailable" SERVICE_UNAVAILABLE "The process is ending" "It is not known whether the message was kept: send it again with the same Idempotency-Key.";
    STORAGE_FULL = "storage-full" INSUFFICIENT_STORAGE "There is no room" "The disk or `retention.bytes` is full. Nothing was kept; what was accepted before is still delivered.";
}

/// One problem. Boxed: it is the rare end of functions that are called for every message.
#[derive(Clone, Debug)]
pub struct Problem(Box<Content>);

#[derive(Clone, Debug)]
struct Content {
    kind: Kind,
    detail: String,
    retry_after: Option<u32>,
    allow: Option<HeaderValue>,
}

impl Problem {
    /// A problem with what happened, in one sentence.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Content { kind, detail: detail.into(), retry_after: None, allow: None }))
    }

    /// With `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// With `Allow`.
    #[must_use]
    pub fn allow(mut self, methods: &str) -> Self {
        self.0.allow = HeaderValue::from_str(methods).ok();
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.kind.status
    }

    /// Whether it is of this kind.
    #[must_use]
    pub fn is(&self, kind: Kind) -> bool {
        self.0.kind == kind
    }

    /// The JSON form.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        json!({
            "type": format!("urn:fanlight:problem:{}", self.0.kind.slug),
            "title": self.0.kind.title,
            "status": self.0.kind.status.as_u16(),
            "detail": self.0.detail,
        })
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.json().to_string()));
        *response.status_mut() = self.0.kind.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.0.allow {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}
