//! Prints what one message costs the embedded store: accepted with two leased deliveries and a body of 1 KB, then settled.
//!
//! `cargo run --release -p stores --example store_cost -- [FOLDER] [MESSAGES] [backlog]`; with `backlog`: what a start costs
//! with so many messages waiting. Choose a folder that is not on tmpfs.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a program for people"
)]

use bytes::Bytes;
use contract::clock::Tick;
use contract::delivery::{Attempt, AttemptResult, Capture, Death, Standing, Suspicion, Timings};
use contract::message::Headers;
use contract::order::KeyFate;
use contract::part::{Part, Rule};
use contract::store::{
    Accept, Accepted, Ask, Commit, Position, Readiness, Session, Settlement, Start, Store, Watcher,
};
use contract::{Clock, DeliveryId, Entropy, Message, MessageId, Name, Promise, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};
use stores::sqlite::work::{Reply, Work};
use stores::sqlite::{Core, Options, Sqlite, Sync};

struct Wall(Instant);

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::ZERO + since
    }
    fn tick(&self) -> Tick {
        Tick(self.0.elapsed())
    }
    fn sleep(&self, _: Duration) -> Promise<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

struct Silent;

impl Watcher for Silent {
    fn damaged(&self, _: &str, _: &str) {}
    fn committed(&self, _: Commit) {}
    fn corrupt(&self, _: MessageId, _: Death) {}
    fn turned(&self, _: Readiness) {}
    fn failed(&self, detail: &str) {
        println!("failed: {detail}");
    }
}

#[derive(Default)]
struct Mixer(AtomicU64);

impl Entropy for Mixer {
    fn bits(&self) -> u64 {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^ (z >> 27)
    }
}

struct Maker {
    clock: Arc<Wall>,
    entropy: Mixer,
    body: Bytes,
    headers: Headers,
    names: [Name; 4],
}

impl Maker {
    fn new() -> Self {
        let name = |text| Name::try_new(text).expect("a name");
        let headers = Headers::from_pairs([
            ("content-type", b"application/json".as_slice()),
            ("user-agent", b"load/1.0"),
            ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ]);
        Self {
            clock: Arc::new(Wall(Instant::now())),
            entropy: Mixer::default(),
            body: vec![b'x'; 1024].into(),
            headers,
            names: [Name::default_tenant(), name("signup"), name("crm"), name("mailing")],
        }
    }

    fn options(&self) -> Options {
        let clock: Arc<dyn Clock> = self.clock.clone();
        Options::new(Arc::new(Silent), clock)
    }

    fn accept(&self) -> Accept {
        let now = self.clock.now();
        let [tenant, route, crm, mailing] = &self.names;
        let start = |target: &Name| Start {
            target: target.clone(),
            standing: Standing::Leased,
            key: None,
            shape: None,
            priority: contract::line::Priority::Normal,
            fault: None,
            key_fate: KeyFate::Kept,
            part: Part::default(),
        };
        let message = Message {
            id: MessageId::new(now, &self.entropy),
            first: DeliveryId::base(now, &self.entropy),
            tenant: tenant.clone(),
            route: route.clone(),
            received: now,
            deadline: None,
            headers: self.headers.clone(),
            body: self.body.clone(),
        };
        Accept {
            message: Arc::new(message),
            deliveries: vec![start(crm), start(mailing)],
            once: None,
            rule: Rule::All,
        }
    }

    fn settle(&self, position: Position, delivery: DeliveryId) -> Settlement {
        let ms = Duration::from_micros;
        let attempt = Attempt {
            number: 1,
            run: 1,
            began: self.clock.now(),
            timings: Timings { queue: ms(20), first_byte: ms(900), body: ms(30), ..Timings::default() },
            result: AttemptResult::Answered {
                status: 200,
                class: None,
                capture: Capture {
                    content_type: Some("application/json".into()),
                    body: Bytes::from_static(b"{\"ok\":true}"),
                    ..Capture::default()
                },
            },
            suspect: Suspicion::Clear,
            next: None,
        };
        Settlement {
            position,
            delivery,
            attempt: Some(Arc::new(attempt)),
            standing: Standing::Delivered,
            key_fate: KeyFate::Kept,
        }
    }
}

/// User and system time of this process, in milliseconds.
fn spent() -> (u64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<u64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split(' ')
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    let tick = |at| fields.get(at).copied().unwrap_or(0) * 10;
    (tick(12), tick(13))
}

struct Meter {
    name: String,
    spent: (u64, u64),
    began: Instant,
}

impl Meter {
    fn start(name: String) -> Self {
        Self { name, spent: spent(), began: Instant::now() }
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn print(&self, messages: usize) {
        let (user, system) = spent();
        let each = |ms: u64| ms as f64 * 1000.0 / messages as f64;
        let rate = messages as f64 / self.began.elapsed().as_secs_f64();
        println!(
            "{}: {:.1} us CPU per message ({:.1} user, {:.1} system), {rate:.0} messages/s",
            self.name,
            each(user + system - self.spent.0 - self.spent.1),
            each(user - self.spent.0),
            each(system - self.spent.1),
        );
    }
}

/// What making the calls costs without a store.
fn making(maker: &Maker, messages: usize) {
    let meter = Meter::start("making the calls alone".into());
    for _ in 0..messages {
        let item = maker.accept();
        let first = item.message.first;
        let pair = [maker.settle(Position(1), first.at(0)), maker.settle(Position(1), first.at(1))];
        std::hint::black_box((item, pair));
    }
    meter.print(messages);
}

fn inline(maker: &Maker, folder: &Path, messages: usize, group: usize) {
    let mut core = Core::open(folder, maker.options()).expect("a store");
    let opened = core.apply(&[Work::Open(maker.names[0].clone(), maker.clock.now())]);
    assert!(matches!(opened.first(), Some(Ok(Reply::Opened(_)))), "opened");
    let Some(Ok(Reply::Opened(session))) = opened.into_iter().next() else { return };
    let meter = Meter::start(format!("core, groups of {group}"));
    let mut settlements: Vec<Work> = Vec::new();
    for _ in 0..messages / group {
        let items: Vec<Accept> = (0..group).map(|_| maker.accept()).collect();
        let firsts: Vec<DeliveryId> = items.iter().map(|item| item.message.first).collect();
        let mut works: Vec<Work> = items.into_iter().map(|item| Work::Accept(session, vec![item])).collect();
        // As under load: one commit takes new messages and the ends of earlier ones.
        works.append(&mut settlements);
        let answers = core.apply(&works);
        for (first, answer) in firsts.into_iter().zip(answers) {
            let Ok(Reply::Accepted(accepted)) = answer else { continue };
            let Some(Accepted::New { position, .. }) = accepted.first() else { continue };
            for ordinal in 0..2 {
                settlements.push(Work::Settle(session, vec![maker.settle(*position, first.at(ordinal))]));
            }
        }
    }
    core.apply(&settlements);
    meter.print(messages);
    core.close().expect("closed");
}

fn threaded(maker: &Arc<Maker>, folder: &Path, messages: usize, tasks: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let store = Arc::new(Sqlite::open(folder, maker.options()).expect("a store"));
    runtime.block_on(async {
        let session: Session = store.open(&maker.names[0], maker.clock.now()).await.expect("a session");
        let meter = Meter::start(format!("threads, {tasks} tasks, one call per item"));
        let mut running = Vec::new();
        for _ in 0..tasks {
            let (maker, store) = (Arc::clone(maker), Arc::clone(&store));
            running.push(tokio::spawn(async move {
                for _ in 0..messages / tasks {
                    let item = maker.accept();
                    let first = item.message.first;
                    let accepted = store.accept(session, vec![item]).await.expect("accepted");
                    let Some(Accepted::New { position, .. }) = accepted.first() else { continue };
                    let both = (0..2).map(|ordinal| maker.settle(*position, first.at(ordinal))).collect();
                    store.settle(session, both).await.expect("settled");
                }
            }));
        }
        for task in running {
            task.await.expect("a task");
        }
        meter.print(messages);
    });
    store.close();
}

/// What a start and a claim cost with that many messages waiting for a target that is down.
fn backlog(maker: &Maker, folder: &Path, messages: usize) {
    let open = || Core::open(folder, Options { sync: Sync::Off, ..maker.options() }).expect("a store");
    let session =
        |core: &mut Core| match core.apply(&[Work::Open(maker.names[0].clone(), maker.clock.now())]).pop() {
            Some(Ok(Reply::Opened(session))) => session,
            other => unreachable!("no session: {other:?}"),
        };
    let mut core = open();
    let first = session(&mut core);
    for _ in 0..messages / 500 {
        let waiting = |mut item: Accept| {
            item.deliveries.truncate(1);
            item.deliveries.iter_mut().for_each(|one| one.standing = Standing::Due(item.message.received));
            item
        };
        let items = (0..500).map(|_| waiting(maker.accept())).collect();
        core.apply(&[Work::Accept(first, items)]);
    }
    drop(core);
    let meter = Instant::now();
    let mut core = open();
    let second = session(&mut core);
    println!(
        "{messages} waiting: open and session after a crash in {:?}, RSS {} MB",
        meter.elapsed(),
        resident()
    );
    for turn in 0..3 {
        let meter = Instant::now();
        let ask = Ask {
            tenant: maker.names[0].clone(),
            target: maker.names[2].clone(),
            lines: contract::line::Line::ALL.map(|line| (line, 256)).to_vec(),
            bytes: usize::MAX,
        };
        let claimed = core.apply(&[Work::Claim(second, vec![ask], maker.clock.now())]);
        let Some(Ok(Reply::Claimed(claimed))) = claimed.first() else { continue };
        let leases: usize = claimed.iter().map(|one| one.leases.len()).sum();
        println!("claim {turn} of {leases}: {:?}, RSS {} MB", meter.elapsed(), resident());
    }
}

/// Megabytes that this process has in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096 / 1_000_000
}

fn main() {
    let mut words = std::env::args().skip(1);
    let folder = words.next().map_or_else(|| PathBuf::from("target/cost"), PathBuf::from);
    let messages: usize = words.next().and_then(|word| word.parse().ok()).unwrap_or(200_000);
    let maker = Arc::new(Maker::new());
    if words.next().is_some_and(|word| word == "backlog") {
        let folder = folder.join("backlog");
        backlog(&maker, &folder, messages);
        std::fs::remove_dir_all(&folder).expect("removed");
        return;
    }
    making(&maker, messages);
    for group in [64, 128] {
        let folder = folder.join(format!("core-{group}"));
        inline(&maker, &folder, messages, group);
        std::fs::remove_dir_all(&folder).expect("removed");
    }
    let threads = folder.join("threads");
    threaded(&maker, &threads, messages, 128);
    std::fs::remove_dir_all(&threads).expect("removed");
}
