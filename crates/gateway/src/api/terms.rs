//! When a message may go, until when, and how urgent it is: from headers or the fields of an envelope. Pure.

use crate::config::units;
use contract::line::Priority;
use contract::{Timestamp, limits};
use http::HeaderMap;

/// What a message asks for, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// A duration.
    pub delay: Option<String>,
    /// A date.
    pub not_before: Option<String>,
    /// A duration or a date.
    pub deadline: Option<String>,
    /// `high`, `normal` or `low`.
    pub priority: Option<String>,
}

/// What a message asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// No attempt before this moment.
    pub not_before: Option<Timestamp>,
    /// None after this one.
    pub deadline: Option<Timestamp>,
    /// None: as the route says.
    pub priority: Option<Priority>,
}

/// What cannot be granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// A header that is given twice, or is no text.
    #[error("`{0}` is given twice or is not ASCII text")]
    Header(&'static str),
    /// No duration.
    #[error("the delay {0:?} is not a duration: {1}; write for example 30s, 10m or 2h")]
    Delay(String, units::NotAQuantity),
    /// No date.
    #[error(
        "not-before {0:?} is not a date; write for example 2027-01-31T08:00:00Z or Sun, 31 Jan 2027 08:00:00 GMT"
    )]
    NotBefore(String),
    /// Neither.
    #[error("the deadline {0:?} is neither a duration such as 2h nor a date such as 2027-01-31T08:00:00Z")]
    Deadline(String),
    /// No such word.
    #[error("the priority {0:?} is not one of high, normal and low")]
    Priority(String),
    /// Two of the same.
    #[error("there is a delay and a not-before: give one of them")]
    Both,
    /// Longer than anything is put off.
    #[error("it would wait for more than {} days, which is the most", limits::DELAY_MAX.as_secs() / 86_400)]
    TooLate,
    /// Nothing could be sent. A repeat of a message that could be is answered all the same, so the engine says it.
    #[error("the deadline is not after the time at which it may go first: no attempt would ever be made")]
    NeverSent,
}

impl Written {
    /// What the headers say.
    ///
    /// # Errors
    /// [`Wrong::Header`]
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Wrong> {
        let text = |name: &'static str| {
            let mut values = headers.get_all(name).iter();
            match (values.next(), values.next()) {
                (None, _) => Ok(None),
                (Some(value), None) => match value.to_str() {
                    Ok(text) => Ok(Some(text.to_owned())),
                    Err(_) => Err(Wrong::Header(name)),
                },
                (Some(_), Some(_)) => Err(Wrong::Header(name)),
            }
        };
        Ok(Self {
            delay: text("fanlight-delay")?,
            not_before: text("fanlight-not-before")?,
            deadline: text("fanlight-deadline")?,
            priority: text("fanlight-priority")?,
        })
    }

    /// The same, where this says nothing as the other says.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let timed = self.delay.is_some() || self.not_before.is_some();
        let start = if timed { (self.delay, self.not_before) } else { (other.delay, other.not_before) };
        Self {
            delay: start.0,
            not_before: start.1,
            deadline: self.deadline.or(other.deadline),
            priority: self.priority.or(other.priority),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Wrong`]
    pub fn read(&self, now: Timestamp) -> Result<Terms, Wrong> {
        let not_before = match (&self.delay, &self.not_before) {
            (None, None) => None,
            (Some(_), Some(_)) => return Err(Wrong::Both),
            (Some(delay), None) => {
                let wait = units::duration(delay).map_err(|wrong| Wrong::Delay(short(delay), wrong))?;
                Some(now + wait)
            }
            (None, Some(text)) => Some(date(text).ok_or_else(|| Wrong::NotBefore(short(text)))?),
        };
        let not_before = not_before.filter(|at| *at > now);
        if not_before.is_some_and(|at| at.since(now) > limits::DELAY_MAX) {
            return Err(Wrong::TooLate);
        }
        let deadline = match &self.deadline {
            None => None,
            Some(text) => {
                let at = units::duration(text).ok().map(|within| now + within).or_else(|| date(text));
                Some(at.ok_or_else(|| Wrong::Deadline(short(text)))?)
            }
        };
        let priority = match &self.priority {
            None => None,
            Some(word) => {
                let found = Priority::from_word(&word.trim().to_ascii_lowercase());
                Some(found.ok_or_else(|| Wrong::Priority(short(word)))?)
            }
        };
        Ok(Terms { not_before, deadline, priority })
    }
}

/// RFC 3339, or the form of HTTP's own dates.
fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let moment = text.parse::<jiff::Timestamp>().ok();
    let moment = moment.or_else(|| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok())?;
    Some(Timestamp::from_micros(u64::try_from(moment.as_microsecond()).unwrap_or(0)))
}

/// What is quoted in an answer has a bound.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// 2026-09-21T14:13:20Z
    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn read(fields: &[(&'static str, &str)]) -> Result<Terms, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        Written::from_headers(&headers)
            .and_then(|written| written.read(NOW))
            .map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn a_delay_and_a_date_say_when_it_may_go() {
        let at = |seconds: u64| Some(NOW + Duration::from_secs(seconds));
        let cases = [
            (("fanlight-delay", "10m"), at(600)),
            (("fanlight-delay", "0s"), None),
            (("fanlight-not-before", "2026-09-21T14:14:20Z"), at(60)),
            (("fanlight-not-before", "2026-09-21T16:14:20+02:00"), at(60)),
            (("fanlight-not-before", "Mon, 21 Sep 2026 14:14:20 GMT"), at(60)),
            (("fanlight-not-before", "2020-01-01T00:00:00Z"), None),
        ];
        for (field, not_before) in cases {
            assert_eq!(read(&[field]), Ok(Terms { not_before, ..Terms::default() }), "{field:?}");
        }
    }

    #[test]
    fn a_deadline_is_a_duration_or_a_date_and_a_priority_a_word() {
        let deadline = Some(NOW + Duration::from_secs(60));
        for text in ["1m", "2026-09-21T14:14:20Z", "Mon, 21 Sep 2026 14:14:20 GMT"] {
            assert_eq!(
                read(&[("fanlight-deadline", text)]),
                Ok(Terms { deadline, ..Terms::default() }),
                "{text}"
            );
        }
        let priority = Some(Priority::High);
        assert_eq!(read(&[("fanlight-priority", "High")]), Ok(Terms { priority, ..Terms::default() }));
    }

    #[test]
    fn what_cannot_be_granted_is_refused_and_says_why() {
        let cases: [(&[(&'static str, &str)], &str); 9] = [
            (&[("fanlight-delay", "10")], "the unit is missing"),
            (&[("fanlight-delay", "soon")], "not a duration"),
            (&[("fanlight-delay", "31d")], "more than 30 days"),
            (&[("fanlight-not-before", "tomorrow")], "not a date"),
            (&[("fanlight-not-before", "2099-01-01T00:00:00Z")], "more than 30 days"),
            (
                &[("fanlight-delay", "1m"), ("fanlight-not-before", "2026-09-21T14:14:20Z")],
                "give one of them",
            ),
            (&[("fanlight-delay", "1m"), ("fanlight-delay", "2m")], "given twice"),
            (&[("fanlight-deadline", "1.5h")], "neither a duration"),
            (&[("fanlight-priority", "urgent")], "not one of high, normal and low"),
        ];
        for (fields, why) in cases {
            let told = read(fields).unwrap_err();
            assert!(told.contains(why), "{fields:?}: {told}");
        }
    }

    #[test]
    fn an_events_own_words_win_over_the_requests() {
        let text = |text: &str| Some(text.to_owned());
        let own = Written { delay: text("1m"), priority: text("low"), ..Written::default() };
        let request = Written {
            not_before: text("2026-09-21T14:14:20Z"),
            deadline: text("1h"),
            priority: text("high"),
            ..Written::default()
        };
        let both = own.or(request);
        assert_eq!((both.delay.as_deref(), both.not_before), (Some("1m"), None));
        assert_eq!((both.deadline.as_deref(), both.priority.as_deref()), (Some("1h"), Some("low")));
    }
}
