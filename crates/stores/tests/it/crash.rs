//! What a new session finds after the old one died.

use crate::world::{due, keyed, leased, on_every_store};
use contract::delivery::{Death, Standing, Suspicion};
use contract::limits;
use contract::store::Settled;
use std::time::Duration;

on_every_store! {
    async fn what_was_leased_is_due_at_once_and_suspect(world: World) {
        let mut world = world;
        let (fresh, _) = world.keep(vec![leased("crm"), leased("mailing")]).await;
        let (done, position) = world.keep(vec![leased("crm"), leased("mailing")]).await;
        world.settle(position, done.first, Standing::Delivered).await;
        let (claimed, _) = world.keep(vec![due("crm", world.now())]).await;
        let (waiting, _) = world.keep(vec![due("crm", world.now() + Duration::from_secs(9))]).await;
        assert_eq!(world.claim("crm", 9).await.leases.len(), 1);
        world.clock.advance(Duration::from_secs(1));
        world.crash().await;
        let now = Standing::Due(world.now());
        assert_eq!(world.standings(fresh.id).await, [now, now]);
        assert_eq!(world.standings(done.id).await, [Standing::Delivered, now]);
        assert_eq!(world.standings(claimed.id).await, [now]);
        world.clock.advance(Duration::from_secs(9));
        let leases = world.claim("crm", 9).await.leases;
        let suspects: Vec<_> = leases.iter().map(|lease| (lease.message.id, lease.delivery.suspect)).collect();
        let (sure, clear) = (Suspicion::PossiblyDuplicate, Suspicion::Clear);
        assert_eq!(suspects, [(fresh.id, sure), (claimed.id, sure), (waiting.id, clear)]);
    }

    async fn suspicion_stays_after_an_attempt_whose_end_is_known(world: World) {
        let mut world = world;
        let (message, position) = world.keep(vec![leased("crm")]).await;
        world.crash().await;
        world.claim("crm", 1).await;
        world.settle(position, message.first, Standing::Due(world.now())).await;
        let lease = world.claim("crm", 1).await.leases.remove(0);
        assert_eq!((lease.delivery.suspect, lease.delivery.attempts), (Suspicion::PossiblyDuplicate, 1));
    }

    async fn a_delivery_that_five_sessions_died_with_is_poison(world: World) {
        let mut world = world;
        let (message, _) = world.keep(vec![leased("crm")]).await;
        for _ in 1..limits::ORPHANED_MAX {
            world.crash().await;
            assert_eq!(world.claim("crm", 1).await.leases.len(), 1);
        }
        world.crash().await;
        assert_eq!(world.standings(message.id).await, [Standing::Dead(Death::Poison)]);
        assert_eq!(world.claim("crm", 1).await.leases, []);
    }

    async fn only_deaths_with_the_lease_and_since_the_last_known_attempt_count(world: World) {
        let mut world = world;
        let (message, position) = world.keep(vec![leased("crm")]).await;
        for _ in 0..3 * limits::ORPHANED_MAX {
            world.crash().await;
            world.claim("crm", 1).await;
            let settled = world.settle(position, message.first, Standing::Due(world.now())).await;
            assert_eq!(settled, Settled::Recorded);
            world.crash().await;
        }
        assert_eq!(world.standings(message.id).await, [Standing::Due(world.now())]);
    }

    async fn a_key_goes_on_in_order_after_a_crash(world: World) {
        let mut world = world;
        let (first, position) = world.keep(vec![keyed(leased("crm"), "k")]).await;
        let (second, _) = world.keep(vec![keyed(due("crm", world.now()), "k")]).await;
        world.crash().await;
        let leases = world.claim("crm", 9).await.leases;
        assert_eq!(leases.iter().map(|lease| lease.message.id).collect::<Vec<_>>(), [first.id]);
        world.settle(position, first.first, Standing::Delivered).await;
        assert_eq!(world.claim("crm", 9).await.leases[0].message.id, second.id);
    }
}
