//! Writes the request of one attempt.

use super::destination::Destination;
use super::fields;
use bytes::Bytes;
use contract::DeliveryId;
use contract::delivery::Suspicion;
use contract::message::Headers;
use contract::target::{Form, Parcel};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Version, header};
use http_body_util::Full;
use std::fmt::{self, Write};

/// The body of a request.
pub(super) type Body = Full<Bytes>;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const ATTEMPT: HeaderName = HeaderName::from_static("fanlight-attempt");
const POSSIBLE_DUPLICATE: HeaderName = HeaderName::from_static("fanlight-possible-duplicate");
const REPLAY: HeaderName = HeaderName::from_static("fanlight-replay");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// Fields that we write ourselves, at most.
const OWN_FIELDS: usize = 9;
/// Bytes of a passed-on field, name and value, at least as a rule: the map of most requests is allocated once.
const FIELD_BYTES_USUAL: usize = 32;
/// Bytes of a delivery id as text: the value that every request has is allocated once and not copied.
const ID_BYTES: usize = 40;

/// The request for a parcel in the HTTP version of the connection.
pub(super) fn compose(to: &Destination, parcel: &Parcel, version: Version) -> Request<Body> {
    let mut request = Request::new(Full::new(parcel.body.clone()));
    *request.method_mut() = to.method.clone();
    let passed_on = parcel.message.headers.block().len() / FIELD_BYTES_USUAL;
    let mut fields = HeaderMap::with_capacity(OWN_FIELDS + passed_on + to.fields.len());
    let path = parcel.head.path.as_ref();
    if version == Version::HTTP_2 {
        *request.uri_mut() = path.map_or_else(|| to.absolute_form.clone(), |path| to.absolute(path));
    } else {
        *request.uri_mut() = path.map_or_else(|| to.origin_form.clone(), |path| to.origin(path));
        fields.insert(header::HOST, to.host_field.clone());
    }
    *request.version_mut() = version;
    pass_on(&mut fields, &parcel.message.headers, parcel.form);
    continue_trace(&mut fields, parcel);
    write_own(&mut fields, parcel, to.idempotency.as_ref());
    fields.insert(header::USER_AGENT, to.user_agent.clone());
    if !to.fields.is_empty() {
        // Replaces what has the same name.
        fields.extend(to.fields.clone());
    }
    write_made(&mut fields, &parcel.head.headers);
    *request.headers_mut() = fields;
    request
}

/// A request of our own, with nothing of a message on it.
pub(super) fn plain(to: &Destination, body: Bytes, version: Version) -> Request<Body> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = to.method.clone();
    *request.version_mut() = version;
    *request.headers_mut() = to.fields.clone();
    if version == Version::HTTP_2 {
        *request.uri_mut() = to.absolute_form.clone();
    } else {
        *request.uri_mut() = to.origin_form.clone();
        request.headers_mut().insert(header::HOST, to.host_field.clone());
    }
    request.headers_mut().insert(header::USER_AGENT, to.user_agent.clone());
    request
}

fn pass_on(fields: &mut HeaderMap, headers: &Headers, form: Form) {
    let mut nominated = None;
    for (name, value) in headers.iter() {
        if name == "connection" {
            nominated = std::str::from_utf8(value).ok();
        }
        if !fields::passes(name, form) {
            continue;
        }
        let shared = HeaderValue::from_maybe_shared(headers.block().slice_ref(value));
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), shared) {
            fields.append(name, value);
        }
    }
    for name in nominated.into_iter().flat_map(|names| names.split(',')).map(str::trim) {
        if !name.eq_ignore_ascii_case(header::HOST.as_str()) {
            fields.remove(name);
        }
    }
    if form == Form::Shaped {
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
}

/// The headers that templates made replace what has the same name.
fn write_made(fields: &mut HeaderMap, made: &Headers) {
    for (name, value) in made.iter() {
        let value = HeaderValue::from_bytes(value);
        if let (Ok(name), Ok(mut value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
            value.set_sensitive(name == header::AUTHORIZATION || name == header::COOKIE);
            fields.insert(name, value);
        }
    }
}

fn write_own(fields: &mut HeaderMap, parcel: &Parcel, idempotency: Option<&HeaderName>) {
    let id = value(format_args!("{}", parcel.id));
    if let Some(name) = idempotency {
        let key = match parcel.revision {
            0 => id.clone(),
            revision => value(format_args!("{}-r{revision}", parcel.id)),
        };
        fields.insert(name, key);
    }
    fields.insert(WEBHOOK_ID, id);
    fields.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(parcel.at.as_micros() / 1_000_000));
    let attempt = match parcel.attempt {
        1 => HeaderValue::from_static("1"),
        number => HeaderValue::from(number),
    };
    fields.insert(ATTEMPT, attempt);
    match parcel.suspect {
        Suspicion::Clear => {}
        Suspicion::PossiblyDuplicate => {
            fields.insert(POSSIBLE_DUPLICATE, HeaderValue::from_static("true"));
        }
    }
    if let Some(replay) = parcel.replay {
        fields.insert(REPLAY, value(format_args!("{replay}")));
    }
}

/// A value that we wrote ourselves, of digits and letters.
fn value(text: fmt::Arguments<'_>) -> HeaderValue {
    let mut written = String::with_capacity(ID_BYTES);
    let value = written.write_fmt(text).ok().and_then(|()| HeaderValue::try_from(written).ok());
    value.unwrap_or(HeaderValue::from_static(""))
}

/// Keeps the trace and names this attempt as the parent; drops a trace that is malformed.
fn continue_trace(fields: &mut HeaderMap, parcel: &Parcel) {
    let Some(received) = fields.get(TRACE_PARENT) else { return };
    match received.to_str().ok().and_then(trace) {
        Some((id, flags)) => {
            let next = value(format_args!("00-{id}-{:016x}-{flags}", span(parcel.id, parcel.attempt)));
            fields.insert(TRACE_PARENT, next);
        }
        None => {
            fields.remove(TRACE_PARENT);
            fields.remove(TRACE_STATE);
        }
    }
}

/// Trace id and flags of a `traceparent`.
fn trace(value: &str) -> Option<(&str, &str)> {
    let hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut parts = value.split('-');
    let (version, id, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lengths = [version.len(), id.len(), parent.len(), flags.len()] == [2, 32, 16, 2];
    let known = version != "ff" && (version != "00" || parts.next().is_none());
    let named = id.bytes().any(|byte| byte != b'0') && parent.bytes().any(|byte| byte != b'0');
    (lengths && known && named && [version, id, parent, flags].into_iter().all(hex)).then_some((id, flags))
}

/// The span of one attempt: the same whenever it is asked for, never 0.
fn span(id: DeliveryId, attempt: u32) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "both halves are mixed in")]
    let (high, low) = ((id.to_bits() >> 64) as u64, id.to_bits() as u64);
    // The finalizer of SplitMix64: neighbours become unrelated.
    let mut bits =
        (high.rotate_left(32) ^ low).wrapping_add(u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ (bits >> 31)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::settings::Settings;
    use contract::mould::{Head, Path};
    use contract::target::Keep;
    use contract::{Message, MessageId, Name, Timestamp};
    use std::sync::Arc;

    fn parcel(headers: &[(&str, &str)], form: Form) -> Parcel {
        let first = DeliveryId::from_bits(0x019a_0000_0000_7000_8000_0000_0000_0000);
        let pairs = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let message = Message {
            id: MessageId::from_bits(0x019a_0000_0000_7000_8000_0000_0000_0009),
            first,
            tenant: Name::default_tenant(),
            route: Name::try_new("signup").unwrap(),
            received: Timestamp::ZERO,
            deadline: None,
            headers: Headers::from_pairs(pairs),
            body: Bytes::from_static(b"{}"),
        };
        Parcel {
            id: first.at(1),
            revision: 0,
            attempt: 1,
            suspect: Suspicion::Clear,
            replay: None,
            at: Timestamp::from_micros(1_700_000_000_999_999),
            body: message.body.clone(),
            message: Arc::new(message),
            form,
            head: Head::default(),
            keep: Keep::default(),
        }
    }

    fn settings(headers: &[(&'static str, &'static str)]) -> Settings {
        let mut settings = Settings::new("http://api.example:81/a?b=c".parse().unwrap());
        settings.user_agent = HeaderValue::from_static("fanlight/test");
        settings.headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        settings
    }

    /// The request's fields as lines, sorted.
    fn lines(settings: &Settings, parcel: &Parcel) -> Vec<String> {
        let request = compose(&Destination::try_new(settings).ok().unwrap(), parcel, Version::HTTP_11);
        let line =
            |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
        let mut lines: Vec<_> = request.headers().iter().map(line).collect();
        lines.sort();
        lines
    }

    #[test]
    fn a_plain_message_goes_out_with_our_fields_and_its_own() {
        let headers = [
            ("content-type", "text/csv"),
            ("ce-id", "7"),
            ("x-tag", "a"),
            ("x-tag", "b"),
            ("connection", "close, X-Hop"),
            ("x-hop", "gone"),
            ("cookie", "secret"),
        ];
        let expected = [
            "ce-id: 7",
            "content-type: text/csv",
            "fanlight-attempt: 1",
            "host: api.example:81",
            "idempotency-key: dlv_019a0000-0000-7000-8000-000000000001",
            "user-agent: fanlight/test",
            "webhook-id: dlv_019a0000-0000-7000-8000-000000000001",
            "webhook-timestamp: 1700000000",
            "x-tag: a",
            "x-tag: b",
        ];
        assert_eq!(lines(&settings(&[]), &parcel(&headers, Form::Untouched)), expected);
    }

    #[test]
    fn a_later_attempt_of_an_edited_shaped_delivery_says_all_that() {
        let mut parcel = parcel(&[("content-type", "text/csv"), ("content-encoding", "gzip")], Form::Shaped);
        (parcel.attempt, parcel.revision, parcel.suspect) = (3, 2, Suspicion::PossiblyDuplicate);
        parcel.replay = Some("msg_019a0000-0000-7000-8000-000000000002".parse().unwrap());
        let expected = [
            "content-type: application/json",
            "fanlight-attempt: 3",
            "fanlight-possible-duplicate: true",
            "fanlight-replay: msg_019a0000-0000-7000-8000-000000000002",
            "host: api.example:81",
            "idempotency-key: dlv_019a0000-0000-7000-8000-000000000001-r2",
            "user-agent: fanlight/test",
            "webhook-id: dlv_019a0000-0000-7000-8000-000000000001",
            "webhook-timestamp: 1700000000",
        ];
        assert_eq!(lines(&settings(&[]), &parcel), expected);
    }

    #[test]
    fn configured_headers_replace_the_messages_and_ours() {
        let settings = settings(&[
            ("x-tag", "1"),
            ("x-tag", "2"),
            ("user-agent", "mine"),
            ("authorization", "Bearer t"),
        ]);
        let lines =
            lines(&settings, &parcel(&[("x-tag", "a"), ("authorization", "caller")], Form::Untouched));
        let wanted = ["authorization: Bearer t", "user-agent: mine", "x-tag: 1", "x-tag: 2"];
        let kept: Vec<_> =
            lines.iter().filter(|line| !line.contains("id") && !line.contains("fanlight")).collect();
        for line in wanted {
            assert!(lines.iter().any(|have| have == line), "{line} is missing in {lines:?}");
        }
        assert!(!kept.iter().any(|line| line.contains("x-tag: a") || line.contains("caller")), "{kept:?}");
    }

    #[test]
    fn what_templates_made_takes_the_place_of_the_configured_path_and_headers() {
        let mut parcel = parcel(&[("x-tag", "a"), ("x-tag", "b")], Form::Untouched);
        parcel.head = Head {
            path: Path::try_new("/users/a%2Fb?x=1").ok(),
            headers: Headers::from_pairs([("x-tag", b"made".as_slice()), ("x-tenant", b"t1")]),
        };
        let settings = settings(&[("x-tenant", "configured")]);
        let to = Destination::try_new(&settings).ok().unwrap();
        let sent = |version| compose(&to, &parcel, version).uri().to_string();
        assert_eq!(sent(Version::HTTP_11), "/users/a%2Fb?x=1");
        assert_eq!(sent(Version::HTTP_2), "http://api.example:81/users/a%2Fb?x=1");
        let lines = lines(&settings, &parcel);
        let made: Vec<_> = lines.iter().filter(|line| line.starts_with("x-")).collect();
        assert_eq!(made, ["x-tag: made", "x-tenant: t1"]);
    }

    #[test]
    fn http_2_gets_the_authority_in_the_uri_and_no_host_field() {
        let to = Destination::try_new(&settings(&[])).ok().unwrap();
        let request = compose(&to, &parcel(&[], Form::Untouched), Version::HTTP_2);
        assert_eq!(request.uri(), "http://api.example:81/a?b=c");
        assert!(!request.headers().contains_key(header::HOST));
    }

    /// Line breaks are refused at every door, by the HTTP parser or its types; what else is no field is left out here.
    #[test]
    fn what_cannot_be_a_field_is_left_out() {
        let evil =
            [("x-a", "b\0evil"), ("x-b", "b\revil"), ("x-c x-evil", "1"), ("x-d:evil", "1"), ("x-good", "1")];
        let lines = lines(&settings(&[]), &parcel(&evil, Form::Untouched));
        assert!(lines.contains(&"x-good: 1".to_owned()), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("evil")), "{lines:?}");
    }

    #[test]
    fn a_trace_goes_on_with_a_new_parent_for_each_attempt() {
        let received = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let mut parcel = parcel(&[("traceparent", received), ("tracestate", "a=b")], Form::Untouched);
        let sent = |parcel: &Parcel| {
            let lines = lines(&settings(&[]), parcel);
            lines.into_iter().find(|line| line.starts_with("traceparent")).unwrap()
        };
        let first = sent(&parcel);
        assert!(
            first.starts_with("traceparent: 00-0af7651916cd43dd8448eb211c80319c-") && first.ends_with("-01")
        );
        assert!(!first.contains("b7ad6b7169203331"));
        assert_eq!(first, sent(&parcel), "the same attempt has the same span");
        parcel.attempt = 2;
        assert_ne!(first, sent(&parcel));
    }

    #[test]
    fn a_malformed_trace_is_dropped_whole() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        let cases = [
            String::new(),
            "00-1-2-3".to_owned(),
            format!("ff-{id}-b7ad6b7169203331-01"),
            format!("00-{id}-b7ad6b7169203331-01-more"),
            format!("00-{id}-0000000000000000-01"),
            format!("00-{}-b7ad6b7169203331-01", id.to_uppercase()),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
        ];
        for value in cases {
            let parcel = parcel(&[("traceparent", &value), ("tracestate", "a=b")], Form::Untouched);
            let lines = lines(&settings(&[]), &parcel);
            assert!(!lines.iter().any(|line| line.starts_with("trace")), "{value}: {lines:?}");
        }
    }
}
