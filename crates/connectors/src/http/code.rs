//! An API's own word for what went wrong, in the body of its answer, and which status it stands for.

use contract::delivery::Capture;
use contract::limits::ERROR_CODE_BYTES_MAX;
use serde_json::Value;
use std::str::FromStr;
use std::sync::Arc;

/// The code that stands for all others of an answer that would be a success.
pub const ANY: &str = "*";

/// Where an API's error codes are, and what they stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codes {
    /// The first of these that is there.
    pub at: Vec<Pointer>,
    /// Codes, each with the status that an answer with it counts as.
    pub counts_as: Vec<(String, u16)>,
}

/// A place in a JSON text (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(Arc<str>);

/// A text that is no pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPointer {
    /// It would be the name of a member in other notations.
    #[error("it does not begin with `/`")]
    NoSlash,
    /// `~` stands only before 0 and 1.
    #[error("`~` is written `~0`, and `/` in a name `~1`")]
    Tilde,
}

impl FromStr for Pointer {
    type Err = NotAPointer;

    fn from_str(text: &str) -> Result<Self, NotAPointer> {
        if !text.starts_with('/') {
            return Err(NotAPointer::NoSlash);
        }
        if text.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
            return Err(NotAPointer::Tilde);
        }
        Ok(Self(text.into()))
    }
}

impl Codes {
    /// The code in an answer, if there is one. It comes from outside: it is short, and has no control characters.
    pub(super) fn read(&self, capture: &Capture) -> Option<String> {
        if self.at.is_empty() || capture.body.is_empty() {
            return None;
        }
        let answer: Value = serde_json::from_slice(&capture.body).ok()?;
        self.at.iter().find_map(|place| word(answer.pointer(&place.0)?))
    }

    /// The status that an answer with this one counts as; none: its own.
    pub(super) fn counts_as(&self, status: u16, capture: &Capture) -> Option<u16> {
        if self.counts_as.is_empty() {
            return None;
        }
        let code = self.read(capture)?;
        let of = |name: &str| self.counts_as.iter().find(|(code, _)| code == name).map(|(_, status)| *status);
        of(&code).or_else(|| of(ANY).filter(|_| (200..300).contains(&status)))
    }
}

/// A text or a number; anything else is no code.
fn word(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let short = !text.is_empty() && text.len() <= ERROR_CODE_BYTES_MAX;
    (short && !text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn codes(at: &[&str], counts_as: &[(&str, u16)]) -> Codes {
        Codes {
            at: at.iter().map(|text| text.parse().unwrap()).collect(),
            counts_as: counts_as.iter().map(|(code, status)| ((*code).to_owned(), *status)).collect(),
        }
    }

    fn answer(body: &'static str) -> Capture {
        Capture { body: Bytes::from_static(body.as_bytes()), ..Capture::default() }
    }

    #[test]
    fn the_first_place_with_a_word_or_a_number_has_the_code() {
        let codes = codes(&["/error/code", "/error/type", "/0/errorCode"], &[]);
        for (body, expected) in [
            (r#"{"error": {"code": "card_declined", "type": "card_error"}}"#, Some("card_declined")),
            (r#"{"error": {"code": null, "type": "api_error"}}"#, Some("api_error")),
            (r#"{"error": {"code": 190}}"#, Some("190")),
            (r#"[{"errorCode": "INVALID_FIELD"}]"#, Some("INVALID_FIELD")),
            (r#"{"error": {"code": {"a": 1}}}"#, None),
            (r#"{"error": {"code": "a\nb"}}"#, None),
            (r#"{"error": "#, None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(codes.read(&answer(body)).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn a_code_stands_for_a_status_and_any_other_only_for_a_failure() {
        let codes = codes(&["/error"], &[("invalid_auth", 401), ("ratelimited", 429), (ANY, 400)]);
        for (status, body, expected) in [
            (200, r#"{"ok": true}"#, None),
            (200, r#"{"error": "invalid_auth"}"#, Some(401)),
            (200, r#"{"error": "channel_not_found"}"#, Some(400)),
            (503, r#"{"error": "channel_not_found"}"#, None),
            (403, r#"{"error": "ratelimited"}"#, Some(429)),
        ] {
            assert_eq!(codes.counts_as(status, &answer(body)), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_pointer_begins_with_a_slash() {
        for (text, fault) in
            [("", NotAPointer::NoSlash), ("error", NotAPointer::NoSlash), ("/a~b", NotAPointer::Tilde)]
        {
            assert_eq!(text.parse::<Pointer>(), Err(fault), "{text}");
        }
        assert!("/a~1b/0".parse::<Pointer>().is_ok());
    }
}
