//! A process that starts with more retries due than it may send for long.

use crate::hang_up::Deaf;
use crate::small::{Counter, RuntimeClock};
use crate::town::{Call, House, Town, most_at_once, most_within, name};
use bytes::Bytes;
use contract::delivery::{Attempt, AttemptResult, ErrorClass, Standing, Suspicion, Timings};
use contract::line::{Line, Priority, Turn};
use contract::message::Headers;
use contract::order::KeyFate;
use contract::part::{Part, Rule};
use contract::store::{Accept, Ask, Session, Settlement, Start, Store};
use contract::{Clock, DeliveryId, Message, MessageId, Name, Timestamp, limits};
use engine::policy::concurrency::Limit;
use engine::policy::rate;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use stores::sqlite::{Inline, Options, Sync};

/// Ten times as many take a minute in a build that is not optimized, and show the same.
const RETRIES: usize = 10_000;
const BATCH: usize = 500;
const SECOND: Duration = Duration::from_secs(1);

/// A store as a process leaves it whose target failed once for each of so many messages; all of them are due by now.
async fn left_behind(folder: &Path, clock: &Arc<RuntimeClock>) -> Arc<dyn Store> {
    let options = Options {
        sync: Sync::Off,
        reserve_bytes: 4096,
        ..Options::new(Arc::new(Deaf), Arc::<RuntimeClock>::clone(clock))
    };
    let store = Arc::new(Inline::open(folder, options).unwrap());
    let session = store.open(&Name::default_tenant(), clock.now()).await.unwrap();
    let entropy = Counter(AtomicU64::new(1 << 50));
    for _ in 0..RETRIES / BATCH {
        let batch = (0..BATCH).map(|_| message(&entropy, clock)).collect();
        store.accept(session, batch).await.unwrap();
        fail_all(&*store, session, clock).await;
    }
    clock.sleep(SECOND * 60).await;
    store
}

fn message(entropy: &Counter, clock: &RuntimeClock) -> Accept {
    let message = Message {
        id: MessageId::new(clock.now(), entropy),
        first: DeliveryId::base(clock.now(), entropy),
        tenant: Name::default_tenant(),
        route: name("crm"),
        received: clock.now(),
        deadline: None,
        headers: Headers::default(),
        body: Bytes::from_static(b"null"),
    };
    let start = Start {
        target: name("crm"),
        standing: Standing::Due(clock.now()),
        key: None,
        shape: None,
        priority: Priority::Normal,
        fault: None,
        key_fate: KeyFate::Kept,
        part: Part::default(),
    };
    Accept { message: Arc::new(message), deliveries: vec![start], once: None, rule: Rule::All }
}

async fn fail_all(store: &dyn Store, session: Session, clock: &RuntimeClock) {
    let line = Line { priority: Priority::Normal, turn: Turn::First };
    let (tenant, lines) = (Name::default_tenant(), vec![(line, BATCH)]);
    let ask = Ask { tenant, target: name("crm"), lines, bytes: usize::MAX };
    let claimed = store.claim(session, vec![ask], clock.now()).await.unwrap().remove(0);
    assert_eq!(claimed.leases.len(), BATCH);
    let next = clock.now() + SECOND * 30;
    let attempt = Arc::new(Attempt {
        number: 1,
        run: 1,
        began: clock.now(),
        timings: Timings::default(),
        result: AttemptResult::Failed { class: ErrorClass::ConnectionRefused, detail: "nobody".to_owned() },
        suspect: Suspicion::Clear,
        next: Some(next),
    });
    let settlement = |lease: contract::store::Lease| Settlement {
        position: lease.position,
        delivery: lease.delivery.id,
        attempt: Some(Arc::clone(&attempt)),
        standing: Standing::Due(next),
        key_fate: KeyFate::Kept,
    };
    let batch = claimed.leases.into_iter().map(settlement).collect();
    store.settle(session, batch).await.unwrap();
}

/// A process that starts with the crowd, and gets so many new messages at this pace.
async fn restart(house: House, new: usize, pace: Duration) -> (Town, BTreeMap<DeliveryId, Timestamp>) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(RuntimeClock::new());
    let store = left_behind(&folder.path().join("data"), &clock).await;
    let town = Town::start(1, store, Arc::clone(&clock), vec![house]).await;
    let mut taken = BTreeMap::new();
    for _ in 0..new {
        taken.insert(town.send("crm", "null").await.first, clock.now());
        town.wait(pace).await;
        let views = town.engine.views();
        let window = views.iter().map(|view| view.window).max().unwrap();
        assert!(window <= limits::WINDOW_ITEMS_MAX, "{window} wait in memory");
    }
    town.wait(SECOND * 600).await;
    let calls = town.calls("crm");
    let ids: BTreeSet<DeliveryId> = calls.iter().map(|call| call.id).collect();
    assert_eq!((ids.len(), calls.len()), (RETRIES + new, RETRIES + new), "each goes once");
    (town, taken)
}

/// The longest that a new message waited.
fn latest(calls: &[Call], taken: &BTreeMap<DeliveryId, Timestamp>) -> Duration {
    let waits = calls.iter().filter_map(|call| Some(call.began.since(*taken.get(&call.id)?)));
    waits.max().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_due_retries_goes_as_the_limits_allow_and_new_messages_do_not_wait_for_it() {
    let house = House { concurrency: Limit::Fixed(16), ..House::new("crm") };
    let (town, taken) = restart(house, 200, Duration::from_millis(50)).await;
    let calls = town.calls("crm");
    // A call takes 50 ms.
    assert_eq!(most_at_once(&calls), 16);
    assert!(most_within(&calls, SECOND) <= 16 * 20, "{}", most_within(&calls, SECOND));
    assert!(latest(&calls, &taken) < SECOND, "{:?} behind retries", latest(&calls, &taken));
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_due_retries_keeps_to_the_rate() {
    let rate = rate::Limit::new(NonZeroU32::new(100).unwrap(), SECOND, NonZeroU32::new(10));
    let house = House { rate: Some(rate), ..House::new("crm") };
    let (town, taken) = restart(house, 200, Duration::from_millis(50)).await;
    let calls = town.calls("crm");
    assert!(most_within(&calls, SECOND) <= 110, "{}", most_within(&calls, SECOND));
    assert!(latest(&calls, &taken) < SECOND * 2, "{:?} behind retries", latest(&calls, &taken));
}

/// Eight at once take 160 a second, and 250 new ones come.
#[tokio::test(start_paused = true)]
async fn beside_more_new_messages_than_can_go_retries_get_a_fifth_of_them_and_ten_a_second() {
    let (town, taken) = restart(House::new("crm"), 2500, Duration::from_millis(4)).await;
    let calls = town.calls("crm");
    let begin = calls[0].began;
    let busy = calls.iter().filter(|call| (SECOND..SECOND * 10).contains(&call.began.since(begin)));
    let (new, again): (Vec<&Call>, Vec<&Call>) = busy.partition(|call| taken.contains_key(&call.id));
    let earned = new.len() / 5 + 10 * 9;
    // What was saved before is ten.
    assert!(again.len() <= earned + 10, "{} retries beside {} new ones", again.len(), new.len());
    assert!(again.len() >= earned - 20, "{} retries beside {} new ones", again.len(), new.len());
}
