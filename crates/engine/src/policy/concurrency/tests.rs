//! Simulated targets under a test clock: the limit finds the knee of each and never starves.

use super::*;
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const ADAPTIVE: Limit = Limit::Adaptive { min: 1, max: 256 };

/// A target: what it does with a call when so many are in flight, the call included, at this time.
trait Manner: FnMut(usize, u64, u64) -> (u64, Sign) {}
impl<F: FnMut(usize, u64, u64) -> (u64, Sign)> Manner for F {}

/// A small generator with a seed (xorshift).
struct Chance(u64);

impl Chance {
    fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

struct Course {
    /// The time average of the limit in thousandths of a call, after the first half.
    mean: u64,
    least: usize,
}

/// Four minutes with more work than the target can do: whenever the limit allows, a call goes.
fn run(seed: u64, mut target: impl Manner) -> Course {
    const END: u64 = 240_000_000;
    let (mut learner, mut chance, mut now) = (Learner::default(), Chance(seed | 1), 0);
    let mut calls: BinaryHeap<Reverse<(u64, u64, usize)>> = BinaryHeap::new();
    let (mut signs, mut area, mut least) = (Vec::new(), 0u128, usize::MAX);
    while now < END {
        while calls.len() < ADAPTIVE.now(&learner) {
            let (took, sign) = target(calls.len() + 1, now, chance.draw());
            signs.push(sign);
            calls.push(Reverse((now + took.max(1), chance.draw(), signs.len() - 1)));
        }
        let Reverse((ends, _, call)) = calls.pop().unwrap();
        if ends > END / 2 {
            let since = now.max(END / 2);
            area += u128::from(ends - since) * ADAPTIVE.now(&learner) as u128;
        }
        now = ends;
        learner.learn(&ADAPTIVE, signs[call], calls.len() + 1);
        least = least.min(ADAPTIVE.now(&learner));
    }
    Course { mean: u64::try_from(area * 1000 / u128::from(now - END / 2)).unwrap(), least }
}

fn well(micros: u64) -> (u64, Sign) {
    (micros, Sign::Well(Duration::from_micros(micros)))
}

/// Within a fifth of the knee, and never under one.
fn finds(knee: u64, name: &str, mut make: impl FnMut() -> Box<dyn FnMut(usize, u64, u64) -> (u64, Sign)>) {
    for seed in 1..=3 {
        let course = run(seed * 0x9e37_79b9, make());
        let (low, high) = (knee * 800, knee * 1200);
        assert!((low..=high).contains(&course.mean), "{name}: {} thousandths, knee {knee}", course.mean);
        assert!(course.least >= 1, "{name} starves");
    }
}

/// Served by so many hands: a call waits for one.
fn queued(calls: usize, knee: u64, calm: u64) -> u64 {
    calm * (calls as u64).max(knee) / knee
}

#[test]
fn a_constant_link_gets_all() {
    finds(256, "constant", || Box::new(|_, _, _| well(50_000)));
}

#[test]
fn a_slow_link_is_not_filled() {
    finds(5, "slow", || Box::new(|calls, _, _| well(queued(calls, 5, 400_000))));
    finds(40, "slower", || Box::new(|calls, _, _| well(queued(calls, 40, 20_000))));
}

#[test]
fn a_shallow_knee_is_seen() {
    finds(60, "shallow", || {
        Box::new(|calls, _, _| {
            let over = (calls as u64).saturating_sub(60);
            well(30_000 + 30_000 * over / 120)
        })
    });
}

#[test]
fn jitter_is_no_knee() {
    let shaken = |micros: u64, random: u64| micros * (70 + random % 61) / 100;
    finds(40, "jitter", || Box::new(move |calls, _, random| well(shaken(queued(calls, 40, 50_000), random))));
    finds(256, "jitter without a knee", || Box::new(move |_, _, random| well(shaken(50_000, random))));
}

#[test]
fn a_hard_cap_on_calls_is_kept_near() {
    for sign in [Sign::TooMuch, Sign::Unwell] {
        finds(50, "cap", || {
            Box::new(move |calls, _, _| if calls > 50 { (2_000, sign) } else { well(50_000) })
        });
    }
}

#[test]
fn a_hard_cap_on_the_rate_is_kept_near() {
    // 600 a second, each of 50 ms: 30 at once.
    finds(30, "rate", || {
        let (mut tokens, mut last) = (20_000_000u64, 0);
        Box::new(move |_, now, random| {
            tokens = (tokens + (now - last) * 600).min(20_000_000);
            last = now;
            match tokens.checked_sub(1_000_000) {
                Some(left) => {
                    tokens = left;
                    well(45_000 + random % 10_000)
                }
                None => (5_000, Sign::TooMuch),
            }
        })
    });
}

#[test]
fn a_target_that_became_slower_for_good_gets_its_calls_again() {
    let course = run(7, |_, now, _| well(if now < 40_000_000 { 20_000 } else { 60_000 }));
    assert!(course.mean > 200_000 && course.least >= 1, "{}", course.mean);
}

#[test]
fn a_dead_target_gets_its_least_and_one_that_is_back_gets_more() {
    let mut learner = Learner::default();
    let mut tell = |sign| {
        for _ in 0..10_000 {
            learner.learn(&ADAPTIVE, sign, ADAPTIVE.now(&learner));
        }
        ADAPTIVE.now(&learner)
    };
    assert_eq!(tell(Sign::Well(Duration::from_millis(10))), 256);
    assert_eq!(tell(Sign::Unwell), 1);
    assert!(tell(Sign::Well(Duration::from_millis(10))) > 100);
}

#[test]
fn a_limit_that_is_not_reached_does_not_grow_and_a_fixed_one_learns_nothing() {
    let mut learner = Learner::default();
    for _ in 0..1000 {
        learner.learn(&ADAPTIVE, Sign::Well(Duration::from_millis(1)), 2);
    }
    assert_eq!(ADAPTIVE.now(&learner), BEGIN);
    let mut learner = Learner::default();
    learner.learn(&Limit::Fixed(7), Sign::TooMuch, 7);
    assert_eq!((learner.clone(), Limit::Fixed(7).now(&learner)), (Learner::default(), 7));
}

proptest! {
    #[test]
    fn whatever_happens_the_limit_stays_within_its_bounds(
        min in 1usize..10, more in 0usize..300, ends in prop::collection::vec((0u8..4, 0u64..10_000_000, 0usize..400), 0..600),
    ) {
        let limit = Limit::Adaptive { min, max: min + more };
        let mut learner = Learner::default();
        for (kind, micros, in_flight) in ends {
            let sign = match kind {
                0 => Sign::TooMuch,
                1 => Sign::Unwell,
                2 => Sign::Nothing,
                _ => Sign::Well(Duration::from_micros(micros)),
            };
            learner.learn(&limit, sign, in_flight);
            prop_assert!((min..=min + more).contains(&limit.now(&learner)));
        }
    }
}
