//! Random sequences of operations give the same answers on memory and on SQLite.

use crate::world::{Kind, Seeded, World, ask, attempt, keyed, leased, name, once, refused, stumbled, tenant};
use contract::delivery::{Death, Standing};
use contract::order::{KeyFate, Parking};
use contract::part::{Duty, Part, Rule};
use contract::query::{Change, Delivered, Filter, Sequence};
use contract::store::{Accept, Accepted, Moved, Position, Settled, Settlement, Start};
use contract::{DeliveryId, Entropy, Message, Name, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const SEEDS: u64 = 60;
const STEPS: u64 = 120;
const TARGETS: [&str; 3] = ["crm", "mailing", "ledger"];

/// What both stores know, and where each put it: positions differ, so they are compared by message.
struct Pair {
    memory: World,
    sqlite: World,
    dice: Seeded,
    messages: Vec<Arc<Message>>,
    positions: BTreeMap<usize, (Position, Position)>,
    leased: Vec<(usize, DeliveryId, u32, u32)>,
    seen: BTreeMap<&'static str, u64>,
}

impl Pair {
    async fn new(seed: u64) -> Self {
        let (memory, sqlite) = (World::new(Kind::Memory).await, World::unsynced(Kind::Inline).await);
        let (dice, positions, leased) = (Seeded::new(seed), BTreeMap::new(), Vec::new());
        Self { memory, sqlite, dice, messages: Vec::new(), positions, leased, seen: BTreeMap::new() }
    }

    fn now(&self) -> Timestamp {
        assert_eq!(self.memory.now(), self.sqlite.now());
        self.memory.now()
    }

    fn note(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    async fn step(&mut self) {
        match self.dice.below(100) {
            0..30 => self.accept().await,
            30..50 => self.claim().await,
            50..76 => self.settle().await,
            76..84 => self.change().await,
            84..88 => self.expire().await,
            88..96 => {
                let time = Duration::from_millis(self.dice.below(4000));
                self.advance(time);
            }
            96 => self.advance(Duration::from_secs(6 * 3600)),
            _ => self.crash().await,
        }
        self.compare().await;
    }

    fn advance(&mut self, time: Duration) {
        self.memory.clock.advance(time);
        self.sqlite.clock.advance(time);
    }

    async fn crash(&mut self) {
        self.memory.crash().await;
        self.sqlite.crash().await;
        self.leased.clear();
        self.note("crash");
    }

    async fn accept(&mut self) {
        let mut message = self.memory.message(b"{}");
        message.id = contract::MessageId::new(self.now(), &self.dice);
        message.first = DeliveryId::base(self.now(), &self.dice);
        message.deadline =
            (self.dice.below(3) == 0).then(|| self.now() + Duration::from_millis(self.dice.below(6000)));
        let message = Arc::new(message);
        let mut starts: Vec<Start> = (0..self.dice.below(4)).map(|_| self.start()).collect();
        if self.dice.below(3) == 0 {
            self.group(&mut starts);
        }
        let rule = if self.dice.below(3) == 0 { Rule::Quorum(1) } else { Rule::All };
        let once = if self.dice.below(4) == 0 {
            once(&self.dice.below(6).to_string(), u128::from(self.dice.below(2)))
        } else {
            None
        };
        let item = Accept { message: message.clone(), deliveries: starts.clone(), once, rule };
        let a = self.memory.accept_one(item.clone()).await;
        let b = self.sqlite.accept_one(item).await;
        match (a, b) {
            (Accepted::New { position: a, demoted }, Accepted::New { position: b, demoted: other }) => {
                assert_eq!(demoted, other);
                let index = self.messages.len();
                self.positions.insert(index, (a, b));
                for (ordinal, start) in (0..).zip(&starts) {
                    if start.standing == Standing::Leased && !demoted.contains(&ordinal) {
                        self.leased.push((index, message.first.at(ordinal), 0, 1));
                    }
                }
                self.messages.push(message);
                self.note(if demoted.is_empty() { "new" } else { "demoted" });
            }
            (a, b) => {
                assert_eq!(a, b);
                self.note(if a == Accepted::Conflict { "conflict" } else { "same" });
            }
        }
    }

    /// Makes the later ones wait for the first, undo it, or tell of the end; as an engine does, with nothing final among them.
    fn group(&self, starts: &mut [Start]) {
        let count = starts.len();
        for (index, start) in starts.iter_mut().enumerate() {
            if start.standing.is_final() {
                start.standing = Standing::Leased;
            }
            let (duty, after) = match self.dice.below(4) {
                _ if index == 0 => continue,
                0 => (Duty::Optional, vec![0]),
                1 => (Duty::Undo(0), Vec::new()),
                2 if index + 1 == count => (Duty::Callback, Vec::new()),
                _ => (Duty::Required, vec![0]),
            };
            start.part = Part { duty, after, ..Part::default() };
            start.standing = Standing::Waiting;
            if !start.part.is_main() {
                start.key = None;
            }
        }
    }

    fn start(&self) -> Start {
        let target: &str = TARGETS[usize::try_from(self.dice.below(3)).unwrap()];
        let wait = Duration::from_millis(self.dice.below(3000));
        let standing = match self.dice.below(10) {
            0..5 => Standing::Leased,
            5..8 => Standing::Due(self.now() + wait),
            8 => Standing::Skipped,
            _ => Standing::Dead(Death::Config),
        };
        let start = Start { standing, key_fate: self.fate(), ..leased(target) };
        if self.dice.below(2) == 0 { keyed(start, &self.dice.below(3).to_string()) } else { start }
    }

    async fn claim(&mut self) {
        let target = TARGETS[usize::try_from(self.dice.below(3)).unwrap()];
        let asks = vec![ask(target, usize::try_from(self.dice.below(4)).unwrap())];
        let now = self.now();
        let a = self.memory.store().claim(self.memory.session, asks.clone(), now).await.unwrap().remove(0);
        let b = self.sqlite.store().claim(self.sqlite.session, asks, now).await.unwrap().remove(0);
        assert_eq!(a.next_due, b.next_due);
        assert_eq!(a.leases.len(), b.leases.len());
        for (a, b) in a.leases.into_iter().zip(b.leases) {
            assert_eq!((&a.delivery, &a.message, &a.edit), (&b.delivery, &b.message, &b.edit));
            let index = self.messages.iter().position(|message| message.id == a.message.id).unwrap();
            assert_eq!(self.positions[&index], (a.position, b.position));
            self.leased.push((index, a.delivery.id, a.delivery.attempts, a.delivery.run));
            self.note("lease");
        }
    }

    async fn settle(&mut self) {
        if self.leased.is_empty() {
            return;
        }
        let at = usize::try_from(self.dice.below(self.leased.len() as u64)).unwrap();
        let (index, delivery, attempts, run) =
            if self.dice.below(8) == 0 { self.leased[at] } else { self.leased.swap_remove(at) };
        let (standing, attempt) = match self.dice.below(7) {
            0..2 => (Standing::Delivered, Some(attempt(attempts + 1, run, self.now()))),
            2 => (
                Standing::Due(self.now() + Duration::from_secs(1)),
                Some(refused(attempts + 1, run, self.now())),
            ),
            3 => (Standing::Dead(Death::Exhausted), Some(refused(attempts + 1, run, self.now()))),
            4 => (Standing::Due(self.now()), None),
            5 => {
                let fault = stumbled(attempts + 1, run, self.now());
                (Standing::Due(self.now() + Duration::from_secs(1)), Some(fault))
            }
            _ => (Standing::Expired, None),
        };
        let (a, b) = self.positions[&index];
        let key_fate = self.fate();
        let one = |position| {
            let attempt = attempt.clone().map(Arc::new);
            vec![Settlement { position, delivery, attempt, standing, key_fate }]
        };
        let a = self.memory.store().settle(self.memory.session, one(a)).await.unwrap();
        let b = self.sqlite.store().settle(self.sqlite.session, one(b)).await.unwrap();
        assert_eq!((&a.answers, steps(&a.moved)), (&b.answers, steps(&b.moved)));
        self.note_moves(&a.moved);
        self.note(match a.answers[0] {
            Settled::Recorded => "recorded",
            Settled::Freed => "freed",
            Settled::Parked => "parked",
            Settled::Cancelled => "cancelled",
            Settled::TakenBack => "taken back",
            Settled::Fenced => "fenced",
        });
    }

    fn fate(&self) -> KeyFate {
        if self.dice.below(2) == 0 { KeyFate::Kept } else { KeyFate::Freed }
    }

    async fn change(&mut self) {
        let Some(count) = std::num::NonZeroU64::new(self.messages.len() as u64) else { return };
        let message = &self.messages[usize::try_from(self.dice.bits() % count).unwrap()];
        let delivery = message.first.at(u16::try_from(self.dice.below(3)).unwrap());
        let tenant = tenant();
        let change = match self.dice.below(5) {
            0 => Change::Cancel {
                tenant,
                message: message.id,
                unsent: vec![delivery],
                delivered: Delivered::Stays,
            },
            1 => Change::Edit {
                tenant,
                delivery,
                edit: contract::query::Edit { body: message.body.clone(), headers: message.headers.clone() },
                by: message.id.to_string(),
            },
            2 => Change::Revive { tenant, deliveries: vec![(delivery, self.now())] },
            3 => Change::Discard { tenant, deliveries: vec![delivery] },
            _ => Change::Release { tenant, deliveries: self.parked(delivery).await },
        };
        let releases = matches!(change, Change::Release { .. });
        let a = self.memory.store().change(change.clone()).await.unwrap();
        let b = self.sqlite.store().change(change).await.unwrap();
        assert_eq!((&a.deliveries, steps(&a.moved)), (&b.deliveries, steps(&b.moved)));
        self.note(match a.deliveries.is_empty() {
            true => "unchanged",
            false if releases => "released",
            false => "changed",
        });
        self.note_moves(&a.moved);
    }

    /// This one and one that is parked, if there is any.
    async fn parked(&self, one: DeliveryId) -> Vec<DeliveryId> {
        let filter = Filter { parked: Some(Parking::Any), ..Filter::default() };
        let page = self.memory.store().list(&tenant(), filter, None, 1).await.unwrap();
        page.rows.iter().map(|row| row.id).chain([one]).collect()
    }

    async fn expire(&mut self) {
        let now = self.now();
        let a = self.memory.store().expire(now).await.unwrap();
        let b = self.sqlite.store().expire(now).await.unwrap();
        assert_eq!((steps(&a.moved), a.next), (steps(&b.moved), b.next));
        self.note_moves(&a.moved);
        self.note(if a.moved.is_empty() { "in time" } else { "late" });
    }

    fn note_moves(&mut self, moved: &[Moved]) {
        for one in moved {
            self.note(match one.standing {
                Standing::Due(_) => "started",
                Standing::Unmet => "unmet",
                Standing::Skipped => "not needed",
                Standing::Cancelled | Standing::Expired => "ended",
                other @ (Standing::Leased | Standing::Delivered | Standing::Dead(_) | Standing::Waiting) => {
                    panic!("a store moved one to {other:?}")
                }
            });
        }
    }

    async fn compare(&self) {
        let (a, b) = (self.memory.store(), self.sqlite.store());
        assert_eq!(a.backlog().await.unwrap(), b.backlog().await.unwrap());
        if self.dice.below(4) == 0 {
            let parked = (self.dice.below(2) == 0).then_some(Parking::Any);
            let sequence = if self.dice.below(2) == 0 { Sequence::Oldest } else { Sequence::Newest };
            let filter = Filter { parked, sequence, ..Filter::default() };
            let list = |limit| (tenant(), filter, None, limit);
            let (tenant, filter, after, limit) = list(usize::try_from(1 + self.dice.below(9)).unwrap());
            let page = a.list(&tenant, filter.clone(), after, limit).await.unwrap();
            assert_eq!(page, b.list(&tenant, filter, after, limit).await.unwrap());
        }
        for message in self.messages.iter().rev().take(12) {
            let tenant: &Name = &name("default");
            assert_eq!(
                a.ticket(tenant, message.id).await.unwrap(),
                b.ticket(tenant, message.id).await.unwrap()
            );
            let one = message.first.at(0);
            assert_eq!(a.detail(tenant, one).await.unwrap(), b.detail(tenant, one).await.unwrap());
        }
    }
}

/// What moved, without the places, which differ from store to store.
fn steps(moved: &[Moved]) -> Vec<(DeliveryId, &Name, Standing)> {
    moved.iter().map(|one| (one.delivery, &one.target, one.standing)).collect()
}

#[tokio::test]
async fn random_operations_give_the_same_answers_on_memory_and_sqlite() {
    let mut seen: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        let mut pair = Pair::new(seed).await;
        println!("seed {seed}");
        for _ in 0..STEPS {
            pair.step().await;
        }
        pair.seen.into_iter().for_each(|(what, count)| *seen.entry(what).or_default() += count);
    }
    for what in [
        "new",
        "demoted",
        "same",
        "conflict",
        "lease",
        "recorded",
        "freed",
        "parked",
        "released",
        "fenced",
        "changed",
        "unchanged",
        "crash",
        "late",
        "started",
        "unmet",
        "not needed",
        "ended",
    ] {
        assert!(seen.get(what).is_some_and(|count| *count > 20), "{what} was hardly reached: {seen:?}");
    }
}
