//! Ids: `UUIDv7` with a prefix that says what they name.

use crate::{Entropy, Timestamp};
use std::fmt;
use std::str::FromStr;

const VERSION_7: u128 = 0x7 << 76;
const VARIANT: u128 = 0b10 << 62;
const RANDOM: u128 = (0xfff << 64) | 0x3fff_ffff_ffff_ffff;
const ORDINAL: u128 = 0xffff;

/// Names a message and its ticket: `msg_` and a `UUIDv7` with 74 random bits, so nobody can guess it.
///
/// ```
/// use contract::MessageId;
/// let id: MessageId = "msg_019a0000-0000-7000-8000-000000000001".parse().unwrap();
/// assert_eq!(id.to_string(), "msg_019a0000-0000-7000-8000-000000000001");
/// assert!("msg_1".parse::<MessageId>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u128);

/// Names one delivery of a message: `dlv_` and a `UUIDv7`.
///
/// The deliveries of one message share a random base (58 bits, drawn apart from the message id) and differ in the
/// lowest 16 bits, the ordinal. So a store keeps one id per message, and a target that sees its delivery's
/// id learns nothing about the ticket's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(u128);

/// A text that is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected {prefix} followed by a UUID of version 7")]
pub struct NotAnId {
    prefix: &'static str,
}

fn draw(now: Timestamp, entropy: &dyn Entropy) -> u128 {
    let random = (u128::from(entropy.bits()) << 64) | u128::from(entropy.bits());
    (u128::from(now.as_millis()) << 80) | VERSION_7 | VARIANT | (random & RANDOM)
}

impl MessageId {
    /// The text before the UUID.
    pub const PREFIX: &'static str = "msg_";

    /// A new id of the moment `now`.
    #[must_use]
    pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
        Self(draw(now, entropy))
    }

    /// When the id was made, to the millisecond.
    #[must_use]
    pub fn made(self) -> Timestamp {
        made(self.0)
    }

    /// The 128 bits, for a store.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }

    /// Back from the bits that a store kept.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }
}

impl DeliveryId {
    /// The text before the UUID.
    pub const PREFIX: &'static str = "dlv_";

    /// A new base: the id of a message's first delivery (ordinal 0).
    #[must_use]
    pub fn base(now: Timestamp, entropy: &dyn Entropy) -> Self {
        Self(draw(now, entropy) & !ORDINAL)
    }

    /// The id of the delivery with this ordinal on the same base.
    #[must_use]
    pub const fn at(self, ordinal: u16) -> Self {
        Self((self.0 & !ORDINAL) | ordinal as u128)
    }

    /// Which delivery of its message this is, from 0.
    #[must_use]
    pub const fn ordinal(self) -> u16 {
        (self.0 & ORDINAL) as u16
    }

    /// When the message was accepted, to the millisecond.
    #[must_use]
    pub fn made(self) -> Timestamp {
        made(self.0)
    }

    /// The 128 bits, for a store.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }

    /// Back from the bits that a store kept.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }
}

fn made(bits: u128) -> Timestamp {
    Timestamp::from_micros(((bits >> 80) as u64).saturating_mul(1000))
}

/// Every message is named several times in answers and requests, so this is written by hand: the formatter takes ten times as long.
fn write(f: &mut fmt::Formatter<'_>, prefix: &str, bits: u128) -> fmt::Result {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
    let mut text = [b'-'; 36];
    let mut places = text.iter_mut();
    for (index, byte) in bits.to_be_bytes().into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            places.next();
        }
        for (nibble, place) in [byte >> 4, byte & 0xf].into_iter().zip(places.by_ref()) {
            *place = digit(nibble);
        }
    }
    f.write_str(prefix)?;
    f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

fn parse(text: &str, prefix: &'static str) -> Result<u128, NotAnId> {
    let not = NotAnId { prefix };
    let uuid = text.strip_prefix(prefix).ok_or_else(|| not.clone())?;
    let dashes = |(i, c): (usize, char)| (c == '-') == matches!(i, 8 | 13 | 18 | 23);
    let lower = |c: char| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c);
    if uuid.len() != 36 || !uuid.char_indices().all(dashes) || !uuid.chars().all(lower) {
        return Err(not);
    }
    let hex: String = uuid.chars().filter(|c| *c != '-').collect();
    let bits = u128::from_str_radix(&hex, 16).map_err(|_| not.clone())?;
    if bits & (0xf << 76) == VERSION_7 && bits & (0b11 << 62) == VARIANT { Ok(bits) } else { Err(not) }
}

macro_rules! text_form {
    ($id:ident) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write(f, Self::PREFIX, self.0)
            }
        }
        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $id {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                parse(text, Self::PREFIX).map(Self)
            }
        }
        impl serde::Serialize for $id {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $id {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
text_form!(MessageId);
text_form!(DeliveryId);

/// The place that a store gives a message at commit: increases in commit order, never an id or a clock. Orders a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    struct Ones;
    impl Entropy for Ones {
        fn bits(&self) -> u64 {
            u64::MAX
        }
    }

    #[test]
    fn an_id_survives_its_text_form_and_tells_its_time() {
        let now = Timestamp::from_micros(1_700_000_000_123_456);
        let id = MessageId::new(now, &Ones);
        assert_eq!(id.to_string().parse::<MessageId>(), Ok(id));
        assert_eq!(id.made().as_micros(), 1_700_000_000_123_000);
        let second = DeliveryId::base(now, &Ones).at(1);
        assert_eq!((second.ordinal(), second.at(0).ordinal()), (1, 0));
        assert_eq!(second.to_string().parse::<DeliveryId>(), Ok(second));
    }

    #[test]
    fn what_is_not_a_version_7_uuid_is_refused() {
        for text in [
            "",
            "msg_",
            "dlv_019a0000-0000-7000-8000-000000000001",
            "msg_019a0000-0000-4000-8000-000000000001",
            "msg_019A0000-0000-7000-8000-000000000001",
            "msg_019a0000x0000-7000-8000-000000000001",
            "msg_019a0000-0000-7000-8000-00000000000é",
        ] {
            assert!(text.parse::<MessageId>().is_err(), "{text}");
        }
    }
}
