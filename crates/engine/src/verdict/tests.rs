//! Tables for the verdict.

use super::*;
use crate::policy::retry::{Policy, Schedule};
use crate::policy::statuses::Set;
use contract::delivery::{Capture, Timings};
use contract::target::{Hints, Written};
use proptest::prelude::*;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

fn reply(status: u16, hints: Hints) -> Outcome {
    Outcome::Answered(Reply {
        status,
        counts_as: None,
        hints,
        location: None,
        capture: Capture::default(),
        timings: Timings::default(),
    })
}

fn wait(seconds: u64) -> Hints {
    Hints { wait: Some(Duration::from_secs(seconds)), ..Hints::default() }
}

fn with<T>(
    attempts: u32,
    proven: Proven,
    deadline: Option<Timestamp>,
    then: impl FnOnce(&Facts<'_>) -> T,
) -> T {
    let list = [0, 10, 60].map(Duration::from_secs).to_vec();
    let retry = Policy::try_new(Schedule::List(list), 0.0).unwrap();
    let statuses = Statuses::default();
    then(&Facts {
        attempts,
        deadline,
        retry: &retry,
        statuses: &statuses,
        proven,
        probes: 0,
        refused: Refused::Never,
        audience: Audience::default(),
        told_until: None,
        now: NOW,
        random: 5,
    })
}

fn at(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

#[test]
fn answers_are_judged_by_the_published_table() {
    let dead = |why| Verdict::Dead { why };
    let again = |seconds| Verdict::Again { at: at(seconds) };
    let word = |word| Hints { word: Some(word), ..Hints::default() };
    let none = Hints::default();
    let spent = |seconds| Hints { spent: Some(Duration::from_secs(seconds)), ..wait(seconds) };
    let cases = [
        (200, spent(30), Verdict::Done, Effect::Spent(at(30))),
        (200, spent(0), Verdict::Done, Effect::Succeeded),
        (200, spent(86_400), Verdict::Done, Effect::Spent(at(3600))),
        (503, spent(3), again(10), Effect::HoldUntil(at(3))),
        (200, none, Verdict::Done, Effect::Succeeded),
        (500, none, again(10), Effect::None),
        (501, none, dead(Death::Refused), Effect::None),
        (404, none, again(10), Effect::None),
        (422, none, dead(Death::Refused), Effect::None),
        (302, none, dead(Death::Refused), Effect::None),
        (410, none, dead(Death::Gone), Effect::Disable),
        (429, wait(120), again(120), Effect::HoldUntil(at(120))),
        (503, wait(3), again(10), Effect::HoldUntil(at(3))),
        (503, wait(0), again(10), Effect::None),
        (503, wait(86_400), again(3600), Effect::HoldUntil(at(3600))),
        (400, wait(120), dead(Death::Refused), Effect::None),
        (500, word(Word::AbortMessage), dead(Death::Aborted), Effect::None),
        (500, word(Word::Disable), again(10), Effect::Disable),
        (200, word(Word::Disable), Verdict::Done, Effect::Disable),
    ];
    for (status, hints, verdict, effect) in cases {
        let judged = with(1, Proven::Yes, None, |facts| judge(&reply(status, hints), facts));
        assert_eq!((judged.verdict, judged.effect), (verdict, effect), "{status} {hints:?}");
    }
}

#[test]
fn a_wait_is_obeyed_on_whatever_the_target_lists_as_retried_and_on_no_success() {
    let statuses = Statuses { retried: Set(vec![202..=202]), ..Statuses::default() };
    let judged = |status| {
        with(1, Proven::Yes, None, |facts| {
            judge(&reply(status, wait(120)), &Facts { statuses: &statuses, ..*facts })
        })
    };
    for status in [200, 201] {
        let judged = judged(status);
        assert_eq!((judged.verdict, judged.effect), (Verdict::Done, Effect::Succeeded), "{status}");
    }
    assert_eq!(
        judged(202).verdict,
        Verdict::Done,
        "`success` wins over `retried` while it is 2xx by default"
    );
    let statuses = Statuses { success: Set(vec![200..=201]), ..statuses };
    let judged = with(1, Proven::Yes, None, |facts| {
        judge(&reply(202, wait(120)), &Facts { statuses: &statuses, ..*facts })
    });
    assert_eq!(judged.verdict, Verdict::Again { at: at(120) });
    assert_eq!(judged.effect, Effect::HoldUntil(at(120)));
}

#[test]
fn refused_credentials_hold_a_target_that_has_worked_and_kill_the_message_otherwise() {
    for status in [401, 403] {
        let proven = with(3, Proven::Yes, None, |facts| judge(&reply(status, Hints::default()), facts));
        assert_eq!(
            proven.verdict,
            Verdict::Again { at: at(10) },
            "even after the last attempt of the schedule"
        );
        assert_eq!(proven.effect, Effect::AuthFailed { probe_at: at(10) });
        let fresh = with(1, Proven::No, None, |facts| judge(&reply(status, Hints::default()), facts));
        assert_eq!(fresh.verdict, Verdict::Dead { why: Death::Refused });
    }
}

#[test]
fn a_message_that_is_refused_again_after_the_target_took_others_is_dead_and_holds_nothing() {
    let again = |probes| {
        let outcome = reply(403, Hints::default());
        with(2, Proven::Yes, None, |facts| {
            judge(&outcome, &Facts { probes, refused: Refused::Before, ..*facts })
        })
    };
    assert_eq!(again(0).verdict, Verdict::Dead { why: Death::Refused });
    assert_eq!(again(0).effect, Effect::None);
    assert!(matches!(again(1).effect, Effect::AuthFailed { .. }), "it is the probe");
}

#[test]
fn another_failure_while_credentials_are_in_doubt_waits_for_the_next_probe() {
    let judged = with(1, Proven::Yes, None, |facts| {
        judge(&reply(500, Hints::default()), &Facts { probes: 1, ..*facts })
    });
    assert_eq!(judged.effect, Effect::AuthFailed { probe_at: at(60) });
}

#[test]
fn the_schedule_ends_and_the_deadline_ends_it_sooner() {
    let broken = Outcome::Broken {
        class: ErrorClass::ConnectionReset,
        written: Written::Maybe,
        detail: String::new(),
        timings: Timings::default(),
    };
    let verdict =
        |attempts, deadline| with(attempts, Proven::Yes, deadline, |facts| judge(&broken, facts).verdict);
    assert_eq!(verdict(2, None), Verdict::Again { at: at(60) });
    assert_eq!(verdict(3, None), Verdict::Dead { why: Death::Exhausted });
    assert_eq!(verdict(2, Some(at(60))), Verdict::Again { at: at(60) });
    assert_eq!(verdict(2, Some(at(59))), Verdict::Expired);
}

#[test]
fn own_faults_use_up_no_attempt_unless_they_last() {
    let own = |class, lasting| Outcome::Own { class, lasting, detail: String::new() };
    let verdict = |outcome: Outcome| with(3, Proven::Yes, None, |facts| judge(&outcome, facts).verdict);
    assert!(matches!(verdict(own(ErrorClass::LocalDns, Lasting::Passing)), Verdict::Again { .. }));
    assert_eq!(verdict(own(ErrorClass::LocalConfig, Lasting::Lasting)), Verdict::Dead { why: Death::Config });
    assert_eq!(
        verdict(own(ErrorClass::LocalCorrupt, Lasting::Lasting)),
        Verdict::Dead { why: Death::Corrupt }
    );
}

proptest! {
    #[test]
    fn no_attempt_is_due_before_now_or_after_the_deadline(status in 100u16..600, attempts in 1u32..5, hint in proptest::option::of(0u64..100_000), deadline in proptest::option::of(0u64..200)) {
        let hints = Hints { wait: hint.map(Duration::from_secs), ..Hints::default() };
        let end = deadline.map(at);
        let judged = with(attempts, Proven::Yes, end, |facts| judge(&reply(status, hints), facts));
        if let Verdict::Again { at } = judged.verdict {
            prop_assert!(at >= NOW && end.is_none_or(|end| at <= end));
        }
        prop_assert_eq!(judged.verdict == Verdict::Done, (200..300).contains(&status));
    }
}

#[test]
fn only_what_the_target_fails_at_speaks_against_it() {
    let broken = |class| Outcome::Broken {
        class,
        written: Written::Nothing,
        detail: String::new(),
        timings: Timings::default(),
    };
    let statuses = Statuses { success: Set(vec![200..=299, 503..=503]), ..Statuses::default() };
    let answers =
        [(200, Sign::Well), (503, Sign::Well), (400, Sign::Well), (404, Sign::Well), (302, Sign::Well)];
    let answers = answers.into_iter().chain([(401, Sign::Well), (429, Sign::Nothing)]);
    let answers = answers.chain([500, 501, 504].map(|status| (status, Sign::Ill(Reach::Host))));
    for (status, expected) in answers {
        assert_eq!(sign(&reply(status, wait(1)), &statuses), expected, "{status}");
    }
    for class in ErrorClass::ALL.into_iter().filter(|class| !class.is_local()) {
        assert!(matches!(sign(&broken(class), &statuses), Sign::Ill(_)), "{class:?}");
    }
    for class in ErrorClass::ALL.into_iter().filter(|class| class.is_local()) {
        for lasting in [Lasting::Passing, Lasting::Lasting] {
            let own = Outcome::Own { class, lasting, detail: String::new() };
            assert_eq!(sign(&own, &statuses), Sign::Nothing, "{class:?}");
        }
    }
}

#[test]
fn a_failure_that_the_caller_is_told_is_the_end() {
    let refused = Outcome::Broken {
        class: ErrorClass::ConnectionRefused,
        written: Written::Nothing,
        detail: String::new(),
        timings: Timings::default(),
    };
    let resources =
        Outcome::Own { class: ErrorClass::LocalResources, lasting: Lasting::Passing, detail: String::new() };
    let told = |outcome: &Outcome, until: Option<Timestamp>| {
        with(1, Proven::Yes, None, |facts| judge(outcome, &Facts { told_until: until, ..*facts }).verdict)
    };
    let dead = Verdict::Dead { why: Death::Exhausted };
    for outcome in
        [reply(503, Hints::default()), reply(429, wait(7)), reply(401, Hints::default()), refused, resources]
    {
        assert_eq!((told(&outcome, Some(NOW)), told(&outcome, Some(at(30)))), (dead, dead), "{outcome:?}");
        let again = |until| matches!(told(&outcome, until), Verdict::Again { .. });
        assert!(again(None) && again(Some(Timestamp::ZERO)), "{outcome:?}: nobody is told any more");
    }
    assert_eq!(told(&reply(200, Hints::default()), Some(NOW)), Verdict::Done);
    assert_eq!(told(&reply(400, Hints::default()), Some(NOW)), Verdict::Dead { why: Death::Refused });
}

#[test]
fn a_success_that_cannot_be_read_is_a_failure_and_the_target_is_well() {
    use contract::delivery::CaptureEnd::{Broken, Complete, Truncated};
    let (audience, dead) = (
        Audience { others: contract::part::Reads::Body, caller: contract::part::Caller::Away },
        Verdict::Dead { why: Death::Unreadable },
    );
    for (body, end, verdict, class) in [
        ("{}", Complete, Verdict::Done, None),
        ("", Complete, dead, Some(ErrorClass::BadBody)),
        ("{}", Truncated, dead, Some(ErrorClass::BadBody)),
        ("{}", Broken, Verdict::Again { at: at(10) }, Some(ErrorClass::BadBody)),
    ] {
        let Outcome::Answered(plain) = reply(200, Hints::default()) else { unreachable!() };
        let capture = Capture { body: body.into(), end, ..Capture::default() };
        let outcome = Outcome::Answered(Reply { capture, ..plain });
        let judged = with(1, Proven::Yes, None, |facts| judge(&outcome, &Facts { audience, ..*facts }));
        assert_eq!(judged, Judgement { verdict, effect: Effect::Succeeded, class }, "{body} {end:?}");
    }
}
