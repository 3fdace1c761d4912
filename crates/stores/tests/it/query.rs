//! Look-ups, lists, counts and forgetting.

use crate::world::{World, attempt, due, leased, name, on_every_store, refused, tenant};
use contract::delivery::{Death, ShapeId, Standing};
use contract::order::KeyFate;
use contract::part::Rule;
use contract::query::{Cursor, Filter, Sequence};
use contract::store::{Accept, Accepted, Backlog, Retention, Settlement, Start};
use contract::ticket::Found;
use contract::{DeliveryId, Message, MessageId};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
const RETENTION: Retention = Retention {
    time: Duration::from_secs(7 * 24 * 3600),
    dead: Duration::from_secs(30 * 24 * 3600),
    bytes: u64::MAX,
};

async fn dead(world: &World, route: &str, target: &str, death: Death) -> Arc<Message> {
    let mut message = world.message(b"{}");
    message.route = name(route);
    let message = Arc::new(message);
    let item = Accept {
        message: message.clone(),
        deliveries: vec![leased("ok"), leased(target)],
        once: None,
        rule: Rule::All,
    };
    let Accepted::New { position, .. } = world.accept_one(item).await else { panic!("not new") };
    let attempt =
        if death == Death::Refused { attempt(1, 1, world.now()) } else { refused(1, 1, world.now()) };
    let delivery = message.first.at(1);
    let one = Settlement {
        position,
        delivery,
        attempt: Some(Arc::new(attempt)),
        standing: Standing::Dead(death),
        key_fate: KeyFate::Freed,
    };
    world.store().settle(world.session, vec![one]).await.unwrap();
    world.settle(position, message.first, Standing::Delivered).await;
    message
}

async fn listed(world: &World, filter: Filter) -> Vec<DeliveryId> {
    let page = world.store().list(&tenant(), filter, None, 99).await.unwrap();
    page.rows.into_iter().map(|row| row.id).collect()
}

on_every_store! {
    async fn the_dead_are_listed_by_every_field(world: World) {
        let a = dead(&world, "signup", "crm", Death::Exhausted).await;
        world.clock.advance(Duration::from_secs(1));
        let b = dead(&world, "order", "crm", Death::Refused).await;
        world.clock.advance(Duration::from_secs(1));
        let c = dead(&world, "signup", "mailing", Death::Gone).await;
        let [a1, b1, c1] = [a.first.at(1), b.first.at(1), c.first.at(1)];
        let all = Filter::default();
        let error = |error: &str| Filter { error: Some(error.into()), ..Filter::default() };
        assert_eq!(listed(&world, all.clone()).await, [a1, b1, c1]);
        assert_eq!(listed(&world, Filter { target: Some(name("crm")), ..all.clone() }).await, [a1, b1]);
        assert_eq!(listed(&world, Filter { route: Some(name("signup")), ..all.clone() }).await, [a1, c1]);
        assert_eq!(listed(&world, Filter { since: Some(b.received), ..all.clone() }).await, [b1, c1]);
        assert_eq!(listed(&world, error("gone")).await, [c1]);
        assert_eq!(listed(&world, error("connection_refused")).await, [a1, c1]);
        assert_eq!(listed(&world, error("200")).await, [b1]);
        assert_eq!(listed(&world, Filter { route: Some(name("order")), ..error("gone") }).await, []);
        assert_eq!(world.store().list(&name("other"), all, None, 99).await.unwrap().rows, []);
        let page = world.store().list(&tenant(), error("gone"), None, 1).await.unwrap();
        let row = &page.rows[0];
        assert_eq!((row.message, row.standing, row.run, row.received), (c.id, Standing::Dead(Death::Gone), 1, c.received));
        assert_eq!((row.last.clone(), page.next), (Some(refused(1, 1, world.now())), None));
    }

    async fn pages_follow_each_other_without_gaps_or_repeats(world: World) {
        let mut all = Vec::new();
        for turn in 0..23 {
            all.push(dead(&world, "signup", "crm", Death::Gone).await.first.at(1));
            if turn % 7 == 0 {
                world.clock.advance(Duration::from_hours(7));
            }
        }
        all.sort();
        for limit in [1, 2, 5, 22, 23, 24] {
            let (mut seen, mut after): (Vec<DeliveryId>, Option<Cursor>) = (Vec::new(), None);
            loop {
                let page = world.store().list(&tenant(), Filter::default(), after, limit).await.unwrap();
                assert!(page.rows.len() <= limit);
                seen.extend(page.rows.iter().map(|row| row.id));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, all, "pages of {limit}");
            let newest = Filter { sequence: Sequence::Newest, ..Filter::default() };
            let (mut seen, mut after): (Vec<DeliveryId>, Option<Cursor>) = (Vec::new(), None);
            loop {
                let page = world.store().list(&tenant(), newest.clone(), after, limit).await.unwrap();
                seen.extend(page.rows.iter().map(|row| row.id));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            seen.reverse();
            assert_eq!(seen, all, "pages of {limit}, newest first");
        }
    }

    async fn a_detail_shows_a_delivery_whatever_its_standing(world: World) {
        let message = dead(&world, "signup", "crm", Death::Gone).await;
        let Found::Here(detail) = world.store().detail(&tenant(), message.first.at(1)).await.unwrap() else { panic!() };
        assert_eq!((detail.attempts.len(), detail.row.last.clone()), (1, detail.attempts.last().cloned()));
        assert_eq!((detail.message, detail.revision, detail.edit, detail.shape), (message, 0, None, None));
        let shape = Some(ShapeId(7));
        let (fresh, _) = world.keep(vec![Start { shape, ..leased("crm") }]).await;
        let Found::Here(detail) = world.store().detail(&tenant(), fresh.first).await.unwrap() else { panic!() };
        assert_eq!((detail.row.standing, detail.row.last, detail.attempts), (Standing::Leased, None, vec![]));
        assert_eq!(detail.shape, shape);
    }

    async fn what_was_never_there_is_unknown(world: World) {
        let (message, _) = world.keep(vec![leased("crm")]).await;
        let id = MessageId::new(world.now(), &world.entropy);
        assert_eq!(world.store().ticket(&tenant(), id).await.unwrap(), Found::Unknown);
        assert_eq!(world.store().ticket(&name("other"), message.id).await.unwrap(), Found::Unknown);
        assert_eq!(world.store().detail(&tenant(), message.first.at(1)).await.unwrap(), Found::Unknown);
        assert_eq!(world.store().detail(&name("other"), message.first).await.unwrap(), Found::Unknown);
    }

    async fn the_backlog_counts_what_waits_and_what_is_dead(world: World) {
        let mut world = world;
        let now = world.now();
        world.keep(vec![due("crm", now + DAY), leased("mailing")]).await;
        world.keep(vec![due("crm", now)]).await;
        dead(&world, "signup", "crm", Death::Gone).await;
        let crm = Backlog { tenant: tenant(), target: name("crm"), waiting: 2, oldest_due: Some(now), dead: 1, parked: 0 };
        assert_eq!(world.store().backlog().await.unwrap(), std::slice::from_ref(&crm));
        world.claim("crm", 1).await;
        let one = Backlog { waiting: 1, oldest_due: Some(now + DAY), ..crm.clone() };
        assert_eq!(world.store().backlog().await.unwrap(), [one]);
        world.crash().await;
        let mailing = Backlog { target: name("mailing"), waiting: 1, dead: 0, ..crm.clone() };
        assert_eq!(world.store().backlog().await.unwrap(), [crm, mailing]);
    }

    async fn what_is_over_is_forgotten_after_its_time_and_what_lives_is_not(world: World) {
        let mut lived = Vec::new();
        let over = dead(&world, "signup", "crm", Death::Gone).await;
        world.store().change(contract::query::Change::Discard { tenant: tenant(), deliveries: vec![over.first.at(1)] }).await.unwrap();
        for turn in 0..60 {
            let (message, position) = world.keep(vec![leased("crm"), leased("mailing")]).await;
            world.settle(position, message.first, Standing::Delivered).await;
            if turn == 20 {
                lived.push((message, position));
            } else {
                world.settle(position, message.first.at(1), Standing::Delivered).await;
            }
        }
        let kept_dead = dead(&world, "signup", "crm", Death::Gone).await;
        world.clock.advance(DAY);
        let (recent, position) = world.keep(vec![leased("crm")]).await;
        world.settle(position, recent.first, Standing::Delivered).await;
        assert_eq!(world.store().prune(RETENTION, world.now()).await.unwrap().messages, 0);
        world.clock.advance(DAY * 6 + Duration::from_secs(1));
        let pruned = world.store().prune(RETENTION, world.now()).await.unwrap();
        assert_eq!(pruned.messages, 60);
        assert_eq!(world.store().ticket(&tenant(), over.id).await.unwrap(), Found::Gone);
        assert_eq!(world.standings(recent.id).await, [Standing::Delivered]);
        assert_eq!(listed(&world, Filter::default()).await, [kept_dead.first.at(1)]);
        let mut world = world;
        let (message, position) = lived.remove(0);
        assert_eq!(world.standings(message.id).await, [Standing::Delivered, Standing::Leased]);
        world.crash().await;
        let lease = world.claim("mailing", 9).await.leases.remove(0);
        assert_eq!((lease.position, lease.message), (position, message.clone()));
        world.settle(position, message.first.at(1), Standing::Delivered).await;
        assert_eq!(world.ticket(message.id).await.deliveries[1].attempts.len(), 1);
        world.clock.advance(DAY * 30);
        assert_eq!(world.store().prune(RETENTION, world.now()).await.unwrap().messages, 3);
        assert_eq!(world.store().ticket(&tenant(), message.id).await.unwrap(), Found::Gone);
        assert_eq!(world.store().detail(&tenant(), kept_dead.first.at(1)).await.unwrap(), Found::Gone);
        let unknown = MessageId::new(world.now(), &world.entropy);
        assert_eq!(world.store().ticket(&tenant(), unknown).await.unwrap(), Found::Unknown);
    }

    async fn retention_says_how_old_the_oldest_message_is(world: World) {
        let prune = async || world.store().prune(RETENTION, world.now()).await.unwrap().oldest;
        assert_eq!(prune().await, None);
        let first = world.now();
        let (message, position) = world.keep(vec![leased("crm")]).await;
        for _ in 0..40 {
            world.clock.advance(Duration::from_hours(1));
            let (other, position) = world.keep(vec![leased("crm")]).await;
            world.settle(position, other.first, Standing::Delivered).await;
        }
        assert_eq!(prune().await, Some(first));
        world.clock.advance(DAY * 20);
        assert_eq!(prune().await, Some(first), "it lives");
        world.settle(position, message.first, Standing::Delivered).await;
        world.clock.advance(DAY);
        let now = world.now();
        world.keep(vec![leased("crm")]).await;
        assert_eq!(prune().await, Some(now));
    }

    async fn what_is_alive_is_not_dropped_for_bytes_then_new_messages_are_refused(world: World) {
        let (message, position) = world.keep(vec![leased("crm")]).await;
        let tight = Retention { bytes: 1, ..RETENTION };
        world.store().prune(tight, world.now()).await.unwrap();
        assert_eq!(world.store().ready(), contract::store::Readiness::Full);
        assert_eq!(world.accept_one(world.item(vec![])).await, Accepted::Full);
        world.settle(position, message.first, Standing::Delivered).await;
        assert_eq!(world.standings(message.id).await, [Standing::Delivered]);
        world.store().prune(RETENTION, world.now()).await.unwrap();
        assert_eq!(world.store().ready(), contract::store::Readiness::Ready);
        world.keep(vec![]).await;
    }
}
