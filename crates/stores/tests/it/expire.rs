//! Ending what waits past its deadline.

use crate::world::{due, keyed, leased, name, on_every_store, refused, tenant};
use contract::delivery::{Death, Standing};
use contract::order::KeyFate;
use contract::query::Change;
use contract::store::{Expired, Moved, Settled, Settlement};
use contract::{Timestamp, limits};
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

on_every_store! {
    async fn what_waits_past_its_deadline_ends_and_nothing_else_does(world: World) {
        let now = world.now();
        let (first, position) = world.keep_until(now + SECOND, vec![due("crm", now), leased("mailing"), due("ledger", Timestamp::NEVER)]).await;
        let (later, _) = world.keep_until(now + SECOND * 9, vec![due("crm", now)]).await;
        let (open, _) = world.keep(vec![due("crm", now)]).await;
        assert_eq!(world.expire().await, (vec![], Some(now + SECOND)));
        world.clock.advance(SECOND);
        assert_eq!(world.expire().await, (vec![], Some(now + SECOND)), "an attempt may begin at the deadline");
        world.clock.advance(SECOND);
        let late = |target: &str, ordinal| Moved {
            tenant: tenant(),
            target: name(target),
            position,
            message: first.id,
            received: now,
            delivery: first.first.at(ordinal),
            standing: Standing::Expired,
        };
        let expired = world.store().expire(world.now()).await.unwrap();
        assert_eq!(expired, Expired { moved: vec![late("crm", 0), late("ledger", 2)], next: Some(now + SECOND * 9) });
        assert_eq!(world.standings(first.id).await, [Standing::Expired, Standing::Leased, Standing::Expired]);
        assert_eq!(world.standings(later.id).await, [Standing::Due(now)]);
        assert_eq!(world.standings(open.id).await, [Standing::Due(now)]);
        let waiting: Vec<_> = world.store().backlog().await.unwrap().into_iter().map(|one| (one.target, one.waiting)).collect();
        assert_eq!(waiting, [(name("crm"), 2)]);
        assert_eq!(world.claim("crm", 9).await.leases.len(), 2);
        assert_eq!(world.expire().await, (vec![], None), "what is leased is the engine's to end");
    }

    async fn what_waits_again_still_has_its_deadline(world: World) {
        let mut world = world;
        let now = world.now();
        let deadline = now + SECOND;
        let starts = || vec![leased("crm")];
        let (retried, position) = world.keep_until(deadline, starts()).await;
        let attempt = Some(Arc::new(refused(1, 1, now)));
        let one = Settlement { position, delivery: retried.first, attempt, standing: Standing::Due(now), key_fate: KeyFate::Kept };
        assert_eq!(world.store().settle(world.session, vec![one]).await.unwrap().answers, [Settled::Recorded]);
        let (returned, position) = world.keep_until(deadline, starts()).await;
        world.give_back(position, returned.first).await;
        let (revived, position) = world.keep_until(deadline, starts()).await;
        world.settle(position, revived.first, Standing::Dead(Death::Gone)).await;
        world.store().change(Change::Revive { tenant: tenant(), deliveries: vec![(revived.first, now)] }).await.unwrap();
        let (claimed, _) = world.keep_until(deadline, vec![due("mailing", now)]).await;
        let lease = world.claim("mailing", 9).await.leases.remove(0);
        world.give_back(lease.position, claimed.first).await;
        let (orphan, _) = world.keep_until(deadline, starts()).await;
        world.crash().await;
        world.clock.advance(SECOND * 2);
        let all = [retried, returned, revived, claimed, orphan].map(|message| message.first);
        assert_eq!(world.expire().await, (all.to_vec(), None));
    }

    async fn the_end_of_one_lets_the_next_of_its_order_key_go(world: World) {
        let now = world.now();
        let key = |start| keyed(start, "k");
        let (head, _) = world.keep_until(now + SECOND * 2, vec![key(due("crm", now))]).await;
        let (behind, _) = world.keep_until(now + SECOND, vec![key(due("crm", now))]).await;
        let (both, _) = world.keep_until(now + SECOND * 2, vec![key(due("crm", now))]).await;
        let (last, _) = world.keep(vec![key(due("crm", now))]).await;
        world.clock.advance(Duration::from_millis(1500));
        assert_eq!(world.expire().await, (vec![behind.first], Some(now + SECOND * 2)), "behind the head too");
        world.clock.advance(SECOND);
        assert_eq!(world.expire().await, (vec![head.first, both.first], None));
        let claimed = world.claim("crm", 9).await;
        assert_eq!(claimed.leases.iter().map(|lease| lease.delivery.id).collect::<Vec<_>>(), [last.first]);
        assert_eq!(world.store().backlog().await.unwrap(), []);
    }

    async fn a_call_takes_a_bounded_bite_earliest_first_from_all_slices(world: World) {
        let deadline = world.now() + SECOND * 30_000;
        let count = u64::try_from(limits::EXPIRE_ITEMS_MAX).unwrap() + 5;
        let mut ids = Vec::new();
        for n in 0..count {
            if n == count / 2 {
                world.clock.advance(Duration::from_hours(7));
            }
            let (message, _) = world.keep_until(deadline - Duration::from_millis(n), vec![due("crm", world.now())]).await;
            ids.insert(0, message.first);
        }
        world.clock.advance(SECOND * 30_000);
        let (first, next) = world.expire().await;
        assert_eq!(first, ids[..limits::EXPIRE_ITEMS_MAX]);
        assert_eq!(next, Some(deadline - Duration::from_millis(4)));
        assert_eq!(world.expire().await, (ids[limits::EXPIRE_ITEMS_MAX..].to_vec(), None));
    }
}
