//! Leasing due deliveries.

use crate::world::{ask, due, leased, name, on_every_store};
use contract::delivery::Standing;
use contract::line::{Line, Priority, Turn};
use contract::part::Rule;
use contract::store::{Accept, Accepted, Ask, Session, Start};
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

on_every_store! {
    async fn what_is_leased_is_not_claimed(world: World) {
        world.keep(vec![leased("crm")]).await;
        let claimed = world.claim("crm", 9).await;
        assert_eq!((claimed.leases.len(), claimed.next_due.earliest()), (0, None));
        world.keep(vec![due("crm", world.now())]).await;
        assert_eq!(world.claim("crm", 9).await.leases.len(), 1);
        assert_eq!(world.claim("crm", 9).await.leases.len(), 0);
    }

    async fn only_what_is_due_is_claimed_oldest_first(world: World) {
        let now = world.now();
        let mut ids = Vec::new();
        for wait in [3, 1, 2, 60] {
            ids.push(world.keep(vec![due("crm", now + SECOND * wait)]).await.0.first);
        }
        let none = world.claim("crm", 9).await;
        assert_eq!((none.leases.len(), none.next_due.earliest()), (0, Some(now + SECOND)));
        world.clock.advance(SECOND * 3);
        let claimed = world.claim("crm", 2).await;
        let order: Vec<_> = claimed.leases.iter().map(|lease| lease.delivery.id).collect();
        assert_eq!(order, [ids[1], ids[2]]);
        assert_eq!(claimed.next_due.earliest(), Some(now + SECOND * 3));
        let rest = world.claim("crm", 9).await;
        assert_eq!(rest.leases[0].delivery.id, ids[0]);
        assert_eq!((rest.leases.len(), rest.next_due.earliest()), (1, Some(now + SECOND * 60)));
        assert_eq!(world.standings(claimed.leases[0].message.id).await, [Standing::Leased]);
    }

    async fn each_line_is_claimed_by_itself_in_the_order_asked_for(world: World) {
        let now = world.now();
        let of = |priority| Start { priority, ..due("crm", now) };
        let mut firsts = Vec::new();
        // What comes later in its line is wanted all the same: a long line before it hides nothing.
        for priority in [Priority::Normal, Priority::Normal, Priority::Low, Priority::High] {
            firsts.push(world.keep(vec![of(priority)]).await.0.first);
        }
        let line = |priority, turn| Line { priority, turn };
        let ask = |lines: Vec<(Line, usize)>| Ask { lines, ..ask("crm", 0) };
        let claim = async |lines| {
            let claimed = world.store().claim(world.session, vec![ask(lines)], world.now()).await.unwrap().remove(0);
            let ids: Vec<_> = claimed.leases.iter().map(|lease| lease.delivery.id).collect();
            (ids, claimed)
        };
        let (ids, claimed) = claim(vec![(line(Priority::Normal, Turn::First), 1)]).await;
        assert_eq!(ids, [firsts[0]]);
        let lease = &claimed.leases[0];
        world.settle(lease.position, lease.delivery.id, Standing::Due(now)).await;
        let again = line(Priority::Normal, Turn::Again);
        let (ids, claimed) = claim(vec![(line(Priority::Low, Turn::First), 9), (line(Priority::High, Turn::First), 9)]).await;
        assert_eq!(ids, [firsts[2], firsts[3]]);
        assert_eq!(claimed.leases[1].delivery.priority, Priority::High);
        assert_eq!((*claimed.next_due.of(again), *claimed.next_due.of(line(Priority::High, Turn::First))), (Some(now), None));
        let (ids, claimed) = claim(vec![(again, 9)]).await;
        assert_eq!((ids, claimed.leases[0].delivery.line()), (vec![firsts[0]], again));
        assert_eq!(claimed.next_due.earliest(), Some(now), "the second of the first line");
    }

    async fn a_priority_outlives_a_lease_and_a_retry(world: World) {
        let mut world = world;
        world.keep(vec![Start { priority: Priority::High, ..leased("crm") }]).await;
        world.crash().await;
        let claimed = world.claim("crm", 9).await;
        assert_eq!(claimed.leases[0].delivery.priority, Priority::High);
        let (position, id) = (claimed.leases[0].position, claimed.leases[0].delivery.id);
        world.settle(position, id, Standing::Due(world.now())).await;
        let claimed = world.claim("crm", 9).await;
        assert_eq!(claimed.leases[0].delivery.line(), Line { priority: Priority::High, turn: Turn::Again });
    }

    async fn the_same_moment_is_claimed_in_order_of_position(world: World) {
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.push(world.keep(vec![due("crm", world.now())]).await.0.first);
        }
        let order: Vec<_> = world.claim("crm", 9).await.leases.iter().map(|lease| lease.delivery.id).collect();
        assert_eq!(order, ids);
    }

    async fn a_claim_is_bounded_by_bytes_but_gives_at_least_one(world: World) {
        for _ in 0..4 {
            let message = Arc::new(world.message(&[b'x'; 1000]));
            let item = Accept { message, deliveries: vec![due("crm", world.now())], once: None, rule: Rule::All };
            assert!(matches!(world.accept_one(item).await, Accepted::New { .. }));
        }
        for (bytes, given) in [(0, 1), (1500, 2), (1, 1)] {
            let ask = Ask { bytes, ..ask("crm", 9) };
            let claimed = world.store().claim(world.session, vec![ask], world.now()).await.unwrap();
            assert_eq!(claimed[0].leases.len(), given);
        }
        assert_eq!(world.claim("crm", 9).await.leases, []);
    }

    async fn targets_and_tenants_are_claimed_apart(world: World) {
        let now = world.now();
        let mut message = world.message(b"");
        message.tenant = name("other");
        let item = Accept { message: Arc::new(message), deliveries: vec![due("crm", now)], once: None, rule: Rule::All };
        world.accept_one(item).await;
        let (both, _) = world.keep(vec![due("crm", now), due("mailing", now)]).await;
        let asks = vec![ask("mailing", 9), ask("nobody", 9), ask("crm", 9)];
        let claimed = world.store().claim(world.session, asks, now).await.unwrap();
        let ids: Vec<Vec<_>> =
            claimed.iter().map(|one| one.leases.iter().map(|lease| lease.delivery.id).collect()).collect();
        assert_eq!(ids, [vec![both.first.at(1)], vec![], vec![both.first.at(0)]]);
        let other = Ask { tenant: name("other"), ..ask("crm", 9) };
        assert_eq!(world.store().claim(world.session, vec![other], now).await.unwrap()[0].leases.len(), 1);
    }

    async fn a_session_that_is_not_alive_claims_nothing(world: World) {
        world.keep(vec![due("crm", world.now())]).await;
        let dead = world.store().claim(Session(99), vec![ask("crm", 9)], world.now()).await.unwrap();
        assert_eq!((dead[0].leases.len(), dead[0].next_due.earliest()), (0, None));
        assert_eq!(world.claim("crm", 9).await.leases.len(), 1);
    }
}
