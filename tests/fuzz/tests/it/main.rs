//! A short run of every fuzz target, and whether a run finds what is wrong.

use fuzz::{Target, check, input, run};

fn short(target: Target, cases: u64) {
    for case in 0..cases {
        let finding = run(target, 1, case).err();
        assert!(finding.is_none(), "{}", finding.map(|finding| finding.to_string()).unwrap_or_default());
    }
}

#[test]
fn a_configuration_is_read_or_refused_with_a_reason() {
    short(Target::Config, 300);
}

#[test]
fn what_a_request_says_is_read_within_its_bounds() {
    short(Target::Request, 20_000);
}

#[test]
fn an_event_is_a_piece_of_its_request() {
    short(Target::Events, 20_000);
}

#[test]
fn what_an_api_answers_is_read_within_its_bounds() {
    short(Target::Answer, 20_000);
}

#[test]
fn an_expression_that_is_proven_to_end_ends() {
    short(Target::Expressions, 1000);
}

#[test]
fn a_case_depends_on_its_seed_and_number_alone() {
    for target in Target::ALL {
        assert_eq!(input(target, 1, 7), input(target, 1, 7), "{target}");
        assert_ne!(input(target, 1, 7), input(target, 2, 7), "{target}");
        assert!((0..20).any(|case| input(target, 1, case) != input(target, 1, case + 1)), "{target}");
    }
}

#[test]
fn the_inputs_reach_both_what_is_read_and_what_is_refused() {
    let read = |case: &u64| {
        let text = input(Target::Expressions, 1, *case);
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        expressions::Program::compile(&String::from_utf8_lossy(line)).is_ok()
    };
    let good = (0..500).filter(read).count();
    assert!((25..475).contains(&good), "{good} of 500 expressions are good");
    assert_eq!(check(Target::Config, b""), Ok(()));
}
