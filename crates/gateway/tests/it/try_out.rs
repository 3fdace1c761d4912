//! `fanlight try`: what each target would be sent, with nothing running and nothing sent.

use crate::program;
use std::io::Write;

const CONFIG: &str = r#"
routes:
  order: { accept: "POST /shops/{shop}/orders", to: [stock, mail, crm], key: .customer }
targets:
  stock:
    url: "https://${HOME}.example.com/shops/{{ params.shop }}/items/{{ body.id }}"
    method: PUT
    headers: { authorization: Bearer s3cret, x-api-key: "${HOME}", x-tenant: "{{ headers['x-tenant'] }}" }
  mail: { url: "https://mail.example.com/", when: .consent == true }
  crm: { url: "https://crm.example.com/users", body: "{id}" }
"#;

fn config() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(CONFIG.as_bytes()).expect("written");
    file
}

fn run(arguments: &[&str]) -> program::Ran {
    let config = config();
    let path = config.path().to_str().expect("text").to_owned();
    let all: Vec<&str> =
        ["try"].into_iter().chain(arguments.iter().copied()).chain(["--config", &path]).collect();
    let output = program::command(&all).env("HOME", "c0vered").output().expect("the binary runs");
    program::Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

#[test]
fn each_target_shows_what_it_would_get_and_no_secret() {
    let data = r#"{"id":"a/b","customer":7}"#;
    let told =
        run(&["order", "--data", data, "--param", "shop=x y", "--header", "x-tenant: north", "--json"]).ok();
    assert!(!told.contains("s3cret") && !told.contains("c0vered"), "{told}");
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["key"], "7");
    let [stock, mail, crm] = told["targets"].as_array().expect("a list").as_slice() else { panic!("{told}") };
    assert_eq!(stock["method"], "PUT");
    assert_eq!(stock["url"], "https://${HOME}.example.com/shops/x%20y/items/a%2Fb");
    assert_eq!(stock["body"], data);
    let headers = stock["headers"].to_string();
    for header in [r#"["authorization","Bearer ***"]"#, r#"["x-api-key","***"]"#, r#"["x-tenant","north"]"#] {
        assert!(headers.contains(header), "{headers}");
    }
    assert_eq!(mail["skipped"], ".consent == true");
    assert_eq!(
        (&crm["url"], &crm["body"]),
        (&"https://crm.example.com/users".into(), &r#"{"id":"a/b"}"#.into())
    );
}

#[test]
fn what_would_be_dead_says_why_and_fails() {
    let mut data = tempfile::NamedTempFile::new().expect("a file");
    data.write_all(br#"{"consent":true}"#).expect("written");
    let ran = run(&["order", "--data", data.path().to_str().expect("text"), "--header", "x-tenant: a"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.out.contains("stock  dead: the template in `url` failed: `params.shop` is not there"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("mail  POST https://mail.example.com/\n"), "{}", ran.out);
    assert!(run(&["orders"]).failed(2).contains("no route `orders`; its routes are: order"));
    assert!(
        run(&["order", "--param", "shp=1"])
            .failed(2)
            .contains("/shops/{shop}/orders, has no parameter `shp`")
    );
}

#[test]
fn what_depends_on_an_answer_is_shown_with_one_and_asks_for_it_without() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let text = r#"
routes: { order: { accept: POST /orders, to: [crm, mail], after: { mail: crm } } }
targets:
  crm: { url: "https://crm.example.com/" }
  mail: { url: "https://mail.example.com/{{ responses.crm.body.id }}", body: "{id, customer: $responses.crm.body.id}" }
"#;
    file.write_all(text.as_bytes()).expect("written");
    let config = file.path().to_str().expect("text");
    let order = ["try", "order", "--data", r#"{"id":7}"#, "--config", config];
    let told = program::run(&order).ok();
    assert!(told.contains("mail  held: reads the answer of crm; give --response crm=FILE"), "{told}");
    let told = program::run(&[&order[..], &["--response", r#"crm={"id":17}"#, "--json"]].concat()).json();
    assert_eq!(told["targets"][1]["url"], "https://mail.example.com/17");
    assert_eq!(told["targets"][1]["body"], r#"{"id":7,"customer":17}"#);
    let wrong = program::run(&[&order[..], &["--response", "shop={}"]].concat()).failed(2);
    assert!(wrong.contains("the route does not send to `shop`; it sends to: crm, mail"), "{wrong}");
}

#[test]
fn what_proves_who_calls_is_shown_as_far_as_it_is_no_secret() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let text = r#"
routes: { in: { accept: POST /in, to: [a, b, c, d] } }
targets:
  a: { url: "https://a.example.com/", auth: { bearer: "${HOME}" }, encode: form }
  b: { url: "https://b.example.com/", auth: { api_key: { query: key, value: "${HOME}" } }, idempotency_header: none }
  c: { url: "https://c.example.com/", auth: { oauth2: { token_url: "https://c.example.com/t", client_id: me, client_secret: "${HOME}" } } }
  d: { url: "https://d.example.com/", auth: { bearer: "${HOME}", methods: PUT } }
"#;
    file.write_all(text.as_bytes()).expect("written");
    let path = file.path().to_str().expect("text").to_owned();
    let all = ["try", "in", "--data", r#"{"a":{"b":1}}"#, "--json", "--config", &path];
    let output = program::command(&all).env("HOME", "c0vered").output().expect("the binary runs");
    let told = String::from_utf8(output.stdout).expect("text");
    assert!(!told.contains("c0vered"), "{told}");
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let [a, b, c, d] = told["targets"].as_array().expect("a list").as_slice() else { panic!("{told}") };
    let headers = a["headers"].to_string();
    assert!(headers.contains(r#"["authorization","Bearer ***"]"#), "{headers}");
    assert!(headers.contains(r#"["content-type","application/x-www-form-urlencoded"]"#), "{headers}");
    assert_eq!(a["body"], "a[b]=1");
    assert_eq!(b["url"], "https://b.example.com/?key=***");
    assert!(!b["headers"].to_string().contains("idempotency-key"), "{b}");
    assert!(c["headers"].to_string().contains(r#"["authorization","Bearer ***"]"#), "{c}");
    assert!(d["dead"].as_str().is_some_and(|why| why.contains("not for the method POST")), "{d}");
}
