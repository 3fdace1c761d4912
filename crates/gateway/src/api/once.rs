//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): reading it, and what a repeat is compared by. Pure.

use super::problem::{INVALID_IDEMPOTENCY_KEY, Problem};
use aws_lc_rs::digest::{Context, SHA256};
use contract::{limits, store::Once};
use http::{HeaderMap, HeaderName, Method};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What the fingerprint of a request covers, beside its body.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query.
    pub path: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// The key of a request, if it has one: a quoted structured-field string, or bare as many clients send it.
///
/// # Errors
/// A [`Problem`] when the key cannot be used.
pub fn from_headers(headers: &HeaderMap, request: Request<'_>) -> Result<Option<Once>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::new(INVALID_IDEMPOTENCY_KEY, "the request has more than one Idempotency-Key"));
    }
    let key = key(value.as_bytes())?;
    Ok(Some(of_key(key, fingerprint(request))))
}

/// With the published window.
#[must_use]
pub fn of_key(key: String, fingerprint: u128) -> Once {
    Once { caller: String::new(), key, fingerprint, window: limits::IDEMPOTENCY_WINDOW }
}

fn key(value: &[u8]) -> Result<String, Problem> {
    let text = std::str::from_utf8(value).unwrap_or_default().trim();
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquoted(quoted),
        None => text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"').then(|| text.to_owned()),
    };
    match key {
        Some(key) if (1..=limits::IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()) => Ok(key),
        Some(_) | None => {
            let max = limits::IDEMPOTENCY_KEY_BYTES_MAX;
            Err(Problem::new(
                INVALID_IDEMPOTENCY_KEY,
                format!("the key needs 1 to {max} visible ASCII characters, quoted or bare"),
            ))
        }
    }
}

/// The rest of a structured-field string (RFC 9651) after its opening quote. Its parameters mean nothing to us.
fn unquoted(rest: &str) -> Option<String> {
    let mut key = String::with_capacity(rest.len());
    let mut letters = rest.chars();
    loop {
        match letters.next()? {
            '"' => {
                let rest = letters.as_str().trim_start();
                return (rest.is_empty() || rest.starts_with(';')).then_some(key);
            }
            '\\' => key.push(letters.next().filter(|letter| matches!(letter, '"' | '\\'))?),
            letter if letter == ' ' || letter.is_ascii_graphic() => key.push(letter),
            _ => return None,
        }
    }
}

/// What tells one request from another.
#[must_use]
pub fn fingerprint(request: Request<'_>) -> u128 {
    let mut hash = Context::new(&SHA256);
    for part in [request.method.as_str().as_bytes(), b" ", request.path.as_bytes(), b"\n", request.body] {
        hash.update(part);
    }
    let digest = hash.finish();
    digest.as_ref().iter().take(16).fold(0, |bits, byte| (bits << 8) | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<String>, ()> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("idempotency-key", http::HeaderValue::from_bytes(value).unwrap());
        }
        let request = Request { method: &Method::POST, path: "/", body: b"" };
        from_headers(&headers, request).map(|once| once.map(|once| once.key)).map_err(|_| ())
    }

    #[test]
    fn a_key_is_read_quoted_or_bare() {
        let some = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[b"abc-1"]), some("abc-1"));
        assert_eq!(read(&[b"\"abc-1\""]), some("abc-1"));
        assert_eq!(read(&[br#""a \"b\" \\ c""#]), some(r#"a "b" \ c"#));
        assert_eq!(read(&[br#""abc-1"; a=1;b="x""#]), some("abc-1"));
        let long = "x".repeat(255);
        assert_eq!(read(&[long.as_bytes()]), some(&long));
    }

    #[test]
    fn a_key_that_cannot_be_used_is_a_problem() {
        let long = "x".repeat(256);
        let cases: [&[&[u8]]; 9] = [
            &[b""],
            &[b"\"\""],
            &[b"two words"],
            &[b"\"open"],
            &[br#""a"b"#],
            &[br#""a\n""#],
            &[b"a\xff"],
            &[long.as_bytes()],
            &[b"a", b"a"],
        ];
        for values in cases {
            assert_eq!(read(values), Err(()), "{values:?}");
        }
    }

    #[test]
    fn another_method_path_or_body_is_another_request() {
        let print = |method: &Method, path: &str, body: &[u8]| fingerprint(Request { method, path, body });
        let first = print(&Method::POST, "/a", b"1");
        assert_eq!(first, print(&Method::POST, "/a", b"1"));
        for other in [
            print(&Method::PUT, "/a", b"1"),
            print(&Method::POST, "/b", b"1"),
            print(&Method::POST, "/a", b"2"),
        ] {
            assert_ne!(first, other);
        }
    }
}
