//! APIs that misbehave: each ends as documented, and the healthy one beside it gets every message.

use anyhow::{Context, Result, ensure};
use e2e::api::{Api, answer};
use e2e::book::{self, Book};
use e2e::fault;
use e2e::gateway::{Gateway, Setup, Target};
use e2e::patience::{now, until};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::sync::Arc;

const MESSAGES: u64 = 20;
const RETRY: &str = "timeout: 5s, retry: { schedule: [0s, 50ms, 50ms] }, breaker: off";
/// Only where the time-out is what must happen; a busy machine may be slower than this.
const SHORT: &str = "timeout: 1s, retry: { schedule: [0s, 50ms, 50ms] }, breaker: off";

/// How a delivery to a faulty API must end.
struct Ending {
    state: &'static str,
    attempts: usize,
    /// The class of every attempt; none for a success.
    class: Option<&'static str>,
    /// How the capture of the answer ended.
    capture: Option<&'static str>,
}

/// Failed on every attempt until the schedule was used up.
const fn exhausted(class: &'static str) -> Ending {
    Ending { state: "dead", attempts: 3, class: Some(class), capture: None }
}

/// Delivered by the first attempt, whatever became of the body.
const fn delivered(capture: &'static str) -> Ending {
    Ending { state: "delivered", attempts: 1, class: None, capture: Some(capture) }
}

/// Sends messages to a healthy and a faulty API and looks at how both end.
fn faulty(url: String, expected: &Ending) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let healthy = Arc::new(Book::default());
    let recorded = Arc::clone(&healthy);
    let api = Api::start(move |request, stream| {
        recorded.answered(recorded.arrived(request).map_err(std::io::Error::other)?);
        answer(stream, 200, "", b"ok")
    })?;
    let more = if expected.class == Some("timeout_total") { SHORT } else { RETRY };
    let targets =
        [Target { name: "healthy", url: api.url(), more: "" }, Target { name: "faulty", url, more }];
    let gateway = Gateway::start(&Setup::new(folder.path(), &targets))?;
    let tickets =
        (0..MESSAGES).map(|number| gateway.accepted(&book::body(number))).collect::<Result<Vec<_>>>()?;
    let numbers: Vec<_> = (0..MESSAGES).collect();
    until("the healthy API to get every message", || Ok(healthy.missing(&numbers).is_empty().then_some(())))?;
    for ticket in &tickets {
        let delivery = gateway.delivery(ticket, "faulty", &["delivered", "dead"])?;
        ended(&delivery, expected).with_context(|| format!("{delivery:#}\n{}", gateway.log()))?;
        let beside = gateway.delivery(ticket, "healthy", &["delivered"])?;
        ensure!(attempts(&beside)?.len() == 1, "the healthy API was tried again: {beside:#}");
    }
    healthy.check()
}

fn ended(delivery: &Value, expected: &Ending) -> Result<()> {
    let state = text(delivery, "/state");
    ensure!(state == Some(expected.state), "ended as {state:?}, not {}", expected.state);
    let attempts = attempts(delivery)?;
    ensure!(attempts.len() == expected.attempts, "{} attempts, not {}", attempts.len(), expected.attempts);
    for attempt in attempts {
        let class = text(attempt, "/class");
        ensure!(class == expected.class, "an attempt of class {class:?}, not {:?}", expected.class);
        let capture = text(attempt, "/response/capture").filter(|_| expected.capture.is_some());
        ensure!(capture == expected.capture, "a capture that was {capture:?}, not {:?}", expected.capture);
    }
    Ok(())
}

fn attempts(delivery: &Value) -> Result<&Vec<Value>> {
    delivery.get("attempts").and_then(Value::as_array).context("no attempts")
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

#[test]
fn an_api_that_is_not_there_is_tried_until_the_schedule_ends() -> Result<()> {
    faulty(fault::refuse()?, &exhausted("connection_refused"))
}

#[test]
fn an_api_that_resets_is_tried_until_the_schedule_ends() -> Result<()> {
    faulty(fault::reset()?.url(), &exhausted("connection_reset"))
}

#[test]
fn an_api_that_hangs_before_its_headers_runs_into_the_timeout() -> Result<()> {
    faulty(fault::hang_before_headers()?.url(), &exhausted("timeout_total"))
}

#[test]
fn an_api_that_hangs_in_its_body_has_said_yes() -> Result<()> {
    faulty(fault::hang_in_body()?.url(), &delivered("timed_out"))
}

#[test]
fn an_api_that_sends_a_byte_per_second_has_said_yes() -> Result<()> {
    faulty(fault::byte_per_second()?.url(), &delivered("timed_out"))
}

#[test]
fn an_answer_of_ten_megabytes_is_cut() -> Result<()> {
    faulty(fault::ten_megabytes()?.url(), &delivered("truncated"))
}

#[test]
fn an_answer_that_is_no_http_is_a_protocol_error() -> Result<()> {
    faulty(fault::invalid_http()?.url(), &exhausted("protocol_error"))
}

#[test]
fn an_answer_shorter_than_it_said_has_said_yes() -> Result<()> {
    faulty(fault::wrong_length()?.url(), &delivered("broken"))
}

#[test]
fn a_redirect_is_not_followed() -> Result<()> {
    let ending = Ending { state: "dead", attempts: 1, class: Some("redirect"), capture: None };
    faulty(fault::redirect_loop()?.url(), &ending)
}

/// One message to an API that answers 429 first: the second attempt waits as long as the API asked for.
fn too_many(headers: impl Fn() -> String + Send + Sync + 'static, at_least_ms: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let api = fault::too_many(headers)?;
    let healthy = fault::none()?;
    let targets = [
        Target { name: "healthy", url: healthy.url(), more: "" },
        Target { name: "slow", url: api.url(), more: RETRY },
    ];
    let gateway = Gateway::start(&Setup::new(folder.path(), &targets))?;
    let before = now();
    let ticket = gateway.accepted(&book::body(1))?;
    gateway.delivery(&ticket, "healthy", &["delivered"])?;
    let delivery = gateway.delivery(&ticket, "slow", &["delivered", "dead"])?;
    let waited = before.elapsed().as_millis();
    let statuses: Vec<_> =
        attempts(&delivery)?.iter().map(|attempt| attempt.pointer("/status").cloned()).collect();
    ensure!(statuses == [Some(429.into()), Some(200.into())], "{delivery:#}");
    // Only that it is not early: how late it is depends on the machine.
    ensure!(waited >= u128::from(at_least_ms), "the second attempt came after {waited} ms: {delivery:#}");
    Ok(())
}

#[test]
fn retry_after_in_seconds_is_obeyed() -> Result<()> {
    too_many(|| "retry-after: 2\r\n".to_owned(), 2000)
}

#[test]
fn retry_after_as_a_date_is_obeyed() -> Result<()> {
    // A date has whole seconds: three ahead of now are more than two.
    let later = || Timestamp::now().saturating_add(SignedDuration::from_secs(3)).unwrap_or(Timestamp::MAX);
    too_many(move || later().strftime("retry-after: %a, %d %b %Y %H:%M:%S GMT\r\n").to_string(), 2000)
}
