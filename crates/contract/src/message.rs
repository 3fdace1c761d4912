//! A message: what arrived, byte for byte.

use crate::{DeliveryId, MessageId, Name, Timestamp};
use bytes::Bytes;

/// What one accepted request or event carries. Immutable once it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The ticket's id too.
    pub id: MessageId,
    /// The id of delivery 0; delivery `n` is `first.at(n)`.
    pub first: DeliveryId,
    /// Part of every key.
    pub tenant: Name,
    /// The route that took it.
    pub route: Name,
    /// When it was accepted.
    pub received: Timestamp,
    /// No attempt is made after this moment.
    pub deadline: Option<Timestamp>,
    /// The headers that are passed on.
    pub headers: Headers,
    /// The body, untouched.
    pub body: Bytes,
}

/// Header fields in one block of `name: value\r\n` lines, so that storing and loading them is one copy.
///
/// ```
/// use contract::message::Headers;
/// let headers = Headers::from_pairs([("content-type", b"text/plain".as_slice())]);
/// assert_eq!(headers.value("content-type"), Some(b"text/plain".as_slice()));
/// assert_eq!(headers.iter().count(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Bytes);

impl Headers {
    /// Joins the pairs. Names are lower case and values have no CR or LF: both hold for what an HTTP parser let in.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut block = Vec::with_capacity(128);
        for (name, value) in pairs {
            block.extend_from_slice(name.as_bytes());
            block.extend_from_slice(b": ");
            block.extend_from_slice(value);
            block.extend_from_slice(b"\r\n");
        }
        Self(block.into())
    }

    /// Back from the block that a store kept.
    #[must_use]
    pub fn from_block(block: Bytes) -> Self {
        Self(block)
    }

    /// The block, for a store.
    #[must_use]
    pub fn block(&self) -> &Bytes {
        &self.0
    }

    /// Name and value of each field, in order of arrival. Lines without `: ` are passed over.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.split(|byte| *byte == b'\n').filter_map(|line| {
            let line = line.strip_suffix(b"\r")?;
            let colon = line.windows(2).position(|two| two == b": ")?;
            let (name, value) = line.split_at_checked(colon)?;
            Some((std::str::from_utf8(name).ok()?, value.get(2..)?))
        })
    }

    /// The value of the first field of this name (given in lower case).
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }
}
