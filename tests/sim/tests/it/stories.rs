//! What must be true of targets that fail, each in a story of its own.

use crate::small::RuntimeClock;
use crate::town::{Asked, Call, Does, House, Town, most_at_once, most_within, name};
use contract::delivery::Standing;
use contract::{Clock, DeliveryId, Timestamp};
use engine::policy::breaker::{Policy, Turn};
use engine::policy::concurrency::Limit;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use stores::memory::Memory;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

async fn town(seed: u64, clock: Arc<RuntimeClock>, houses: Vec<House>) -> Town {
    let store = Arc::new(Memory::new(Arc::<RuntimeClock>::clone(&clock)));
    Town::start(seed, store, clock, houses).await
}

/// Bits that look random, the same for a seed and a number.
fn draw(seed: u64, number: u64) -> u64 {
    let mut bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A number below this one.
fn below(seed: u64, number: u64, most: u32) -> u32 {
    u32::try_from(draw(seed, number) % u64::from(most)).unwrap()
}

/// Deliveries of each key in the order in which they were taken in, and as they arrived with success.
fn orders(sent: &[(String, DeliveryId)], calls: &[Call]) -> [BTreeMap<String, Vec<DeliveryId>>; 2] {
    let mut orders = [BTreeMap::<_, Vec<_>>::new(), BTreeMap::new()];
    for (key, id) in sent {
        orders[0].entry(key.clone()).or_default().push(*id);
    }
    for call in calls.iter().filter(|call| call.ended.is_some_and(|(_, status)| status == 200)) {
        orders[1].entry(String::from_utf8(call.body.to_vec()).unwrap()).or_default().push(call.id);
    }
    orders
}

#[tokio::test(start_paused = true)]
async fn a_target_that_was_dead_for_ten_minutes_is_not_overrun_when_it_is_back() {
    for seed in 1..=2 {
        let clock = Arc::new(RuntimeClock::new());
        let begin = clock.now();
        let (dies, back) = (begin + SECOND * 15, begin + SECOND * 615);
        // Ten at once take 50 ms each, more get slower.
        let knee = |asked: &Asked<'_>| {
            Does::Answer(200, MILLI * 50 * u32::try_from(asked.flying.max(10)).unwrap() / 10)
        };
        let house = |name| House {
            manner: Arc::new(knee),
            away: Some((dies, back)),
            concurrency: Limit::Adaptive { min: 1, max: 64 },
            waits: std::iter::once(Duration::ZERO).chain(vec![SECOND * 5; 30]).collect(),
            ..House::new(name)
        };
        let town = town(seed, Arc::clone(&clock), vec![house("crm"), house("erp")]).await;
        let mut sent = Vec::new();
        let mut learned = 0;
        for n in 0..4200u64 {
            if (begin + SECOND * 8..dies).contains(&clock.now()) {
                learned = town.concurrency("crm").max(learned);
            }
            let key = format!("\"k{}\"", n % 40);
            sent.push((key.clone(), town.send("all", &key).await.first));
            // As many as it can while it is well, 2 a second while it is dead.
            town.wait(if clock.now() < dies { MILLI * 5 } else { MILLI * 500 }).await;
        }
        town.wait(SECOND * 1500).await;
        let calls = town.calls("crm");
        let [taken, arrived] = orders(&sent, &calls);
        for (key, taken) in taken {
            let arrived = arrived.get(&key).map(Vec::as_slice).unwrap_or_default();
            let counts = (arrived.len(), taken.len());
            let wrong = taken.iter().zip(arrived).position(|(one, other)| one != other);
            assert_eq!((counts.0, wrong), (counts.1, None), "seed {seed}: {key}, oldest first and each once");
        }
        let first = calls.iter().position(|call| call.began >= back).unwrap();
        let after = &calls[first..];
        let soon = after.partition_point(|call| call.began.since(after[0].began) < SECOND * 10);
        let ramp = &after[..soon];
        assert!((8..=15).contains(&learned), "seed {seed}: {learned} is not what it can take");
        // It swings by a fifth around what it can take.
        let learned = learned + learned.div_ceil(5);
        assert!(most_at_once(ramp) <= learned, "seed {seed}: {} of {learned}", most_at_once(ramp));
        // A call takes 50 ms, so each place is used 20 times a second at most.
        let peak = most_within(ramp, SECOND);
        assert!(peak <= learned * 20, "seed {seed}: {peak} a second with {learned} at once");
        let together: Vec<usize> = [25, 75, 125].map(|at| flying(ramp, after[0].began + MILLI * at)).into();
        assert!(together[0] == 1 && together[1] <= 2 && together[2] <= 4, "seed {seed}: {together:?}");
        let other = town.calls("erp").into_iter().find(|call| call.began >= back).unwrap();
        assert_ne!(after[0].began, other.began, "what failed together does not come back together");
    }
}

/// Calls on the wire at a time.
fn flying(calls: &[Call], at: Timestamp) -> usize {
    calls.iter().filter(|call| call.began <= at && call.ended.is_none_or(|(ended, _)| ended > at)).count()
}

/// From accept to arrival at `crm`, in order, in a town where `erp` has this manner.
async fn latencies(seed: u64, erp: Does) -> Vec<Duration> {
    let clock = Arc::new(RuntimeClock::new());
    let hung = House { manner: Arc::new(move |_| erp), ..House::new("erp") };
    let town = town(seed, Arc::clone(&clock), vec![House::new("crm"), hung]).await;
    let mut taken = BTreeMap::new();
    for n in 0..3000 {
        taken.insert(town.send("all", "null").await.first, clock.now());
        town.wait(MILLI * (1 + below(seed, n, 19))).await;
    }
    town.wait(SECOND * 5).await;
    let calls = town.calls("crm");
    assert_eq!(calls.len(), taken.len());
    calls.iter().map(|call| call.began.since(taken[&call.id])).collect()
}

#[tokio::test(start_paused = true)]
async fn a_target_that_hangs_delays_no_other() {
    for seed in 1..=3 {
        let [alone, beside] =
            [latencies(seed, Does::Answer(200, MILLI * 50)).await, latencies(seed, Does::Hang).await];
        assert_eq!(alone, beside, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_noisy_target_is_left_alone_when_half_of_its_calls_fail_and_not_before() {
    let mut opened = 0;
    for seed in 1..=4 {
        let clock = Arc::new(RuntimeClock::new());
        let begin = clock.now();
        let percent = 40 + 5 * seed;
        let manner = move |asked: &Asked<'_>| {
            let number = u64::try_from(asked.at.since(begin).as_micros()).unwrap();
            let status = if draw(seed, number) % 100 < percent { 500 } else { 200 };
            Does::Answer(status, MILLI * (20 + below(seed + 1, number, 60)))
        };
        let policy =
            Policy { consecutive: u32::MAX, open: SECOND * 2, open_max: SECOND * 2, ..Policy::default() };
        let house = House {
            manner: Arc::new(manner),
            breaker: Some(policy),
            // Failures come back later, so that what is seen is the target's noise.
            waits: vec![Duration::ZERO, SECOND * 3600],
            ..House::new("crm")
        };
        let town = town(seed, Arc::clone(&clock), vec![house]).await;
        for n in 0..1500 {
            town.send("crm", "null").await;
            town.wait(MILLI * (50 + below(seed + 2, n, 100))).await;
        }
        let told = town.told.lock();
        opened += judge(&told.attempts, &told.switched, &policy);
    }
    assert!(opened >= 6, "it was noisy for nothing: {opened}");
}

/// Follows the published rule over what was seen; gives how often the breaker has opened.
fn judge(
    attempts: &[(Timestamp, Option<u16>)],
    switched: &[(Timestamp, contract::Name, Turn)],
    policy: &Policy,
) -> usize {
    let at = |turn: Turn| switched.iter().filter(move |(_, _, one)| *one == turn).map(|(at, ..)| *at);
    let mut closed = Timestamp::ZERO;
    for open in at(Turn::Opened) {
        let seen: Vec<_> = attempts.iter().filter(|(at, _)| *at > closed && *at <= open).collect();
        if closed != Timestamp::NEVER {
            for (n, (now, status)) in seen.iter().enumerate() {
                let shares = shares(&seen[..=n], *now, policy);
                let may = shares.iter().any(|share| *share >= policy.failures);
                // A success opens nothing.
                let must = *status == Some(500)
                    && shares.len() == WINDOWS
                    && shares.iter().all(|share| *share >= policy.failures);
                assert!(*now == open || !must, "half of the calls fail at {now:?}, but it opens at {open:?}");
                assert!(*now != open || may || n + 1 < seen.len(), "it opens at {open:?} with {shares:?}");
            }
        }
        // A probe that fails opens it again; what counts begins anew when it has closed.
        closed = at(Turn::Closed).find(|at| *at > open).unwrap_or(Timestamp::NEVER);
        let next = at(Turn::Opened).find(|at| *at > open);
        if next.is_some_and(|next| next < closed) {
            closed = Timestamp::NEVER;
        }
    }
    at(Turn::Opened).count()
}

/// The window slides in six steps, so it covers five to six sixths of its time.
const WINDOWS: usize = 11;

/// The share of failures in each window that is long enough, where it has enough calls.
fn shares(seen: &[&(Timestamp, Option<u16>)], now: Timestamp, policy: &Policy) -> Vec<f64> {
    let mut shares = Vec::new();
    for step in 0..WINDOWS {
        let part = 5.0 / 6.0 + step as f64 / 60.0;
        let of: Vec<_> =
            seen.iter().filter(|(at, _)| now.since(*at) <= policy.window.mul_f64(part)).collect();
        let failed = of.iter().filter(|(_, status)| *status == Some(500)).count();
        if of.len() >= policy.calls as usize {
            shares.push(failed as f64 / of.len() as f64);
        }
    }
    shares
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_key_holds_up_its_own_messages_and_no_others() {
    for seed in 1..=3 {
        let clock = Arc::new(RuntimeClock::new());
        let poisoned = |asked: &Asked<'_>| {
            let status = if asked.body.starts_with(b"\"k7\"") { 500 } else { 200 };
            Does::Answer(status, MILLI * 50)
        };
        let waits = vec![Duration::ZERO, MILLI * 200, MILLI * 500];
        let house = House { manner: Arc::new(poisoned), waits, ..House::new("crm") };
        let town = town(seed, Arc::clone(&clock), vec![house]).await;
        let mut sent = Vec::new();
        let mut taken = BTreeMap::new();
        for n in 0..2000u64 {
            let key = format!("\"k{}\"", draw(seed, n) % 100);
            let id = town.send("crm", &key).await.first;
            taken.insert(id, clock.now());
            sent.push((key, id));
            town.wait(MILLI * 15).await;
        }
        town.wait(SECOND * 10).await;
        let bad: Vec<DeliveryId> =
            sent.iter().filter(|(key, _)| key == "\"k7\"").map(|(_, id)| *id).collect();
        let calls = town.calls("crm");
        let of_bad: Vec<&Call> = calls.iter().filter(|call| bad.contains(&call.id)).collect();
        let mut order: Vec<DeliveryId> = of_bad.iter().map(|call| call.id).collect();
        assert_eq!(order.len(), bad.len() * 3, "seed {seed}: each is tried to its end");
        order.dedup();
        assert_eq!(order, bad, "seed {seed}: one after the other");
        let others: Vec<&Call> = calls.iter().filter(|call| !bad.contains(&call.id)).collect();
        assert_eq!(others.len(), sent.len() - bad.len(), "seed {seed}: once each");
        // 67 a second at 50 ms each fit in eight at once: only a predecessor of the same key is waited for.
        let latest = others.iter().map(|call| call.began.since(taken[&call.id])).max().unwrap();
        assert!(latest < SECOND, "seed {seed}: {latest:?}");
        let told = town.told.lock();
        let delivered = told.settled.iter().filter(|(_, _, standing)| *standing == Standing::Delivered);
        assert_eq!(delivered.count(), others.len());
        assert!(told.switched.is_empty(), "the target is well: {:?}", told.switched);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_while_a_backlog_is_released() {
    let clock = Arc::new(RuntimeClock::new());
    let rate = engine::policy::rate::Limit::new(NonZeroU32::new(20).unwrap(), SECOND, NonZeroU32::new(5));
    let away = Some((clock.now(), clock.now() + SECOND * 60));
    let house = House { rate: Some(rate), away, waits: vec![Duration::ZERO; 20], ..House::new("crm") };
    let town = town(7, Arc::clone(&clock), vec![house]).await;
    for _ in 0..1000 {
        town.send("crm", "null").await;
    }
    town.wait(SECOND * 400).await;
    let calls = town.calls("crm");
    assert_eq!(calls.len(), 1000);
    assert!(most_within(&calls, SECOND) <= 25, "{}", most_within(&calls, SECOND));
    assert_eq!(town.engine.held(&name("crm")), None);
}
