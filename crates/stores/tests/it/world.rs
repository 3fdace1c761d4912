//! A store of each kind with a clock and ids that the test owns.

use bytes::Bytes;
use contract::clock::Tick;
use contract::delivery::{Attempt, AttemptResult, Capture, Death, ErrorClass, Standing, Suspicion, Timings};
use contract::line::{Line, Priority};
use contract::message::Headers;
use contract::order::KeyFate;
use contract::part::{Part, Rule};
use contract::store::{
    Accept, Accepted, Ask, Claimed, Commit, Once, OrderKey, Position, Readiness, Session, Settled,
    Settlement, Start, Store, Watcher,
};
use contract::ticket::{Found, Ticket};
use contract::{Clock, DeliveryId, Entropy, Message, MessageId, Name, Promise, Timestamp};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stores::memory::Memory;
use stores::sqlite::{Inline, Options, READERS_PATIENCE, Sqlite, Sync};

pub(crate) const START: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

/// A clock that a test moves.
#[derive(Default)]
pub(crate) struct HandClock(AtomicU64);

impl HandClock {
    pub(crate) fn advance(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        START + Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
    fn tick(&self) -> Tick {
        Tick(Duration::from_micros(self.0.load(Ordering::Relaxed)))
    }
    fn sleep(&self, time: Duration) -> Promise<'static, ()> {
        self.advance(time);
        Box::pin(std::future::ready(()))
    }
}

/// Random bits from a seed (splitmix64).
pub(crate) struct Seeded(AtomicU64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.bits() % bound
    }
}

impl Entropy for Seeded {
    fn bits(&self) -> u64 {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Remembers what a store told.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) commits: AtomicU64,
    pub(crate) corrupt: Mutex<Vec<MessageId>>,
    pub(crate) damaged: Mutex<Vec<String>>,
    pub(crate) failures: Mutex<Vec<String>>,
    pub(crate) turned: Mutex<Vec<Readiness>>,
}

impl Watcher for Notes {
    fn committed(&self, _: Commit) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }
    fn corrupt(&self, message: MessageId, death: Death) {
        assert_eq!(death, Death::Corrupt);
        self.corrupt.lock().unwrap().push(message);
    }
    fn damaged(&self, file: &str, detail: &str) {
        self.damaged.lock().unwrap().push(format!("{file}: {detail}"));
    }
    fn turned(&self, readiness: Readiness) {
        self.turned.lock().unwrap().push(readiness);
    }
    fn failed(&self, detail: &str) {
        self.failures.lock().unwrap().push(detail.to_owned());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    Inline,
    Sqlite,
}

enum Holder {
    Memory(Box<Memory>),
    Inline(Box<Inline>),
    Sqlite(Sqlite),
    Nothing,
}

pub(crate) struct World {
    pub(crate) kind: Kind,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) entropy: Seeded,
    pub(crate) notes: Arc<Notes>,
    pub(crate) session: Session,
    sync: Sync,
    reserve: u64,
    /// How long the store waits for who reads a damaged file.
    pub(crate) patience: Duration,
    holder: Holder,
}

impl World {
    pub(crate) async fn new(kind: Kind) -> Self {
        Self::with(kind, Sync::Full, 64 * 1024).await
    }

    /// For tests that are not about the disk: nothing is synced.
    pub(crate) async fn unsynced(kind: Kind) -> Self {
        Self::with(kind, Sync::Off, 4096).await
    }

    async fn with(kind: Kind, sync: Sync, reserve: u64) -> Self {
        let mut world = Self {
            sync,
            reserve,
            patience: READERS_PATIENCE,
            kind,
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::default(),
            entropy: Seeded::new(7),
            notes: Arc::default(),
            session: Session(0),
            holder: Holder::Nothing,
        };
        world.start().await;
        world
    }

    pub(crate) fn options(&self) -> Options {
        let clock: Arc<dyn Clock> = self.clock.clone();
        Options {
            reserve_bytes: self.reserve,
            sync: self.sync,
            patience: self.patience,
            ..Options::new(self.notes.clone(), clock)
        }
    }

    async fn start(&mut self) {
        let path = self.path();
        match (self.kind, &self.holder) {
            (Kind::Memory, Holder::Memory(_)) => {}
            (Kind::Memory, _) => self.holder = Holder::Memory(Box::new(Memory::new(self.clock.clone()))),
            (Kind::Inline, _) => {
                self.holder = Holder::Inline(Box::new(Inline::open(&path, self.options()).unwrap()))
            }
            (Kind::Sqlite, _) => self.holder = Holder::Sqlite(Sqlite::open(&path, self.options()).unwrap()),
        }
        self.session = self.store().open(&name("node"), self.clock.now()).await.unwrap();
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Ends the store in good order, so that a test can touch its files.
    pub(crate) fn stop(&mut self) {
        self.holder = Holder::Nothing;
    }

    /// The process dies and a new one starts.
    pub(crate) async fn crash(&mut self) {
        if let Holder::Memory(memory) = &self.holder {
            memory.crash();
        } else {
            self.holder = Holder::Nothing;
        }
        self.start().await;
    }

    pub(crate) fn store(&self) -> &dyn Store {
        match &self.holder {
            Holder::Memory(memory) => memory.as_ref(),
            Holder::Inline(inline) => inline.as_ref(),
            Holder::Sqlite(sqlite) => sqlite,
            Holder::Nothing => panic!("not started"),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn message(&self, body: &[u8]) -> Message {
        let now = self.now();
        Message {
            id: MessageId::new(now, &self.entropy),
            first: DeliveryId::base(now, &self.entropy),
            tenant: tenant(),
            route: name("signup"),
            received: now,
            deadline: None,
            headers: Headers::from_pairs([("content-type", b"application/json".as_slice())]),
            body: Bytes::copy_from_slice(body),
        }
    }

    /// An item for these deliveries.
    pub(crate) fn item(&self, deliveries: Vec<Start>) -> Accept {
        Accept { message: Arc::new(self.message(b"{}")), deliveries, once: None, rule: Rule::All }
    }

    pub(crate) async fn accept_one(&self, item: Accept) -> Accepted {
        self.store().accept(self.session, vec![item]).await.unwrap().remove(0)
    }

    /// Accepts as new, with no lease demoted.
    pub(crate) async fn keep(&self, deliveries: Vec<Start>) -> (Arc<Message>, Position) {
        let item = self.item(deliveries);
        let message = Arc::clone(&item.message);
        let Accepted::New { position, demoted } = self.accept_one(item).await else { panic!("not new") };
        assert_eq!(demoted, []);
        (message, position)
    }

    /// Accepts a message with a deadline.
    pub(crate) async fn keep_until(
        &self,
        deadline: Timestamp,
        deliveries: Vec<Start>,
    ) -> (Arc<Message>, Position) {
        let message = Arc::new(Message { deadline: Some(deadline), ..self.message(b"{}") });
        let item = Accept { message: Arc::clone(&message), deliveries, once: None, rule: Rule::All };
        let Accepted::New { position, .. } = self.accept_one(item).await else { panic!("not new") };
        (message, position)
    }

    /// Ends what is too late; the ids of that, and the deadline that is next.
    pub(crate) async fn expire(&self) -> (Vec<DeliveryId>, Option<Timestamp>) {
        let expired = self.store().expire(self.now()).await.unwrap();
        (expired.moved.iter().map(|late| late.delivery).collect(), expired.next)
    }

    pub(crate) async fn claim(&self, target: &str, items: usize) -> Claimed {
        self.store().claim(self.session, vec![ask(target, items)], self.now()).await.unwrap().remove(0)
    }

    pub(crate) async fn settle(
        &self,
        position: Position,
        delivery: DeliveryId,
        standing: Standing,
    ) -> Settled {
        let attempt = Some(Arc::new(attempt(1, 1, self.now())));
        let key_fate = if_blocking(standing);
        let one = Settlement { position, delivery, attempt, standing, key_fate };
        self.store().settle(self.session, vec![one]).await.unwrap().answers.remove(0)
    }

    /// Back to the store without an attempt.
    pub(crate) async fn give_back(&self, position: Position, delivery: DeliveryId) -> Settled {
        let (standing, key_fate) = (Standing::Due(self.now()), KeyFate::Kept);
        let one = Settlement { position, delivery, attempt: None, standing, key_fate };
        self.store().settle(self.session, vec![one]).await.unwrap().answers.remove(0)
    }

    pub(crate) async fn ticket(&self, id: MessageId) -> Ticket {
        match self.store().ticket(&tenant(), id).await.unwrap() {
            Found::Here(ticket) => ticket,
            other @ (Found::Gone | Found::Unknown) => panic!("{other:?}"),
        }
    }

    pub(crate) async fn standings(&self, id: MessageId) -> Vec<Standing> {
        self.ticket(id).await.deliveries.into_iter().map(|ray| ray.standing).collect()
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::try_new(text).unwrap()
}

pub(crate) fn tenant() -> Name {
    Name::default_tenant()
}

pub(crate) fn ask(target: &str, items: usize) -> Ask {
    let lines = Line::ALL.map(|line| (line, items)).to_vec();
    Ask { tenant: tenant(), target: name(target), lines, bytes: usize::MAX }
}

pub(crate) fn leased(target: &str) -> Start {
    Start {
        target: name(target),
        standing: Standing::Leased,
        key: None,
        shape: None,
        fault: None,
        key_fate: KeyFate::Freed,
        part: Part::default(),
        priority: Priority::Normal,
    }
}

pub(crate) fn due(target: &str, at: Timestamp) -> Start {
    Start { standing: Standing::Due(at), ..leased(target) }
}

/// What becomes of the key of a delivery that blocks it while it is tried.
pub(crate) fn if_blocking(standing: Standing) -> KeyFate {
    if matches!(standing, Standing::Dead(_)) { KeyFate::Freed } else { KeyFate::Kept }
}

pub(crate) fn keyed(start: Start, key: &str) -> Start {
    Start { key: Some(OrderKey(key.into())), ..start }
}

pub(crate) fn once(key: &str, fingerprint: u128) -> Option<Once> {
    Some(Once {
        caller: "caller".into(),
        key: key.into(),
        fingerprint,
        window: contract::limits::IDEMPOTENCY_WINDOW,
    })
}

pub(crate) fn attempt(number: u32, run: u32, began: Timestamp) -> Attempt {
    let ms = Duration::from_millis;
    Attempt {
        number,
        run,
        began,
        timings: Timings {
            queue: ms(1),
            dns: ms(2),
            connect: ms(3),
            tls: ms(4),
            first_byte: ms(5),
            body: ms(6),
        },
        result: AttemptResult::Answered {
            status: 200,
            class: None,
            capture: Capture {
                content_type: Some("text/plain".into()),
                body: Bytes::from_static(b"ok"),
                ..Capture::default()
            },
        },
        suspect: Suspicion::Clear,
        next: None,
    }
}

pub(crate) fn refused(number: u32, run: u32, began: Timestamp) -> Attempt {
    let result =
        AttemptResult::Failed { class: ErrorClass::ConnectionRefused, detail: "nobody listens".into() };
    Attempt { result, next: Some(began + Duration::from_secs(5)), ..attempt(number, run, began) }
}

/// A fault of this side that passes.
pub(crate) fn stumbled(number: u32, run: u32, began: Timestamp) -> Attempt {
    let result =
        AttemptResult::Failed { class: ErrorClass::LocalDns, detail: "the resolver is silent".into() };
    Attempt { result, ..refused(number, run, began) }
}

/// Each case becomes a function, and a module of the same name with one test per store.
macro_rules! on_every_store {
    ($(async fn $case:ident($world:ident: World) $body:block)*) => {
        $(
            async fn $case($world: $crate::world::World) $body

            mod $case {
                use $crate::world::{Kind, World};

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn memory() {
                    super::$case(World::new(Kind::Memory).await).await;
                }
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn inline() {
                    super::$case(World::new(Kind::Inline).await).await;
                }
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    super::$case(World::new(Kind::Sqlite).await).await;
                }
            }
        )*
    };
}
pub(crate) use on_every_store;
