//! Templates of paths and headers: what they give, and what they can never give.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by a panic, also in what its tests share"
)]

use super::*;
use contract::message::Headers;
use contract::mould::{Head, Original, Responses};
use contract::query::Edit;
use contract::{DeliveryId, Message, MessageId, Name, params};
use expressions::{Blueprint, Template};
use proptest::prelude::*;

fn message(headers: &[(&str, &str)], body: impl Into<Bytes>) -> Message {
    Message {
        id: MessageId::from_bits(9),
        first: DeliveryId::from_bits(7),
        tenant: Name::default_tenant(),
        route: Name::try_new("signup").unwrap(),
        received: Timestamp::from_micros(1_790_000_000_123_456),
        deadline: None,
        headers: Headers::from_pairs(headers.iter().map(|(name, value)| (*name, value.as_bytes()))),
        body: body.into(),
    }
}

fn head(blueprint: &Blueprint, message: &Message, edit: Option<&Edit>) -> Result<Head, Fault> {
    let (mould, target) =
        (runner(RunnerOptions::default()).mould(blueprint.clone()), Name::try_new("crm").unwrap());
    let responses = &Responses::new();
    mould.head(&Original { message, edit, delivery: message.first, target: &target, responses })
}

fn path_of(template: &str, message: &Message) -> Result<String, String> {
    let path = Template::path(template).unwrap_or_else(|error| panic!("{template}: {error}"));
    let blueprint = Blueprint { path: Some(path), ..Blueprint::default() };
    let head = head(&blueprint, message, None).map_err(|fault| fault.to_string())?;
    Ok(head.path.map(|path| path.to_string()).unwrap_or_default())
}

fn header_of(template: &str, message: &Message) -> Result<String, String> {
    let value = Template::header(template).unwrap_or_else(|error| panic!("{template}: {error}"));
    let blueprint = Blueprint { headers: vec![("x-made".to_owned(), value)], ..Blueprint::default() };
    let head = head(&blueprint, message, None).map_err(|fault| fault.to_string())?;
    Ok(String::from_utf8_lossy(head.headers.value("x-made").unwrap_or_default()).into_owned())
}

const BODY: &str = r#"{"id":17,"big":12345678901234567890123,"price":1.50,"name":"a/b ü","none":null,"list":[1,2],"to":{"x":true},"path":"eu/west?a=1","dots":".."}"#;

#[test]
fn a_path_is_made_of_body_headers_parameters_and_ids() {
    let kept = params::write([("id", "a b"), ("rest", "x/y")]);
    let message = message(&[("x-tenant", "t 1"), (params::FIELD, &kept)], BODY);
    for (template, expected) in [
        ("/users/{{ body.id }}", "/users/17"),
        ("/users/{{ body.big }}/{{ body.price }}", "/users/12345678901234567890123/1.50"),
        ("/{{ body.name }}", "/a%2Fb%20%C3%BC"),
        ("/{{ body.name | path }}", "/a/b%20%C3%BC"),
        ("/{{ body.path | safe }}", "/eu/west?a=1"),
        ("/{{ headers['x-tenant'] | upper }}", "/T%201"),
        ("/{{ params.id }}/{{ params.rest | path }}", "/a%20b/x/y"),
        (
            "/q?name={{ body.name }}&x={{ body.to.x }}&n={{ body.list[1] }}",
            "/q?name=a%2Fb%20%C3%BC&x=true&n=2",
        ),
        ("/{% if body.id > 5 %}large{% else %}small{% endif %}", "/large"),
        ("/{{ body['?'] | default('none') }}?a=1", "/none?a=1"),
        ("/{{ body.missing | default('none') }}", "/none"),
        (
            "/{{ message.route }}/{{ delivery.target }}/{{ message.received }}",
            "/signup/crm/2026-09-21T14%3A13%3A20.123456Z",
        ),
    ] {
        assert_eq!(path_of(template, &message).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn what_cannot_be_a_path_is_an_error_that_says_why() {
    let message = message(&[], BODY);
    for (template, why) in [
        ("/users/{{ body.missing }}", "`body.missing` is not there"),
        ("/{{ headers['x-tenant'] }}", "is not there"),
        ("/{{ params.id }}", "`params.id` is not there"),
        ("/{{ body.none }}", "a value is null"),
        ("/{{ body.list }}", "a list or a mapping"),
        ("/{{ body.to }}", "a list or a mapping"),
        ("/{{ '' }}", "a piece of the path is empty"),
        ("/a/{{ body.dots }}", "`.` or `..`"),
        ("/a/{{ '%2E.' | safe }}", "`.` or `..`"),
        ("/{{ 'a#b' | safe }}", "percent-encoded"),
        ("/{{ 'a\\r\\nb' | safe }}", "percent-encoded"),
        (
            "/{% for a in body.name * 300 %}{% for b in body.name * 300 %}{% endfor %}{% endfor %}x",
            "20000 steps",
        ),
        ("/{{ 'x' * 9000 }}", "more than 8192 bytes"),
    ] {
        let error = path_of(template, &message).unwrap_err();
        assert!(error.contains(why) && error.contains("`url`"), "{template}: {error}");
    }
    let error = path_of("/{{ body.id }}", &self::message(&[], "id=17")).unwrap_err();
    assert!(error.contains("the body is not JSON"), "{error}");
    assert_eq!(
        path_of("/{{ message.route }}", &self::message(&[], "id=17")).as_deref(),
        Ok("/signup"),
        "nobody asked"
    );
}

#[test]
fn a_header_is_one_line() {
    let message =
        message(&[("x-tenant", "t1")], r#"{"id":17,"lines":"a\r\nx-other: b","name":"ü","pad":" a "}"#);
    assert_eq!(header_of("{{ headers['x-tenant'] }}/{{ body.id }}", &message).as_deref(), Ok("t1/17"));
    assert_eq!(header_of("{{ body.pad }}", &message).as_deref(), Ok("a"));
    for template in ["{{ body.lines }}", "{{ body.lines | safe }}", "{{ body.name }}"] {
        let error = header_of(template, &message).unwrap_err();
        assert!(error.contains("`headers.x-made`") && error.contains("a header cannot carry"), "{error}");
    }
}

#[test]
fn what_a_template_cannot_see_is_told_before_it_runs() {
    for (template, why) in [
        ("/{{ boddy.id }}", "there is no `boddy`: a template sees body, headers, params, message, delivery"),
        ("/{{ message.attempt }}", "there is no `message.attempt`: `message` has id, route, received"),
        ("/{{ body.id", "unexpected end of input"),
        ("/{{ body.id | sha256 }}", "unknown filter"),
        ("{{ body.host }}/users", "it begins with `/`"),
        ("/{% include 'x' %}", "unknown statement include"),
    ] {
        let error = Template::path(template).unwrap_err();
        assert!(error.message.contains(why), "{template}: {}", error.message);
    }
    assert_eq!(Template::path("/a?x={{ message.y }}").unwrap_err().offset, Some(8));
    let long = "/".repeat(limits_max() + 1);
    assert!(Template::path(&long).unwrap_err().message.contains("4096 bytes"));
}

fn limits_max() -> usize {
    contract::limits::TEMPLATE_BYTES_MAX
}

#[test]
fn a_blueprint_is_read_as_it_was_written_and_a_body_alone_is_its_expression() {
    let alone = Blueprint { body: Some(compile("{id: .id}")), ..Blueprint::default() };
    assert_eq!(alone.text(), "{id: .id}");
    let whole = Blueprint {
        path: Template::path("/{{ body.id }}").ok(),
        headers: vec![("x-a".to_owned(), Template::header("{{ message.id }}").unwrap())],
        ..alone.clone()
    };
    for blueprint in [alone, whole] {
        let read = Blueprint::read(&blueprint.text()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{blueprint:?}"));
    }
    assert!(Blueprint::read("\u{2}{\"path\":\"/{{\"}").is_none(), "it does not compile");
}

#[test]
fn an_edit_is_what_templates_see_unless_an_expression_makes_the_body() {
    let message = message(&[], r#"{"id":1}"#);
    let edit =
        Edit { headers: Headers::from_pairs([("x-t", b"new".as_slice())]), body: r#"{"id":2}"#.into() };
    let path = Template::path("/{{ body.id }}/{{ headers['x-t'] }}").ok();
    let untouched = Blueprint { path, ..Blueprint::default() };
    let shaped = Blueprint { body: Some(compile("{}")), ..untouched.clone() };
    let sent = |blueprint| head(blueprint, &message, Some(&edit)).unwrap().path.unwrap().to_string();
    assert_eq!((sent(&untouched), sent(&shaped)), ("/2/new".to_owned(), "/1/new".to_owned()));
}

proptest! {
    #[test]
    fn no_message_leads_a_call_to_another_place(text in ".*", param in "\\PC*|[/?#.%\\r\\n]*") {
        let kept = params::write([("id", param.as_str())]);
        let body = serde_json::json!({ "id": text }).to_string();
        let message = message(&[(params::FIELD, &kept)], body);
        if let Ok(path) = path_of("/users/{{ body.id }}/x/{{ params.id }}?q={{ body.id }}", &message) {
            prop_assert_eq!(path.matches('/').count(), 4, "{}", path);
            prop_assert_eq!(path.matches('?').count(), 1, "{}", path);
            prop_assert!(path.starts_with("/users/") && !path.contains('#') && !path.contains("/../"), "{}", path);
            prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{}", path);
        }
    }
}
