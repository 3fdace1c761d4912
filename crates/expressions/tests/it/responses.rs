//! What shapes read of the answers of other deliveries: seen before they run, and given to them.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, also in what its tests share")]

use super::*;
use contract::message::Headers;
use contract::mould::{Original, Reading, Response, Responses};
use contract::part::Reads;
use contract::{DeliveryId, Message, MessageId, Name};
use expressions::{Blueprint, Program, Template};

const BODY: &str = r#"{"email":"a@b.c","price":1.50}"#;

fn responses() -> Responses {
    let headers = Headers::from_pairs([("location", b"/users/7".as_slice()), ("x-id", b"a b")]);
    let crm = Response { status: 201, headers, body: r#"{"id":17,"big":1e2,"name":"a/b"}"#.into() };
    let plain = Response { status: 204, headers: Headers::default(), body: "".into() };
    let names = ["crm", "cache-eu"].map(|name| Name::try_new(name).unwrap());
    names.into_iter().zip([crm, plain]).collect()
}

async fn body(program: &str, body: &'static str, responses: &Responses) -> Result<String, Fault> {
    let blueprint = Blueprint { body: Some(Program::compile(program).unwrap()), ..Blueprint::default() };
    let made = runner(RunnerOptions::default()).mould(blueprint).body(body.into(), responses).await?;
    Ok(String::from_utf8(made.unwrap().to_vec()).unwrap())
}

fn path(template: &str, responses: &Responses) -> Result<String, String> {
    let path = Some(Template::path(template).unwrap());
    let mould = runner(RunnerOptions::default()).mould(Blueprint { path, ..Blueprint::default() });
    let (first, target) = (DeliveryId::from_bits(7), Name::try_new("mailing").unwrap());
    let message = &Message {
        id: MessageId::from_bits(9),
        first,
        tenant: Name::default_tenant(),
        route: Name::try_new("signup").unwrap(),
        received: Timestamp::ZERO,
        deadline: None,
        headers: Headers::default(),
        body: BODY.into(),
    };
    let head = mould.head(&Original { message, edit: None, delivery: first, target: &target, responses });
    Ok(head.map_err(|fault| fault.to_string())?.path.unwrap().to_string())
}

fn reading(of: &[(Option<&str>, Reads)]) -> Reading {
    let mut reading = Reading::default();
    of.iter().for_each(|(name, reads)| reading.add(*name, *reads));
    reading
}

#[test]
fn what_is_read_is_seen_without_running() {
    use Reads::{Body, Head};
    let crm = |reads| reading(&[(Some("crm"), reads)]);
    for (program, expected) in [
        (".email", reading(&[])),
        ("{id: $responses.crm.body.id}", crm(Body)),
        ("$responses.crm.status", crm(Head)),
        ("$responses[\"crm\"].headers.location", crm(Head)),
        ("$responses.crm", crm(Body)),
        ("[$responses.crm.status, $responses.crm.body]", crm(Body)),
        (
            "$responses.crm.status + $responses.\"cache-eu\".status",
            reading(&[(Some("crm"), Head), (Some("cache-eu"), Head)]),
        ),
        ("$responses | keys", reading(&[(None, Body)])),
        ("$responses[.email].status", reading(&[(None, Body)])),
        ("$responses.crm[$responses.b.body.x]", reading(&[(Some("crm"), Body), (Some("b"), Body)])),
    ] {
        assert_eq!(*Program::compile(program).unwrap().reading(), expected, "{program}");
    }
    for (template, expected) in [
        ("/responses/{{ body.id }}", reading(&[])),
        ("/{{ responses.crm.body.id }}", crm(Body)),
        ("/{{ responses.crm.headers['x-id'] }}", crm(Head)),
        ("/{{ responses['cache-eu'].status }}", reading(&[(Some("cache-eu"), Head)])),
        ("/responses/{{ responses[\"crm\"]['status'] }}?a={{ responses.crm.body.id }}", crm(Body)),
        ("/{{ responses[body.x].status }}", reading(&[(None, Body)])),
    ] {
        assert_eq!(Template::path(template).unwrap().reading(), expected, "{template}");
    }
}

#[tokio::test]
async fn an_expression_sees_responses_beside_the_body() {
    for (program, expected) in [
        ("{email, id: $responses.crm.body.id}", r#"{"email":"a@b.c","id":17}"#),
        ("[.price, $responses.crm.body.big, $responses.crm.status]", "[1.50,1e2,201]"),
        ("$responses.crm.headers.location", r#""/users/7""#),
        ("$responses.\"cache-eu\"", r#"{"status":204,"headers":{},"body":null}"#),
        ("$responses.nobody # a comment", "null"),
        ("$responses.crm as $crm | $crm.body.id", "17"),
    ] {
        assert_eq!(body(program, BODY, &responses()).await, Ok(expected.to_owned()), "{program}");
    }
    assert!(Program::compile("{email, id: $responses.crm.body.id}").unwrap().is_bounded());
}

#[tokio::test]
async fn a_body_cannot_pass_for_responses() {
    for wrong in ["", "1,2", "1],[2", "{\"a\":1} {\"b\":2}"] {
        let made = body("$responses.crm.body.id", wrong, &responses()).await;
        assert!(matches!(made, Err(Fault::NotJson { .. })), "{wrong}: {made:?}");
    }
}

#[test]
fn mistakes_in_an_expression_are_shown_where_they_are() {
    let error = Program::compile("$responses.crm.body.id | nothing").unwrap_err();
    assert_eq!(error.offset, Some(25), "{error}");
    assert!(Program::compile("$response.crm").is_err());
    // Alone it is no expression, whatever stands around it.
    assert!(Program::compile("$responses.crm) | (.").is_err());
}

#[test]
fn a_template_sees_responses_and_what_is_not_there_is_an_error() {
    for (template, expected) in [
        ("/users/{{ responses.crm.body.id }}", Ok("/users/17")),
        ("/users/{{ responses.crm.body.name }}?s={{ responses.crm.status }}", Ok("/users/a%2Fb?s=201")),
        ("{{ responses.crm.headers.location | path }}", Err("begins")),
        ("/{{ responses['cache-eu'].body }}", Err("null")),
        ("/{{ responses.nobody.status }}", Err("not there")),
    ] {
        let Ok(expected) = expected else {
            let made = Template::path(template).map_err(|error| error.to_string());
            let made = made.and_then(|_| path(template, &responses()));
            assert!(made.unwrap_err().contains(expected.unwrap_err()), "{template}");
            continue;
        };
        assert_eq!(path(template, &responses()), Ok(expected.to_owned()), "{template}");
    }
}
