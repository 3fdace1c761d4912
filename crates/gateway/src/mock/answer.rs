//! The answers of a mock API, as bytes over time.

use super::behaviour::{Behaviour, Content};
use super::memory::Memory;
use bytes::Bytes;
use contract::Clock;
use futures_util::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Bytes that a body has at once.
const PIECE_BYTES_MAX: u64 = 16 * 1024;
/// Pieces per second of a slow body that is not slower.
const PIECES_PER_SECOND: u64 = 10;

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The answer with `status` that `behaviour` describes.
pub(super) fn answer(behaviour: &Behaviour, status: StatusCode, clock: &Arc<dyn Clock>) -> Response<Body> {
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let content = if bodiless { Content::Size(0) } else { behaviour.content.clone() };
    let length = content.length();
    let mut response = Response::new(body(content, behaviour.slow_body, Arc::clone(clock)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if !bodiless {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if let Some(retry_after) = behaviour.retry_after.as_ref().filter(|_| !status.is_success()) {
        headers.insert(RETRY_AFTER, retry_after.clone());
    }
    for (name, value) in &behaviour.headers {
        headers.insert(name, value.clone());
    }
    response
}

/// What the mock API tells about itself; none if `path` is not about that.
pub(super) fn report(path: &str, memory: &Memory) -> Option<Response<Body>> {
    let json = match path {
        "/__mock/count" => serde_json::to_vec(memory.counts()),
        "/__mock/requests" => serde_json::to_vec(&memory.recorded().collect::<Vec<_>>()),
        _ => return None,
    };
    let (status, json) = match json {
        Ok(json) => (StatusCode::OK, json),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string().into_bytes()),
    };
    let mut response = Response::new(Full::from(json).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Some(response)
}

impl Content {
    fn length(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Size(bytes) => *bytes,
        }
    }

    /// Splits off its first `bytes`; none when nothing is left.
    fn split(&mut self, bytes: u64) -> Option<Bytes> {
        let piece = bytes.min(self.length());
        let length = usize::try_from(piece).ok().filter(|length| *length > 0)?;
        Some(match self {
            Self::Text(text) => text.split_to(length),
            Self::Size(rest) => {
                *rest -= piece;
                Bytes::from(vec![b'x'; length])
            }
        })
    }
}

/// `content` in pieces, at most `rate` bytes per second.
fn body(content: Content, rate: Option<u64>, clock: Arc<dyn Clock>) -> Body {
    let piece = rate.map_or(PIECE_BYTES_MAX, |rate| (rate / PIECES_PER_SECOND).clamp(1, PIECE_BYTES_MAX));
    let pause = rate.map(|rate| Duration::from_secs_f64(piece as f64 / rate.max(1) as f64));
    let pieces = stream::unfold((content, clock), move |(mut content, clock)| async move {
        let piece = content.split(piece)?;
        if let Some(pause) = pause {
            clock.sleep(pause).await;
        }
        Some((Ok(Frame::data(piece)), (content, clock)))
    });
    StreamBody::new(pieces).boxed_unsync()
}
