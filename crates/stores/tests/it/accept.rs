//! Keeping messages.

use crate::world::{World, due, leased, name, on_every_store, once, tenant};
use bytes::Bytes;
use contract::delivery::{Death, ShapeId, Standing};
use contract::part::Rule;
use contract::store::{Accept, Accepted, Once, Session, Start};
use contract::ticket::Found;
use contract::{Timestamp, limits};
use std::sync::Arc;
use std::time::Duration;

on_every_store! {
    async fn a_message_comes_back_with_every_field(world: World) {
        let mut message = world.message(b"\x00not json\xff");
        message.deadline = Some(world.now() + Duration::from_secs(60));
        let message = Arc::new(message);
        let shaped = Start { shape: Some(ShapeId(u64::MAX - 3)), ..due("crm", world.now()) };
        let item = Accept { message: message.clone(), deliveries: vec![leased("mailing"), shaped], once: None, rule: Rule::All };
        assert!(matches!(world.accept_one(item).await, Accepted::New { .. }));
        let claimed = world.claim("crm", 9).await;
        let lease = claimed.leases.into_iter().next().unwrap();
        assert_eq!(lease.message, message);
        assert_eq!(lease.delivery.id, message.first.at(1));
        assert_eq!(lease.delivery.shape, Some(ShapeId(u64::MAX - 3)));
        assert_eq!((lease.delivery.attempts, lease.delivery.run, lease.delivery.revision), (0, 1, 0));
        let ticket = world.ticket(message.id).await;
        assert_eq!((ticket.id, ticket.route, ticket.received), (message.id, name("signup"), message.received));
        let rays: Vec<_> = ticket.deliveries.into_iter().map(|ray| (ray.id, ray.target, ray.run)).collect();
        assert_eq!(rays, [
            (message.first.at(0), name("mailing"), 1),
            (message.first.at(1), name("crm"), 1),
        ]);
    }

    async fn final_standings_are_kept_as_they_are(world: World) {
        let why = crate::world::attempt(1, 1, world.now());
        let dead = Start { standing: Standing::Dead(Death::Config), fault: Some(Box::new(why.clone())), ..leased("crm") };
        let skipped = Start { standing: Standing::Skipped, ..leased("mailing") };
        let (message, _) = world.keep(vec![dead, skipped]).await;
        assert_eq!(world.standings(message.id).await, [Standing::Dead(Death::Config), Standing::Skipped]);
        assert_eq!(world.claim("crm", 9).await.leases, []);
        let page = world.store().list(&tenant(), contract::query::Filter::default(), None, 9).await.unwrap();
        assert_eq!(page.rows.iter().map(|row| row.last.as_ref()).collect::<Vec<_>>(), [Some(&why)]);
        assert_eq!(world.ticket(message.id).await.deliveries.first().unwrap().attempts, [why]);
    }

    async fn a_message_without_deliveries_is_kept(world: World) {
        let (message, _) = world.keep(Vec::new()).await;
        assert_eq!(world.standings(message.id).await, []);
    }

    async fn a_message_may_have_256_deliveries_and_not_one_more(world: World) {
        let targets: Vec<Start> = (0..limits::FAN_OUT_MAX).map(|n| leased(&format!("t{n}"))).collect();
        let (message, position) = world.keep(targets.clone()).await;
        let last = message.first.at(255);
        world.settle(position, last, Standing::Delivered).await;
        let standings = world.standings(message.id).await;
        assert_eq!((standings.len(), standings[0], standings[255]), (256, Standing::Leased, Standing::Delivered));
        let too_many = targets.into_iter().chain([leased("more")]).collect();
        let item = world.item(too_many);
        let id = item.message.id;
        assert!(world.store().accept(world.session, vec![world.item(vec![]), item]).await.is_err());
        assert_eq!(world.store().ticket(&tenant(), id).await.unwrap(), Found::Unknown);
    }

    async fn an_empty_body_and_one_of_16_mib_come_back(world: World) {
        for size in [0, limits::BODY_BYTES_MAX] {
            let mut message = world.message(b"");
            message.body = Bytes::from(vec![b'x'; size]);
            let item = Accept { message: Arc::new(message), deliveries: vec![due("crm", world.now())], once: None, rule: Rule::All };
            assert!(matches!(world.accept_one(item).await, Accepted::New { .. }));
            let claimed = world.claim("crm", 1).await;
            assert_eq!(claimed.leases[0].message.body.len(), size);
        }
    }

    async fn positions_rise_in_order_of_commit(world: World) {
        let mut last = None;
        for _ in 0..5 {
            let items = vec![world.item(vec![leased("crm")]), world.item(vec![])];
            for accepted in world.store().accept(world.session, items).await.unwrap() {
                let Accepted::New { position, .. } = accepted else { panic!("not new") };
                assert!(last < Some(position));
                last = Some(position);
            }
        }
    }

    async fn a_dead_session_gets_no_lease_but_its_message_is_kept(world: World) {
        let old = world.session;
        let new = world.store().open(&name("node"), world.now()).await.unwrap();
        assert_ne!(old, new);
        let item = world.item(vec![leased("crm")]);
        let accepted = world.store().accept(old, vec![item.clone()]).await.unwrap().remove(0);
        let Accepted::New { demoted, .. } = accepted else { panic!("not new") };
        assert_eq!(demoted, [0]);
        assert_eq!(world.standings(item.message.id).await, [Standing::Due(item.message.received)]);
        assert!(world.store().accept(Session(99), vec![world.item(vec![])]).await.is_ok());
    }

    async fn a_repeated_key_gives_the_first_ticket_and_another_request_is_a_conflict(world: World) {
        let first = Accept { once: once("k", 1), ..world.item(vec![leased("crm"), leased("mailing")]) };
        let same = Accepted::Same {
            id: first.message.id,
            first: first.message.first,
            targets: vec![name("crm"), name("mailing")],
        };
        let again = || Accept { once: once("k", 1), ..world.item(vec![leased("crm")]) };
        let other = || Accept { once: once("k", 2), ..world.item(vec![leased("crm")]) };
        let answers = world.store().accept(world.session, vec![first.clone(), again(), other()]).await.unwrap();
        assert!(matches!(answers[0], Accepted::New { .. }));
        assert_eq!(answers[1..], [same.clone(), Accepted::Conflict]);
        assert_eq!(world.accept_one(again()).await, same);
        let repeat = again();
        let id = repeat.message.id;
        let mut world = world;
        world.crash().await;
        assert_eq!(world.accept_one(repeat).await, same);
        assert_eq!(world.store().ticket(&tenant(), id).await.unwrap(), Found::Unknown);
        world.clock.advance(Duration::from_secs(7 * 3600));
        assert!(matches!(world.accept_one(world.item(vec![])).await, Accepted::New { .. }));
        let late = Accept { once: once("k", 1), ..world.item(vec![leased("crm")]) };
        assert_eq!(world.accept_one(late).await, same);
    }

    async fn a_key_belongs_to_its_caller_and_route_and_ends_with_its_window(world: World) {
        let first = Accept { once: once("k", 1), ..world.item(vec![]) };
        assert!(matches!(world.accept_one(first.clone()).await, Accepted::New { .. }));
        let mut other_caller = Accept { once: once("k", 1), ..world.item(vec![]) };
        other_caller.once.as_mut().unwrap().caller = "another".into();
        assert!(matches!(world.accept_one(other_caller).await, Accepted::New { .. }));
        let mut message = world.message(b"");
        message.route = name("order");
        let other_route = Accept { message: Arc::new(message), once: once("k", 1), deliveries: vec![], rule: Rule::All };
        assert!(matches!(world.accept_one(other_route).await, Accepted::New { .. }));
        world.clock.advance(limits::IDEMPOTENCY_WINDOW + Duration::from_secs(1));
        let late = Accept { once: once("k", 2), ..world.item(vec![]) };
        assert!(matches!(world.accept_one(late).await, Accepted::New { .. }));
        let later = Accept { once: once("k", 2), ..world.item(vec![]) };
        assert!(matches!(world.accept_one(later).await, Accepted::Same { .. }));
    }

    async fn a_key_with_a_shorter_window_is_new_after_it_in_the_same_slice_and_after_a_crash(world: World) {
        let within = |world: &World, minutes: u64| {
            let mut item = world.item(vec![]);
            item.once = once("k", 1).map(|once| Once { window: Duration::from_secs(minutes * 60), ..once });
            item
        };
        let mut world = world;
        let first = within(&world, 10);
        assert!(matches!(world.accept_one(first.clone()).await, Accepted::New { .. }));
        world.clock.advance(Duration::from_secs(599));
        assert!(matches!(world.accept_one(within(&world, 10)).await, Accepted::Same { id, .. } if id == first.message.id));
        world.clock.advance(Duration::from_secs(2));
        let second = within(&world, 10);
        assert!(matches!(world.accept_one(second.clone()).await, Accepted::New { .. }), "the window began with the first");
        world.crash().await;
        assert!(matches!(world.accept_one(within(&world, 10)).await, Accepted::Same { id, .. } if id == second.message.id));
        assert!(matches!(world.accept_one(within(&world, 0)).await, Accepted::Same { .. }), "at the same moment");
    }

    async fn of_many_concurrent_calls_with_one_key_exactly_one_is_new(world: World) {
        let world = Arc::new(world);
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..32 {
            let world = Arc::clone(&world);
            calls.spawn(async move {
                let item = Accept { once: once("k", 1), ..world.item(vec![leased("crm")]) };
                world.accept_one(item).await
            });
        }
        let mut new = 0;
        for answer in calls.join_all().await {
            match answer {
                Accepted::New { .. } => new += 1,
                Accepted::Same { .. } => {}
                other @ (Accepted::Conflict | Accepted::Full | Accepted::NeverSent) => panic!("{other:?}"),
            }
        }
        assert_eq!(new, 1);
    }

    async fn times_at_the_end_of_what_can_be_stored_come_back(world: World) {
        let (message, _) = world.keep(vec![due("crm", Timestamp::NEVER)]).await;
        assert_eq!(world.standings(message.id).await, [Standing::Due(Timestamp::NEVER)]);
    }
}
