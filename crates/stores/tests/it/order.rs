//! Order keys: one at a time, in order of position.

use crate::world::{due, keyed, leased, on_every_store};
use contract::delivery::{Death, Standing};
use contract::query::{Change, Delivered};
use contract::store::Accepted;
use contract::store::Settled;
use contract::{Message, store::Position};
use std::sync::Arc;
use std::time::Duration;

use crate::world::{World, tenant};

async fn keep(world: &World, target: &str, key: &str) -> (Arc<Message>, Position) {
    world.keep(vec![keyed(due(target, world.now()), key)]).await
}

async fn claimed(world: &World, target: &str) -> Vec<contract::MessageId> {
    world.claim(target, 99).await.leases.into_iter().map(|lease| lease.message.id).collect()
}

on_every_store! {
    async fn only_the_earliest_unfinished_delivery_of_a_key_is_claimed(world: World) {
        let (first, one) = keep(&world, "crm", "a").await;
        let (second, two) = keep(&world, "crm", "a").await;
        let (other, _) = keep(&world, "crm", "b").await;
        let (elsewhere, _) = keep(&world, "mailing", "a").await;
        assert_eq!(claimed(&world, "crm").await, [first.id, other.id]);
        assert_eq!(claimed(&world, "mailing").await, [elsewhere.id]);
        assert_eq!(world.claim("crm", 9).await.next_due.earliest(), None, "settling the first says when to ask");
        let later = world.now() + Duration::from_secs(5);
        assert_eq!(world.settle(one, first.first, Standing::Due(later)).await, Settled::Recorded);
        assert!(claimed(&world, "crm").await.is_empty(), "a retry keeps its place");
        assert_eq!(world.claim("crm", 9).await.next_due.earliest(), Some(later));
        world.clock.advance(Duration::from_secs(5));
        assert_eq!(claimed(&world, "crm").await, [first.id]);
        assert_eq!(world.settle(one, first.first, Standing::Dead(Death::Exhausted)).await, Settled::Freed);
        assert_eq!(claimed(&world, "crm").await, [second.id]);
        world.settle(two, second.first, Standing::Delivered).await;
        assert_eq!(world.claim("crm", 9).await.next_due.earliest(), None);
    }

    async fn a_lease_behind_an_unfinished_one_is_demoted(world: World) {
        let (first, position) = world.keep(vec![keyed(leased("crm"), "k"), leased("mailing")]).await;
        let item = world.item(vec![keyed(leased("crm"), "k"), leased("mailing")]);
        let second = item.message.clone();
        let Accepted::New { demoted, .. } = world.accept_one(item).await else { panic!("not new") };
        assert_eq!(demoted, [0]);
        assert_eq!(world.standings(second.id).await, [Standing::Due(second.received), Standing::Leased]);
        assert!(claimed(&world, "crm").await.is_empty());
        world.settle(position, first.first, Standing::Delivered).await;
        assert_eq!(claimed(&world, "crm").await, [second.id]);
    }

    async fn two_of_a_key_in_one_batch_are_leased_one_at_a_time(world: World) {
        let items = vec![world.item(vec![keyed(leased("crm"), "k")]), world.item(vec![keyed(leased("crm"), "k")])];
        let answers = world.store().accept(world.session, items).await.unwrap();
        let demoted: Vec<usize> = answers
            .iter()
            .map(|answer| match answer {
                Accepted::New { demoted, .. } => demoted.len(),
                other @ (Accepted::Same { .. } | Accepted::Conflict | Accepted::Full | Accepted::NeverSent) => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(demoted, [0, 1]);
    }

    async fn one_message_with_a_key_twice_goes_in_order_of_ordinal(world: World) {
        let item = world.item(vec![keyed(leased("crm"), "k"), keyed(leased("crm"), "k")]);
        let message = item.message.clone();
        let Accepted::New { demoted, position } = world.accept_one(item).await else { panic!("not new") };
        assert_eq!(demoted, [1]);
        world.settle(position, message.first, Standing::Delivered).await;
        assert_eq!(world.claim("crm", 9).await.leases[0].delivery.id, message.first.at(1));
    }

    async fn cancelling_the_head_frees_the_next(world: World) {
        let (first, _) = keep(&world, "crm", "k").await;
        let (second, _) = keep(&world, "crm", "k").await;
        let cancel = Change::Cancel { tenant: tenant(), message: first.id, unsent: vec![], delivered: Delivered::Stays };
        world.store().change(cancel).await.unwrap();
        assert_eq!(claimed(&world, "crm").await, [second.id]);
    }

    async fn a_revived_delivery_is_the_head_again_but_not_beside_a_leased_one(world: World) {
        let (first, one) = keep(&world, "crm", "k").await;
        let (second, two) = keep(&world, "crm", "k").await;
        claimed(&world, "crm").await;
        world.settle(one, first.first, Standing::Dead(Death::Refused)).await;
        assert_eq!(claimed(&world, "crm").await, [second.id]);
        let revive = Change::Revive { tenant: tenant(), deliveries: vec![(first.first, world.now())] };
        assert_eq!(world.store().change(revive).await.unwrap().deliveries.len(), 1);
        assert!(claimed(&world, "crm").await.is_empty());
        world.give_back(two, second.first).await;
        assert_eq!(claimed(&world, "crm").await, [first.id]);
        world.settle(one, first.first, Standing::Delivered).await;
        assert_eq!(claimed(&world, "crm").await, [second.id]);
    }

    async fn a_long_queue_of_one_key_goes_in_order_over_retries_and_crashes(world: World) {
        let mut world = world;
        let mut waiting = Vec::new();
        for _ in 0..20 {
            waiting.push(keep(&world, "crm", "k").await);
        }
        for (turn, (message, position)) in waiting.into_iter().enumerate() {
            assert_eq!(claimed(&world, "crm").await, [message.id]);
            if turn % 3 == 0 {
                world.settle(position, message.first, Standing::Due(world.now())).await;
                assert_eq!(claimed(&world, "crm").await, [message.id]);
            }
            if turn % 5 == 0 {
                world.crash().await;
                assert_eq!(claimed(&world, "crm").await, [message.id]);
            }
            world.settle(position, message.first, Standing::Delivered).await;
        }
        assert!(claimed(&world, "crm").await.is_empty());
    }
}
