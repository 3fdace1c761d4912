//! What the proof accepts and what it does not. That it is right is tested beside it, by random programs.

use crate::{WORKER, compile, run, runner, with_worker};
use contract::expression::Fault;
use expressions::{Program, RunnerOptions};
use std::time::Duration;

/// Expressions that are not endless, but grow or multiply: none of them may run where it blocks others.
const GROWING: &[&str] = &[
    "[.[] as $a | .[] as $b | .[] as $c | 1]",
    "[.[] | [$__x]]",
    ".[] as $a | .[] as $b | .[] as $c | select($a == $b and $b == $c)",
    "walk(.)",
    "paths",
    "flatten",
    "[.[] * .[]]",
    ".a * .b",
    "\"x\" * 1e9",
    "\"x\" * (1000000000)",
    "combinations",
    "[splits(\"a\")]",
    "fromjson",
    "tonumber",
    "label $out | 1",
    "foreach .[] as $x (0; . + 1)",
    "limit(1; .[])",
    "(.a, .a) |= [., .]",
    ".[0, 0] |= [., .]",
    ".. |= [., .]",
    "getpath([\"a\"])",
    "gsub(\"a\"; \"b\")",
    "ascii",
    "transpose",
    "input",
];

#[test]
fn what_grows_or_is_unknown_is_not_proven() {
    for text in GROWING {
        assert!(!Program::compile(text).is_ok_and(|program| program.is_bounded()), "{text}");
    }
    for doubling in
        ["[., .]", ". + .", "{a: ., b: .}", "\"\\(.)\\(.)\"", "tojson", "(., .)", ". as $x | $x + $x"]
    {
        let text = [doubling; 30].join(" | ");
        assert!(compile(doubling).is_bounded(), "{doubling}");
        assert!(!compile(&text).is_bounded(), "{doubling}");
    }
}

#[test]
fn long_expressions_that_only_rearrange_are_proven() {
    let entries: Vec<_> = (0..40).map(|number| format!("field_{number}: .source.field_{number}")).collect();
    assert!(compile(&format!("{{{}}}", entries.join(", "))).is_bounded());
    assert!(
        compile("{items: [.items[] | {sku: .sku, name: .name, tags: [.tags[] | ascii_downcase]}]}")
            .is_bounded()
    );
    assert!(
        compile(".items | map(select(.price > 10 and (.tags | any(. == \"x\")))) | sort_by(.price) | .[0:3]")
            .is_bounded()
    );
}

/// `times` nested terms of several kinds.
fn nested(times: usize) -> Vec<String> {
    let wrapped = |open: &str, close: &str| format!("{}.{}", open.repeat(times), close.repeat(times));
    let entries: Vec<_> = (0..times).map(|number| format!("k{number}: .")).collect();
    vec![
        wrapped("[", "]"),
        wrapped("{a: ", "}"),
        wrapped("first(", ")"),
        wrapped("try (", ")"),
        wrapped("if . then ", " else 1 end"),
        wrapped("\"\\(", ")\" "),
        wrapped(". as $x | ", ""),
        wrapped(". | ", ""),
        wrapped("., ", ""),
        wrapped("null // ", ""),
        wrapped("map(", ")?"),
        wrapped(".a? |= ", ""),
        format!("{{{}}}", entries.join(", ")),
        format!(".{}", "[0]?".repeat(times)),
        format!("[.{} == 1]", " == .".repeat(times)),
    ]
}

#[tokio::test]
async fn the_deepest_expressions_fit_their_stacks() {
    let body = format!("{}1{}", "[".repeat(128), "]".repeat(128));
    // In this thread, which has as much stack as one of the runtime; and in a child.
    for (times, before) in [(45, ""), (95, ""), (190, "def f: .; "), (390, "def f: .; ")] {
        let runner = runner(RunnerOptions { deadline: Duration::from_secs(60), ..with_worker(WORKER) });
        for text in nested(times) {
            let text = format!("{before}{text}");
            if Program::compile(&text).is_err() {
                // Some kinds count double, and brackets have a limit of their own.
                assert!(times > 100, "{text}");
                continue;
            }
            let result = run(&runner, &text, body.clone()).await;
            let died = matches!(&result, Err(Fault::Exceeded { bound }) if bound.contains("memory"));
            assert!(!died, "{text}: {result:?}");
        }
    }
}
