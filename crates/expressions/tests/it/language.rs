//! The language: what expressions give, and how they fail, wherever they run.

use crate::{WORKER, compile, run, runner, with_worker};
use contract::expression::Fault;
use expressions::{Program, RunnerOptions};
use std::time::Duration;

const SIGN_UP: &str = r#"{"email":"A@b.example","consent":true,"id":12345678901234567890,"price":1.0,"zero":-0.0,"tags":["x","y"]}"#;

/// Expression, output for [`SIGN_UP`], whether it is proven.
const TABLE: &[(&str, &str, bool)] = &[
    (".", SIGN_UP, true),
    (".consent == true", "true", true),
    (r#"{email: .email, list: "welcome"}"#, r#"{"email":"A@b.example","list":"welcome"}"#, true),
    ("{email}", r#"{"email":"A@b.example"}"#, true),
    (".id", "12345678901234567890", true),
    ("[.id, .price, .zero, 1.0, 1, 1e2]", "[12345678901234567890,1.0,-0.0,1.0,1,1e2]", true),
    (".missing", "null", true),
    (".missing // \"none\"", "\"none\"", true),
    (".tags[]", "\"x\"", true),
    (".tags | map(ascii_upcase) | join(\"-\")", "\"X-Y\"", true),
    ("[.tags[] | {tag: .}]", r#"[{"tag":"x"},{"tag":"y"}]"#, true),
    ("del(.email, .id, .tags)", r#"{"price":1.0,"consent":true,"zero":-0.0}"#, true),
    (".email |= ascii_downcase | .email", "\"a@b.example\"", true),
    (".tags += [\"z\"] | .tags", r#"["x","y","z"]"#, true),
    ("if .consent then \"yes\" else \"no\" end", "\"yes\"", true),
    ("try error(\"x\") catch .", "\"x\"", true),
    (".a.b.c?", "null", true),
    ("\"to \\(.email): \\(.price)\"", "\"to A@b.example: 1.0\"", true),
    ("@base64 \"\\(.email)\"", "\"QUBiLmV4YW1wbGU=\"", true),
    (".email as $to | {$to}", r#"{"to":"A@b.example"}"#, true),
    ("with_entries(select(.value | type == \"boolean\"))", r#"{"consent":true}"#, true),
    ("to_entries | map(.key) | sort | first", "\"consent\"", true),
    (".email | split(\"@\") | last", "\"b.example\"", true),
    ("[.tags[], 1] | length", "3", true),
    ("(.tags | length) * 100", "200", true),
    ("def f: .email; f", "\"A@b.example\"", false),
    ("[..] | length", "9", false),
    ("reduce .tags[] as $tag (\"\"; . + $tag)", "\"xy\"", false),
    ("[range(3)]", "[0,1,2]", false),
    ("first(repeat(1))", "1", false),
    ("[limit(2; repeat(1))]", "[1,1]", false),
    (".email | test(\"@\")", "true", false),
    ("\"7\" | tonumber", "7", false),
    (".price * .id", "1.2345678901234567e19", false),
    ("1700000000 | todate", "\"2023-11-14T22:13:20Z\"", false),
];

#[tokio::test]
async fn expressions_give_their_first_output() {
    let runner = runner(with_worker(WORKER));
    for (text, output, bounded) in TABLE {
        assert_eq!(run(&runner, text, SIGN_UP).await.as_deref(), Ok(*output), "{text}");
        assert_eq!(compile(text).is_bounded(), *bounded, "{text}");
    }
}

#[tokio::test]
async fn expressions_that_give_nothing_say_why() {
    let runner = runner(with_worker(WORKER));
    // Once proven, and once such that it runs in a child.
    for apart in ["", "def f: .; "] {
        let fault = async |text: &str, body: &'static str| {
            let text = format!("{apart}{text}");
            assert_eq!(compile(&text).is_bounded(), apart.is_empty(), "{text}");
            run(&runner, &text, body).await.expect_err(&text)
        };
        let raised = |detail: &str| Fault::Raised { detail: detail.to_owned() };
        assert_eq!(fault("empty", "1").await, Fault::Empty);
        assert_eq!(fault("error(\"x\")", "1").await, raised("x"));
        assert_eq!(fault("error(null)", "1").await, raised("null"));
        assert_eq!(fault(".a", "[1]").await, raised("cannot index [1] with \"a\""));
        assert_eq!(
            fault("1 / 0", "1").await,
            raised("the output is not JSON: the number Infinity has no form in JSON")
        );
        assert_eq!(
            fault("{(.): 1}", "1").await,
            raised("the output is not JSON: an object has a key that is no string")
        );
        assert!(matches!(fault(".", "no json").await, Fault::NotJson { .. }));
        assert!(matches!(fault(".", "").await, Fault::NotJson { .. }));
        let nested: &'static str = "[".repeat(10_000).leak();
        assert!(matches!(fault(".", nested).await, Fault::NotJson { .. }));
        let nested: &'static str = format!("{nested}{}", "]".repeat(10_000)).leak();
        assert!(matches!(fault(".", nested).await, Fault::Exceeded { .. }));
        let long = fault("error(.)", format!("\"{}\"", "é".repeat(1000)).leak()).await;
        assert_eq!(long, raised(&format!("{}…", "é".repeat(300))));
    }
    assert!(matches!(run(&runner, ".", &b"\"\xff\""[..]).await, Err(Fault::NotJson { .. })));
}

#[tokio::test]
async fn a_large_body_is_evaluated_as_well() {
    // Without optimisation it takes a while.
    let runner = runner(RunnerOptions { deadline: Duration::from_secs(60), ..with_worker(WORKER) });
    let body = format!(r#"{{"email":"a","more":"{}"}}"#, "x".repeat(10_000_000));
    assert_eq!(run(&runner, ".email", body.clone()).await.as_deref(), Ok("\"a\""));
    assert_eq!(run(&runner, ".", body.clone()).await, Ok(body));
}

#[tokio::test]
async fn an_output_larger_than_allowed_is_stopped() {
    let runner = runner(RunnerOptions { output_bytes_max: 100, ..with_worker(WORKER) });
    for text in [".", "def f: .; f"] {
        assert!(run(&runner, text, format!("\"{}\"", "x".repeat(98))).await.is_ok());
        let fault = run(&runner, text, format!("\"{}\"", "x".repeat(99))).await;
        assert_eq!(fault, Err(Fault::Exceeded { bound: "the output has more than 100 bytes".to_owned() }));
    }
}

#[tokio::test]
async fn without_a_worker_only_proven_expressions_run() {
    let runner = runner(RunnerOptions::default());
    assert_eq!(run(&runner, ".a", r#"{"a":1}"#).await.as_deref(), Ok("1"));
    assert!(matches!(run(&runner, "[range(3)]", "1").await, Err(Fault::Busy { .. })));
}

#[test]
fn errors_say_what_is_wrong_and_where() {
    for (text, message, offset) in [
        ("", "expected term, found the end", 0),
        (".a |", "expected term, found the end", 4),
        (".a b", "expected nothing, found `b`", 3),
        (".a | §", "expected token, found `§`", 5),
        ("{a: 1", "expected closing brace, found the end", 5),
        ("\"abc", "expected closing quote, found the end", 4),
        ("if . then 1", "expected else or end, found the end", 11),
        ("1 | nosuch(2)", "there is no filter `nosuch/1`", 4),
        (".a + $x", "there is no variable `$x`", 5),
        ("break $x", "there is no label `$x`", 6),
        ("import \"a\" as a; .", "expected nothing, found `\"a\"`", 7),
    ] {
        let error = Program::compile(text).expect_err(text);
        assert_eq!((error.message.as_str(), error.offset), (message, Some(offset)), "{text}");
    }
}

#[test]
fn what_differs_from_attempt_to_attempt_is_refused() {
    for text in [
        "now",
        "localtime",
        "strflocaltime(\"%H\")",
        "env",
        "env.HOME",
        "$ENV",
        "$ENV.HOME",
        "input",
        "[inputs]",
        "debug",
        "debug(1)",
        "stderr",
        "halt",
        "halt(1)",
        "halt_error",
        "halt_error(1)",
        "input_filename",
        "input_line_number",
        "get_search_list",
    ] {
        let error = Program::compile(&format!(". | {text}")).expect_err(text);
        assert!(error.message.contains("cannot be used"), "{text}: {error}");
        assert!(error.offset.is_some(), "{text}");
    }
    assert_eq!(
        Program::compile("[now]").expect_err("now").to_string(),
        "`now` cannot be used: every attempt of a delivery must send the same bytes, and the time differs"
    );
    assert!(Program::compile("def now: 1; now").is_ok());
}

#[test]
fn expressions_that_would_overflow_the_stack_of_the_compiler_are_refused() {
    let most = 16 * 1024;
    for part in [
        "(",
        "[",
        "{a:",
        "-",
        "1|",
        "1,",
        "1+",
        "try ",
        "\"\\(",
        ".a as $x|",
        "if 1 then ",
        "[.",
        "reduce ",
        "def f:",
        "1//",
        "1 as [",
        ".[",
        "..",
        "?//",
    ] {
        let text = part.repeat(most / part.len());
        let complete = format!("{}1", text.get(..text.len() - part.len()).unwrap());
        assert!(Program::compile(&text).is_err(), "{part}");
        assert!(Program::compile(&complete).is_err(), "{part}");
    }
    assert!(Program::compile(&" ".repeat(most + 1)).is_err());
}
