//! Tables for events.

use super::*;

fn published(headers: &[(&'static str, &str)], body: &str) -> Result<Published, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    read(&map, &Bytes::copy_from_slice(body.as_bytes())).map_err(|wrong| wrong.to_string())
}

fn one(headers: &[(&'static str, &str)], body: &str) -> Event {
    match published(headers, body).unwrap() {
        Published::One(event) => event,
        Published::Batch(events) => panic!("a batch: {events:?}"),
    }
}

#[test]
fn an_envelope_delivers_its_data_byte_for_byte() {
    let event = one(&[], r#"{"type":"signup","data": {"a" : 1.0,"b":[ ]} }"#);
    assert_eq!((event.kind.as_str(), &event.body[..]), ("signup", &br#"{"a" : 1.0,"b":[ ]}"#[..]));
    assert_eq!(event.identity, None);
}

#[test]
fn a_structured_event_is_delivered_whole() {
    let body = r#"{"specversion":"1.0","id":"7","source":"/a","type":"t","data":{},"expirytime":"1970-01-01T00:00:02Z"}"#;
    let event = one(&[("content-type", "application/cloudevents+json; charset=utf-8")], body);
    assert_eq!(event.identity, Some(("/a".into(), "7".into())));
    assert_eq!((&event.body[..], event.expires), (body.as_bytes(), Some(2_000_000)));
}

#[test]
fn a_cloud_event_may_have_attributes_of_its_own() {
    let body =
        r#"{"specversion":"1.0","id":"7","source":"/a","type":"t","data":1,"partitionkey":"k","mine":"x"}"#;
    assert_eq!(one(&[("content-type", "application/cloudevents+json")], body).body, body);
    assert_eq!(one(&[("content-type", "application/json")], body).body, "1");
}

#[test]
fn a_binary_event_has_its_attributes_in_percent_encoded_headers() {
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "a%20b"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
        ("content-type", "text/plain"),
    ];
    let event = one(&headers, "hello");
    assert_eq!(event.identity, Some(("/s".into(), "a b".into())));
    assert_eq!(&event.body[..], b"hello");
}

#[test]
fn an_event_may_bring_its_order_key() {
    let key = |headers: &[(&'static str, &str)], body: &str| one(headers, body).key;
    let some = |key: &str| Some(key.to_owned());
    assert_eq!(key(&[], r#"{"type":"t","data":1,"key":"k 1"}"#), some("k 1"));
    assert_eq!(key(&[], r#"{"type":"t","data":1}"#), None);
    let cloud = r#"{"specversion":"1.0","id":"7","source":"/a","type":"t","data":1,"partitionkey":"k"}"#;
    assert_eq!(key(&[("content-type", "application/cloudevents+json")], cloud), some("k"));
    assert_eq!(key(&[("content-type", "application/json")], cloud), some("k"));
    let binary = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
        ("ce-partitionkey", "a%20b"),
    ];
    assert_eq!(key(&binary, "hello"), some("a b"));
}

#[test]
fn a_batch_has_one_event_per_item_and_may_be_empty() {
    let headers = [("content-type", "application/cloudevents-batch+json")];
    assert!(matches!(published(&headers, "[]"), Ok(Published::Batch(events)) if events.is_empty()));
    let items = r#"[{"type":"a","data":1},{"type":"no data"},{"specversion":"1.0","id":"7","source":"/a","type":"b"}]"#;
    let Ok(Published::Batch(events)) = published(&[], items) else { panic!("no batch") };
    let seen: Vec<_> = events
        .iter()
        .map(|event| event.as_ref().ok().map(|event| (event.kind.as_str(), event.index)))
        .collect();
    assert_eq!(seen, [Some(("a", Some(0))), None, Some(("b", Some(2)))]);
}

#[test]
fn what_is_no_event_is_named() {
    let cloud = [("content-type", "application/cloudevents+json")];
    for (headers, body, says) in [
        (&[][..], "nonsense", "the body is no event"),
        (&[], r#"{"data":1}"#, "missing field `type`"),
        (&[], r#"{"type":"a"}"#, "no `data`"),
        (&[], r#"7"#, "expected an object"),
        (&[], r#"{"type":"a","data":1,"dat":1}"#, "has no `dat`"),
        (&[], r#"{"type":"a","data":1,"key":""}"#, "`key` is not valid"),
        (&[], r#"{"type":"a","data":1,"partitionkey":"k"}"#, "has no `partitionkey`"),
        (&cloud, r#"{"type":"a","specversion":"0.3"}"#, "specversion"),
        (&cloud, r#"{"type":"a","specversion":"1.0","id":"1"}"#, "no `source`"),
        (&cloud, r#"{"type":"","specversion":"1.0","id":"1","source":"s"}"#, "no `type`"),
        (
            &cloud,
            r#"{"type":"a","specversion":"1.0","id":"1","source":"s","expirytime":"soon"}"#,
            "expirytime",
        ),
    ] {
        let wrong = published(headers, body).unwrap_err();
        assert!(wrong.contains(says), "{body}: {wrong}");
    }
}
