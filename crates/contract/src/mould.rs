//! The joint to what gives a message its form for one target: its body, the path and query of its URL, headers of its own.

use crate::expression::{Expression, Fault};
use crate::message::Headers;
use crate::part::Reads;
use crate::query::Edit;
use crate::{DeliveryId, Message, Name, Promise, limits};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A compiled shape. All that it gives is bounded, and the same for the same input: each attempt of a delivery sends the same bytes.
pub trait Mould: Send + Sync {
    /// What is sent instead of this body; none: the body itself.
    ///
    /// # Errors
    /// [`Fault`]: what went wrong, in words for the person who wrote the expression.
    fn body(&self, of: Bytes, responses: &Responses) -> Promise<'_, Result<Option<Bytes>, Fault>>;

    /// What it reads of the answers of other deliveries.
    fn reading(&self) -> &Reading;

    /// Where it goes, and with which headers of the target's own.
    ///
    /// # Errors
    /// [`Fault`]
    fn head(&self, of: &Original<'_>) -> Result<Head, Fault>;
}

/// What templates can see.
pub struct Original<'a> {
    /// As it was accepted.
    pub message: &'a Message,
    /// What a person made of it.
    pub edit: Option<&'a Edit>,
    /// The delivery.
    pub delivery: DeliveryId,
    /// Where it goes.
    pub target: &'a Name,
    /// What others were answered, as far as the shape reads it.
    pub responses: &'a Responses,
}

/// What other deliveries of the message were answered, by target.
pub type Responses = BTreeMap<Name, Response>;

/// What a target answered, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Its headers, without those of the connection.
    pub headers: Headers,
    /// Its body, decompressed. JSON where the body is read.
    pub body: Bytes,
}

/// What a shape reads of other deliveries' answers.
///
/// ```
/// use contract::{mould::Reading, part::Reads};
/// let mut reading = Reading::default();
/// reading.add(Some("crm"), Reads::Body);
/// assert_eq!((reading.of("crm"), reading.of("mailing")), (Reads::Body, Reads::Nothing));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    named: BTreeMap<String, Reads>,
    /// Of targets whose names are not written there.
    any: Reads,
}

impl Reading {
    /// It reads this, too; none: of a target whose name is known only when it runs.
    pub fn add(&mut self, target: Option<&str>, reads: Reads) {
        let entry = match target {
            Some(target) => self.named.entry(target.to_owned()).or_default(),
            None => &mut self.any,
        };
        *entry = reads.max(*entry);
    }

    /// What it and another one read together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        other.named.iter().for_each(|(target, reads)| self.add(Some(target), *reads));
        self.add(None, other.any);
        self
    }

    /// What it reads of this target's answer.
    #[must_use]
    pub fn of(&self, target: &str) -> Reads {
        self.named.get(target).copied().unwrap_or_default().max(self.any)
    }

    /// Whether it reads nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.any == Reads::Nothing
    }

    /// The names that are written there.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }
}

/// What is not the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Instead of the path and query of the target's URL.
    pub path: Option<Path>,
    /// Headers that replace those of the message with the same names.
    pub headers: Headers,
}

/// An expression is a mould of the body alone.
impl<E: Expression> Mould for E {
    fn body(&self, of: Bytes, _: &Responses) -> Promise<'_, Result<Option<Bytes>, Fault>> {
        Box::pin(async move { self.evaluate(of).await.map(Some) })
    }

    fn reading(&self) -> &Reading {
        static NOTHING: Reading = Reading { named: BTreeMap::new(), any: Reads::Nothing };
        &NOTHING
    }

    fn head(&self, _: &Original<'_>) -> Result<Head, Fault> {
        Ok(Head::default())
    }
}

/// A path with or without a query, as it stands in a request: it begins with `/`, has no dot segment, and nothing that ends a line or the path.
///
/// ```
/// use contract::mould::Path;
/// assert!(Path::try_new("/users/a%2Fb?x=1").is_ok());
/// for wrong in ["users", "/a b", "/a#b", "/a/../b", "/a/%2e%2E", "/a\r\nb"] {
///     assert!(Path::try_new(wrong).is_err(), "{wrong}");
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Arc<str>);

/// A text that is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPath {
    /// It would be part of the host.
    #[error("it does not begin with `/`")]
    NoSlash,
    /// A control character, a space, a `#`, or one that is not ASCII.
    #[error("it has a character that must be percent-encoded")]
    Character,
    /// The server or a proxy would take it for another path.
    #[error("it has a `.` or `..` segment")]
    Dots,
    /// More than [`limits::RENDERED_BYTES_MAX`].
    #[error("it is longer than {} bytes", limits::RENDERED_BYTES_MAX)]
    TooLong,
}

impl Path {
    /// Checks a text.
    ///
    /// # Errors
    /// [`NotAPath`]
    pub fn try_new(text: &str) -> Result<Self, NotAPath> {
        if !text.starts_with('/') {
            return Err(NotAPath::NoSlash);
        }
        if text.len() > limits::RENDERED_BYTES_MAX {
            return Err(NotAPath::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte)) {
            return Err(NotAPath::Character);
        }
        let path = text.split_once('?').map_or(text, |(path, _)| path);
        if path.split('/').any(is_dots) {
            return Err(NotAPath::Dots);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Also percent-encoded: many decode before they resolve.
fn is_dots(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}
