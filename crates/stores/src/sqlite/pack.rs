//! The packed, versioned forms of an attempt and of what a message started with.

use bytes::Bytes;
use contract::delivery::{
    Attempt, AttemptResult, Capture, CaptureEnd, ErrorClass, ShapeId, Suspicion, Timings,
};
use contract::limits;
use contract::message::Headers;
use contract::part::{Audience, Caller, Duty, Part, Reads, Rule};
use contract::store::OrderKey;
use contract::{MessageId, Timestamp};
use std::time::Duration;

const VERSION: u8 = 1;
/// Begins with the rule of its group: everything else is as in version 1.
const WITH_RULE: u8 = 2;
const HAS_SHAPE: u8 = 1;
const HAS_KEY: u8 = 2;
const HAS_ROW: u8 = 4;
const HAS_PART: u8 = 8;
const REQUIRED: u8 = 0;
const OPTIONAL: u8 = 1;
const UNDO: u8 = 2;
const CALLBACK: u8 = 3;
const REPLAY: u8 = 4;
const HAS_AUDIENCE: u8 = 8;
const CALLER_WAITS: u8 = 128;
const SUSPECT: u8 = 1;
const HAS_NEXT: u8 = 2;
const ANSWERED: u8 = 4;
const HAS_CLASS: u8 = 8;
const HAS_TYPE: u8 = 16;
const HAS_HEADERS: u8 = 32;

/// How one delivery of a message began: kept with the message, never changed. A replay adds another at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Beginning {
    pub(super) lane: u32,
    pub(super) shape: Option<ShapeId>,
    pub(super) key: Option<OrderKey>,
    /// `Implied`: leased to the accepting session, and no row says so.
    pub(super) form: Form,
    pub(super) part: Part,
}

/// How a message began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Beginnings {
    pub(super) rule: Rule,
    /// By ordinal.
    pub(super) each: Vec<Beginning>,
}

/// Whether a delivery had a row of its own from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Implied,
    Row,
}

pub(super) fn pack_beginnings(beginnings: &Beginnings, into: &mut Vec<u8>) {
    match beginnings.rule {
        Rule::All => into.push(VERSION),
        Rule::Quorum(count) => {
            into.push(WITH_RULE);
            put(into, u64::from(count));
        }
    }
    for one in &beginnings.each {
        put(into, u64::from(one.lane));
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        into.push(
            flag(one.shape.is_some(), HAS_SHAPE)
                | flag(one.key.is_some(), HAS_KEY)
                | flag(one.form == Form::Row, HAS_ROW)
                | flag(one.part != Part::default(), HAS_PART),
        );
        if let Some(shape) = one.shape {
            into.extend_from_slice(&shape.0.to_le_bytes());
        }
        if let Some(key) = &one.key {
            put_text(into, key.0.as_bytes());
        }
        if one.part != Part::default() {
            pack_part(&one.part, into);
        }
    }
}

fn pack_part(part: &Part, into: &mut Vec<u8>) {
    let audience = if part.audience.is_there() { HAS_AUDIENCE } else { 0 };
    match part.duty {
        Duty::Required => into.push(REQUIRED | audience),
        Duty::Optional => into.push(OPTIONAL | audience),
        Duty::Undo(of) => {
            into.push(UNDO | audience);
            put(into, u64::from(of));
        }
        Duty::Callback => into.push(CALLBACK | audience),
        Duty::Replay(of) => {
            into.push(REPLAY | audience);
            into.extend_from_slice(&of.to_bits().to_le_bytes());
        }
    }
    if part.audience.is_there() {
        pack_audience(part.audience, into);
    }
    put(into, part.after.len() as u64);
    for before in &part.after {
        put(into, u64::from(*before));
    }
}

fn pack_audience(audience: Audience, into: &mut Vec<u8>) {
    match audience.caller {
        Caller::Away => into.push(audience.others as u8),
        Caller::Waits { seconds } => into.extend([audience.others as u8 | CALLER_WAITS, seconds]),
    }
}

fn unpack_audience(from: &mut Reader<'_>) -> Option<Audience> {
    let code = from.byte()?;
    let caller =
        if code & CALLER_WAITS == 0 { Caller::Away } else { Caller::Waits { seconds: from.byte()? } };
    Some(Audience { others: Reads::from_code(code & !CALLER_WAITS)?, caller })
}

fn unpack_part(from: &mut Reader<'_>) -> Option<Part> {
    let code = from.byte()?;
    let duty = match code & !HAS_AUDIENCE {
        REQUIRED => Duty::Required,
        OPTIONAL => Duty::Optional,
        UNDO => Duty::Undo(u16::try_from(from.number()?).ok()?),
        CALLBACK => Duty::Callback,
        REPLAY => Duty::Replay(MessageId::from_bits(u128::from_le_bytes(from.bytes(16)?.try_into().ok()?))),
        _ => return None,
    };
    let audience = if code & HAS_AUDIENCE == 0 { Audience::default() } else { unpack_audience(from)? };
    let count = from.number()?;
    // Damaged bytes must not ask for memory.
    let after = (0..count.min(limits::FAN_OUT_MAX as u64)).map(|_| u16::try_from(from.number()?).ok());
    Some(Part { duty, after: after.collect::<Option<_>>()?, audience })
}

/// None when the bytes are damaged or of a newer version.
pub(super) fn unpack_beginnings(packed: &[u8]) -> Option<Beginnings> {
    let mut from = Reader(packed);
    let rule = match from.byte()? {
        VERSION => Rule::All,
        WITH_RULE => Rule::Quorum(u16::try_from(from.number()?).ok()?),
        _ => return None,
    };
    let mut each = Vec::new();
    while !from.0.is_empty() {
        let lane = u32::try_from(from.number()?).ok()?;
        let flags = from.byte()?;
        let shape = if flags & HAS_SHAPE == 0 {
            None
        } else {
            Some(ShapeId(u64::from_le_bytes(from.bytes(8)?.try_into().ok()?)))
        };
        let key = if flags & HAS_KEY == 0 { None } else { Some(OrderKey(from.text()?.into())) };
        let form = if flags & HAS_ROW == 0 { Form::Implied } else { Form::Row };
        let part = if flags & HAS_PART == 0 { Part::default() } else { unpack_part(&mut from)? };
        each.push(Beginning { lane, shape, key, form, part });
    }
    Some(Beginnings { rule, each })
}

pub(super) fn pack_attempt(attempt: &Attempt, into: &mut Vec<u8>) {
    into.push(VERSION);
    let mut flags = 0;
    if attempt.suspect == Suspicion::PossiblyDuplicate {
        flags |= SUSPECT;
    }
    if attempt.next.is_some() {
        flags |= HAS_NEXT;
    }
    if let AttemptResult::Answered { class, capture, .. } = &attempt.result {
        flags |= ANSWERED;
        if class.is_some() {
            flags |= HAS_CLASS;
        }
        if capture.content_type.is_some() {
            flags |= HAS_TYPE;
        }
        if !capture.headers.block().is_empty() {
            flags |= HAS_HEADERS;
        }
    }
    into.push(flags);
    put(into, u64::from(attempt.number));
    put(into, u64::from(attempt.run));
    put(into, attempt.began.as_micros());
    let Timings { queue, dns, connect, tls, first_byte, body } = attempt.timings;
    for phase in [queue, dns, connect, tls, first_byte, body] {
        put(into, u64::try_from(phase.as_nanos()).unwrap_or(u64::MAX));
    }
    if let Some(next) = attempt.next {
        put(into, next.as_micros());
    }
    match &attempt.result {
        AttemptResult::Answered { status, class, capture } => {
            put(into, u64::from(*status));
            if let Some(class) = class {
                into.push(*class as u8);
            }
            if let Some(content_type) = &capture.content_type {
                put_text(into, content_type.as_bytes());
            }
            if !capture.headers.block().is_empty() {
                put_text(into, capture.headers.block());
            }
            into.push(capture.end as u8);
            into.extend_from_slice(&capture.body);
        }
        AttemptResult::Failed { class, detail } => {
            into.push(*class as u8);
            into.extend_from_slice(detail.as_bytes());
        }
    }
}

/// None when the bytes are damaged or of a newer version.
pub(super) fn unpack_attempt(packed: &[u8]) -> Option<Attempt> {
    let mut from = Reader(packed);
    if from.byte()? != VERSION {
        return None;
    }
    let flags = from.byte()?;
    let number = u32::try_from(from.number()?).ok()?;
    let run = u32::try_from(from.number()?).ok()?;
    let began = Timestamp::from_micros(from.number()?);
    let mut phase = || from.number().map(Duration::from_nanos);
    let timings = Timings {
        queue: phase()?,
        dns: phase()?,
        connect: phase()?,
        tls: phase()?,
        first_byte: phase()?,
        body: phase()?,
    };
    let next = if flags & HAS_NEXT == 0 { None } else { Some(Timestamp::from_micros(from.number()?)) };
    let result = if flags & ANSWERED == 0 {
        let class = ErrorClass::from_code(from.byte()?)?;
        AttemptResult::Failed { class, detail: String::from_utf8(from.0.to_vec()).ok()? }
    } else {
        let status = u16::try_from(from.number()?).ok()?;
        let class = if flags & HAS_CLASS == 0 { None } else { Some(ErrorClass::from_code(from.byte()?)?) };
        let content_type = if flags & HAS_TYPE == 0 { None } else { Some(from.text()?.to_owned()) };
        let headers = if flags & HAS_HEADERS == 0 {
            Headers::default()
        } else {
            let length = usize::try_from(from.number()?).ok()?;
            Headers::from_block(Bytes::copy_from_slice(from.bytes(length)?))
        };
        let end = CaptureEnd::from_code(from.byte()?)?;
        let capture = Capture { content_type, headers, body: Bytes::copy_from_slice(from.0), end };
        AttemptResult::Answered { status, class, capture }
    };
    let suspect = if flags & SUSPECT == 0 { Suspicion::Clear } else { Suspicion::PossiblyDuplicate };
    Some(Attempt { number, run, began, timings, result, suspect, next })
}

/// Seven bits a byte, the lowest first; the high bit says that more follow.
#[expect(clippy::cast_possible_truncation, reason = "masked to seven bits")]
fn put(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

fn put_text(into: &mut Vec<u8>, text: &[u8]) {
    put(into, text.len() as u64);
    into.extend_from_slice(text);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.bytes(length)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts() -> Vec<Attempt> {
        let timings = Timings {
            queue: Duration::from_nanos(1),
            dns: Duration::from_micros(200),
            connect: Duration::from_millis(3),
            tls: Duration::ZERO,
            first_byte: Duration::from_secs(5000),
            body: Duration::from_micros(127),
        };
        let capture = Capture {
            content_type: Some("text/plain".into()),
            headers: Headers::from_pairs([("location", b"/users/7".as_slice()), ("x-odd", b"\xff")]),
            body: Bytes::from_static(b"no"),
            end: CaptureEnd::Truncated,
        };
        let plain = Capture::default();
        let answered = |status, class, capture| AttemptResult::Answered { status, class, capture };
        let results = [
            answered(503, Some(ErrorClass::Status), capture),
            answered(200, None, plain),
            AttemptResult::Failed { class: ErrorClass::TlsError, detail: "ünknown issuer".into() },
        ];
        let suspects = [Suspicion::Clear, Suspicion::PossiblyDuplicate, Suspicion::Clear];
        let nexts = [Some(Timestamp::NEVER), None, Some(Timestamp::ZERO)];
        results
            .into_iter()
            .zip(suspects)
            .zip(nexts)
            .map(|((result, suspect), next)| Attempt {
                number: 300,
                run: 2,
                began: Timestamp::from_micros(1_700_000_000_000_001),
                timings,
                result,
                suspect,
                next,
            })
            .collect()
    }

    #[test]
    fn an_attempt_survives_packing() {
        for attempt in attempts() {
            let mut packed = Vec::new();
            pack_attempt(&attempt, &mut packed);
            assert_eq!(unpack_attempt(&packed), Some(attempt));
        }
    }

    #[test]
    fn damaged_or_newer_bytes_are_refused_and_never_panic() {
        for attempt in attempts() {
            let mut packed = Vec::new();
            pack_attempt(&attempt, &mut packed);
            for length in 0..8 {
                assert_eq!(unpack_attempt(&packed[..length]), None);
            }
            packed[0] = VERSION + 1;
            assert_eq!(unpack_attempt(&packed), None);
        }
        assert_eq!(unpack_beginnings(&[VERSION, 0x80]), None);
        assert_eq!(unpack_beginnings(&[]), None);
    }

    #[test]
    fn beginnings_survive_packing() {
        let one = |lane, shape, key: Option<&str>, form| Beginning {
            lane,
            shape,
            key: key.map(|key| OrderKey(key.into())),
            form,
            part: Part::default(),
        };
        let parted = |duty, after: &[u16]| Beginning {
            part: Part { duty, after: after.to_vec(), ..Part::default() },
            ..one(3, None, None, Form::Row)
        };
        let read = |others, caller| Beginning {
            part: Part { audience: Audience { others, caller }, after: vec![1], ..Part::default() },
            ..one(4, None, None, Form::Row)
        };
        let each = vec![
            one(1, None, None, Form::Implied),
            one(70_000, Some(ShapeId(u64::MAX)), Some("kéy"), Form::Row),
            one(2, None, Some(""), Form::Row),
            parted(Duty::Required, &[0, 300]),
            parted(Duty::Optional, &[]),
            parted(Duty::Undo(200), &[]),
            parted(Duty::Callback, &[]),
            parted(Duty::Replay(MessageId::from_bits(u128::MAX - 7)), &[]),
            read(Reads::Head, Caller::Away),
            read(Reads::Body, Caller::Waits { seconds: 60 }),
            read(Reads::Nothing, Caller::Waits { seconds: 0 }),
        ];
        for rule in [Rule::All, Rule::Quorum(2)] {
            let all = Beginnings { rule, each: each.clone() };
            let mut packed = Vec::new();
            pack_beginnings(&all, &mut packed);
            assert_eq!(unpack_beginnings(&packed), Some(all));
        }
    }

    #[test]
    fn the_first_version_of_the_packed_forms_stays_readable() {
        let old = [1, 4, 1, 1, 5, 0, 0, 0, 0, 0, 0, 0xc8, 1, 0, b'o', b'k'];
        let attempt = unpack_attempt(&old).unwrap();
        assert_eq!((attempt.number, attempt.run, attempt.began.as_micros()), (1, 1, 5));
        assert_eq!(attempt.result.status(), Some(200));
        let beginnings = unpack_beginnings(&[1, 5, 4, 6, 0]).unwrap();
        let lanes: Vec<_> = beginnings.each.iter().map(|one| (one.lane, one.form)).collect();
        assert_eq!((beginnings.rule, lanes), (Rule::All, vec![(5, Form::Row), (6, Form::Implied)]));
    }
}
