//! Tables and properties for the breaker.

use super::*;
use proptest::prelude::*;

const BEGIN: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
/// Half of the range: jitter adds nothing.
const MIDDLE: u64 = 1 << 63;

/// One target under a test clock.
struct Patient {
    pulse: Pulse,
    trip: Option<Trip>,
    policy: Policy,
    concurrency: usize,
    now: Timestamp,
}

impl Patient {
    fn new(concurrency: usize) -> Self {
        Self { pulse: Pulse::default(), trip: None, policy: Policy::default(), concurrency, now: BEGIN }
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    fn end(&mut self, sign: Sign) -> Option<Turn> {
        self.end_of(sign, self.now)
    }

    fn end_of(&mut self, sign: Sign, began: Timestamp) -> Option<Turn> {
        let end = End { sign, began, now: self.now };
        self.pulse.note(&mut self.trip, end, &self.policy, self.concurrency, || MIDDLE)
    }

    fn fail(&mut self, times: usize) -> Vec<Option<Turn>> {
        (0..times).map(|_| self.end(ILL)).collect()
    }

    fn open_for(&self) -> u64 {
        self.trip.map_or(0, |trip| trip.until.since(self.now).as_secs())
    }
}

const ILL: Sign = Sign::Ill(Reach::Host);

#[test]
fn ten_failures_in_a_row_open_it_and_nine_do_not() {
    let mut patient = Patient::new(8);
    assert!(patient.fail(9).iter().all(Option::is_none));
    assert_eq!(patient.end(Sign::Well), None);
    assert!(patient.fail(9).iter().all(Option::is_none), "the row begins anew");
    assert_eq!(patient.end(ILL), Some(Turn::Opened));
    assert_eq!(patient.open_for(), 30);
}

#[test]
fn half_of_twenty_calls_open_it_while_they_are_in_the_window() {
    let shares = [(10, 10, true), (9, 11, false), (9, 10, false)];
    for (failures, successes, opens) in shares {
        let mut patient = Patient::new(8);
        let mut turns = Vec::new();
        for n in 0..failures.max(successes) {
            turns.extend((n < successes).then(|| patient.end(Sign::Well)));
            turns.extend((n < failures).then(|| patient.end(ILL)));
        }
        assert_eq!(turns.contains(&Some(Turn::Opened)), opens, "{failures} of {}", failures + successes);
    }
}

#[test]
fn what_has_left_the_window_does_not_count() {
    let mut patient = Patient::new(8);
    for _ in 0..9 {
        patient.end(ILL);
        patient.end(Sign::Well);
    }
    patient.wait(31);
    assert!(patient.pulse.is_clean(patient.now, &patient.policy));
    for _ in 0..9 {
        assert_eq!(patient.end(Sign::Well), None);
        assert_eq!(patient.end(ILL), None, "18 calls of this window, however many were before");
    }
}

#[test]
fn own_faults_and_throttles_are_no_sign() {
    let mut patient = Patient::new(8);
    for _ in 0..1000 {
        assert_eq!(patient.end(Sign::Nothing), None);
    }
    assert!(patient.fail(9).iter().all(Option::is_none));
    patient.end(Sign::Nothing);
    assert_eq!(patient.end(ILL), Some(Turn::Opened), "they do not break a row either");
    patient.wait(31);
    assert_eq!(patient.end(Sign::Nothing), None);
    assert_eq!(patient.trip.map(|trip| trip.width), Some(1), "a probe that says nothing changes nothing");
}

#[test]
fn each_failed_probe_doubles_the_time_up_to_the_longest() {
    let mut patient = Patient::new(8);
    patient.fail(10);
    let since = patient.trip.unwrap().since;
    for seconds in [60, 120, 240, 480, 600, 600] {
        let until = patient.trip.unwrap().until;
        patient.now = until;
        assert_eq!(patient.end(ILL), Some(Turn::Opened));
        assert_eq!(patient.open_for(), seconds);
        assert_eq!(patient.trip.unwrap().since, since, "no success since");
    }
}

#[test]
fn successes_widen_the_ramp_until_the_concurrency_is_reached() {
    let mut patient = Patient::new(9);
    patient.fail(10);
    patient.wait(30);
    let mut widths = Vec::new();
    let mut turns = Vec::new();
    while let Some(trip) = patient.trip {
        widths.push(trip.width);
        turns.extend(patient.end(Sign::Well));
    }
    assert_eq!(widths, [1, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8, 8, 8, 8, 8]);
    assert_eq!(turns, [Turn::Ramping, Turn::Closed]);
    let mut lone = Patient::new(1);
    lone.fail(10);
    lone.wait(30);
    assert_eq!(lone.end(Sign::Well), Some(Turn::Closed), "one call at once is all that it has");
}

#[test]
fn a_failure_in_the_ramp_opens_it_again_for_longer() {
    let mut patient = Patient::new(64);
    patient.fail(10);
    patient.wait(30);
    patient.end(Sign::Well);
    patient.wait(5);
    assert_eq!(patient.end(ILL), Some(Turn::Opened));
    assert_eq!(patient.open_for(), 60);
    assert_eq!(patient.trip.unwrap().since, patient.now, "there was a success");
    assert_eq!(patient.trip.unwrap().width, 1);
}

#[test]
fn a_call_that_began_before_says_nothing_about_now() {
    let mut patient = Patient::new(8);
    let began = patient.now;
    patient.fail(10);
    assert_eq!(patient.end_of(Sign::Well, began), None);
    patient.wait(31);
    let trip = patient.trip;
    assert_eq!(patient.end_of(ILL, began), None);
    assert_eq!(patient.end_of(Sign::Well, began), None);
    assert_eq!(patient.trip, trip);
}

#[test]
fn rest_resets_the_doubling() {
    for (rest, open) in [(599, 60), (600, 30)] {
        let mut patient = Patient::new(1);
        patient.fail(10);
        patient.wait(30);
        assert_eq!(patient.end(Sign::Well), Some(Turn::Closed));
        patient.wait(rest);
        patient.fail(10);
        assert_eq!(patient.open_for(), open, "after {rest} s");
    }
}

#[test]
fn a_trip_is_kept_without_its_ramp() {
    let trip = Trip { since: BEGIN, until: BEGIN, step: 3, width: 16 };
    let kept = serde_json::to_string(&trip).unwrap();
    assert_eq!(serde_json::from_str::<Trip>(&kept).unwrap(), Trip { width: 1, ..trip });
}

proptest! {
    #[test]
    fn whatever_happens_it_opens_only_with_cause_and_the_ramp_is_earned(
        steps in proptest::collection::vec((0u8..3, 0u64..40), 1..400),
        concurrency in 1usize..100,
    ) {
        let mut patient = Patient::new(concurrency);
        let (mut ill, mut good) = (0u32, 0u32);
        for (what, seconds) in steps {
            patient.wait(seconds);
            let before = patient.trip;
            let sign = match what { 0 => Sign::Well, 1 => ILL, _ => Sign::Nothing };
            let turn = patient.end(sign);
            match before {
                None => {
                    ill += u32::from(sign == ILL);
                    prop_assert!(turn.is_none_or(|_| sign == ILL && ill >= 10), "ten failures at least");
                }
                Some(trip) if trip.is_open(patient.now) => prop_assert_eq!(patient.trip, before),
                Some(_) => good += u32::from(sign == Sign::Well),
            }
            match patient.trip {
                Some(trip) if turn == Some(Turn::Opened) => {
                    let open = trip.until.since(patient.now);
                    prop_assert!(open >= patient.policy.open && open <= patient.policy.open_max);
                    (ill, good) = (0, 0);
                }
                Some(trip) => {
                    prop_assert!(trip.width <= good + 1, "{} wide after {good} successes", trip.width);
                    prop_assert!(trip.width == 1 || (trip.width as usize) < concurrency);
                }
                None => if turn.is_some() { ill = 0 },
            }
        }
    }

    #[test]
    fn an_opening_is_jittered_by_a_fifth_at_most(step in 0u32..100, random: u64) {
        let policy = Policy::default();
        let plain = (30u64 << step.min(10)).min(600) as f64;
        let open = policy.trip(BEGIN, step, BEGIN, random).until.since(BEGIN).as_secs_f64();
        prop_assert!(open >= plain * 0.8 - 1e-3 && open <= plain * 1.2 + 1e-3);
    }
}
