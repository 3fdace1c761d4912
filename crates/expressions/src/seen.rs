//! What templates see of a message.

use crate::{json, responses};
use bytes::Bytes;
use contract::expression::Fault;
use contract::field::{Owner, owner};
use contract::mould::{Original, Responses};
use contract::{Timestamp, params};
use minijinja::value::Value;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Everything; the body only where a template asks for it, as it must be JSON then; responses likewise.
pub(crate) fn value(
    of: &Original<'_>,
    body: Option<&Bytes>,
    responses: Option<&Responses>,
) -> Result<Value, Fault> {
    let mut seen = BTreeMap::new();
    if let Some(body) = body {
        json::check(body)?;
        let read = serde_json::from_slice(body);
        let read: Json = read.map_err(|error| Fault::NotJson { detail: error.to_string() })?;
        seen.insert("body", from_json(read));
    }
    if let Some(responses) = responses {
        seen.insert(responses::NAME, from_json(responses::value(responses)));
    }
    let kept = of.edit.map_or(&of.message.headers, |edit| &edit.headers);
    let mut headers = BTreeMap::new();
    for (name, value) in kept.iter().filter(|(name, _)| owner(name) == Owner::Message) {
        headers.entry(name.to_owned()).or_insert_with(|| String::from_utf8_lossy(value).into_owned());
    }
    seen.insert("headers", Value::from_pairs(headers));
    seen.insert("params", Value::from_pairs(params::read(&of.message.headers)));
    let message = [
        ("id", of.message.id.to_string()),
        ("route", of.message.route.to_string()),
        ("received", moment(of.message.received)),
    ];
    seen.insert("message", Value::from_pairs(message));
    let delivery = [("id", of.delivery.to_string()), ("target", of.target.to_string())];
    seen.insert("delivery", Value::from_pairs(delivery));
    Ok(Value::from_pairs(seen))
}

/// As RFC 3339, to the microsecond.
fn moment(at: Timestamp) -> String {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| String::new(), |at| at.to_string())
}

fn from_json(json: Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(truth) => Value::from(truth),
        Json::String(text) => Value::from(text),
        Json::Array(items) => items.into_iter().map(from_json).collect(),
        Json::Object(members) => {
            Value::from_pairs(members.into_iter().map(|(name, value)| (name, from_json(value))))
        }
        Json::Number(number) => from_number(&number),
    }
}

/// Whole numbers count; all others keep their spelling: an id is sent on as it came.
fn from_number(number: &serde_json::Number) -> Value {
    match (number.as_i64(), number.as_u64()) {
        (Some(number), _) => Value::from(number),
        (None, Some(number)) => Value::from(number),
        (None, None) => Value::from(number.to_string()),
    }
}
