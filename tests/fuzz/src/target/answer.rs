//! What an API answers: the hints in its headers, and the body as it is captured.

use super::must;
use super::request::lines;
use connectors::http::capture::Collector;
use connectors::http::hints;
use contract::Timestamp;
use contract::delivery::CaptureEnd;
use contract::limits::CAPTURE_BYTES_MAX;
use contract::target::{Keep, Word};
use http::{HeaderMap, HeaderValue};
use std::time::Duration;

/// The status stands where a request has its path.
pub(super) const SEEDS: &[&[u8]] = &[
    b"GET 429\nretry-after: 120\n\ntoo many",
    b"GET 503\nretry-after: Sun, 06 Nov 1994 08:49:37 GMT\nwebhook-delivery: disable\n\n",
    b"GET 429\nratelimit: \"default\";r=0;t=30, \"burst\";r=5;t=1\n\n",
    b"GET 429\nratelimit: limit=10, remaining=0, reset=30\n\n",
    b"GET 403\nx-ratelimit-remaining: 0\nx-ratelimit-reset: 784111837\n\n",
    b"GET 429\nratelimit-remaining: 0\nratelimit-reset: 7\n\n",
    b"GET 200\nretry-after: 5\nwebhook-delivery: abort-message\n\nthanks",
    // `hello hello`, in each coding.
    b"GET 200\ncontent-encoding: gzip\n\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xcbH\xcd\xc9\xc9W\xc8\x00\x91\x00@\xa6-\x01\x0b\x00\x00\x00",
    b"GET 200\ncontent-encoding: deflate\n\nx\x9c\xcbH\xcd\xc9\xc9W\xc8\x00\x91\x00\x19\x91\x04I",
    b"GET 200\ncontent-encoding: deflate\n\n\xcbH\xcd\xc9\xc9W\xc8\x00\x91\x00",
    b"GET 200\ncontent-encoding: br\n\nunknown",
];

pub(super) const WORDS: &[&[u8]] = &[
    b"retry-after: ",
    b"ratelimit: ",
    b"ratelimit-remaining: 0",
    b"ratelimit-reset: ",
    b"x-ratelimit-remaining: 0",
    b"x-ratelimit-reset: ",
    b"webhook-delivery: ",
    b"abort-message",
    b"content-encoding: ",
    b"gzip",
    b"deflate",
    b"identity",
    b";r=0",
    b";t=",
    b"remaining=0",
    b"reset=",
    b"18446744073709551615",
    b"99999999999999999999",
    b"-1",
    b"+5",
    b"1.5",
    b"Sunday, 06-Nov-94 08:49:37 GMT",
    b"Fri, 31 Dec 9999 23:59:59 GMT",
    b"\x1f\x8b\x08",
];

/// Sun, 06 Nov 1994 08:49:37 GMT
const NOW: Timestamp = Timestamp::from_micros(784_111_777_000_000);

pub(super) fn check(input: &[u8]) -> Result<(), String> {
    let answer = lines(input);
    hinted(&answer.headers)?;
    captured(answer.headers.get("content-encoding"), answer.body)
}

fn hinted(headers: &HeaderMap) -> Result<(), String> {
    let hints = hints::read(headers, || NOW);
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::trim);
    let word = match text("webhook-delivery") {
        Some("abort-message") => Some(Word::AbortMessage),
        Some("disable") => Some(Word::Disable),
        _ => None,
    };
    must(hints.word == word, "a word that the receiver did not say, or one that was not heard")?;
    let asks = headers.keys().any(|name| name == "retry-after" || name.as_str().contains("ratelimit"));
    must(hints.wait.is_none() || asks, "a wait that nobody asked for")?;
    if let Some(seconds) = text("retry-after").filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        && let Ok(seconds) = seconds.parse()
    {
        must(hints.wait == Some(Duration::from_secs(seconds)), "a Retry-After that is not obeyed")?;
    }
    Ok(())
}

fn captured(encoding: Option<&HeaderValue>, body: &[u8]) -> Result<(), String> {
    let encoding = encoding.map(HeaderValue::as_bytes);
    let collect = |piece: usize| {
        let mut collector = Collector::new(encoding, Keep::Beginning);
        body.chunks(piece).for_each(|piece| collector.push(piece));
        collector.finish(CaptureEnd::Complete)
    };
    let (whole, end) = collect(body.len().max(1));
    must(whole.len() <= CAPTURE_BYTES_MAX, "more is kept than may be")?;
    let (cut, cut_end) = collect(1);
    // Of a capture that is full and damaged behind that, either is told, whichever is met first.
    let full = whole.len() == CAPTURE_BYTES_MAX;
    must(cut_end == end || full, "how a body was cut decides how its capture ends")?;
    must(end != CaptureEnd::Complete || cut == whole, "how a body was cut decides what is kept")?;
    must(encoding.is_some() || body.starts_with(&whole), "what is kept is not what came")
}
