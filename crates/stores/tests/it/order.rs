//! Order keys: one at a time, in order of position.

use crate::world::{due, keyed, leased, on_every_store, refused};
use contract::delivery::{Death, Standing};
use contract::order::{KeyFate, Parking};
use contract::query::{Change, Delivered, Filter};
use contract::store::{Accepted, Settled, Settlement, Start};
use contract::{DeliveryId, Message, store::Position};
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

    async fn a_failed_delivery_that_lets_go_of_its_key_is_tried_apart_from_it(world: World) {
        let (first, one) = keep(&world, "crm", "k").await;
        let (second, two) = keep(&world, "crm", "k").await;
        let (third, _) = keep(&world, "crm", "k").await;
        assert_eq!(claimed(&world, "crm").await, [first.id]);
        let later = world.now() + Duration::from_secs(5);
        assert_eq!(fail(&world, one, &first, Standing::Due(later), KeyFate::Freed).await, Settled::Freed);
        assert_eq!(claimed(&world, "crm").await, [second.id]);
        assert_eq!(behind(&world, &third).await, Some(second.first));
        world.clock.advance(Duration::from_secs(5));
        assert_eq!(claimed(&world, "crm").await, [first.id], "beside the one of its key that is in flight");
        world.settle(two, second.first, Standing::Delivered).await;
        assert_eq!(claimed(&world, "crm").await, [third.id], "and before it has ended");
        assert_eq!(world.settle(one, first.first, Standing::Dead(Death::Exhausted)).await, Settled::Recorded);
        let revive = Change::Revive { tenant: tenant(), deliveries: vec![(first.first, world.now())] };
        world.store().change(revive).await.unwrap();
        assert!(claimed(&world, "crm").await.is_empty(), "another run has its key again");
    }

    async fn a_parked_key_waits_until_it_is_released(world: World) {
        let (first, one) = keep(&world, "crm", "k").await;
        let (second, _) = keep(&world, "crm", "k").await;
        let (other, _) = keep(&world, "crm", "other").await;
        assert_eq!(claimed(&world, "crm").await, [first.id, other.id]);
        assert_eq!(fail(&world, one, &first, REFUSED, KeyFate::Kept).await, Settled::Parked);
        assert!(claimed(&world, "crm").await.is_empty());
        assert_eq!(world.claim("crm", 9).await.next_due.earliest(), None);
        let (third, _) = keep(&world, "crm", "k").await;
        assert!(claimed(&world, "crm").await.is_empty(), "what comes later waits too");
        assert_eq!(behind(&world, &third).await, Some(first.first));
        assert_eq!(parked(&world).await, [(first.first, "k".to_owned(), 2)]);
        assert_eq!(world.store().backlog().await.unwrap()[0].parked, 1);
        let release = || Change::Release { tenant: tenant(), deliveries: vec![second.first, first.first, other.first] };
        let released = world.store().change(release()).await.unwrap().deliveries;
        assert_eq!(released, [(first.first, crate::world::name("crm"))], "what is not parked is passed over");
        assert_eq!(world.store().change(release()).await.unwrap().deliveries, []);
        assert_eq!(world.standings(first.id).await, [REFUSED], "it stays dead");
        assert_eq!(parked(&world).await, []);
        assert_eq!(world.store().backlog().await.unwrap()[0].parked, 0);
        assert_eq!(claimed(&world, "crm").await, [second.id]);
    }

    async fn another_run_of_a_parked_delivery_goes_before_what_waits_for_it(world: World) {
        let (first, one) = keep(&world, "crm", "k").await;
        let (second, _) = keep(&world, "crm", "k").await;
        claimed(&world, "crm").await;
        fail(&world, one, &first, REFUSED, KeyFate::Kept).await;
        let later = world.now() + Duration::from_secs(5);
        let revive = Change::Revive { tenant: tenant(), deliveries: vec![(first.first, later)] };
        world.store().change(revive).await.unwrap();
        assert!(claimed(&world, "crm").await.is_empty(), "also while its time has not come");
        world.clock.advance(Duration::from_secs(5));
        assert_eq!(claimed(&world, "crm").await, [first.id]);
        world.settle(one, first.first, Standing::Delivered).await;
        assert_eq!(claimed(&world, "crm").await, [second.id]);
    }

    async fn discarding_a_parked_delivery_lets_the_next_go(world: World) {
        let (first, one) = keep(&world, "crm", "k").await;
        let (second, _) = keep(&world, "crm", "k").await;
        claimed(&world, "crm").await;
        fail(&world, one, &first, REFUSED, KeyFate::Kept).await;
        let discard = Change::Discard { tenant: tenant(), deliveries: vec![first.first] };
        world.store().change(discard).await.unwrap();
        assert_eq!(claimed(&world, "crm").await, [second.id]);
    }

    async fn a_parked_delivery_holds_up_only_what_came_later(world: World) {
        let (first, one) = keep(&world, "crm", "k").await;
        let (second, two) = keep(&world, "crm", "k").await;
        let (third, _) = keep(&world, "crm", "k").await;
        claimed(&world, "crm").await;
        fail(&world, one, &first, REFUSED, KeyFate::Freed).await;
        claimed(&world, "crm").await;
        assert_eq!(fail(&world, two, &second, REFUSED, KeyFate::Kept).await, Settled::Parked);
        let revive = Change::Revive { tenant: tenant(), deliveries: vec![(first.first, world.now())] };
        world.store().change(revive).await.unwrap();
        assert_eq!(claimed(&world, "crm").await, [first.id], "its place is before the one that is parked");
        assert_eq!(fail(&world, one, &first, REFUSED, KeyFate::Kept).await, Settled::Parked);
        let release = Change::Release { tenant: tenant(), deliveries: vec![second.first] };
        world.store().change(release).await.unwrap();
        assert!(claimed(&world, "crm").await.is_empty(), "the other one is parked still");
        assert_eq!(behind(&world, &third).await, Some(first.first));
    }

    async fn what_is_dead_before_it_begins_may_be_parked(world: World) {
        let dead = |key_fate| Start { standing: REFUSED, key_fate, ..leased("crm") };
        world.keep(vec![keyed(dead(KeyFate::Freed), "a")]).await;
        let (stopper, _) = world.keep(vec![keyed(dead(KeyFate::Kept), "b")]).await;
        let (free, _) = keep(&world, "crm", "a").await;
        let (stopped, _) = world.keep(vec![keyed(due("crm", world.now()), "b")]).await;
        assert_eq!(claimed(&world, "crm").await, [free.id]);
        assert_eq!(behind(&world, &stopped).await, Some(stopper.first));
    }

    async fn parked_keys_are_there_after_a_crash_and_outlive_retention(world: World) {
        let mut world = world;
        let (first, one) = keep(&world, "crm", "k").await;
        let (second, _) = keep(&world, "crm", "k").await;
        claimed(&world, "crm").await;
        fail(&world, one, &first, REFUSED, KeyFate::Kept).await;
        world.crash().await;
        assert!(claimed(&world, "crm").await.is_empty());
        assert_eq!(parked(&world).await, [(first.first, "k".to_owned(), 1)]);
        let day = Duration::from_secs(24 * 3600);
        world.clock.advance(day * 90);
        let retention = contract::store::Retention { time: day, dead: day, bytes: u64::MAX };
        for _ in 0..3 {
            world.store().prune(retention, world.now()).await.unwrap();
        }
        assert!(claimed(&world, "crm").await.is_empty());
        assert_eq!(parked(&world).await, [(first.first, "k".to_owned(), 1)]);
        let release = Change::Release { tenant: tenant(), deliveries: vec![first.first] };
        world.store().change(release).await.unwrap();
        assert_eq!(claimed(&world, "crm").await, [second.id]);
    }

    async fn what_the_store_gives_up_by_itself_keeps_its_key(world: World) {
        let mut world = world;
        let (first, _) = keep(&world, "crm", "k").await;
        let (second, _) = keep(&world, "crm", "k").await;
        for _ in 0..contract::limits::ORPHANED_MAX {
            assert_eq!(claimed(&world, "crm").await, [first.id]);
            world.crash().await;
        }
        assert_eq!(world.standings(first.id).await, [Standing::Dead(Death::Poison)]);
        assert!(claimed(&world, "crm").await.is_empty());
        assert_eq!(parked(&world).await, [(first.first, "k".to_owned(), 1)]);
        let release = Change::Release { tenant: tenant(), deliveries: vec![first.first] };
        world.store().change(release).await.unwrap();
        assert_eq!(claimed(&world, "crm").await, [second.id]);
    }

    async fn parked_deliveries_are_found_by_their_key(world: World) {
        let mut ids = Vec::new();
        for key in ["a", "b", "a"] {
            let target = if ids.len() == 2 { "mailing" } else { "crm" };
            let (message, position) = keep(&world, target, key).await;
            claimed(&world, target).await;
            fail(&world, position, &message, REFUSED, KeyFate::Kept).await;
            ids.push(message.first);
            // Lists are in order of id, which is that of time only from one millisecond to the next.
            world.clock.advance(Duration::from_millis(1));
        }
        let (plain, position) = world.keep(vec![due("crm", world.now())]).await;
        claimed(&world, "crm").await;
        assert_eq!(fail(&world, position, &plain, REFUSED, KeyFate::Kept).await, Settled::Recorded, "it has no key");
        let found = async |parked, target: Option<&str>| -> Vec<_> {
            let filter = Filter { parked, target: target.map(crate::world::name), ..Filter::default() };
            world.store().list(&tenant(), filter, None, 9).await.unwrap().rows.iter().map(|row| row.id).collect()
        };
        assert_eq!(found(Some(Parking::Any), None).await, ids);
        assert_eq!(found(Some(Parking::Of("a".into())), None).await, [ids[0], ids[2]]);
        assert_eq!(found(Some(Parking::Of("a".into())), Some("crm")).await, [ids[0]]);
        assert_eq!(found(Some(Parking::Of("c".into())), None).await, []);
    }
}

const REFUSED: Standing = Standing::Dead(Death::Refused);

async fn fail(
    world: &World,
    position: Position,
    message: &Message,
    standing: Standing,
    key_fate: KeyFate,
) -> Settled {
    let attempt = Some(Arc::new(refused(1, 1, world.now())));
    let one = Settlement { position, delivery: message.first, attempt, standing, key_fate };
    world.store().settle(world.session, vec![one]).await.unwrap().answers.remove(0)
}

/// What a message's first delivery waits for.
async fn behind(world: &World, message: &Message) -> Option<DeliveryId> {
    world.ticket(message.id).await.deliveries[0].behind
}

/// What is parked: the delivery, its key, and how many wait for it.
async fn parked(world: &World) -> Vec<(DeliveryId, String, u64)> {
    let filter = Filter { parked: Some(Parking::Any), ..Filter::default() };
    let page = world.store().list(&tenant(), filter, None, 99).await.unwrap();
    let shown = |row: contract::query::Row| {
        let parked = row.parked.unwrap();
        (row.id, parked.key.0.to_string(), parked.behind)
    };
    page.rows.into_iter().map(shown).collect()
}
