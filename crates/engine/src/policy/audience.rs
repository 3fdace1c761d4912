//! Who reads an answer: whether they can, and how much of it is kept for them. Pure.

use contract::Timestamp;
use contract::delivery::{Capture, CaptureEnd, Death, Delivery, ErrorClass, Standing};
use contract::part::{Audience, Caller, Reads};
use serde::de::IgnoredAny;
use std::time::Duration;

/// Whether a success is one for those who read its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Legible {
    /// They can read it, or nobody does.
    Yes,
    /// It did not come whole: another attempt may.
    NotNow(ErrorClass),
    /// Another attempt would be answered the same.
    Never,
}

/// Looks at the answer of a success.
#[must_use]
pub fn legible(capture: &Capture, audience: Audience) -> Legible {
    match capture.end {
        _ if !audience.is_there() => Legible::Yes,
        CaptureEnd::Truncated => Legible::Never,
        CaptureEnd::TimedOut => Legible::NotNow(ErrorClass::TimeoutIdle),
        CaptureEnd::Broken => Legible::NotNow(ErrorClass::BadBody),
        CaptureEnd::Complete if audience.others < Reads::Body => Legible::Yes,
        CaptureEnd::Complete => match serde_json::from_slice::<IgnoredAny>(&capture.body) {
            Ok(_) => Legible::Yes,
            Err(_) => Legible::Never,
        },
    }
}

/// Until when a failure is the caller's answer instead of being tried again; none: nobody is told.
#[must_use]
pub fn told_until(delivery: &Delivery, received: Timestamp) -> Option<Timestamp> {
    match delivery.audience.caller {
        // Whoever asked for another run has the ticket.
        Caller::Waits { seconds: 1.. } if delivery.run > 1 => None,
        Caller::Waits { seconds: seconds @ 1.. } => Some(received + Duration::from_secs(seconds.into())),
        Caller::Waits { seconds: 0 } | Caller::Away => None,
    }
}

/// As much of an answer as anybody reads: all of a success, and of a failure that the caller gets.
#[must_use]
pub fn kept(capture: Capture, audience: Audience, standing: Standing) -> Capture {
    let whole = match (standing, audience.caller) {
        _ if !audience.is_there() => return capture,
        (Standing::Delivered, _) => true,
        (Standing::Dead(death), Caller::Waits { .. }) => death != Death::Unreadable,
        (_, Caller::Away | Caller::Waits { .. }) => false,
    };
    if whole { capture } else { capture.beginning() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::limits;

    const CALLER: Audience = Audience { others: Reads::Nothing, caller: Caller::Waits { seconds: 30 } };

    fn audience(others: Reads) -> Audience {
        Audience { others, caller: Caller::Away }
    }

    #[test]
    fn an_answer_is_as_good_as_those_who_read_it_need_it() {
        use CaptureEnd::{Broken, Complete, TimedOut, Truncated};
        let timed_out = Legible::NotNow(ErrorClass::TimeoutIdle);
        let broken = Legible::NotNow(ErrorClass::BadBody);
        for (body, end, nobody, head, json, caller) in [
            ("{}", Complete, Legible::Yes, Legible::Yes, Legible::Yes, Legible::Yes),
            ("", Complete, Legible::Yes, Legible::Yes, Legible::Never, Legible::Yes),
            ("<p>", Complete, Legible::Yes, Legible::Yes, Legible::Never, Legible::Yes),
            ("{} {}", Complete, Legible::Yes, Legible::Yes, Legible::Never, Legible::Yes),
            ("{}", Truncated, Legible::Yes, Legible::Never, Legible::Never, Legible::Never),
            ("{}", TimedOut, Legible::Yes, timed_out, timed_out, timed_out),
            ("{}", Broken, Legible::Yes, broken, broken, broken),
        ] {
            let capture = Capture { body: body.into(), end, ..Capture::default() };
            for (audience, expected) in [
                (Audience::default(), nobody),
                (audience(Reads::Head), head),
                (audience(Reads::Body), json),
                (CALLER, caller),
            ] {
                assert_eq!(legible(&capture, audience), expected, "{body} {end:?} {audience:?}");
            }
        }
    }

    #[test]
    fn what_nobody_reads_is_not_kept_whole() {
        let long = Capture { body: vec![b'x'; limits::CAPTURE_BYTES_MAX + 1].into(), ..Capture::default() };
        let (dead, later) = (Standing::Dead(Death::Refused), Standing::Due(Timestamp::ZERO));
        for (audience, standing, whole) in [
            (audience(Reads::Head), Standing::Delivered, true),
            (audience(Reads::Body), dead, false),
            (CALLER, Standing::Delivered, true),
            (CALLER, dead, true),
            (CALLER, later, false),
            (CALLER, Standing::Dead(Death::Unreadable), false),
        ] {
            let kept = kept(long.clone(), audience, standing);
            assert_eq!(kept == long, whole, "{audience:?} {standing:?}");
            let end = if whole { CaptureEnd::Complete } else { CaptureEnd::Truncated };
            assert_eq!(kept.end, end);
        }
    }
}
