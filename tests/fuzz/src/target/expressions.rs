//! jq expressions: what is proven to end does end, gives JSON within its bounds, and gives it always the same way.

use super::must;
use bytes::Bytes;
use contract::expression::{Expression, Fault};
use contract::{Clock, Promise, Tick, Timestamp};
use expressions::{Program, Runner, RunnerOptions};
use futures_util::FutureExt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// An expression, a line break, a body.
pub(super) const SEEDS: &[&[u8]] = &[
    b".consent == true\n{\"email\": \"ada@example.com\", \"consent\": true}",
    b"{email: .email, list: \"welcome\", n: (.a + 1)}\n{\"email\": \"x\", \"a\": 1.50}",
    b"[.items[] | select(.price > 10) | {(.name): .price}] | add\n{\"items\": [{\"name\": \"a\", \"price\": 11}, {\"name\": \"b\", \"price\": 1e2}]}",
    b"if .a then .b else .c // \"none\" end | tostring | ascii_downcase | split(\",\")\n{\"a\": null, \"c\": \"A,B\"}",
    b".a as [$x, {b: $y}] | $x * 3 - ($y | length)\n{\"a\": [2, {\"b\": [1, 2]}]}",
    b"to_entries | map(.value |= tojson) | from_entries\n{\"a\": [1], \"b\": {\"c\": null}}",
    b"reduce .[] as $n (0; . + $n) | @base64 \"\\(.)\"\n[1, 2, 3]",
    b"try error(\"x\") catch . + \"\\u00e9\"\nnull",
    b"[range(5)] | map(. * .) | sort_by(-.) | .[1:3]\n0",
    b"def f($x): $x + 1; f(.) | gsub(\"a\"; \"b\")?\n\"banana\"",
    b".. | numbers\n[1, [2, {\"a\": 3}]]",
];

pub(super) const WORDS: &[&[u8]] = &[
    b".",
    b"..",
    b".[]",
    b".a",
    b"?",
    b"|",
    b",",
    b" // ",
    b" as $x | ",
    b"map(",
    b"select(",
    b"reduce .[] as $x (0; ",
    b"foreach ",
    b"try ",
    b" catch ",
    b"if ",
    b" then ",
    b" else ",
    b" end",
    b"def f: ",
    b"f",
    b"; ",
    b"recurse",
    b"range(1e12)",
    b"limit(3; ",
    b"first(",
    b"until(",
    b"while(",
    b"repeat(",
    b"paths",
    b"tojson",
    b"fromjson",
    b"test(\"a+\")",
    b"@json",
    b"@csv",
    b"implode",
    b"explode",
    b"ltrimstr(",
    b" * ",
    b" * 1e9",
    b" + ",
    b" / 0",
    b" % 0",
    b"-",
    b"length",
    b"keys",
    b"to_entries",
    b"sort",
    b"group_by(",
    b"unique",
    b"flatten",
    b"tostring",
    b"tonumber",
    b"splits(",
    b"$__loc__",
    b"getpath([\"a\"])",
    b"|=",
    b"+=",
    b"\"\\(.)\"",
    b"null",
    b"true",
    b"nan",
    b"infinite",
    b"now",
    b"env",
    b"input",
];

/// The largest output: small, so that the bound is met often.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// No expression that is proven to end asks for the time.
struct Never;

impl Clock for Never {
    fn now(&self) -> Timestamp {
        Timestamp::ZERO
    }

    fn tick(&self) -> Tick {
        Tick(Duration::ZERO)
    }

    fn sleep(&self, _: Duration) -> Promise<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// Without a worker: what is not proven to end does not run.
static RUNNER: LazyLock<Runner> = LazyLock::new(|| {
    Runner::new(
        RunnerOptions { output_bytes_max: OUTPUT_BYTES_MAX, ..RunnerOptions::default() },
        Arc::new(Never),
    )
});

pub(super) fn check(input: &[u8]) -> Result<(), String> {
    let at = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (text, body) = input.split_at_checked(at).unwrap_or((input, &[]));
    let text = String::from_utf8_lossy(text);
    let program = match Program::compile(&text) {
        Ok(program) => program,
        Err(error) => {
            must(!error.message.is_empty(), "a refusal without a reason")?;
            return must(
                error.offset.is_none_or(|at| at <= text.len() && text.is_char_boundary(at)),
                "an error beyond the text",
            );
        }
    };
    must(program.text() == text, "a program has another text")?;
    let again = Program::compile(&text).map_err(|error| format!("compiled once and not twice: {error}"))?;
    must(again.is_bounded() == program.is_bounded(), "proven once and not twice")?;
    let body = Bytes::copy_from_slice(body);
    let first = evaluate(&RUNNER.expression(program), &body)?;
    must(first == evaluate(&RUNNER.expression(again), &body)?, "the same input gives two outputs")?;
    match first {
        Ok(output) => {
            must(output.len() <= OUTPUT_BYTES_MAX, "an output beyond its bound")?;
            must(
                serde_json::from_slice::<serde::de::IgnoredAny>(&output).is_ok(),
                "an output that is no JSON",
            )
        }
        Err(
            Fault::NotJson { .. }
            | Fault::Raised { .. }
            | Fault::Empty
            | Fault::Exceeded { .. }
            | Fault::Template { .. }
            | Fault::Busy { .. },
        ) => Ok(()),
    }
}

/// What runs in this thread is ready at once.
fn evaluate(expression: &Arc<dyn Expression>, body: &Bytes) -> Result<Result<Bytes, Fault>, String> {
    expression
        .evaluate(body.clone())
        .now_or_never()
        .ok_or_else(|| "an expression waits without a worker".to_owned())
}
