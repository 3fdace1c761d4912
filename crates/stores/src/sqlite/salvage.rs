//! What holds of a group's answers although the commit of some slices failed.

use super::place::Number;
use super::work::{Answered, Reply, Work};
use contract::history::Appended;
use contract::store::Fault;
use std::collections::BTreeSet;
use std::time::Duration;

/// What was left out is still there: when to ask for it again.
const AGAIN_IN: Duration = Duration::from_secs(1);

/// What of a reply holds although the commit of some slices failed. The whole call may be made again: what was done is
/// then answered as done before.
pub(super) fn salvage(work: &Work, reply: Reply, left_out: &BTreeSet<Number>) -> Answered {
    let gone = |position| left_out.contains(&Number::of(position));
    match (work, reply) {
        (Work::Settle(_, batch), _)
            if batch.iter().any(|one| left_out.contains(&Number::of(one.position))) =>
        {
            Err(Fault::Full)
        }
        (Work::Change(_), _) => Err(Fault::Full),
        (Work::Append(batch), Reply::Appended(mut appended)) => {
            for (answer, _) in appended.iter_mut().zip(batch).filter(|(_, one)| gone(one.position)) {
                *answer = Appended::Full;
            }
            Ok(Reply::Appended(appended))
        }
        (Work::Claim(.., now), Reply::Claimed(mut claimed)) => {
            for one in &mut claimed {
                for lease in one.leases.extract_if(.., |lease| gone(lease.position)) {
                    one.next_due.note(lease.delivery.line(), Some(*now + AGAIN_IN));
                }
            }
            Ok(Reply::Claimed(claimed))
        }
        (Work::Expire(now), Reply::Expired(mut expired)) => {
            let all = expired.moved.len();
            expired.moved.retain(|one| !gone(one.position));
            if expired.moved.len() < all {
                expired.next = expired.next.into_iter().chain([*now + AGAIN_IN]).min();
            }
            Ok(Reply::Expired(expired))
        }
        (_, reply) => Ok(reply),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::delivery::{Delivery, Standing, Suspicion};
    use contract::line::{Lines, Priority};
    use contract::message::Headers;
    use contract::part::{Audience, Duty};
    use contract::store::{Claimed, Expired, Lease, Moved, Position, Session};
    use contract::{DeliveryId, Message, MessageId, Name, Timestamp};
    use std::sync::Arc;

    const NOW: Timestamp = Timestamp::from_micros(5_000_000);

    fn lease(position: Position) -> Lease {
        let (id, first) = (MessageId::from_bits(1), DeliveryId::from_bits(1 << 16));
        let name = Name::default_tenant();
        let message = Message {
            id,
            first,
            tenant: name.clone(),
            route: name.clone(),
            received: NOW,
            deadline: None,
            headers: Headers::default(),
            body: "".into(),
        };
        let (shape, suspect) = (None, Suspicion::Clear);
        let delivery = Delivery {
            id: first,
            target: name,
            shape,
            attempts: 0,
            run: 1,
            revision: 0,
            suspect,
            priority: Priority::Normal,
            duty: Duty::Required,
            audience: Audience::default(),
        };
        Lease { position, delivery, message: Arc::new(message), edit: None }
    }

    #[test]
    fn what_was_left_out_is_asked_for_again_soon() {
        let (kept, lost) = (Position(Number(1).base()), Position(Number(2).base()));
        let left_out = BTreeSet::from([Number(2)]);
        let claimed = Claimed { leases: vec![lease(kept), lease(lost)], next_due: Lines::default() };
        let claim = Work::Claim(Session(1), Vec::new(), NOW);
        let Ok(Reply::Claimed(salvaged)) = salvage(&claim, Reply::Claimed(vec![claimed]), &left_out) else {
            panic!()
        };
        assert_eq!(salvaged[0].leases, [lease(kept)]);
        assert_eq!(salvaged[0].next_due.earliest(), Some(NOW + AGAIN_IN));

        let late = Moved {
            tenant: Name::default_tenant(),
            target: Name::default_tenant(),
            position: lost,
            message: MessageId::from_bits(1),
            received: NOW,
            delivery: DeliveryId::from_bits(1 << 16),
            standing: Standing::Expired,
        };
        let expired = Expired { moved: vec![late], next: None };
        let Ok(Reply::Expired(salvaged)) = salvage(&Work::Expire(NOW), Reply::Expired(expired), &left_out)
        else {
            panic!()
        };
        assert_eq!((salvaged.moved.len(), salvaged.next), (0, Some(NOW + AGAIN_IN)));
    }
}
