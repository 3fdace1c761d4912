//! Recording attempts.

use crate::world::{attempt, due, if_blocking, leased, name, on_every_store, refused, stumbled};
use contract::delivery::{Attempt, Death, Standing};
use contract::order::KeyFate;
use contract::store::{Position, Renewed, Session, Settled, Settlement};
use std::sync::Arc;
use std::time::Duration;

on_every_store! {
    async fn every_attempt_comes_back_with_every_field(world: World) {
        let (message, position) = world.keep(vec![leased("crm")]).await;
        let later = world.now() + Duration::from_secs(5);
        let first = refused(1, 1, world.now());
        let one = Settlement { position, delivery: message.first, attempt: Some(Arc::new(first.clone())), standing: Standing::Due(later), key_fate: KeyFate::Kept };
        assert_eq!(world.store().settle(world.session, vec![one]).await.unwrap().answers, [Settled::Recorded]);
        assert_eq!(world.standings(message.id).await, [Standing::Due(later)]);
        world.clock.advance(Duration::from_secs(5));
        let lease = world.claim("crm", 1).await.leases.remove(0);
        assert_eq!((lease.position, lease.delivery.attempts, lease.delivery.run), (position, 1, 1));
        let second = attempt(2, 1, world.now());
        let one = Settlement { position, delivery: message.first, attempt: Some(Arc::new(second.clone())), standing: Standing::Delivered, key_fate: KeyFate::Kept };
        assert_eq!(world.store().settle(world.session, vec![one]).await.unwrap().answers, [Settled::Recorded]);
        let ray = world.ticket(message.id).await.deliveries.remove(0);
        assert_eq!((ray.standing, ray.attempts), (Standing::Delivered, vec![first, second]));
    }

    async fn a_fault_of_this_side_that_passes_is_kept_and_not_counted(world: World) {
        let settle = async |position, delivery, attempt: &Attempt, standing| {
            let one = Settlement { position, delivery, attempt: Some(Arc::new(attempt.clone())), standing, key_fate: if_blocking(standing) };
            assert_eq!(world.store().settle(world.session, vec![one]).await.unwrap().answers, [Settled::Recorded]);
        };
        // One has no row before its first attempt ends, the other has one from the start.
        for start in [leased("crm"), due("crm", world.now())] {
            let (message, position) = world.keep(vec![start]).await;
            world.claim("crm", 1).await;
            let mut kept = Vec::new();
            for number in [1, 2] {
                for _ in 0..3 {
                    let fault = stumbled(number, 1, world.now());
                    settle(position, message.first, &fault, Standing::Due(world.now())).await;
                    let lease = world.claim("crm", 1).await.leases.remove(0);
                    assert_eq!(lease.delivery.attempts, number - 1, "the schedule is not used up");
                    world.clock.advance(Duration::from_secs(1));
                    kept.truncate(usize::try_from(number - 1).unwrap() * 2);
                    kept.push(fault);
                    assert_eq!(world.ticket(message.id).await.deliveries[0].attempts, kept, "only the last of a run");
                }
                let made = refused(number, 1, world.now());
                settle(position, message.first, &made, Standing::Due(world.now())).await;
                world.claim("crm", 1).await;
                kept.push(made);
            }
            let last = attempt(3, 1, world.now());
            settle(position, message.first, &last, Standing::Delivered).await;
            kept.push(last);
            assert_eq!(world.ticket(message.id).await.deliveries[0].attempts, kept);
        }
    }

    async fn a_delivery_is_settled_once(world: World) {
        let (message, position) = world.keep(vec![leased("crm"), leased("mailing")]).await;
        let one = |ordinal, standing| Settlement { position, delivery: message.first.at(ordinal), attempt: None, standing, key_fate: if_blocking(standing) };
        let batch = vec![
            one(0, Standing::Delivered),
            one(0, Standing::Dead(Death::Refused)),
            one(1, Standing::Leased),
            one(1, Standing::Expired),
            one(2, Standing::Delivered),
            Settlement { position: Position(position.0 + 1), ..one(0, Standing::Delivered) },
        ];
        let settled = world.store().settle(world.session, batch).await.unwrap().answers;
        let (recorded, fenced) = (Settled::Recorded, Settled::Fenced);
        assert_eq!(settled, [recorded, fenced, fenced, recorded, fenced, fenced]);
        assert_eq!(world.standings(message.id).await, [Standing::Delivered, Standing::Expired]);
        assert_eq!(world.settle(position, message.first, Standing::Cancelled).await, Settled::Fenced);
    }

    async fn only_the_session_that_leased_may_settle(world: World) {
        let old = world.session;
        let (message, position) = world.keep(vec![leased("crm"), leased("mailing")]).await;
        let new = world.store().open(&name("node"), world.now()).await.unwrap();
        assert_eq!(world.store().renew(old, world.now()).await.unwrap(), Renewed::Fenced);
        assert_eq!(world.store().renew(new, world.now()).await.unwrap(), Renewed::Alive);
        let one = || Settlement { position, delivery: message.first, attempt: None, standing: Standing::Delivered, key_fate: KeyFate::Kept };
        assert_eq!(world.store().settle(old, vec![one()]).await.unwrap().answers, [Settled::Fenced]);
        assert_eq!(world.store().settle(Session(99), vec![one()]).await.unwrap().answers, [Settled::Fenced]);
        assert_eq!(world.store().settle(new, vec![one()]).await.unwrap().answers, [Settled::Fenced]);
        assert_eq!(world.standings(message.id).await, [Standing::Due(world.now()), Standing::Due(world.now())]);
    }

    async fn a_lease_that_is_given_back_is_due_and_not_suspect(world: World) {
        let (message, position) = world.keep(vec![leased("crm")]).await;
        for _ in 0..9 {
            assert_eq!(world.give_back(position, message.first).await, Settled::Recorded);
            let lease = world.claim("crm", 1).await.leases.remove(0);
            assert_eq!(lease.delivery.suspect, contract::delivery::Suspicion::Clear);
            assert_eq!(lease.delivery.attempts, 0);
        }
    }

    async fn a_waiting_delivery_cannot_be_settled(world: World) {
        let (message, position) = world.keep(vec![due("crm", world.now())]).await;
        assert_eq!(world.settle(position, message.first, Standing::Delivered).await, Settled::Fenced);
        assert_eq!(world.standings(message.id).await, [Standing::Due(message.received)]);
    }

    async fn every_final_standing_is_kept(world: World) {
        let deaths = Death::ALL.into_iter().map(Standing::Dead);
        for standing in deaths.chain([Standing::Delivered, Standing::Cancelled, Standing::Expired, Standing::Skipped]) {
            let (message, position) = world.keep(vec![leased("crm")]).await;
            assert_eq!(world.settle(position, message.first, standing).await, Settled::Recorded);
            assert_eq!(world.standings(message.id).await, [standing]);
        }
    }
}
