//! The message that is sent: 1 KB of JSON that begins with its number.

use std::ops::Range;

/// Where the number's digits stand in the body.
pub(crate) const DIGITS: Range<usize> = 6..15;
const PREFIX: &[u8] = br#"{"n":""#;
const BODY_BYTES: usize = 1024;

/// A whole HTTP/1.1 request, kept in one buffer; only the number changes.
pub(crate) struct Request {
    bytes: Vec<u8>,
    body_at: usize,
}

impl Request {
    pub(crate) fn new(authority: &str, path: &str) -> Self {
        let mut body =
            r#"{"n":"000000000","email":"ada@example.com","name":"Ada Lovelace","consent":true,"note":""#
                .to_owned();
        body.push_str(&"x".repeat(BODY_BYTES - body.len() - 2));
        body.push_str(r#""}"#);
        let mut bytes = format!(
            "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        let body_at = bytes.len();
        bytes.extend_from_slice(body.as_bytes());
        Self { bytes, body_at }
    }

    /// The request with this number.
    pub(crate) fn numbered(&mut self, number: u64) -> &[u8] {
        let at = self.body_at + DIGITS.start..self.body_at + DIGITS.end;
        if let Some(digits) = self.bytes.get_mut(at) {
            let mut rest = number;
            for digit in digits.iter_mut().rev() {
                *digit = b"0123456789".get((rest % 10) as usize).copied().unwrap_or(b'0');
                rest /= 10;
            }
        }
        &self.bytes
    }
}

/// The number in a body, if it is one of ours.
pub(crate) fn number(body: &[u8]) -> Option<u64> {
    if !body.starts_with(PREFIX) {
        return None;
    }
    std::str::from_utf8(body.get(DIGITS)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_survives_the_way_into_a_body_and_out_again() {
        let mut request = Request::new("127.0.0.1:1", "/signup");
        for expected in [0, 7, 123_456_789] {
            let bytes = request.numbered(expected).to_vec();
            let body = &bytes[bytes.len() - BODY_BYTES..];
            assert_eq!(number(body), Some(expected));
            assert!(serde_json::from_slice::<serde_json::Value>(body).is_ok());
        }
    }

    #[test]
    fn a_strange_body_has_no_number() {
        assert_eq!(number(b"{}"), None);
        assert_eq!(number(br#"{"n":"12"}"#), None);
    }
}
