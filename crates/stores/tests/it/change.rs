//! What people ask for: cancel, edit, revive, discard.

use crate::world::{World, attempt, due, leased, name, on_every_store, tenant};
use bytes::Bytes;
use contract::delivery::{Death, Standing};
use contract::message::Headers;
use contract::order::KeyFate;
use contract::query::{Change, Delivered, Edit, Edited};
use contract::store::{Settled, Settlement};
use contract::ticket::Found;
use contract::{DeliveryId, Message, store::Position};
use std::sync::Arc;
use std::time::Duration;

async fn dead(world: &World) -> (Arc<Message>, Position) {
    let (message, position) = world.keep(vec![leased("crm")]).await;
    world.settle(position, message.first, Standing::Dead(Death::Refused)).await;
    (message, position)
}

async fn change(world: &World, change: Change) -> Vec<DeliveryId> {
    world.store().change(change).await.unwrap().deliveries.into_iter().map(|(id, _)| id).collect()
}

fn edit(body: &'static str) -> Edit {
    Edit { body: Bytes::from_static(body.as_bytes()), headers: Headers::from_pairs([("a", b"b".as_slice())]) }
}

on_every_store! {
    async fn cancel_ends_what_is_not_on_the_wire(world: World) {
        let starts = vec![leased("a"), leased("b"), due("c", world.now()), leased("d")];
        let (message, position) = world.keep(starts).await;
        world.settle(position, message.first.at(3), Standing::Delivered).await;
        let cancel = |tenant| Change::Cancel { tenant, message: message.id, unsent: vec![message.first.at(1)], delivered: Delivered::Stays };
        assert_eq!(change(&world, cancel(name("other"))).await, []);
        let changed = world.store().change(cancel(tenant())).await.unwrap().deliveries;
        assert_eq!(changed, [(message.first.at(1), name("b")), (message.first.at(2), name("c"))]);
        let (leased, gone) = (Standing::Leased, Standing::Cancelled);
        assert_eq!(world.standings(message.id).await, [leased, gone, gone, Standing::Delivered]);
        assert_eq!(world.settle(position, message.first.at(1), Standing::Delivered).await, Settled::Fenced);
        assert_eq!(world.settle(position, message.first, Standing::Delivered).await, Settled::Recorded);
        assert_eq!(change(&world, cancel(tenant())).await, []);
    }

    async fn what_is_in_flight_when_it_is_cancelled_is_never_tried_again(world: World) {
        let mut world = world;
        let (message, position) = world.keep(vec![leased("a"), leased("b"), leased("c")]).await;
        let cancel = Change::Cancel { tenant: tenant(), message: message.id, unsent: vec![], delivered: Delivered::Stays };
        assert_eq!(change(&world, cancel).await, []);
        let again = Standing::Due(world.now());
        assert_eq!(world.settle(position, message.first, again).await, Settled::Cancelled);
        assert_eq!(world.settle(position, message.first.at(1), Standing::Delivered).await, Settled::Recorded);
        world.crash().await;
        let gone = Standing::Cancelled;
        assert_eq!(world.standings(message.id).await, [gone, Standing::Delivered, gone]);
    }

    async fn an_edit_is_sent_in_the_next_run_and_the_original_stays(world: World) {
        let (message, position) = dead(&world).await;
        for (revision, body) in [(1, "first"), (2, "second")] {
            let edited = Change::Edit { tenant: tenant(), delivery: message.first, edit: edit(body), by: body.to_owned() };
            assert_eq!(change(&world, edited).await, [message.first]);
            let Found::Here(detail) = world.store().detail(&tenant(), message.first).await.unwrap() else { panic!() };
            assert_eq!((detail.revision, detail.edit, detail.message), (revision, Some(edit(body)), message.clone()));
            let last = Edited { revision, at: Some(world.now()), by: Some(body.to_owned()) };
            assert_eq!((detail.edits.len(), detail.edits.last()), (usize::try_from(revision).unwrap(), Some(&last)));
            world.clock.advance(Duration::from_secs(1));
        }
        let at = world.now() + Duration::from_secs(1);
        let revive = Change::Revive { tenant: tenant(), deliveries: vec![(message.first, at)] };
        assert_eq!(change(&world, revive.clone()).await, [message.first]);
        assert_eq!(change(&world, revive).await, []);
        assert_eq!(world.standings(message.id).await, [Standing::Due(at)]);
        world.clock.advance(Duration::from_secs(1));
        let lease = world.claim("crm", 1).await.leases.remove(0);
        assert_eq!((lease.edit, lease.delivery.revision), (Some(edit("second")), 2));
        assert_eq!((lease.delivery.run, lease.delivery.attempts), (2, 0));
        let again = Some(Arc::new(attempt(1, 2, world.now())));
        let one = Settlement { position, delivery: message.first, attempt: again, standing: Standing::Delivered, key_fate: KeyFate::Kept };
        world.store().settle(world.session, vec![one]).await.unwrap();
        let runs: Vec<u32> = world.ticket(message.id).await.deliveries[0].attempts.iter().map(|one| one.run).collect();
        assert_eq!(runs, [1, 2]);
    }

    async fn only_the_dead_are_edited_revived_and_discarded(world: World) {
        let (message, position) = world.keep(vec![leased("crm"), due("mailing", world.now())]).await;
        for id in [message.first, message.first.at(1), message.first.at(2), DeliveryId::base(world.now(), &world.entropy)] {
            let edited = Change::Edit { tenant: tenant(), delivery: id, edit: edit("x"), by: String::new() };
            assert_eq!(change(&world, edited).await, []);
            let revive = Change::Revive { tenant: tenant(), deliveries: vec![(id, world.now())] };
            assert_eq!(change(&world, revive).await, []);
            assert_eq!(change(&world, Change::Discard { tenant: tenant(), deliveries: vec![id] }).await, []);
        }
        assert_eq!(world.settle(position, message.first, Standing::Delivered).await, Settled::Recorded);
    }

    async fn discard_ends_the_dead_for_good(world: World) {
        let (message, _) = dead(&world).await;
        let discard = |tenant| Change::Discard { tenant, deliveries: vec![message.first, message.first] };
        assert_eq!(change(&world, discard(name("other"))).await, []);
        assert_eq!(change(&world, discard(tenant())).await, [message.first]);
        assert_eq!(world.standings(message.id).await, [Standing::Cancelled]);
        assert_eq!(world.store().backlog().await.unwrap(), []);
    }
}
