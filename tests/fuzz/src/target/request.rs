//! What a request meets before its body: the routing table, Prefer, Idempotency-Key, content types, ids and names.

use super::must;
use contract::store::Once;
use contract::{DeliveryId, MessageId, Name, limits};
use gateway::api::{once, prefer};
use gateway::config::media::{ContentTypes, MediaRange};
use gateway::config::pattern::{Lookup, Methods, Pattern, Routes};
use gateway::config::units;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::sync::LazyLock;

pub(super) const SEEDS: &[&[u8]] = &[
    b"POST /signup\ncontent-type: application/json\nidempotency-key: \"a \\\"b\\\" \\\\ c\"\nprefer: respond-async, wait=10\n\n{}",
    b"PUT /orders/17/lines/3?x=1\nprefer: wait=\"3\"; foo=bar\nprefer: handling=lenient\nidempotency-key: 8e03978e-40d5-43e8-bc93-6894a57f9324\n\nbody",
    b"GET /files/a/b/%C3%A9%2Fc\nprefer: wait=99999999999999999999\n\n",
    b"DELETE /v1/tickets/msg_01929b3c-5d2e-7000-8000-0123456789ab\nidempotency-key: x\nidempotency-key: y\n\n",
    b"POST /orders/{id}/{*rest}\ncontent-type: text/plain; charset=utf-8\n\n1h30m 256KiB",
    b"POST /\nidempotency-key:   \"\"\n\ndlv_01929b3c-5d2e-7000-8000-0123456789ab",
];

pub(super) const WORDS: &[&[u8]] = &[
    b"POST",
    b"GET",
    b"OPTIONS",
    b"/signup",
    b"/orders/",
    b"/files/",
    b"/",
    b"{id}",
    b"{*rest}",
    b"%2F",
    b"%C3%A9",
    b"..",
    b"?",
    b"#",
    b"wait=",
    b"wait=60",
    b"wait",
    b";",
    b",",
    b"=",
    b"\"",
    b"\\\"",
    b"idempotency-key: ",
    b"prefer: ",
    b"content-type: ",
    b"text/*",
    b"msg_",
    b"dlv_",
    b"01929b3c-5d2e-7000-8000-0123456789ab",
    b"7d",
    b"ms",
    b"KiB",
    b"GB",
    b"18446744073709551615d",
];

/// Routes that are literal, have a parameter, and have the rest of a path, with overlaps.
static TABLE: LazyLock<Vec<(Methods, Pattern)>> = LazyLock::new(|| {
    let only = |methods: &[Method]| Methods::Only(methods.to_vec());
    let routes = [
        (only(&[Method::POST]), "/signup"),
        (only(&[Method::POST, Method::PUT]), "/orders/{id}"),
        (only(&[Method::POST]), "/orders/new"),
        (only(&[Method::PUT]), "/orders/{id}/lines/{line}"),
        (Methods::Any, "/files/{*rest}"),
        (only(&[Method::GET]), "/files/{name}"),
        (only(&[Method::POST]), "/"),
        (only(&[Method::POST]), "/a%2Fb/"),
    ];
    routes.into_iter().filter_map(|(methods, path)| Some((methods, Pattern::try_new(path).ok()?))).collect()
});
static ROUTES: LazyLock<Routes> =
    LazyLock::new(|| Routes::new(TABLE.iter().map(|(methods, pattern)| (methods, pattern))));

/// A request as lines: method and path, fields, an empty line, the body. What HTTP would not let in is left out.
pub(super) struct Lines<'i> {
    method: Method,
    pub(super) path: &'i str,
    pub(super) headers: HeaderMap,
    pub(super) body: &'i [u8],
}

pub(super) fn lines(input: &[u8]) -> Lines<'_> {
    let split = input.windows(2).position(|two| two == b"\n\n");
    let (head, body) = split.map_or((input, &[][..]), |at| {
        (input.get(..at).unwrap_or_default(), input.get(at + 2..).unwrap_or_default())
    });
    let mut fields = head.split(|byte| *byte == b'\n');
    let first = fields.next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
    let (method, path) = first.split_once(' ').unwrap_or(("POST", first));
    let mut headers = HeaderMap::new();
    for field in fields {
        let Some(colon) = field.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) =
            (field.get(..colon).unwrap_or_default(), field.get(colon + 1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii()))
        {
            headers.append(name, value);
        }
    }
    Lines { method: method.parse().unwrap_or(Method::POST), path, headers, body }
}

pub(super) fn check(input: &[u8]) -> Result<(), String> {
    let request = lines(input);
    routed(&request)?;
    pattern(request.path)?;
    must(
        prefer::wait(&request.headers).is_none_or(|wait| wait <= limits::WAIT_MAX),
        "a wait beyond the longest",
    )?;
    keyed(&request)?;
    let content_type =
        request.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    media(content_type)?;
    let text = String::from_utf8_lossy(request.body);
    text.split_ascii_whitespace().chain([&*text, request.path]).try_for_each(word)
}

/// The table agrees with asking one pattern after the other.
fn routed(request: &Lines<'_>) -> Result<(), String> {
    let Lines { method, path, .. } = request;
    let matching: Vec<usize> = TABLE
        .iter()
        .enumerate()
        .filter(|(_, (_, pattern))| pattern.matches(path))
        .map(|(index, _)| index)
        .collect();
    let taken = |index: &usize| TABLE.get(*index).is_some_and(|(methods, _)| methods.contains(method));
    match ROUTES.find(method, path) {
        Lookup::Found { route, params } => {
            must(
                matching.contains(&route) && taken(&route),
                "a route that does not take the request was found",
            )?;
            must(
                params.iter().all(|(name, value)| !name.is_empty() && !value.is_empty()),
                "an empty parameter",
            )
        }
        Lookup::MethodNotAllowed(methods) => {
            must(!methods.contains(method) && !methods.is_empty(), "Allow has the method that was refused")?;
            must(
                !matching.is_empty() && !matching.iter().any(taken),
                "a request that a route takes was refused",
            )
        }
        Lookup::NotFound => must(!matching.iter().any(taken), "a request that a route takes was not found"),
    }
}

fn pattern(text: &str) -> Result<(), String> {
    let Ok(pattern) = Pattern::try_new(text) else { return Ok(()) };
    must(pattern.to_string() == text, "a pattern is written otherwise than it was read")?;
    must(
        Pattern::try_new(&pattern.to_string()) == Ok(pattern.clone()),
        "a pattern does not survive its own text",
    )?;
    match pattern.literal() {
        Some(path) => must(pattern.matches(&path), "a literal pattern does not match itself"),
        None => Ok(()),
    }
}

fn keyed(request: &Lines<'_>) -> Result<(), String> {
    let read = |headers: &HeaderMap| {
        let request = once::Request { method: &request.method, path: request.path, body: request.body };
        once::from_headers(headers, request).map_err(|problem| problem.status())
    };
    let Once { key, fingerprint, .. } = match read(&request.headers) {
        Ok(Some(once)) => once,
        Ok(None) => return must(!request.headers.contains_key("idempotency-key"), "a key was overlooked"),
        Err(status) => return must(status.is_client_error(), "a bad key is not the caller's fault"),
    };
    let plain = key.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    must((1..=limits::IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()) && plain, "a key out of its bounds")?;
    // The key in quotes is the same key.
    let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
    let mut headers = HeaderMap::new();
    headers.insert("idempotency-key", HeaderValue::from_str(&quoted).map_err(|error| error.to_string())?);
    match read(&headers) {
        Ok(Some(again)) => {
            must((again.key, again.fingerprint) == (key, fingerprint), "a quoted key is another key")
        }
        Ok(None) | Err(_) => Err("a quoted key is no key".to_owned()),
    }
}

fn media(content_type: &str) -> Result<(), String> {
    let Ok(range) = MediaRange::try_new(content_type) else { return Ok(()) };
    let types = ContentTypes::new(vec![range]);
    let example = content_type.replace('*', "x");
    must(
        types.allow(&example) && types.allow(&format!("{example}; charset=utf-8")),
        "a content type does not allow itself",
    )
}

/// Ids, names and quantities: what is read is written the same way, or means the same.
fn word(text: &str) -> Result<(), String> {
    if let Ok(id) = text.parse::<MessageId>() {
        must(id.to_string().parse() == Ok(id), "a ticket's id does not survive its own text")?;
    }
    if let Ok(id) = text.parse::<DeliveryId>() {
        must(id.to_string().parse() == Ok(id), "a delivery's id does not survive its own text")?;
    }
    if let Ok(name) = Name::try_new(text) {
        must(name.as_str() == text && text.len() <= limits::NAME_CHARS_MAX, "a name out of its bounds")?;
    }
    if let Ok(time) = units::duration(text) {
        must(time <= units::DURATION_MAX, "a duration beyond the longest")?;
        must(
            units::duration(&format!("{}ms", time.as_millis())) == Ok(time),
            "a duration in milliseconds is another one",
        )?;
    }
    if let Ok(size) = units::size(text) {
        must(units::size(&format!("{}B", size.0)) == Ok(size), "a size in bytes is another one")?;
    }
    Ok(())
}
