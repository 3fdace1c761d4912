//! Published events: what is read has its bounds, and its body is a piece of the request, byte for byte.

use super::must;
use super::request::lines;
use bytes::Bytes;
use contract::limits;
use gateway::api::events::{self, Event, Published};
use gateway::config::event_type::TypePattern;

pub(super) const SEEDS: &[&[u8]] = &[
    b"POST /v1/messages\ncontent-type: application/json\n\n{\"type\": \"com.example.signup\", \"data\": {\"email\": \"ada@example.com\", \"n\": 1.0}}",
    b"POST /v1/messages\ncontent-type: application/cloudevents+json; charset=utf-8\n\n{\"specversion\": \"1.0\", \"id\": \"a1\", \"source\": \"/shop\", \"type\": \"com.example.signup\", \"expirytime\": \"2030-01-01T00:00:00Z\", \"data\": {\"a\": [1, 2]}}",
    b"POST /v1/messages\ncontent-type: text/plain\nce-specversion: 1.0\nce-id: a%201\nce-source: /shop\nce-type: com.example.signup\nce-expirytime: 2030-01-01T00:00:00Z\n\nhello",
    b"POST /v1/messages/batch\ncontent-type: application/cloudevents-batch+json\n\n[{\"specversion\": \"1.0\", \"id\": \"1\", \"source\": \"s\", \"type\": \"t\"}, {\"type\": \"u\", \"data\": null}, 7, {\"type\": \"\", \"data\": 1}]",
    b"POST /v1/messages/batch\ncontent-type: application/json\n\n [ ]",
    b"POST /v1/messages\n\n{\"type\": \"\\u0061\\ud83c\\udf08\", \"data\": \"\\u00e9\"}",
];

pub(super) const WORDS: &[&[u8]] = &[
    b"type",
    b"data",
    b"id",
    b"source",
    b"specversion",
    b"expirytime",
    b"\"1.0\"",
    b"\"0.3\"",
    b"null",
    b"[]",
    b"{}",
    b"[[",
    b"{\"a\":",
    b"ce-id: ",
    b"ce-type: ",
    b"ce-source: ",
    b"ce-specversion: 1.0",
    b"content-type: application/cloudevents+json",
    b"content-type: application/cloudevents-batch+json",
    b"9999-12-31T23:59:60Z",
    b"-009999-01-01T00:00:00Z",
    b"%20",
    b"%ff",
    b"*",
    b"com.example.*",
];

pub(super) fn check(input: &[u8]) -> Result<(), String> {
    let request = lines(input);
    let body = Bytes::copy_from_slice(request.body);
    match events::read(&request.headers, &body) {
        Err(wrong) => must(!wrong.to_string().is_empty(), "a refusal without a reason"),
        Ok(Published::One(event)) => {
            must(event.index.is_none(), "a single event has a place in a batch")?;
            well_formed(&event, &body)
        }
        Ok(Published::Batch(events)) => {
            events.iter().enumerate().try_for_each(|(index, event)| match event {
                Ok(event) => {
                    must(event.index == Some(index), "an event has lost its place in the batch")?;
                    well_formed(event, &body)
                }
                Err(wrong) => must(!wrong.to_string().is_empty(), "a refusal without a reason"),
            })
        }
    }
}

fn well_formed(event: &Event, body: &Bytes) -> Result<(), String> {
    let bounded = |text: &str| (1..=limits::IDEMPOTENCY_KEY_BYTES_MAX).contains(&text.len());
    must(bounded(&event.kind), "a type out of its bounds")?;
    if let Some((source, id)) = &event.identity {
        must(bounded(source) && bounded(id), "an identity out of its bounds")?;
    }
    must(within(&event.body, body), "a body that is no piece of the request")?;
    // Only a body whose form is given by its mode is known to be JSON.
    let is_json = event.content_type.is_some();
    must(
        !is_json || serde_json::from_slice::<serde::de::IgnoredAny>(&event.body).is_ok(),
        "a body that is no JSON",
    )?;
    let exactly = TypePattern::try_new(&event.kind);
    must(exactly.is_none_or(|pattern| pattern.matches(&event.kind)), "a type does not match itself")
}

/// Whether one is a piece of the other: the same bytes at the same place of memory.
fn within(piece: &Bytes, whole: &Bytes) -> bool {
    let (piece, whole) = (piece.as_ptr_range(), whole.as_ptr_range());
    piece.start == piece.end || (whole.start <= piece.start && piece.end <= whole.end)
}
