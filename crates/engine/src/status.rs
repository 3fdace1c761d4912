//! What a ticket says: the fold of its deliveries into one word. Pure.

use crate::policy::hold::Reason;
use contract::delivery::Standing;
use contract::group::{self, Decision};
use contract::part::Duty;
use contract::ticket::{Ray, Ticket};
use serde::Serialize;

/// The ticket's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Durable; no attempt was made yet.
    Accepted,
    /// Some deliveries are not final.
    Running,
    /// Every required delivery was delivered.
    Succeeded,
    /// Some were delivered, some never will be.
    PartiallyFailed,
    /// None was delivered.
    Failed,
    /// Cancelled before it was complete, and that alone is why.
    Cancelled,
    /// Too late, and that alone is why.
    Expired,
    /// It has failed, and what was delivered is being undone.
    Compensating,
    /// It has failed, and everything that was delivered and can be undone was.
    Compensated,
    /// It has failed, and something that was delivered could not be undone.
    CompensationFailed,
}

/// The delivery's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waits for its first attempt.
    Pending,
    /// In the hands of a running node: about to be sent, or on the wire.
    InFlight,
    /// Waits for another attempt.
    Retrying,
    /// Its target is held, or another delivery must end first.
    Held,
    /// The target took it.
    Delivered,
    /// No further attempt unless a person asks for it.
    Dead,
    /// Ended before success by a person.
    Cancelled,
    /// Too late.
    Expired,
    /// The target's filter said no, what it waited for failed, or there was nothing to undo.
    Skipped,
}

/// The fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The word.
    pub state: State,
    /// The outcome cannot change any more.
    pub decided: bool,
    /// Every delivery is final but for callbacks and replays.
    pub settled: bool,
}

/// Folds a ticket by its rule. A callback tells of the end and is no part of it, nor is what a replay added.
#[must_use]
pub fn fold(ticket: &Ticket) -> Status {
    let rays = || ticket.deliveries.iter().filter(|ray| ray.part.duty.is_of_group());
    let required = || rays().filter(|ray| ray.part.duty == Duty::Required).map(|ray| ray.standing);
    let settled = rays().all(|ray| ray.standing.is_final());
    let decision = group::decide(ticket.rule, required());
    let has_begun = |ray: &Ray| !ray.attempts.is_empty() || ray.standing.is_final();
    let undone = undone(ticket);
    let state = match (decision, undone) {
        (Decision::Broken, Some(undone)) => undone,
        _ if !settled && !rays().any(|ray| has_begun(ray) && ray.standing != Standing::Skipped) => {
            State::Accepted
        }
        _ if !settled => State::Running,
        (Decision::Met, _) => State::Succeeded,
        (Decision::Broken | Decision::Open, _) => failed(required()),
    };
    Status { state, decided: decision != Decision::Open, settled }
}

/// How far undoing is, if anything is to be undone.
fn undone(ticket: &Ticket) -> Option<State> {
    let undos = || ticket.deliveries.iter().filter(|ray| matches!(ray.part.duty, Duty::Undo(_)));
    let all = |test: fn(Standing) -> bool| undos().all(|ray| test(ray.standing));
    match () {
        () if all(|standing| standing == Standing::Skipped) => None,
        () if !all(Standing::is_final) => Some(State::Compensating),
        () if all(|standing| matches!(standing, Standing::Delivered | Standing::Skipped)) => {
            Some(State::Compensated)
        }
        () => Some(State::CompensationFailed),
    }
}

/// The word for a message that has not succeeded.
fn failed(required: impl Iterator<Item = Standing> + Clone) -> State {
    let required = required.filter(|standing| *standing != Standing::Skipped);
    let all = |test: fn(Standing) -> bool| required.clone().all(test);
    match () {
        () if all(|standing| matches!(standing, Standing::Delivered | Standing::Cancelled)) => {
            State::Cancelled
        }
        () if all(|standing| matches!(standing, Standing::Delivered | Standing::Expired)) => State::Expired,
        () if required.clone().any(|standing| standing == Standing::Delivered) => State::PartiallyFailed,
        () => State::Failed,
    }
}

/// The delivery's word; `held` is the reason why its target is not called now, if there is one.
#[must_use]
pub fn phase(ray: &Ray, held: Option<Reason>) -> Phase {
    match (ray.standing, held) {
        (Standing::Due(_), Some(_)) => Phase::Held,
        (Standing::Leased, _) => Phase::InFlight,
        (Standing::Due(_), None) if ray.behind.is_some() => Phase::Held,
        (Standing::Due(_), None) if ray.attempts.is_empty() => Phase::Pending,
        (Standing::Due(_), None) => Phase::Retrying,
        (Standing::Delivered, _) => Phase::Delivered,
        (Standing::Dead(_), _) => Phase::Dead,
        (Standing::Cancelled, _) => Phase::Cancelled,
        (Standing::Expired, _) => Phase::Expired,
        (Standing::Waiting, _) => Phase::Held,
        (Standing::Skipped | Standing::Unmet, _) => Phase::Skipped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::delivery::Death;
    use contract::part::{Part, Rule};
    use contract::{DeliveryId, MessageId, Name, Timestamp};

    fn folded(rule: Rule, rays: &[(Duty, Standing)]) -> Status {
        let ray = |(duty, standing): &(Duty, Standing)| Ray {
            id: DeliveryId::from_bits(0),
            target: Name::try_new("crm").unwrap(),
            part: Part { duty: *duty, ..Part::default() },
            standing: *standing,
            behind: None,
            run: 1,
            attempts: Vec::new(),
        };
        fold(&Ticket {
            id: MessageId::from_bits(0),
            route: Name::try_new("signup").unwrap(),
            received: Timestamp::ZERO,
            rule,
            deliveries: rays.iter().map(ray).collect(),
        })
    }

    #[test]
    fn a_ticket_is_the_fold_of_its_deliveries() {
        use Standing::{Cancelled, Delivered, Due, Expired, Leased, Skipped};
        let dead = Standing::Dead(Death::Refused);
        let later = Due(Timestamp::NEVER);
        let cases: [(&[Standing], State, bool, bool); 14] = [
            (&[], State::Succeeded, true, true),
            (&[Skipped], State::Succeeded, true, true),
            (&[Leased, later], State::Accepted, false, false),
            (&[Delivered, later], State::Running, false, false),
            (&[Skipped, later], State::Accepted, false, false),
            (&[dead, later], State::Running, true, false),
            (&[Delivered, Delivered], State::Succeeded, true, true),
            (&[Delivered, Skipped], State::Succeeded, true, true),
            (&[Delivered, dead], State::PartiallyFailed, true, true),
            (&[dead, dead], State::Failed, true, true),
            (&[dead, Skipped], State::Failed, true, true),
            (&[Delivered, Cancelled], State::Cancelled, true, true),
            (&[Expired, Expired], State::Expired, true, true),
            (&[Expired, Cancelled], State::Failed, true, true),
        ];
        for (standings, state, decided, settled) in cases {
            let rays: Vec<_> = standings.iter().map(|standing| (Duty::Required, *standing)).collect();
            assert_eq!(folded(Rule::All, &rays), Status { state, decided, settled }, "{standings:?}");
        }
    }

    #[test]
    fn the_rule_and_the_duties_decide() {
        use Duty::{Callback, Optional, Required, Undo};
        use Standing::{Delivered, Leased, Skipped, Unmet, Waiting};
        let dead = Standing::Dead(Death::Refused);
        type Case<'a> = (Rule, &'a [(Duty, Standing)], State, bool, bool);
        let replay = Duty::Replay(MessageId::from_bits(1));
        let cases: [Case<'_>; 14] = [
            (Rule::All, &[(Required, Delivered), (Optional, dead)], State::Succeeded, true, true),
            (Rule::All, &[(Required, Delivered), (Optional, Leased)], State::Running, true, false),
            (Rule::All, &[(Required, dead), (Required, Unmet)], State::Failed, true, true),
            (Rule::All, &[(Required, Delivered), (Required, Unmet)], State::PartiallyFailed, true, true),
            (Rule::All, &[(Required, Leased), (Required, Waiting)], State::Accepted, false, false),
            (Rule::Quorum(1), &[(Required, dead), (Required, Delivered)], State::Succeeded, true, true),
            (Rule::Quorum(2), &[(Required, dead), (Required, Delivered)], State::PartiallyFailed, true, true),
            (Rule::All, &[(Required, Delivered), (Callback, Leased)], State::Succeeded, true, true),
            (Rule::All, &[(Required, Delivered), (replay, Leased)], State::Succeeded, true, true),
            (Rule::All, &[(Required, dead), (replay, Delivered)], State::Failed, true, true),
            (
                Rule::All,
                &[(Required, dead), (Required, Delivered), (Undo(1), Leased)],
                State::Compensating,
                true,
                false,
            ),
            (
                Rule::All,
                &[(Required, dead), (Required, Delivered), (Undo(1), Delivered)],
                State::Compensated,
                true,
                true,
            ),
            (
                Rule::All,
                &[(Required, dead), (Required, Delivered), (Undo(1), dead)],
                State::CompensationFailed,
                true,
                true,
            ),
            (Rule::All, &[(Required, dead), (Required, dead), (Undo(1), Skipped)], State::Failed, true, true),
        ];
        for (rule, rays, state, decided, settled) in cases {
            assert_eq!(folded(rule, rays), Status { state, decided, settled }, "{rule:?} {rays:?}");
        }
    }
}
