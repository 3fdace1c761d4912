//! Reads what a token endpoint answers (RFC 6749, sections 5.1 and 5.2).

use super::super::auth;
use contract::Secret;
use contract::delivery::CaptureEnd;
use contract::target::Reply;
use http::HeaderValue;
use serde_json::Value as Json;
use std::time::Duration;

/// A token.
#[derive(Debug)]
pub(super) struct Granted {
    /// As it is sent.
    pub(super) field: HeaderValue,
    /// How long it lasts, if the answer says so.
    pub(super) life: Option<Duration>,
}

/// No token. Nothing of the answer is quoted but its code.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("it answered {0}")]
    Status(u16),
    #[error("it answered {0}: {1}")]
    Code(u16, String),
    #[error("its answer is not JSON with an `access_token`")]
    Unreadable,
    #[error("its answer has a token of another type than Bearer")]
    Kind,
}

pub(super) fn read(reply: &Reply) -> Result<Granted, Refusal> {
    let json: Option<Json> = serde_json::from_slice(&reply.capture.body).ok();
    let text = |name: &str| json.as_ref()?.get(name)?.as_str();
    if reply.status != 200 {
        return Err(match text("error").filter(|code| is_code(code)) {
            Some(code) => Refusal::Code(reply.status, code.to_owned()),
            None => Refusal::Status(reply.status),
        });
    }
    let token = text("access_token").filter(|token| !token.is_empty()).ok_or(Refusal::Unreadable)?;
    if reply.capture.end != CaptureEnd::Complete {
        return Err(Refusal::Unreadable);
    }
    if text("token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(Refusal::Kind);
    }
    let field = auth::bearer(&Secret::new(token)).map_err(|_| Refusal::Unreadable)?;
    Ok(Granted { field, life: json.as_ref().and_then(|json| json.get("expires_in")).and_then(seconds) })
}

/// A number of seconds; some servers write it as a text.
fn seconds(value: &Json) -> Option<Duration> {
    let number = match value {
        Json::Number(number) => number.as_u64(),
        Json::String(text) => text.parse().ok(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    };
    number.map(Duration::from_secs)
}

/// The codes are words; anything else is not repeated.
fn is_code(code: &str) -> bool {
    code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::delivery::{Capture, Timings};
    use contract::target::Hints;

    fn answer(status: u16, body: &'static str, end: CaptureEnd) -> Result<Granted, Refusal> {
        let capture = Capture { body: body.as_bytes().into(), end, ..Capture::default() };
        let (hints, timings) = (Hints::default(), Timings::default());
        read(&Reply { status, counts_as: None, hints, location: None, capture, timings })
    }

    #[test]
    fn a_token_is_read_with_its_life() {
        for (body, life) in [
            (r#"{"access_token":"t","token_type":"Bearer","expires_in":3600}"#, Some(3600)),
            (r#"{"access_token":"t","token_type":"bearer","expires_in":"60"}"#, Some(60)),
            (r#"{"access_token":"t"}"#, None),
            (r#"{"access_token":"t","expires_in":-1}"#, None),
        ] {
            let granted = answer(200, body, CaptureEnd::Complete).unwrap();
            assert_eq!(
                (granted.field.to_str().unwrap(), granted.life.map(|life| life.as_secs())),
                ("Bearer t", life)
            );
            assert!(granted.field.is_sensitive());
        }
    }

    #[test]
    fn what_is_no_token_says_why_and_quotes_nothing() {
        let code = |status, code: &str| Refusal::Code(status, code.to_owned());
        let cases = [
            (401, r#"{"error":"invalid_client","error_description":"hush"}"#, code(401, "invalid_client")),
            (400, r#"{"error":"Hush hush"}"#, Refusal::Status(400)),
            (503, "hush", Refusal::Status(503)),
            (302, "", Refusal::Status(302)),
            (200, "hush", Refusal::Unreadable),
            (200, r#"{"access_token":""}"#, Refusal::Unreadable),
            (200, r#"{"access_token":"a\nb"}"#, Refusal::Unreadable),
            (200, r#"{"access_token":"t","token_type":"mac"}"#, Refusal::Kind),
        ];
        for (status, body, expected) in cases {
            assert_eq!(answer(status, body, CaptureEnd::Complete).unwrap_err(), expected, "{body}");
        }
        let cut = answer(200, r#"{"access_token":"t"}"#, CaptureEnd::Truncated);
        assert_eq!(cut.unwrap_err(), Refusal::Unreadable);
    }
}
