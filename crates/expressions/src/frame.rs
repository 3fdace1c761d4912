//! What a runner and its child process say to each other, version 1.
//!
//! ```text
//! runner                                   child
//!   version, seconds, memory, output  ──►
//!                                     ◄──  Ready
//!   text length, body length, text, body ─►
//!                                     ◄──  kind, CPU time so far, length, bytes        (and again)
//! ```
//! All numbers are little-endian. Lengths are bounded where they are written, and again where they are read.

use contract::expression::Fault;
use contract::limits;
use std::time::Duration;

/// Changes with the format: an executable that was replaced on disk must not be misunderstood.
pub(crate) const VERSION: u8 = 1;
/// Bytes of a [`Hello`].
pub(crate) const HELLO_BYTES: usize = 25;
/// Bytes of the lengths before a request.
pub(crate) const REQUEST_HEADER_BYTES: usize = 8;
/// Bytes of an [`AnswerHeader`].
pub(crate) const ANSWER_HEADER_BYTES: usize = 13;
/// The longest text or body of a request.
pub(crate) const PART_BYTES_MAX: usize = limits::BODY_BYTES_MAX;

/// The limits that a child sets for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    /// CPU time of one request, in full seconds.
    pub(crate) seconds: u64,
    /// Address space.
    pub(crate) memory_bytes: u64,
    /// One output.
    pub(crate) output_bytes: u64,
}

impl Hello {
    pub(crate) fn encode(self) -> [u8; HELLO_BYTES] {
        let mut bytes = [VERSION; HELLO_BYTES];
        let numbers = [self.seconds, self.memory_bytes, self.output_bytes].map(u64::to_le_bytes);
        bytes.iter_mut().skip(1).zip(numbers.as_flattened()).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// None if the runner speaks another version.
    pub(crate) fn decode(bytes: &[u8; HELLO_BYTES]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let mut numbers = rest.as_chunks::<8>().0.iter().map(|number| u64::from_le_bytes(*number));
        let hello =
            Self { seconds: numbers.next()?, memory_bytes: numbers.next()?, output_bytes: numbers.next()? };
        (*version == VERSION).then_some(hello)
    }
}

/// The lengths of a request's text and body; none if one is too long.
pub(crate) fn encode_lengths(text: usize, body: usize) -> Option<[u8; REQUEST_HEADER_BYTES]> {
    let fits = text <= PART_BYTES_MAX && body <= PART_BYTES_MAX;
    let lengths = u64::from(u32::try_from(text).ok()?) | u64::from(u32::try_from(body).ok()?) << 32;
    fits.then_some(lengths.to_le_bytes())
}

pub(crate) fn decode_lengths(bytes: [u8; REQUEST_HEADER_BYTES]) -> Option<(usize, usize)> {
    let lengths = u64::from_le_bytes(bytes);
    let text = usize::try_from(lengths & u64::from(u32::MAX)).ok()?;
    let body = usize::try_from(lengths >> 32).ok()?;
    (text <= PART_BYTES_MAX && body <= PART_BYTES_MAX).then_some((text, body))
}

/// What kind of answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ready,
    Output,
    NotJson,
    Raised,
    Empty,
    Exceeded,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Ready, Self::Output, Self::NotJson, Self::Raised, Self::Empty, Self::Exceeded];

    fn code(self) -> u8 {
        match self {
            Self::Ready => 0,
            Self::Output => 1,
            Self::NotJson => 2,
            Self::Raised => 3,
            Self::Empty => 4,
            Self::Exceeded => 5,
        }
    }
}

/// What comes before the bytes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnswerHeader {
    pub(crate) kind: Kind,
    /// CPU time that the child has used since it was started.
    pub(crate) spent: Duration,
    /// Bytes that follow.
    pub(crate) length: usize,
}

impl AnswerHeader {
    pub(crate) fn encode(self) -> [u8; ANSWER_HEADER_BYTES] {
        let micros = u64::try_from(self.spent.as_micros()).unwrap_or(u64::MAX).to_le_bytes();
        let length = u32::try_from(self.length).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = [self.kind.code(); ANSWER_HEADER_BYTES];
        bytes.iter_mut().skip(1).zip(micros.into_iter().chain(length)).for_each(|(to, from)| *to = from);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; ANSWER_HEADER_BYTES]) -> Option<Self> {
        let (code, rest) = bytes.split_first()?;
        let (micros, length) = rest.split_first_chunk::<8>()?;
        let length = length.first_chunk::<4>()?;
        Some(Self {
            kind: Kind::ALL.into_iter().find(|kind| kind.code() == *code)?,
            spent: Duration::from_micros(u64::from_le_bytes(*micros)),
            length: usize::try_from(u32::from_le_bytes(*length)).ok()?,
        })
    }
}

/// A result, as kind and bytes.
pub(crate) fn split(result: Result<Vec<u8>, Fault>) -> (Kind, Vec<u8>) {
    match result {
        Ok(output) => (Kind::Output, output),
        Err(Fault::NotJson { detail }) => (Kind::NotJson, detail.into_bytes()),
        Err(Fault::Raised { detail }) => (Kind::Raised, detail.into_bytes()),
        Err(Fault::Empty) => (Kind::Empty, Vec::new()),
        Err(Fault::Exceeded { bound }) => (Kind::Exceeded, bound.into_bytes()),
        Err(Fault::Busy { detail } | Fault::Template { detail, .. }) => (Kind::Exceeded, detail.into_bytes()),
    }
}

/// The result that [`split`] took apart; none if it is no result.
pub(crate) fn join(kind: Kind, bytes: Vec<u8>) -> Option<Result<Vec<u8>, Fault>> {
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(match kind {
        Kind::Ready => return None,
        Kind::Output => Ok(bytes),
        Kind::NotJson => Err(Fault::NotJson { detail: words(&bytes) }),
        Kind::Raised => Err(Fault::Raised { detail: words(&bytes) }),
        Kind::Empty => Err(Fault::Empty),
        Kind::Exceeded => Err(Fault::Exceeded { bound: words(&bytes) }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let hello = Hello { seconds: 2, memory_bytes: 1 << 40, output_bytes: 3 };
        assert_eq!(Hello::decode(&hello.encode()), Some(hello));
        assert_eq!(decode_lengths(encode_lengths(7, 1 << 20).unwrap()), Some((7, 1 << 20)));
        for kind in Kind::ALL {
            let header = AnswerHeader { kind, spent: Duration::from_micros(1 << 33), length: 70_000 };
            assert_eq!(AnswerHeader::decode(&header.encode()), Some(header));
        }
        for result in [
            Ok(b"1".to_vec()),
            Err(Fault::Empty),
            Err(Fault::NotJson { detail: "a".to_owned() }),
            Err(Fault::Raised { detail: "b".to_owned() }),
            Err(Fault::Exceeded { bound: "c".to_owned() }),
        ] {
            let (kind, bytes) = split(result.clone());
            assert_eq!(join(kind, bytes), Some(result));
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let mut hello = Hello { seconds: 1, memory_bytes: 1, output_bytes: 1 }.encode();
        hello[0] = VERSION + 1;
        assert_eq!(Hello::decode(&hello), None);
        assert_eq!(encode_lengths(1, PART_BYTES_MAX + 1), None);
        assert_eq!(decode_lengths([0xff; REQUEST_HEADER_BYTES]), None);
        assert_eq!(AnswerHeader::decode(&[9; ANSWER_HEADER_BYTES]), None);
        assert_eq!(join(Kind::Ready, Vec::new()), None);
    }
}
