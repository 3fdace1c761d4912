//! The past: read in the order of commits, and given one more delivery.

use crate::world::{World, attempt, due, keyed, leased, name, on_every_store, tenant};
use contract::delivery::{Death, ShapeId, Standing};
use contract::history::{Append, Appended, Past, Span, Unless};
use contract::line::Priority;
use contract::order::KeyFate;
use contract::part::{Duty, Part, Rule};
use contract::query::Change;
use contract::store::{Accept, Accepted, Position, Retention, Settlement, Start};
use contract::{Message, MessageId, Timestamp, limits};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
const REPLAY: MessageId = MessageId::from_bits(0x7000_8000_0000_0000_0001);

fn span() -> Span {
    Span { tenant: tenant(), route: name("signup"), from: None, until: None }
}

/// One more delivery of a message to a target, due at once.
fn more(message: &Message, position: Position, target: &str, unless: Unless) -> Append {
    let part = Part { duty: Duty::Replay(REPLAY), ..Part::default() };
    let start = Start { part, priority: Priority::Low, ..due(target, message.received) };
    Append { tenant: tenant(), position, message: message.id, start, unless }
}

async fn append(world: &World, item: Append) -> Appended {
    world.store().append(vec![item]).await.unwrap().remove(0)
}

/// The whole span in steps of `limit`, as a replay reads it.
async fn read(world: &World, span: &Span, limit: usize) -> Vec<Past> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let look = world.store().history(span.clone(), after, limit).await.unwrap();
        assert!(look.messages.len() <= limit);
        assert!(look.reached >= after, "it goes on");
        all.extend(look.messages);
        after = look.reached;
        if look.is_last {
            return all;
        }
    }
}

async fn keep_of(world: &World, route: &str, body: &[u8], starts: Vec<Start>) -> (Arc<Message>, Position) {
    let message = Arc::new(Message { route: name(route), ..world.message(body) });
    let item = Accept { message: message.clone(), deliveries: starts, once: None, rule: Rule::All };
    let Accepted::New { position, .. } = world.accept_one(item).await else { panic!("not new") };
    (message, position)
}

on_every_store! {
    async fn the_past_is_read_once_and_in_order(world: World) {
        let mut kept = Vec::new();
        for turn in 0..23_u64 {
            let starts = vec![keyed(leased("crm"), &format!("k{turn}")), leased("mailing")];
            let (message, position) = keep_of(&world, "signup", format!("{{\"n\":{turn}}}").as_bytes(), starts).await;
            keep_of(&world, "order", b"{}", vec![leased("crm")]).await;
            kept.push((message, position));
            // Over several slices.
            world.clock.advance(Duration::from_hours(if turn % 7 == 0 { 7 } else { 0 }));
        }
        for limit in [1, 2, 5, 22, 23, 24, 99] {
            let past = read(&world, &span(), limit).await;
            let ids: Vec<_> = past.iter().map(|one| (one.id, one.position, one.received)).collect();
            let expected: Vec<_> = kept.iter().map(|(message, position)| (message.id, *position, message.received)).collect();
            assert_eq!(ids, expected, "in steps of {limit}");
        }
        let first = read(&world, &span(), 99).await.remove(0).content.unwrap();
        assert_eq!(&first.message, &kept[0].0);
        let key = first.key.map(|key| key.0.to_string());
        assert_eq!((key.as_deref(), first.ticket.deliveries.len()), (Some("k0"), 2));
        assert!(first.ticket.deliveries.iter().all(|ray| ray.standing == Standing::Leased && ray.attempts.is_empty()));
    }

    async fn a_span_begins_at_its_time_and_ends_before_it(world: World) {
        let mut times = Vec::new();
        for _ in 0..4 {
            times.push(world.now());
            world.keep(vec![leased("crm")]).await;
            world.clock.advance(Duration::from_secs(1));
        }
        let count = async |from: Option<usize>, until: Option<usize>| {
            let at = |index: Option<usize>| index.map(|index| times[index]);
            read(&world, &Span { from: at(from), until: at(until), ..span() }, 9).await.len()
        };
        assert_eq!(count(None, None).await, 4);
        assert_eq!(count(Some(1), None).await, 3);
        assert_eq!(count(Some(1), Some(3)).await, 2);
        assert_eq!(count(None, Some(0)).await, 0);
        assert_eq!(read(&world, &Span { tenant: name("other"), ..span() }, 9).await, []);
        assert_eq!(read(&world, &Span { route: name("order"), ..span() }, 9).await, []);
    }

    async fn a_look_ends_although_nothing_of_the_span_is_there(world: World) {
        let others = limits::HISTORY_LOOKS_MAX / 500 + 1;
        for _ in 0..others {
            let item = || Accept { message: Arc::new(Message { route: name("order"), ..world.message(b"{}") }), ..world.item(vec![]) };
            world.store().accept(world.session, (0..500).map(|_| item()).collect()).await.unwrap();
        }
        let (message, _) = world.keep(vec![]).await;
        let past = read(&world, &span(), 1).await;
        assert_eq!(past.iter().map(|one| one.id).collect::<Vec<_>>(), [message.id]);
        let look = world.store().history(span(), None, 9).await.unwrap();
        let after = world.store().history(span(), look.reached, 9).await.unwrap();
        assert_eq!(look.messages.len() + after.messages.len(), 1);
    }

    async fn a_look_ends_when_the_bodies_are_large(world: World) {
        let body = vec![b' '; limits::HISTORY_BYTES_MAX / 2];
        for _ in 0..5 {
            keep_of(&world, "signup", &body, vec![]).await;
        }
        assert_eq!(read(&world, &span(), 9).await.len(), 5);
    }

    async fn one_more_delivery_is_on_the_ticket_and_goes(world: World) {
        let mut world = world;
        let (message, position) = world.keep_until(world.now() + DAY, vec![leased("crm")]).await;
        world.settle(position, message.first, Standing::Delivered).await;
        world.clock.advance(DAY * 2);
        let mut item = more(&message, position, "search", Unless::Present);
        item.start.shape = Some(ShapeId(9));
        item.start.standing = Standing::Due(world.now());
        assert_eq!(append(&world, item.clone()).await, Appended::Added(message.first.at(1)));
        world.crash().await;
        assert_eq!(append(&world, item).await, Appended::Repeated(message.first.at(1)));
        let ticket = world.ticket(message.id).await;
        let rays: Vec<_> = ticket.deliveries.iter().map(|ray| (ray.target.clone(), ray.part.duty, ray.standing)).collect();
        assert_eq!(rays, [
            (name("crm"), Duty::Required, Standing::Delivered),
            (name("search"), Duty::Replay(REPLAY), Standing::Due(world.now())),
        ]);
        assert_eq!(world.store().expire(world.now()).await.unwrap().moved, [], "the message's deadline is not its own");
        let lease = world.claim("search", 9).await.leases.remove(0);
        assert_eq!((lease.message.clone(), lease.deadline()), (message.clone(), None));
        assert_eq!((lease.delivery.shape, lease.delivery.priority), (Some(ShapeId(9)), Priority::Low));
        let attempt = Some(Arc::new(attempt(1, 1, world.now())));
        let one = Settlement { position, delivery: lease.delivery.id, attempt, standing: Standing::Dead(Death::Refused), key_fate: KeyFate::Freed };
        world.store().settle(world.session, vec![one]).await.unwrap();
        let revive = Change::Revive { tenant: tenant(), deliveries: vec![(lease.delivery.id, world.now())] };
        assert_eq!(world.store().change(revive).await.unwrap().deliveries.len(), 1);
        let lease = world.claim("search", 9).await.leases.remove(0);
        assert_eq!((lease.delivery.run, lease.delivery.duty), (2, Duty::Replay(REPLAY)));
        world.settle(position, lease.delivery.id, Standing::Delivered).await;
        assert_eq!(world.standings(message.id).await, [Standing::Delivered, Standing::Delivered]);
    }

    async fn a_message_has_one_delivery_per_replay_and_target(world: World) {
        let (message, position) = world.keep(vec![leased("crm")]).await;
        let other = MessageId::from_bits(REPLAY.to_bits() + 1);
        let by = |replay: MessageId, target: &str, unless: Unless| {
            let item = more(&message, position, target, unless);
            let part = Part { duty: Duty::Replay(replay), ..Part::default() };
            Append { start: Start { part, ..item.start }, ..item }
        };
        // It is on its way to the first, whatever will come of it.
        assert_eq!(append(&world, by(REPLAY, "crm", Unless::Present)).await, Appended::Present);
        assert_eq!(append(&world, by(REPLAY, "crm", Unless::Repeated)).await, Appended::Added(message.first.at(1)));
        assert_eq!(append(&world, by(REPLAY, "crm", Unless::Repeated)).await, Appended::Repeated(message.first.at(1)));
        assert_eq!(append(&world, by(other, "crm", Unless::Present)).await, Appended::Present);
        assert_eq!(append(&world, by(other, "crm", Unless::Repeated)).await, Appended::Added(message.first.at(2)));
        assert_eq!(append(&world, by(REPLAY, "search", Unless::Present)).await, Appended::Added(message.first.at(3)));
        assert_eq!(append(&world, by(other, "search", Unless::Present)).await, Appended::Present);
        let two = vec![by(other, "tax", Unless::Present), by(other, "tax", Unless::Present)];
        let answers = world.store().append(two).await.unwrap();
        assert_eq!(answers, [Appended::Added(message.first.at(4)), Appended::Repeated(message.first.at(4))]);
    }

    async fn what_a_filter_skipped_is_not_present(world: World) {
        let skipped = Start { standing: Standing::Skipped, ..leased("search") };
        let (message, position) = world.keep(vec![leased("crm"), skipped]).await;
        assert_eq!(append(&world, more(&message, position, "search", Unless::Present)).await, Appended::Added(message.first.at(2)));
    }

    async fn what_is_not_there_gets_no_delivery(world: World) {
        let (message, position) = world.keep(vec![leased("crm")]).await;
        let item = more(&message, position, "search", Unless::Present);
        let unknown = MessageId::new(world.now(), &world.entropy);
        assert_eq!(append(&world, Append { message: unknown, ..item.clone() }).await, Appended::Gone);
        assert_eq!(append(&world, Append { tenant: name("other"), ..item.clone() }).await, Appended::Gone);
        assert_eq!(append(&world, Append { position: Position(position.0 + 1), ..item.clone() }).await, Appended::Gone);
        assert_eq!(world.standings(message.id).await, [Standing::Leased]);
        let crowd: Vec<Start> = (0..limits::FAN_OUT_MAX).map(|n| leased(&format!("t{n}"))).collect();
        let (message, position) = world.keep(crowd).await;
        assert_eq!(append(&world, more(&message, position, "search", Unless::Present)).await, Appended::Crowded);
    }

    async fn one_more_delivery_of_a_key_takes_its_place_in_the_order(world: World) {
        let (first, place) = world.keep(vec![keyed(leased("crm"), "k")]).await;
        world.settle(place, first.first, Standing::Delivered).await;
        world.keep(vec![keyed(due("search", world.now()), "k")]).await;
        let mut item = more(&first, place, "search", Unless::Present);
        item.start = keyed(item.start, "k");
        let Appended::Added(added) = append(&world, item).await else { panic!() };
        let leases = world.claim("search", 9).await.leases;
        assert_eq!(leases.iter().map(|lease| lease.delivery.id).collect::<Vec<_>>(), [added], "the earlier one first, alone");
        world.settle(place, added, Standing::Delivered).await;
        assert_eq!(world.claim("search", 9).await.leases.len(), 1);
    }

    async fn it_changes_nothing_for_its_group(world: World) {
        let callback = Start {
            standing: Standing::Waiting,
            part: Part { duty: Duty::Callback, ..Part::default() },
            ..leased("shop")
        };
        let (message, position) = world.keep(vec![leased("crm"), callback]).await;
        append(&world, more(&message, position, "search", Unless::Present)).await;
        world.settle(position, message.first, Standing::Delivered).await;
        assert_eq!(world.claim("shop", 9).await.leases.len(), 1, "the callback does not wait for the replay");
        let lease = world.claim("search", 9).await.leases.remove(0);
        world.settle(position, lease.delivery.id, Standing::Dead(Death::Refused)).await;
        let revive = Change::Revive { tenant: tenant(), deliveries: vec![(lease.delivery.id, world.now())] };
        world.store().change(revive).await.unwrap();
        assert_eq!(world.claim("shop", 9).await.leases.len(), 0, "nor does it tell of it");
    }

    async fn a_replayed_message_lives_until_that_has_ended(world: World) {
        let mut world = world;
        let retention = Retention { time: DAY, dead: DAY, bytes: u64::MAX };
        let (message, position) = world.keep(vec![leased("crm")]).await;
        world.settle(position, message.first, Standing::Delivered).await;
        for _ in 0..40 {
            let (other, position) = world.keep(vec![leased("crm")]).await;
            world.settle(position, other.first, Standing::Delivered).await;
        }
        append(&world, more(&message, position, "search", Unless::Present)).await;
        world.clock.advance(DAY * 2);
        world.keep(vec![]).await;
        world.store().prune(retention, world.now()).await.unwrap();
        world.clock.advance(DAY * 2);
        assert_eq!(world.store().prune(retention, world.now()).await.unwrap().oldest.map(Timestamp::as_millis), Some(message.received.as_millis()));
        let past = read(&world, &span(), 3).await;
        assert_eq!(past[0].id, message.id, "also where what lives is carried");
        world.crash().await;
        let item = more(&message, position, "tax", Unless::Present);
        assert_eq!(append(&world, item).await, Appended::Added(message.first.at(2)));
        for target in ["search", "tax"] {
            let lease = world.claim(target, 9).await.leases.remove(0);
            world.settle(lease.position, lease.delivery.id, Standing::Delivered).await;
        }
        world.clock.advance(DAY);
        world.store().prune(retention, world.now()).await.unwrap();
        assert_eq!(read(&world, &span(), 3).await, []);
        assert_eq!(append(&world, more(&message, position, "later", Unless::Present)).await, Appended::Gone);
    }

    async fn a_full_store_takes_no_more_deliveries(world: World) {
        let (message, position) = world.keep(vec![leased("crm")]).await;
        let tight = Retention { time: DAY, dead: DAY, bytes: 1 };
        world.store().prune(tight, world.now()).await.unwrap();
        assert_eq!(append(&world, more(&message, position, "search", Unless::Present)).await, Appended::Full);
    }
}
