//! What a ticket says: the fold of its deliveries into one word. Pure.

use crate::policy::hold::Reason;
use contract::delivery::Standing;
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
    /// Its target is held.
    Held,
    /// The target took it.
    Delivered,
    /// No further attempt unless a person asks for it.
    Dead,
    /// Ended before success by a person.
    Cancelled,
    /// Too late.
    Expired,
    /// The target's filter said no.
    Skipped,
}

/// The fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The word.
    pub state: State,
    /// The outcome cannot change any more.
    pub decided: bool,
    /// Every delivery is final.
    pub settled: bool,
}

/// Folds a ticket: every target but the skipped ones is required.
#[must_use]
pub fn fold(ticket: &Ticket) -> Status {
    let required = || ticket.deliveries.iter().filter(|ray| ray.standing != Standing::Skipped);
    let all = |test: fn(&Ray) -> bool| required().all(test);
    let any = |test: fn(&Ray) -> bool| required().any(test);
    let settled = all(|ray| ray.standing.is_final());
    let decided = settled || any(|ray| ray.standing.is_final() && ray.standing != Standing::Delivered);
    let state = match settled {
        false if all(|ray| ray.attempts.is_empty() && !ray.standing.is_final()) => State::Accepted,
        false => State::Running,
        true if all(|ray| ray.standing == Standing::Delivered) => State::Succeeded,
        true if all(|ray| matches!(ray.standing, Standing::Delivered | Standing::Cancelled)) => {
            State::Cancelled
        }
        true if all(|ray| matches!(ray.standing, Standing::Delivered | Standing::Expired)) => State::Expired,
        true if any(|ray| ray.standing == Standing::Delivered) => State::PartiallyFailed,
        true => State::Failed,
    };
    Status { state, decided, settled }
}

/// The delivery's word; `held` is the reason why its target is not called now, if there is one.
#[must_use]
pub fn phase(ray: &Ray, held: Option<Reason>) -> Phase {
    match (ray.standing, held) {
        (Standing::Due(_), Some(_)) => Phase::Held,
        (Standing::Leased, _) => Phase::InFlight,
        (Standing::Due(_), None) if ray.attempts.is_empty() => Phase::Pending,
        (Standing::Due(_), None) => Phase::Retrying,
        (Standing::Delivered, _) => Phase::Delivered,
        (Standing::Dead(_), _) => Phase::Dead,
        (Standing::Cancelled, _) => Phase::Cancelled,
        (Standing::Expired, _) => Phase::Expired,
        (Standing::Skipped, _) => Phase::Skipped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::delivery::Death;
    use contract::{DeliveryId, MessageId, Name, Timestamp};

    fn folded(standings: &[Standing]) -> Status {
        let ray = |standing: &Standing| Ray {
            id: DeliveryId::from_bits(0),
            target: Name::try_new("crm").unwrap(),
            standing: *standing,
            run: 1,
            attempts: Vec::new(),
        };
        fold(&Ticket {
            id: MessageId::from_bits(0),
            route: Name::try_new("signup").unwrap(),
            received: Timestamp::ZERO,
            deliveries: standings.iter().map(ray).collect(),
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
            assert_eq!(folded(standings), Status { state, decided, settled }, "{standings:?}");
        }
    }
}
