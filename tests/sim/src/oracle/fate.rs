//! What must become of a delivery after an attempt: the published table, written a second time. Pure.

use crate::recipe::TargetRecipe;
use contract::delivery::{CaptureEnd, Death, ErrorClass, Standing};
use contract::part::{Audience, Caller, Reads};
use contract::target::{Lasting, Outcome, Word};
use contract::{Timestamp, limits};
use std::time::Duration;

/// Rounding of jitter and of the runtime's milliseconds.
const SLACK: Duration = Duration::from_millis(2);
/// The wait after a fault of the own side, and the shortest between probes.
pub(super) const OWN_WAIT: Duration = Duration::from_secs(5);
const OWN_JITTER: f64 = 0.2;

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Answered { status: u16, wait: Option<Duration>, word: Option<Word>, body: Body },
    Broken(ErrorClass),
    OwnPassing,
    OwnLasting(ErrorClass),
}

/// How much can be made of an answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Json,
    /// All of it, or too much, and no JSON.
    Other,
    /// Not all of it.
    Part,
}

/// What a status asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Success,
    Again,
    Never,
    Credentials,
    Gone,
}

/// What is known when an attempt has ended.
pub(super) struct Case<'a> {
    pub(super) target: &'a TargetRecipe,
    /// Attempts of this run, this one included.
    pub(super) made: u32,
    pub(super) at: Timestamp,
    pub(super) deadline: Option<Timestamp>,
    pub(super) proven: bool,
    pub(super) probes: u32,
    /// Its credentials were refused before, and the target has taken others since.
    pub(super) again: bool,
    /// Who reads the answer.
    pub(super) audience: Audience,
    /// The caller is told of a failure.
    pub(super) told: bool,
}

impl Seen {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Answered(reply) => {
                let body = match reply.capture.end {
                    CaptureEnd::TimedOut | CaptureEnd::Broken => Body::Part,
                    CaptureEnd::Complete if reply.capture.body.starts_with(b"{") => Body::Json,
                    CaptureEnd::Complete | CaptureEnd::Truncated => Body::Other,
                };
                let (wait, word) = (reply.hints.wait, reply.hints.word);
                Self::Answered { status: reply.counted(), wait, word, body }
            }
            Outcome::Broken { class, .. } => Self::Broken(*class),
            Outcome::Own { lasting: Lasting::Passing, .. } => Self::OwnPassing,
            Outcome::Own { class, lasting: Lasting::Lasting, .. } => Self::OwnLasting(*class),
        }
    }

    pub(super) fn refuses_credentials(self) -> bool {
        matches!(self, Self::Answered { status, .. } if kind(status) == Kind::Credentials)
    }

    pub(super) fn is_success(self) -> bool {
        matches!(self, Self::Answered { status, .. } if kind(status) == Kind::Success)
    }

    /// A success for those who read its answer too.
    pub(super) fn delivers(self, audience: Audience) -> bool {
        let body = if let Self::Answered { body, .. } = self { body } else { Body::Part };
        let legible = match (audience.others, audience.caller) {
            (Reads::Nothing, Caller::Away) => true,
            (Reads::Nothing, Caller::Waits { .. }) => body != Body::Part,
            (Reads::Head | Reads::Body, _) => body == Body::Json,
        };
        self.is_success() && legible
    }
}

pub(super) fn kind(status: u16) -> Kind {
    match status {
        200..=299 => Kind::Success,
        401 | 403 => Kind::Credentials,
        410 => Kind::Gone,
        404 | 408 | 409 | 425 | 429 => Kind::Again,
        501 | 505 => Kind::Never,
        500..=599 => Kind::Again,
        _ => Kind::Never,
    }
}

/// Whether a delivery may stand there after such an end.
pub(super) fn fits(standing: Standing, seen: Seen, case: &Case<'_>) -> bool {
    let dead = |why| standing == Standing::Dead(why);
    match seen {
        Seen::OwnPassing => again(standing, case, (OWN_WAIT, OWN_JITTER), Duration::ZERO),
        Seen::OwnLasting(_) => dead(Death::Config),
        Seen::Broken(_) => next(standing, case, Duration::ZERO),
        Seen::Answered { status, wait, word, body } => match kind(status) {
            Kind::Success => match (body, case.audience.others, case.audience.caller) {
                (_, Reads::Nothing, Caller::Away) | (Body::Json, ..) | (Body::Other, Reads::Nothing, _) => {
                    standing == Standing::Delivered
                }
                (Body::Part, ..) => next(standing, case, Duration::ZERO),
                (Body::Other, Reads::Head | Reads::Body, _) => dead(Death::Unreadable),
            },
            _ if word == Some(Word::AbortMessage) => dead(Death::Aborted),
            Kind::Gone => dead(Death::Gone),
            Kind::Never => dead(Death::Refused),
            Kind::Again => next(standing, case, wait.unwrap_or_default().min(limits::RETRY_AFTER_MAX)),
            Kind::Credentials if case.proven && word.is_none() && !case.again => again(
                standing,
                case,
                (probe_wait(case.target, case.probes), case.target.jitter),
                Duration::ZERO,
            ),
            Kind::Credentials => dead(Death::Refused),
        },
    }
}

/// The wait before the probe that follows so many.
pub(super) fn probe_wait(target: &TargetRecipe, probes: u32) -> Duration {
    let step = usize::try_from(probes + 1).unwrap_or(usize::MAX).min(target.waits.len().saturating_sub(1));
    target.waits.get(step).copied().unwrap_or(OWN_WAIT).max(OWN_WAIT)
}

/// Another attempt by the schedule, not before what the target asked for; or the schedule's end.
fn next(standing: Standing, case: &Case<'_>, asked: Duration) -> bool {
    let made = usize::try_from(case.made).unwrap_or(usize::MAX);
    match case.target.waits.get(made) {
        Some(wait) => again(standing, case, (*wait, case.target.jitter), asked),
        None => standing == Standing::Dead(Death::Exhausted),
    }
}

fn again(standing: Standing, case: &Case<'_>, (wait, jitter): (Duration, f64), asked: Duration) -> bool {
    let earliest = case.at + wait.mul_f64(1.0 - jitter).saturating_sub(SLACK).max(asked);
    let latest = case.at + (wait.mul_f64(1.0 + jitter) + SLACK).max(asked);
    let in_time = |at: Timestamp| case.deadline.is_none_or(|deadline| at <= deadline);
    match standing {
        Standing::Dead(Death::Exhausted) => case.told && in_time(earliest),
        Standing::Due(_) if case.told => false,
        Standing::Due(at) => earliest <= at && at <= latest && in_time(at),
        Standing::Expired => !in_time(latest),
        Standing::Leased
        | Standing::Delivered
        | Standing::Dead(_)
        | Standing::Cancelled
        | Standing::Skipped
        | Standing::Waiting
        | Standing::Unmet => false,
    }
}
