//! Reads what an answer's headers ask of the sender: how long to wait, and the receiver's word.

use contract::Timestamp;
use contract::target::{Hints, Word};
use http::{HeaderMap, HeaderName, header};
use std::time::{Duration, UNIX_EPOCH};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
/// The spellings that are in use: what is left, and when it begins anew.
static X_RATE_LIMIT: [(HeaderName, HeaderName); 2] = [
    (HeaderName::from_static("x-ratelimit-remaining"), HeaderName::from_static("x-ratelimit-reset")),
    (HeaderName::from_static("x-rate-limit-remaining"), HeaderName::from_static("x-rate-limit-reset")),
];
const WEBHOOK_DELIVERY: HeaderName = HeaderName::from_static("webhook-delivery");

/// A reset above this is a moment, not a span: as a span it would be 31 years.
const EPOCH_SECONDS_MIN: u64 = 1_000_000_000;
/// A moment above this is counted in milliseconds: in seconds it would be the year 33658.
const EPOCH_MILLIS_MIN: u64 = 1_000_000_000_000;

/// The hints of an answer, whatever its status: which status is a success, on which a time to wait means nothing for the next call, is not
/// known here. `now` is asked only for a moment in time.
pub fn read(headers: &HeaderMap, now: impl Fn() -> Timestamp) -> Hints {
    let word = text(headers, &WEBHOOK_DELIVERY).and_then(word);
    let spent = exhausted(headers, &now);
    let wait = text(headers, &header::RETRY_AFTER).and_then(|value| retry_after(value, &now)).or(spent);
    Hints { wait, spent, word }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn word(value: &str) -> Option<Word> {
    match value {
        "abort-message" => Some(Word::AbortMessage),
        "disable" => Some(Word::Disable),
        _ => None,
    }
}

fn retry_after(value: &str, now: &impl Fn() -> Timestamp) -> Option<Duration> {
    if let Some(seconds) = digits(value) {
        return Some(Duration::from_secs(seconds));
    }
    let moment = httpdate::parse_http_date(value).ok()?;
    let since_epoch = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(until(since_epoch, now()))
}

/// The time until the reset of a rate limit with nothing left.
fn exhausted(headers: &HeaderMap, now: &impl Fn() -> Timestamp) -> Option<Duration> {
    let fields =
        headers.get_all(RATE_LIMIT).iter().filter_map(|value| rate_limit(value.to_str().ok()?)).max();
    let used_up = |name: &HeaderName| text(headers, name).and_then(digits) == Some(0);
    fields
        .or_else(|| {
            let reset = text(headers, &RATE_LIMIT_RESET).filter(|_| used_up(&RATE_LIMIT_REMAINING))?;
            digits(reset).map(Duration::from_secs)
        })
        .or_else(|| {
            let (_, reset) = X_RATE_LIMIT.iter().find(|(remaining, _)| used_up(remaining))?;
            Some(match text(headers, reset).and_then(digits)? {
                millis if millis >= EPOCH_MILLIS_MIN => until(Duration::from_millis(millis), now()),
                seconds if seconds >= EPOCH_SECONDS_MIN => until(Duration::from_secs(seconds), now()),
                span => Duration::from_secs(span),
            })
        })
}

/// Both forms of the field: `"default";r=0;t=30` and the older `limit=10, remaining=0, reset=30`.
fn rate_limit(value: &str) -> Option<Duration> {
    let (mut used_up, mut reset) = (false, None);
    let mut longest = None;
    for parameter in value.split([';', ',']).map(str::trim) {
        match parameter.split_once('=') {
            Some(("r" | "remaining", left)) => used_up = digits(left) == Some(0),
            Some(("t" | "reset", seconds)) => reset = digits(seconds).map(Duration::from_secs),
            Some(_) => {}
            // A name begins the next policy of the list.
            None => (used_up, reset) = (false, None),
        }
        if used_up {
            longest = longest.max(reset);
        }
    }
    longest
}

/// Seconds as digits only: `+5`, `-1` and `1.5` are no valid field value.
fn digits(value: &str) -> Option<u64> {
    value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok()).flatten()
}

fn until(moment: Duration, now: Timestamp) -> Duration {
    moment.saturating_sub(Duration::from_micros(now.as_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const NOW: u64 = 784_111_777;

    fn hints(fields: &[(&'static str, &str)]) -> Hints {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        read(&headers, || Timestamp::from_micros(NOW * 1_000_000))
    }

    fn wait(fields: &[(&'static str, &str)]) -> Option<u64> {
        hints(fields).wait.map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_in_all_three_forms_of_a_date() {
        let cases = [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun Nov  6 08:50:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("+5", None),
            ("", None),
            ("soon", None),
            ("99999999999999999999999", None),
        ];
        for (value, expected) in cases {
            assert_eq!(wait(&[("retry-after", value)]), expected, "{value:?}");
        }
    }

    #[test]
    fn a_rate_limit_counts_only_when_nothing_is_left() {
        type Case = (&'static [(&'static str, &'static str)], Option<u64>);
        let cases: [Case; 14] = [
            (&[("ratelimit", "\"default\";r=0;t=30")], Some(30)),
            (&[("ratelimit", "\"default\";r=1;t=30")], None),
            (&[("ratelimit", "\"a\";r=0;t=5, \"b\";r=9;t=500")], Some(5)),
            (&[("ratelimit", "\"a\";t=5;r=0, \"b\";t=50;r=0")], Some(50)),
            (&[("ratelimit", "limit=10, remaining=0, reset=12")], Some(12)),
            (&[("ratelimit-remaining", "0"), ("ratelimit-reset", "9")], Some(9)),
            (&[("ratelimit-remaining", "3"), ("ratelimit-reset", "9")], None),
            (&[("ratelimit-reset", "9")], None),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "45")], Some(45)),
            (
                &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1000000000")],
                Some(1_000_000_000 - NOW),
            ),
            (
                &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1000000000000")],
                Some(1_000_000_000 - NOW),
            ),
            (&[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "45")], None),
            (&[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "45")], Some(45)),
            (&[("x-rate-limit-remaining", "2"), ("x-rate-limit-reset", "45")], None),
        ];
        for (fields, expected) in cases {
            assert_eq!(wait(fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn retry_after_beats_a_rate_limit_and_does_not_hide_it() {
        let fields = [("retry-after", "3"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "45")];
        assert_eq!(wait(&fields), Some(3));
        assert_eq!(hints(&fields).spent, Some(Duration::from_secs(45)));
        assert_eq!(hints(&fields[..1]).spent, None, "it is no limit");
    }

    #[test]
    fn the_receivers_word_is_read() {
        let cases =
            [("abort-message", Some(Word::AbortMessage)), ("disable", Some(Word::Disable)), ("no", None)];
        for (value, expected) in cases {
            assert_eq!(hints(&[("webhook-delivery", value)]).word, expected, "{value}");
        }
    }
}
