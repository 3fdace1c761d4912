//! The world's expression language: as little as filters, order keys and shapes need.

use bytes::Bytes;
use contract::delivery::{ShapeId, Standing};
use contract::expression::{Expression, Fault};
use contract::mould::{Head, Mould, Original, Reading, Responses};
use contract::part::{Duty, Reads};
use contract::ticket::Ticket;
use contract::{MessageId, Promise};
use engine::plan::{Compile, Report, Shape};
use std::sync::Arc;

/// Makes [`Raises`] of a filter: its deliveries die of their configuration.
pub(crate) const RAISE: &str = "\"raise\"";
/// The process dies when it sends this.
pub(crate) const POISON: &str = "\"poison\"";

/// The body of a callback has this.
pub(crate) const TICKET: &str = "\"ticket\"";

/// True when the body names the target.
pub(crate) struct Wants(pub(crate) String);
/// The body's order key.
pub(crate) struct KeyOf;
/// The body inside another one.
pub(crate) struct Wrapped(pub(crate) u32);
/// The body inside another one, with what others were answered.
pub(crate) struct Quoting {
    version: u32,
    reading: Reading,
}
/// Tells how the deliveries of a ticket stand.
pub(crate) struct Teller;
/// Compiles the texts of shapes.
pub(crate) struct Compiler;

impl Expression for Wants {
    fn evaluate(&self, input: Bytes) -> Promise<'_, Result<Bytes, Fault>> {
        Box::pin(async move {
            if has(&input, RAISE) {
                return Err(Fault::Raised { detail: "asked for".to_owned() });
            }
            Ok(Bytes::from_static(if has(&input, &self.0) { b"true" } else { b"false" }))
        })
    }
}

impl Expression for KeyOf {
    fn evaluate(&self, input: Bytes) -> Promise<'_, Result<Bytes, Fault>> {
        let key = field(&input, "\"key\":").unwrap_or("null").to_owned();
        Box::pin(async move { Ok(key.into()) })
    }
}

impl Expression for Wrapped {
    fn evaluate(&self, input: Bytes) -> Promise<'_, Result<Bytes, Fault>> {
        Box::pin(async move { Ok(wrap(self.0, &input)) })
    }
}

impl Mould for Quoting {
    fn body(&self, of: Bytes, responses: &Responses) -> Promise<'_, Result<Option<Bytes>, Fault>> {
        let said = responses.iter().map(|(name, one)| (name.as_str(), one.body.as_ref()));
        let quoted = quote(self.version, said, &of);
        Box::pin(async move { Ok(Some(quoted)) })
    }

    fn head(&self, _: &Original<'_>) -> Result<Head, Fault> {
        Ok(Head::default())
    }

    fn reading(&self) -> &Reading {
        &self.reading
    }
}

/// Every other version of a shape quotes those that come before it.
pub(crate) fn quotes(version: u32) -> bool {
    version.is_multiple_of(2)
}

fn mould(version: u32) -> Arc<dyn Mould> {
    if !quotes(version) {
        return Arc::new(Wrapped(version));
    }
    let mut reading = Reading::default();
    reading.add(None, Reads::Body);
    Arc::new(Quoting { version, reading })
}

impl Compile for Compiler {
    fn compile(&self, text: &str) -> Option<Arc<dyn Mould>> {
        Some(mould(text.strip_prefix("wrap ")?.parse().ok()?))
    }
}

impl Report for Teller {
    fn report(&self, ticket: &Ticket) -> Bytes {
        let own = ticket.deliveries.iter().filter(|ray| ray.part.duty != Duty::Callback);
        told(ticket.id, own.map(|ray| (ray.run, ray.standing)))
    }
}

/// The body of a callback: the run of each delivery and where it stands.
pub(crate) fn told(id: MessageId, rays: impl Iterator<Item = (u32, Standing)>) -> Bytes {
    let rays: Vec<String> = rays.map(|(run, standing)| format!("\"{run} {standing:?}\"")).collect();
    format!("{{{TICKET}:\"{id}\",\"deliveries\":[{}]}}", rays.join(",")).into()
}

/// The shape of this version.
pub(crate) fn shape(version: u32) -> Shape {
    let id = ShapeId(u64::from(version));
    Shape { id, text: format!("wrap {version}").into(), mould: mould(version) }
}

/// What the shape of this version makes of a body.
pub(crate) fn wrap(version: u32, body: &[u8]) -> Bytes {
    let body = String::from_utf8_lossy(body);
    format!("{{\"shape\":{version},\"of\":{body}}}").into()
}

/// What a quoting shape of this version makes of a body, and of what others were answered, in order of their names.
pub(crate) fn quote<'a>(version: u32, said: impl Iterator<Item = (&'a str, &'a [u8])>, body: &[u8]) -> Bytes {
    let said: Vec<String> =
        said.map(|(name, said)| format!("\"{name}\":{}", String::from_utf8_lossy(said))).collect();
    let body = String::from_utf8_lossy(body);
    format!("{{\"shape\":{version},\"heard\":{{{}}},\"of\":{body}}}", said.join(",")).into()
}

/// The number that each body carries, by which the oracle knows it whatever it is wrapped in.
pub(crate) fn number(body: &[u8]) -> Option<u64> {
    field(body, "\"n\":")?.parse().ok()
}

pub(crate) fn has(body: &[u8], words: &str) -> bool {
    body.windows(words.len()).any(|window| window == words.as_bytes())
}

fn field<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once(name)?;
    rest.split([',', '}']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_inside_a_shape_too() {
        let body = br#"{"n":17,"key":"k1","to":["t0"]}"#;
        assert_eq!((number(body), number(&wrap(3, body))), (Some(17), Some(17)));
        assert_eq!(field(body, "\"key\":"), Some("\"k1\""));
        assert!(has(body, "\"t0\"") && !has(body, "\"t1\""));
    }
}
