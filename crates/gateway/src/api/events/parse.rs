//! Reads what is published: envelopes and CloudEvents. Pure.

use super::slice;
use crate::api::terms::Written;
use bytes::Bytes;
use contract::limits;
use http::{HeaderMap, header};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One event, ready to be routed by its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its type, by which it is routed.
    pub kind: String,
    /// CloudEvents `source` and `id`: the same pair is the same event.
    pub identity: Option<(String, String)>,
    /// CloudEvents `expirytime`, in microseconds since the Unix epoch.
    pub expires: Option<u64>,
    /// The order key that the event brings: CloudEvents `partitionkey`, an envelope's `key`.
    pub key: Option<String>,
    /// What an envelope's own fields ask for.
    pub terms: Option<Box<Written>>,
    /// What is delivered.
    pub body: Bytes,
    /// The body's content type where it differs from the request's.
    pub content_type: Option<String>,
    /// Its place in a batch.
    pub index: Option<usize>,
}

/// One event, or several.
#[derive(Debug)]
pub enum Published {
    /// One.
    One(Event),
    /// A batch; an item that is no event does not spoil its neighbours.
    Batch(Vec<Result<Event, NotAnEvent>>),
}

/// What cannot be read as an event.
#[derive(Debug, thiserror::Error)]
pub enum NotAnEvent {
    /// The body has another form.
    #[error(
        "the body is no event: {0}; an envelope is {{\"type\": …, \"data\": …}}, a CloudEvent has specversion, id, source and type"
    )]
    Json(#[from] serde_json::Error),
    /// A required attribute is missing or empty.
    #[error("the event has no `{0}`")]
    Missing(&'static str),
    /// An attribute has the wrong form.
    #[error("the event's `{0}` is not valid")]
    Wrong(&'static str),
    /// An envelope has a key that means nothing here: a slip of the pen would be lost without a word.
    #[error(
        "an envelope has no `{0}`; it has type, data, key, id, source, expirytime, delay, not_before, deadline and priority"
    )]
    Unknown(String),
    /// Another version of CloudEvents.
    #[error("specversion {0:?} is not known; 1.0 is")]
    Version(String),
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow)]
    specversion: Option<Cow<'a, str>>,
    #[serde(borrow)]
    expirytime: Option<Cow<'a, str>>,
    #[serde(borrow)]
    partitionkey: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// An envelope that has nothing else in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Strict<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, rename = "id")]
    _id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "source")]
    _source: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    expirytime: Option<Cow<'a, str>>,
    delay: Option<String>,
    not_before: Option<String>,
    deadline: Option<String>,
    priority: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// What may stand in an envelope.
const KEYS: [&str; 10] =
    ["type", "data", "key", "id", "source", "expirytime", "delay", "not_before", "deadline", "priority"];

/// Reads a request: the content type tells the mode, as CloudEvents says.
///
/// # Errors
/// [`NotAnEvent`]
pub fn read(headers: &HeaderMap, body: &Bytes) -> Result<Published, NotAnEvent> {
    let content_type = text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/cloudevents+json" => Ok(Published::One(structured(body, None)?)),
        "application/cloudevents-batch+json" => batch(body),
        _ if headers.contains_key("ce-specversion") => Ok(Published::One(binary(headers, body)?)),
        _ if body.trim_ascii_start().first() == Some(&b'[') => batch(body),
        _ => Ok(Published::One(envelope(body, None)?)),
    }
}

fn batch(body: &Bytes) -> Result<Published, NotAnEvent> {
    let items: Vec<&RawValue> = serde_json::from_slice(body)?;
    let events = items.into_iter().enumerate().map(|(index, item)| {
        let item = slice(body, item.get());
        let is_cloud_event = serde_json::from_slice::<Envelope<'_>>(&item)?.specversion.is_some();
        if is_cloud_event { structured(&item, Some(index)) } else { envelope(&item, Some(index)) }
    });
    Ok(Published::Batch(events.collect()))
}

/// The whole event is delivered, byte for byte.
fn structured(body: &Bytes, index: Option<usize>) -> Result<Event, NotAnEvent> {
    let event: Envelope<'_> = serde_json::from_slice(body)?;
    version(event.specversion.as_deref())?;
    Ok(Event {
        identity: Some((required("source", event.source.as_deref())?, required("id", event.id.as_deref())?)),
        kind: required("type", Some(&event.kind))?,
        expires: expires(event.expirytime.as_deref())?,
        key: order_key("partitionkey", event.partitionkey.as_deref())?,
        terms: None,
        body: body.clone(),
        content_type: Some("application/cloudevents+json".to_owned()),
        index,
    })
}

/// The attributes are headers, which are passed on; the body is the data.
fn binary(headers: &HeaderMap, body: &Bytes) -> Result<Event, NotAnEvent> {
    let attribute = |name: &str| text(headers, name).map(percent_decoded);
    version(attribute("ce-specversion").as_deref())?;
    let (source, id) = (attribute("ce-source"), attribute("ce-id"));
    Ok(Event {
        identity: Some((required("source", source.as_deref())?, required("id", id.as_deref())?)),
        kind: required("type", attribute("ce-type").as_deref())?,
        expires: expires(attribute("ce-expirytime").as_deref())?,
        key: order_key("partitionkey", attribute("ce-partitionkey").as_deref())?,
        terms: None,
        body: body.clone(),
        content_type: None,
        index: None,
    })
}

/// `{"type": …, "data": …}`: the data is delivered, byte for byte.
fn envelope(body: &Bytes, index: Option<usize>) -> Result<Event, NotAnEvent> {
    let event = strict(body)?;
    let data = event.data.ok_or(NotAnEvent::Missing("data"))?;
    let Strict { delay, not_before, deadline, priority, .. } = event;
    let terms = Written { delay, not_before, deadline, priority };
    Ok(Event {
        kind: required("type", Some(&event.kind))?,
        identity: None,
        expires: expires(event.expirytime.as_deref())?,
        key: order_key("key", event.key.as_deref())?,
        terms: (terms != Written::default()).then(|| Box::new(terms)),
        body: slice(body, data.get()),
        content_type: Some("application/json".to_owned()),
        index,
    })
}

/// With no other key, unless it is a CloudEvent whose content type does not say so: that may have attributes of its own.
fn strict(body: &Bytes) -> Result<Strict<'_>, NotAnEvent> {
    if let Ok(event) = serde_json::from_slice(body) {
        return Ok(event);
    }
    let Envelope { kind, id, source, specversion, expirytime, partitionkey, data } =
        serde_json::from_slice(body)?;
    if specversion.is_none()
        && let Some(key) = stranger(body)
    {
        return Err(NotAnEvent::Unknown(key));
    }
    let (delay, not_before, deadline, priority) = (None, None, None, None);
    let (_id, _source, key) = (id, source, partitionkey);
    Ok(Strict { kind, _id, _source, key, expirytime, delay, not_before, deadline, priority, data })
}

/// The first key that is none of an envelope's.
fn stranger(body: &Bytes) -> Option<String> {
    let keys: BTreeMap<String, IgnoredAny> = serde_json::from_slice(body).ok()?;
    keys.into_keys().find(|key| !KEYS.contains(&key.as_str()))
}

fn version(given: Option<&str>) -> Result<(), NotAnEvent> {
    match given {
        Some("1.0") => Ok(()),
        Some(other) => Err(NotAnEvent::Version(other.chars().take(20).collect())),
        None => Err(NotAnEvent::Missing("specversion")),
    }
}

fn required(name: &'static str, value: Option<&str>) -> Result<String, NotAnEvent> {
    match value {
        None | Some("") => Err(NotAnEvent::Missing(name)),
        // Source and id become a key of the store, which has a bound.
        Some(long) if long.len() > limits::IDEMPOTENCY_KEY_BYTES_MAX => Err(NotAnEvent::Wrong(name)),
        Some(value) => Ok(value.to_owned()),
    }
}

fn order_key(name: &'static str, value: Option<&str>) -> Result<Option<String>, NotAnEvent> {
    match value {
        None => Ok(None),
        Some(key) if (1..=limits::ORDER_KEY_BYTES_MAX).contains(&key.len()) => Ok(Some(key.to_owned())),
        Some(_) => Err(NotAnEvent::Wrong(name)),
    }
}

fn expires(time: Option<&str>) -> Result<Option<u64>, NotAnEvent> {
    let Some(time) = time else { return Ok(None) };
    let time: jiff::Timestamp = time.parse().map_err(|_| NotAnEvent::Wrong("expirytime"))?;
    Ok(Some(u64::try_from(time.as_microsecond()).unwrap_or(0)))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The HTTP binding percent-encodes attribute values; what is no valid escape stays as it is.
fn percent_decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escape = after.split_at_checked(2).filter(|_| first == b'%').and_then(|(digits, rest)| {
            let code = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            Some((code, rest))
        });
        let (byte, remaining) = escape.unwrap_or((first, after));
        bytes.push(byte);
        rest = remaining;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
