//! Reads an answer: its head into a reply, the beginning of its body into the capture.

use super::alarm::Alarm;
use super::capture::Collector;
use super::exchange::{self, Carrier, Stopped};
use super::hints;
use bytes::Bytes;
use contract::delivery::{Capture, CaptureEnd, Timings};
use contract::field::{Owner, owner};
use contract::message::Headers;
use contract::target::{Keep, Reply};
use contract::{Clock, Tick, Timestamp, limits};
use http::{HeaderMap, HeaderValue, header, response};
use http_body::Body as _;
use hyper::body::Incoming;
use std::pin::Pin;
use std::time::Duration;

/// What is left of a body after the capture is full is read and dropped up to this size: cheaper than a new connection.
const DRAIN_BYTES_MAX: u64 = 64 * 1024;

/// The reply of a head; capture and timings come later.
pub(super) fn reply(head: &response::Parts, now: impl Fn() -> Timestamp) -> Reply {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let location =
        if head.status.is_redirection() { head.headers.get(header::LOCATION).map(text) } else { None };
    Reply {
        status: head.status.as_u16(),
        counts_as: None,
        hints: hints::read(&head.headers, now),
        location,
        capture: Capture {
            content_type: head.headers.get(header::CONTENT_TYPE).map(text),
            ..Capture::default()
        },
        timings: Timings::default(),
    }
}

/// Keeps the answer's own headers: not those of the connection, nor what described the body before it was decompressed. More than
/// [`limits::HEADER_BYTES_MAX`] are as bad as a body that is too long.
pub(super) fn keep_headers(capture: &mut Capture, headers: &HeaderMap) {
    let named = headers.get(header::CONNECTION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let by_connection = |name: &str| named.split(',').any(|token| token.trim().eq_ignore_ascii_case(name));
    let decoded = headers.contains_key(header::CONTENT_ENCODING);
    let own = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).filter(|(name, _)| {
        let of_coding = matches!(*name, "content-encoding" | "content-md5" | "content-digest");
        owner(name) != Owner::Connection && !by_connection(name) && !(decoded && of_coding)
    });
    let kept = Headers::from_pairs(own);
    if kept.block().len() <= limits::HEADER_BYTES_MAX {
        capture.headers = kept;
    } else {
        capture.end = CaptureEnd::Truncated;
    }
}

/// For how long the server keeps an idle connection (`keep-alive: timeout=5`), less a second for the way.
pub(super) fn kept_for(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("keep-alive")?.to_str().ok()?;
    let seconds = value.split(',').find_map(|part| part.trim().strip_prefix("timeout=")?.parse().ok())?;
    Some(Duration::from_secs(seconds).saturating_sub(Duration::from_secs(1)))
}

/// When to stop reading.
pub(super) struct Limits<'a> {
    pub(super) clock: &'a dyn Clock,
    /// When the head came.
    pub(super) since: Tick,
    /// The longest pause.
    pub(super) idle: Duration,
    /// The end of all.
    pub(super) deadline: Tick,
    /// How much is wanted.
    pub(super) keep: Keep,
}

/// How far a body was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// To its end: the connection is free.
    Nothing,
    /// Something may still come: the connection is of no use.
    Unread,
}

/// Reads the body into the capture. It never fails: a body that hangs, breaks or is too long only ends the capture.
pub(super) async fn read(
    mut body: Incoming,
    encoding: Option<&HeaderValue>,
    (carrier, alarm): (&mut impl Carrier, &mut Alarm),
    limits: Limits<'_>,
) -> (Bytes, CaptureEnd, Rest) {
    if body.is_end_stream() {
        return (Bytes::new(), CaptureEnd::Complete, Rest::Nothing);
    }
    let mut collector = Collector::new(encoding.map(HeaderValue::as_bytes), limits.keep);
    let mut since = limits.since;
    let end = loop {
        let pause = Tick(since.0 + limits.idle);
        let limit = (&mut *alarm, limits.clock, pause.min(limits.deadline));
        match exchange::step(carrier, limit, |cx| Pin::new(&mut body).poll_frame(cx)).await {
            Ok(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    collector.push(data);
                }
            }
            Ok(None) => break CaptureEnd::Complete,
            Ok(Some(Err(_))) | Err(Stopped::Ended) => break CaptureEnd::Broken,
            Err(Stopped::TimedOut) => break CaptureEnd::TimedOut,
        }
        if body.is_end_stream() {
            break CaptureEnd::Complete;
        }
        let is_short = body.size_hint().exact().is_some_and(|rest| rest <= DRAIN_BYTES_MAX);
        if !collector.wants_more() && !is_short {
            break CaptureEnd::Truncated;
        }
        since = limits.clock.tick();
    };
    let rest = if end == CaptureEnd::Complete { Rest::Nothing } else { Rest::Unread };
    let (kept, end) = collector.finish(end);
    (kept, end, rest)
}
