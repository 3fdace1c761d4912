//! What follows from an attempt: done, again later, or dead; and what it means for the whole target. Pure.

use crate::policy::audience::{Legible, legible};
use crate::policy::breaker::{Reach, Sign};
use crate::policy::retry::{self, LOCAL_WAIT, jittered};
use crate::policy::statuses::{Statuses, Weight};
use contract::delivery::{Death, ErrorClass, Standing};
use contract::part::Audience;
use contract::target::{Lasting, Outcome, Reply, Word};
use contract::{Timestamp, limits};
use std::time::Duration;

/// What the judgement needs to know besides the outcome.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Attempts made in this run, this one included.
    pub attempts: u32,
    /// No attempt begins after this moment.
    pub deadline: Option<Timestamp>,
    /// The target's schedule.
    pub retry: &'a retry::Policy,
    /// The target's reading of statuses.
    pub statuses: &'a Statuses,
    /// Whether the target has ever answered with success.
    pub proven: Proven,
    /// Probes made since its credentials were refused.
    pub probes: u32,
    /// Whether this delivery's credentials were refused before.
    pub refused: Refused,
    /// Who reads the answer.
    pub audience: Audience,
    /// Until when a failure is told to the caller, who may send it again, instead of being tried again.
    pub told_until: Option<Timestamp>,
    /// The time of judgement.
    pub now: Timestamp,
    /// For jitter.
    pub random: u64,
}

/// Whether a target has ever answered with success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proven {
    /// It has.
    Yes,
    /// Not yet.
    No,
}

/// Whether a delivery was answered with 401 or 403 before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It was.
    Before,
    /// Not that we know.
    Never,
}

/// What becomes of the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Delivered.
    Done,
    /// Another attempt at this time.
    Again {
        /// When.
        at: Timestamp,
    },
    /// No further attempt unless a person asks for it.
    Dead {
        /// Why.
        why: Death,
    },
    /// The next attempt would be too late.
    Expired,
}

/// What the outcome means for the whole target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// It works, whatever was held against it.
    Succeeded,
    /// It works, and its rate limit has nothing left before this time.
    Spent(Timestamp),
    /// No call before this time.
    HoldUntil(Timestamp),
    /// It refuses the credentials: one probe at this time.
    AuthFailed {
        /// When the next probe may go.
        probe_at: Timestamp,
    },
    /// It is gone or wants nothing more.
    Disable,
}

/// The whole judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Of the delivery.
    pub verdict: Verdict,
    /// On the target.
    pub effect: Effect,
    /// The failure's class, if it was one.
    pub class: Option<ErrorClass>,
}

impl Verdict {
    /// Where the delivery stands then.
    #[must_use]
    pub const fn standing(self) -> Standing {
        match self {
            Self::Done => Standing::Delivered,
            Self::Again { at } => Standing::Due(at),
            Self::Dead { why } => Standing::Dead(why),
            Self::Expired => Standing::Expired,
        }
    }
}

/// Judges one attempt.
#[must_use]
pub fn judge(outcome: &Outcome, facts: &Facts<'_>) -> Judgement {
    let judgement = apart_from_the_caller(outcome, facts);
    match judgement.verdict {
        Verdict::Again { .. } if facts.told_until.is_some_and(|until| facts.now <= until) => {
            Judgement { verdict: Verdict::Dead { why: Death::Exhausted }, ..judgement }
        }
        Verdict::Again { .. } | Verdict::Done | Verdict::Dead { .. } | Verdict::Expired => judgement,
    }
}

fn apart_from_the_caller(outcome: &Outcome, facts: &Facts<'_>) -> Judgement {
    match outcome {
        Outcome::Answered(reply) => answered(reply, facts),
        Outcome::Broken { class, .. } => failure(next(facts, facts.now), unwell(facts), *class),
        Outcome::Own { class: ErrorClass::LocalCorrupt, .. } => {
            failure(Verdict::Dead { why: Death::Corrupt }, Effect::None, ErrorClass::LocalCorrupt)
        }
        Outcome::Own { class, lasting: Lasting::Lasting, .. } => {
            failure(Verdict::Dead { why: Death::Config }, Effect::None, *class)
        }
        // This side's fault: the schedule is not used up.
        Outcome::Own { class, lasting: Lasting::Passing, .. } => {
            let at = facts.now + jittered(LOCAL_WAIT, 0.2, facts.random);
            failure(in_time(at, facts), Effect::None, *class)
        }
    }
}

/// What an outcome says about the target's health, whatever becomes of the delivery.
#[must_use]
pub fn sign(outcome: &Outcome, statuses: &Statuses) -> Sign {
    match outcome {
        Outcome::Answered(reply) => match (statuses.weigh(reply.counted()), reply.counted()) {
            (Weight::Success, _) => Sign::Well,
            // It is well, and says how much is too much.
            (_, 429) => Sign::Nothing,
            (_, 500..=599) => Sign::Ill(Reach::Host),
            _ => Sign::Well,
        },
        Outcome::Broken { class, .. } => Sign::Ill(reach(*class)),
        Outcome::Own { .. } => Sign::Nothing,
    }
}

/// Whether there was a connection.
const fn reach(class: ErrorClass) -> Reach {
    match class {
        ErrorClass::DnsError | ErrorClass::ConnectionRefused | ErrorClass::TimeoutConnect => Reach::Nowhere,
        ErrorClass::ConnectionReset
        | ErrorClass::TimeoutTotal
        | ErrorClass::TimeoutIdle
        | ErrorClass::TlsError
        | ErrorClass::ProtocolError
        | ErrorClass::Status
        | ErrorClass::Redirect
        | ErrorClass::LocalDns
        | ErrorClass::LocalResources
        | ErrorClass::LocalConfig
        | ErrorClass::LocalGuard
        | ErrorClass::LocalCorrupt
        | ErrorClass::LocalAuth
        | ErrorClass::LocalProxy
        | ErrorClass::BadBody => Reach::Host,
    }
}

fn answered(reply: &Reply, facts: &Facts<'_>) -> Judgement {
    let weight = facts.statuses.weigh(reply.counted());
    let effect = match reply.hints.word {
        Some(Word::Disable) => Effect::Disable,
        Some(Word::AbortMessage) | None => effect(weight, reply, facts),
    };
    let verdict = match weight {
        Weight::Success => return succeeded(reply, effect, facts),
        _ if reply.hints.word == Some(Word::AbortMessage) => Verdict::Dead { why: Death::Aborted },
        Weight::Gone => Verdict::Dead { why: Death::Gone },
        Weight::Refuse | Weight::Redirect => Verdict::Dead { why: Death::Refused },
        Weight::Retry => next(facts, held_until(reply, facts).unwrap_or(facts.now)),
        Weight::Auth => match effect {
            Effect::AuthFailed { probe_at } => in_time(probe_at, facts),
            Effect::None | Effect::Succeeded | Effect::Spent(_) | Effect::HoldUntil(_) | Effect::Disable => {
                Verdict::Dead { why: Death::Refused }
            }
        },
    };
    let class = if weight == Weight::Redirect { ErrorClass::Redirect } else { ErrorClass::Status };
    failure(verdict, effect, class)
}

/// The target has done its part; whether the delivery has, those who read the answer say.
fn succeeded(reply: &Reply, effect: Effect, facts: &Facts<'_>) -> Judgement {
    match legible(&reply.capture, facts.audience) {
        Legible::Yes => Judgement { verdict: Verdict::Done, effect, class: None },
        Legible::NotNow(class) => failure(next(facts, facts.now), effect, class),
        Legible::Never => failure(Verdict::Dead { why: Death::Unreadable }, effect, ErrorClass::BadBody),
    }
}

fn effect(weight: Weight, reply: &Reply, facts: &Facts<'_>) -> Effect {
    match (weight, facts.proven) {
        (Weight::Success, _) => asked(reply.hints.spent, facts).map_or(Effect::Succeeded, Effect::Spent),
        (Weight::Gone, _) => Effect::Disable,
        // Others have been taken since: it is this message that is not allowed, and no reason to hold the target.
        (Weight::Auth, Proven::Yes) if facts.probes == 0 && facts.refused == Refused::Before => Effect::None,
        (Weight::Auth, Proven::Yes) => auth_failed(facts),
        (Weight::Retry, _) => held_until(reply, facts).map_or_else(|| unwell(facts), Effect::HoldUntil),
        (Weight::Refuse | Weight::Redirect | Weight::Auth, _) => unwell(facts),
    }
}

/// A failure of another kind: while credentials are in doubt it is no reason to probe faster.
fn unwell(facts: &Facts<'_>) -> Effect {
    if facts.probes > 0 { auth_failed(facts) } else { Effect::None }
}

fn auth_failed(facts: &Facts<'_>) -> Effect {
    Effect::AuthFailed { probe_at: facts.now + facts.retry.wait_or_last(facts.probes + 1, facts.random) }
}

fn held_until(reply: &Reply, facts: &Facts<'_>) -> Option<Timestamp> {
    asked(reply.hints.wait, facts)
}

fn asked(wait: Option<Duration>, facts: &Facts<'_>) -> Option<Timestamp> {
    let wait = wait.filter(|wait| !wait.is_zero())?;
    Some(facts.now + wait.min(limits::RETRY_AFTER_MAX))
}

/// The next attempt by the schedule, but not before `earliest`.
fn next(facts: &Facts<'_>, earliest: Timestamp) -> Verdict {
    match facts.retry.wait(facts.attempts, facts.random) {
        Some(wait) => in_time((facts.now + wait).max(earliest), facts),
        None => Verdict::Dead { why: Death::Exhausted },
    }
}

fn in_time(at: Timestamp, facts: &Facts<'_>) -> Verdict {
    match facts.deadline {
        Some(deadline) if at > deadline => Verdict::Expired,
        Some(_) | None => Verdict::Again { at },
    }
}

fn failure(verdict: Verdict, effect: Effect, class: ErrorClass) -> Judgement {
    Judgement { verdict, effect, class: Some(class) }
}

#[cfg(test)]
#[path = "verdict/tests.rs"]
mod tests;
