//! Groups: who waits for whom, what is undone, who is told; all in the commit of the end that causes it.

use crate::world::{World, due, if_blocking, keyed, leased, name, on_every_store, tenant};
use contract::delivery::{Attempt, AttemptResult, Capture, CaptureEnd, Death, Standing};
use contract::message::Headers;
use contract::order::KeyFate;
use contract::part::{Audience, Caller, Duty, Part, Reads, Rule};
use contract::query::{Change, Delivered, Edit};
use contract::store::{Accept, Accepted, Position, Settlement, Settles, Start};
use contract::{DeliveryId, Message, Name, limits};
use std::sync::Arc;
use std::time::Duration;

const REFUSED: Standing = Standing::Dead(Death::Refused);

fn after(target: &str, after: &[u16]) -> Start {
    waiting(target, Duty::Required, after)
}

fn waiting(target: &str, duty: Duty, after: &[u16]) -> Start {
    Start {
        standing: Standing::Waiting,
        part: Part { duty, after: after.to_vec(), ..Part::default() },
        ..leased(target)
    }
}

async fn end(world: &World, position: Position, delivery: DeliveryId, standing: Standing) -> Settles {
    let attempt = Some(Arc::new(crate::world::attempt(1, 1, world.now())));
    world.clock.advance(Duration::from_millis(1));
    let one = Settlement { position, delivery, attempt, standing, key_fate: if_blocking(standing) };
    world.store().settle(world.session, vec![one]).await.unwrap()
}

/// What moved, by target.
fn moved(settles: Settles) -> Vec<(Name, Standing)> {
    settles.moved.into_iter().map(|one| (one.target, one.standing)).collect()
}

async fn claimed(world: &World, target: &str) -> usize {
    world.claim(target, 9).await.leases.len()
}

async fn saga(world: &World) -> (Arc<Message>, Position) {
    let undo = |target, of| waiting(target, Duty::Undo(of), &[]);
    let starts = vec![
        leased("stock"),
        leased("payment"),
        leased("parcel"),
        undo("release", 0),
        undo("refund", 1),
        waiting("shop", Duty::Callback, &[]),
    ];
    world.keep(starts).await
}

on_every_store! {
    async fn an_answer_that_is_read_is_kept_whole_and_its_readers_are_known_to_every_lease(world: World) {
        let audience = Audience { others: Reads::Body, caller: Caller::Waits { seconds: 30 } };
        let crm = Start { part: Part { audience, ..Part::default() }, ..due("crm", world.now()) };
        let mut world = world;
        let (message, position) = world.keep(vec![crm, after("mailing", &[0])]).await;
        let lease = world.claim("crm", 1).await.leases.remove(0);
        assert_eq!(lease.delivery.audience, audience);
        world.crash().await;
        let lease = world.claim("crm", 1).await.leases.remove(0);
        assert_eq!(lease.delivery.audience, audience);
        let capture = Capture {
            content_type: Some("application/json".to_owned()),
            headers: Headers::from_pairs([("location", b"/users/7".as_slice()), ("x-odd", b"\xff".as_slice())]),
            body: vec![b'7'; limits::ANSWER_BYTES_MAX].into(),
            end: CaptureEnd::Complete,
        };
        let result = AttemptResult::Answered { status: 201, class: None, capture };
        let attempt = Attempt { result, ..crate::world::attempt(1, 1, world.now()) };
        let settlement = Settlement {
            position,
            delivery: lease.delivery.id,
            attempt: Some(Arc::new(attempt.clone())),
            standing: Standing::Delivered,
            key_fate: KeyFate::Kept,
        };
        world.store().settle(world.session, vec![settlement]).await.unwrap();
        world.crash().await;
        let ticket = world.ticket(message.id).await;
        assert_eq!(ticket.deliveries[0].attempts, [attempt]);
        assert_eq!(ticket.deliveries[0].part.audience, audience);
        let lease = world.claim("mailing", 1).await.leases.remove(0);
        assert_eq!(lease.delivery.audience, Audience::default());
    }

    async fn what_waits_for_others_is_due_when_they_are_delivered(world: World) {
        let (message, position) = world.keep(vec![leased("crm"), leased("tax"), after("mailing", &[0, 1])]).await;
        assert_eq!(claimed(&world, "mailing").await, 0);
        assert_eq!(moved(end(&world, position, message.first, Standing::Delivered).await), []);
        let settles = end(&world, position, message.first.at(1), Standing::Delivered).await;
        assert_eq!(settles.moved[0].delivery, message.first.at(2));
        assert_eq!(moved(settles), [(name("mailing"), Standing::Due(world.now()))]);
        let lease = world.claim("mailing", 9).await.leases.remove(0);
        assert_eq!((lease.delivery.id, lease.delivery.duty), (message.first.at(2), Duty::Required));
        assert_eq!(world.ticket(message.id).await.deliveries[2].part.after, [0, 1]);
    }

    async fn a_failure_fails_what_waits_for_it_and_another_run_brings_it_back(world: World) {
        let starts = vec![leased("crm"), after("mailing", &[0]), after("search", &[1])];
        let (message, position) = world.keep(starts).await;
        let unmet = |target| (name(target), Standing::Unmet);
        assert_eq!(moved(end(&world, position, message.first, REFUSED).await), [unmet("mailing"), unmet("search")]);
        assert_eq!(world.standings(message.id).await, [REFUSED, Standing::Unmet, Standing::Unmet]);
        let deliveries = vec![(message.first, world.now())];
        world.store().change(Change::Revive { tenant: tenant(), deliveries }).await.unwrap();
        let waits = Standing::Waiting;
        assert_eq!(world.standings(message.id).await, [Standing::Due(world.now()), waits, waits]);
        assert_eq!(claimed(&world, "crm").await, 1);
        let delivered = end(&world, position, message.first, Standing::Delivered).await;
        assert_eq!(moved(delivered), [(name("mailing"), Standing::Due(world.now()))]);
        assert_eq!(world.ticket(message.id).await.deliveries[1].run, 2);
    }

    async fn a_broken_rule_is_undone_from_the_latest_success_back_and_told(world: World) {
        let (message, position) = saga(&world).await;
        let id = |ordinal| message.first.at(ordinal);
        let due = |target| (name(target), ());
        let starts = |settles| -> Vec<(Name, ())> {
            let due = |(target, standing)| matches!(standing, Standing::Due(_)).then_some((target, ()));
            moved(settles).into_iter().filter_map(due).collect()
        };
        end(&world, position, id(1), Standing::Delivered).await;
        end(&world, position, id(0), Standing::Delivered).await;
        assert_eq!(starts(end(&world, position, id(2), REFUSED).await), [due("release")], "stock was the later one");
        assert_eq!(claimed(&world, "refund").await, 0);
        assert_eq!(claimed(&world, "release").await, 1);
        let crashed = world.ticket(message.id).await;
        assert_eq!(crashed.deliveries[3].standing, Standing::Leased);
        assert_eq!(starts(end(&world, position, id(3), REFUSED).await), [due("refund")], "one that died stops no other");
        assert_eq!(claimed(&world, "refund").await, 1);
        assert_eq!(starts(end(&world, position, id(4), Standing::Delivered).await), [due("shop")]);
        assert_eq!(claimed(&world, "shop").await, 1);
        let revive = |ordinal| Change::Revive { tenant: tenant(), deliveries: vec![(id(ordinal), world.now())] };
        let changed = world.store().change(revive(2)).await.unwrap();
        assert_eq!(changed.deliveries, [], "what was taken back is not sent again");
        assert_eq!(world.store().change(revive(3)).await.unwrap().deliveries, [(id(3), name("release"))]);
    }

    async fn siblings_of_a_broken_rule_end_and_those_in_flight_are_awaited(world: World) {
        let later = world.now() + Duration::from_secs(60);
        let undo = waiting("release", Duty::Undo(0), &[]);
        let (message, position) = world.keep(vec![leased("stock"), due("payment", later), leased("parcel"), undo]).await;
        let cancelled = end(&world, position, message.first.at(2), REFUSED).await;
        assert_eq!(moved(cancelled), [(name("payment"), Standing::Cancelled)]);
        let again = end(&world, position, message.first, Standing::Due(later)).await;
        assert_eq!(again.answers, [contract::store::Settled::Cancelled], "what is in flight is not tried again");
        assert_eq!(moved(again), [(name("release"), Standing::Skipped)], "there is nothing to undo");
    }

    async fn a_success_needs_no_undo_and_is_told_again_after_another_run(world: World) {
        let optional = Start { part: Part { duty: Duty::Optional, ..Part::default() }, ..leased("search") };
        let starts = vec![leased("stock"), optional, waiting("release", Duty::Undo(0), &[]), waiting("shop", Duty::Callback, &[])];
        let (message, position) = world.keep(starts).await;
        end(&world, position, message.first.at(1), REFUSED).await;
        let settles = end(&world, position, message.first, Standing::Delivered).await;
        assert_eq!(moved(settles), [(name("release"), Standing::Skipped), (name("shop"), Standing::Due(world.now()))]);
        assert_eq!(claimed(&world, "shop").await, 1);
        end(&world, position, message.first.at(3), Standing::Delivered).await;
        let deliveries = vec![(message.first.at(1), world.now())];
        world.store().change(Change::Revive { tenant: tenant(), deliveries }).await.unwrap();
        assert_eq!(world.standings(message.id).await[3], Standing::Waiting);
        assert_eq!(claimed(&world, "search").await, 1);
        end(&world, position, message.first.at(1), Standing::Delivered).await;
        let told = world.claim("shop", 9).await.leases.remove(0);
        assert_eq!((told.delivery.run, told.delivery.attempts, told.delivery.duty), (2, 0, Duty::Callback));
    }

    async fn a_callback_that_is_in_flight_at_another_run_tells_again(world: World) {
        let mut world = world;
        for crashes in [false, true] {
            let (message, position) = world.keep(vec![leased("crm"), waiting("shop", Duty::Callback, &[])]).await;
            end(&world, position, message.first, REFUSED).await;
            assert_eq!(claimed(&world, "shop").await, 1);
            let deliveries = vec![(message.first, world.now())];
            world.store().change(Change::Revive { tenant: tenant(), deliveries }).await.unwrap();
            assert_eq!(claimed(&world, "crm").await, 1);
            end(&world, position, message.first, Standing::Delivered).await;
            if crashes {
                world.crash().await;
            } else {
                end(&world, position, message.first.at(1), Standing::Delivered).await;
            }
            let told = world.claim("shop", 9).await.leases.remove(0);
            assert_eq!((told.message.id, told.delivery.run, told.delivery.attempts), (message.id, 2, 0));
            end(&world, position, message.first.at(1), Standing::Delivered).await;
            assert_eq!(world.standings(message.id).await[1], Standing::Delivered);
        }
    }

    async fn a_cancel_undoes_what_was_delivered_only_where_that_is_asked_for(world: World) {
        for (delivered, undo) in [(Delivered::Stays, Standing::Skipped), (Delivered::IsUndone, Standing::Due(world.now()))] {
            let (message, position) = saga(&world).await;
            let attempt = Some(Arc::new(crate::world::attempt(1, 1, world.now())));
            let one = Settlement { position, delivery: message.first, attempt, standing: Standing::Delivered, key_fate: KeyFate::Kept };
            world.store().settle(world.session, vec![one]).await.unwrap();
            let unsent = vec![message.first.at(1), message.first.at(2)];
            let cancel = Change::Cancel { tenant: tenant(), message: message.id, unsent, delivered };
            world.store().change(cancel).await.unwrap();
            assert_eq!(world.standings(message.id).await[3], undo, "{delivered:?}");
        }
    }

    async fn a_cancelled_message_is_not_undone_but_told(world: World) {
        let (message, _) = saga(&world).await;
        let unsent = (0..3).map(|ordinal| message.first.at(ordinal)).collect();
        let change = Change::Cancel { tenant: tenant(), message: message.id, unsent, delivered: Delivered::Stays };
        let changed = world.store().change(change).await.unwrap();
        assert_eq!(changed.deliveries.len(), 3);
        let (cancelled, skipped, told) = (Standing::Cancelled, Standing::Skipped, Standing::Due(world.now()));
        assert_eq!(world.standings(message.id).await, [cancelled, cancelled, cancelled, skipped, skipped, told]);
    }

    async fn the_deadline_ends_what_the_message_is_for_and_never_the_telling(world: World) {
        let deadline = world.now() + Duration::from_secs(1);
        let starts = vec![due("crm", deadline), after("mailing", &[0]), waiting("shop", Duty::Callback, &[])];
        let (message, _) = world.keep_until(deadline, starts).await;
        world.clock.advance(Duration::from_secs(2));
        let expired = world.store().expire(world.now()).await.unwrap();
        let standings: Vec<_> = expired.moved.iter().map(|one| one.standing).collect();
        assert_eq!(standings, [Standing::Expired, Standing::Unmet, Standing::Due(world.now())]);
        assert_eq!(expired.next, None, "a callback has no deadline");
        let lease = world.claim("shop", 9).await.leases.remove(0);
        assert_eq!((lease.message.id, lease.deadline()), (message.id, None));
    }

    async fn what_waits_survives_a_crash_and_a_poisoned_one_fails_it(world: World) {
        let mut world = world;
        let (message, _) = world.keep(vec![leased("crm"), after("mailing", &[0])]).await;
        for _ in 0..limits::ORPHANED_MAX {
            assert_eq!(world.standings(message.id).await[1], Standing::Waiting);
            world.crash().await;
            world.claim("crm", 9).await;
        }
        assert_eq!(world.standings(message.id).await, [Standing::Dead(Death::Poison), Standing::Unmet]);
    }

    async fn what_waits_keeps_its_place_in_its_order_key(world: World) {
        let (message, position) = world.keep(vec![leased("crm"), keyed(after("mailing", &[0]), "k")]).await;
        let (second, _) = world.keep(vec![keyed(due("mailing", world.now()), "k")]).await;
        assert_eq!(claimed(&world, "mailing").await, 0, "the first of the key has not had its turn");
        end(&world, position, message.first, Standing::Delivered).await;
        let first = world.claim("mailing", 9).await.leases;
        assert_eq!(first.iter().map(|lease| lease.message.id).collect::<Vec<_>>(), [message.id]);
        end(&world, position, message.first.at(1), Standing::Delivered).await;
        assert_eq!(world.claim("mailing", 9).await.leases[0].message.id, second.id);
    }

    async fn a_ticket_tells_the_rule_and_the_parts(world: World) {
        let starts = vec![leased("crm"), waiting("undo", Duty::Undo(0), &[])];
        let item = Accept { rule: Rule::Quorum(1), once: crate::world::once("k", 1), ..world.item(starts) };
        let message = Arc::clone(&item.message);
        assert!(matches!(world.accept_one(item.clone()).await, Accepted::New { .. }));
        let ticket = world.ticket(message.id).await;
        assert_eq!((ticket.rule, ticket.deliveries[1].part.duty), (Rule::Quorum(1), Duty::Undo(0)));
        let Accepted::Same { targets, .. } = world.accept_one(item).await else { panic!("not the same") };
        assert_eq!(targets, [name("crm")], "a receipt names what the message is for");
    }

    async fn a_callback_under_way_tells_of_another_run_only_when_that_has_ended(world: World) {
        let mut world = world;
        let starts = vec![leased("stock"), waiting("shop", Duty::Callback, &[])];
        let (message, position) = world.keep(starts).await;
        let revive = || Change::Revive { tenant: tenant(), deliveries: vec![(message.first, world.now())] };
        let waits = |ticket: &contract::ticket::Ticket| (ticket.deliveries[1].standing, ticket.deliveries[1].run);
        end(&world, position, message.first, REFUSED).await;
        world.store().change(revive()).await.unwrap();
        assert_eq!(waits(&world.ticket(message.id).await), (Standing::Waiting, 2), "it was due");
        assert_eq!(claimed(&world, "stock").await, 1);
        end(&world, position, message.first, REFUSED).await;
        assert_eq!(claimed(&world, "shop").await, 1);
        world.store().change(revive()).await.unwrap();
        assert_eq!(waits(&world.ticket(message.id).await), (Standing::Leased, 3), "it is in flight");
        let told = end(&world, position, message.first.at(1), Standing::Delivered).await;
        assert_eq!((told.answers, told.moved), (vec![contract::store::Settled::TakenBack], vec![]));
        assert_eq!(waits(&world.ticket(message.id).await), (Standing::Waiting, 3));
        assert_eq!(claimed(&world, "stock").await, 1);
        assert_eq!(moved(end(&world, position, message.first, REFUSED).await), [(name("shop"), Standing::Due(world.now()))]);
        let lease = world.claim("shop", 9).await.leases.remove(0);
        assert_eq!((lease.delivery.run, lease.delivery.attempts), (3, 0));
        let again = vec![(message.first, world.now())];
        world.store().change(Change::Revive { tenant: tenant(), deliveries: again }).await.unwrap();
        world.crash().await;
        assert_eq!(waits(&world.ticket(message.id).await), (Standing::Waiting, 4), "the process died with it");
    }

    async fn an_edit_of_a_callback_is_for_its_own_run(world: World) {
        let starts = vec![leased("stock"), waiting("shop", Duty::Callback, &[])];
        let (message, position) = world.keep(starts).await;
        let revive = |ordinal| Change::Revive { tenant: tenant(), deliveries: vec![(message.first.at(ordinal), world.now())] };
        end(&world, position, message.first, REFUSED).await;
        assert_eq!(claimed(&world, "shop").await, 1);
        end(&world, position, message.first.at(1), REFUSED).await;
        let edit = Edit { headers: Headers::default(), body: "by hand".into() };
        let change = Change::Edit { tenant: tenant(), delivery: message.first.at(1), edit: edit.clone(), by: "ada".into() };
        world.store().change(change).await.unwrap();
        world.store().change(revive(1)).await.unwrap();
        let lease = world.claim("shop", 9).await.leases.remove(0);
        assert_eq!((lease.delivery.revision, lease.edit), (1, Some(edit)));
        end(&world, position, message.first.at(1), Standing::Delivered).await;
        world.store().change(revive(0)).await.unwrap();
        assert_eq!(claimed(&world, "stock").await, 1);
        end(&world, position, message.first, Standing::Delivered).await;
        let lease = world.claim("shop", 9).await.leases.remove(0);
        assert_eq!((lease.delivery.run, lease.delivery.revision, lease.edit), (3, 0, None), "this run is told as it is");
    }

    async fn what_is_never_sent_is_answered_only_as_a_repeat(world: World) {
        let once = || crate::world::once("k", 1);
        let first = Accept { once: once(), ..world.item(vec![leased("crm")]) };
        let late = || {
            let item = world.item(vec![leased("crm")]);
            let message = Message { deadline: Some(item.message.received), ..(*item.message).clone() };
            Accept { message: Arc::new(message), ..item }
        };
        assert_eq!(world.accept_one(Accept { once: once(), ..late() }).await, Accepted::NeverSent);
        assert_eq!(world.accept_one(late()).await, Accepted::NeverSent);
        let id = first.message.id;
        assert!(matches!(world.accept_one(first).await, Accepted::New { .. }), "nothing was kept");
        let again = world.accept_one(Accept { once: once(), ..late() }).await;
        assert!(matches!(again, Accepted::Same { id: same, .. } if same == id), "{again:?}");
    }

    async fn another_run_of_a_callback_is_no_news(world: World) {
        let starts = vec![leased("stock"), waiting("shop", Duty::Callback, &[])];
        let (message, position) = world.keep(starts).await;
        end(&world, position, message.first, Standing::Delivered).await;
        assert_eq!(claimed(&world, "shop").await, 1);
        end(&world, position, message.first.at(1), REFUSED).await;
        let later = world.now() + Duration::from_secs(9);
        let deliveries = vec![(message.first.at(1), later)];
        world.store().change(Change::Revive { tenant: tenant(), deliveries }).await.unwrap();
        let shop = &world.ticket(message.id).await.deliveries[1];
        assert_eq!((shop.standing, shop.run), (Standing::Due(later), 2));
    }

    async fn what_is_late_with_others_of_its_group_ends_once(world: World) {
        let deadline = world.now() + Duration::from_secs(1);
        let undo = waiting("release", Duty::Undo(0), &[]);
        let starts = vec![due("stock", deadline), due("payment", deadline), undo];
        world.keep_until(deadline, starts).await;
        world.clock.advance(Duration::from_secs(2));
        let expired = world.store().expire(world.now()).await.unwrap();
        let told: Vec<_> = expired.moved.iter().map(|one| (one.target.clone(), one.standing)).collect();
        let ends = [("stock", Standing::Expired), ("payment", Standing::Cancelled), ("release", Standing::Skipped)];
        assert_eq!(told, ends.map(|(target, standing)| (name(target), standing)));
    }

    async fn what_waits_again_blocks_its_order_key_again(world: World) {
        let (message, position) = world.keep(vec![leased("crm"), keyed(after("mailing", &[0]), "k")]).await;
        world.keep(vec![keyed(due("mailing", world.now()), "k")]).await;
        end(&world, position, message.first, REFUSED).await;
        let deliveries = vec![(message.first, world.now())];
        world.store().change(Change::Revive { tenant: tenant(), deliveries }).await.unwrap();
        assert_eq!(claimed(&world, "mailing").await, 0, "the first of the key has another turn to come");
    }

    async fn a_poisoned_one_ends_siblings_that_the_dead_session_had_too(world: World) {
        let mut world = world;
        let undo = waiting("release", Duty::Undo(0), &[]);
        let (message, _) = world.keep(vec![leased("stock"), leased("payment"), undo]).await;
        for _ in 0..limits::ORPHANED_MAX {
            world.crash().await;
            world.claim("stock", 9).await;
            world.claim("payment", 9).await;
        }
        let poisoned = Standing::Dead(Death::Poison);
        assert_eq!(world.standings(message.id).await, [poisoned, Standing::Cancelled, Standing::Skipped]);
    }

    async fn what_another_run_delivers_is_undone_when_that_fails_too(world: World) {
        let starts = vec![leased("stock"), after("payment", &[0]), waiting("release", Duty::Undo(0), &[])];
        let (message, position) = world.keep(starts).await;
        end(&world, position, message.first, REFUSED).await;
        assert_eq!(world.standings(message.id).await, [REFUSED, Standing::Unmet, Standing::Skipped]);
        let deliveries = vec![(message.first, world.now())];
        world.store().change(Change::Revive { tenant: tenant(), deliveries }).await.unwrap();
        assert_eq!(claimed(&world, "stock").await, 1);
        end(&world, position, message.first, Standing::Delivered).await;
        assert_eq!(claimed(&world, "payment").await, 1);
        let failed = end(&world, position, message.first.at(1), REFUSED).await;
        assert_eq!(moved(failed), [(name("release"), Standing::Due(world.now()))]);
    }

    async fn another_run_waits_for_its_turn_too(world: World) {
        let dead = |duty, after: &[u16]| Start { standing: REFUSED, ..waiting("mailing", duty, after) };
        let waits = Standing::Waiting;
        for second in [dead(Duty::Required, &[0]), dead(Duty::Undo(0), &[])] {
            // What failed is required too, where the second one undoes.
            let failed = Start { standing: REFUSED, ..leased("tax") };
            let (message, position) = world.keep(vec![leased("crm"), second, dead(Duty::Callback, &[]), failed]).await;
            let at = world.now() + Duration::from_secs(9);
            let deliveries = (1..3).map(|ordinal| (message.first.at(ordinal), at)).collect();
            let changed = world.store().change(Change::Revive { tenant: tenant(), deliveries }).await.unwrap();
            assert_eq!((changed.deliveries.len(), changed.moved), (1, vec![]), "it brings the callback back");
            assert_eq!(world.standings(message.id).await, [Standing::Leased, waits, waits, REFUSED]);
            let settles = end(&world, position, message.first, Standing::Delivered).await;
            assert_eq!(moved(settles), [(name("mailing"), Standing::Due(world.now()))]);
            assert_eq!(claimed(&world, "mailing").await, 1);
        }
    }

    async fn another_run_whose_turn_it_is_goes_at_its_time(world: World) {
        let (message, position) = world.keep(vec![leased("crm"), after("mailing", &[0])]).await;
        end(&world, position, message.first, Standing::Delivered).await;
        assert_eq!(claimed(&world, "mailing").await, 1);
        end(&world, position, message.first.at(1), REFUSED).await;
        let later = world.now() + Duration::from_secs(9);
        let deliveries = vec![(message.first.at(1), later)];
        let changed = world.store().change(Change::Revive { tenant: tenant(), deliveries }).await.unwrap();
        assert_eq!((changed.deliveries.len(), changed.moved), (1, vec![]));
        assert_eq!(world.standings(message.id).await[1], Standing::Due(later));
    }

    async fn a_discard_is_told_by_a_callback_that_has_not_told(world: World) {
        let starts = vec![leased("stock"), leased("search"), waiting("shop", Duty::Callback, &[])];
        let (message, position) = world.keep(starts).await;
        end(&world, position, message.first, REFUSED).await;
        end(&world, position, message.first.at(1), REFUSED).await;
        let discard = |ordinal| Change::Discard { tenant: tenant(), deliveries: vec![message.first.at(ordinal)] };
        let changed = world.store().change(discard(0)).await.unwrap();
        assert_eq!(changed.moved.len(), 1);
        let shop = world.ticket(message.id).await.deliveries[2].clone();
        assert_eq!((shop.standing, shop.run), (Standing::Due(world.now()), 2), "another body, another run");
        assert_eq!(claimed(&world, "shop").await, 1);
        end(&world, position, message.first.at(2), Standing::Delivered).await;
        world.store().change(discard(1)).await.unwrap();
        assert_eq!(world.standings(message.id).await[2], Standing::Delivered, "it has told");
    }
}
