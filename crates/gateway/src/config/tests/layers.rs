//! What a target gets from its preset and from the file's `defaults`, and where each setting is from.

use super::*;
use connectors::http::auth::Proof;
use connectors::http::form::{Encoding, Lists};
use engine::policy::concurrency::Limit;
use engine::policy::retry;
use std::time::Duration;

/// A configuration with these defaults and these keys of its one target, both as mappings.
fn layered(defaults: &str, own: &str) -> String {
    format!(
        "defaults: {{{defaults}}}\nroutes: {{in: {{accept: POST /in, to: out}}}}\ntargets:\n  out: {{{own}}}\n"
    )
}

fn target(defaults: &str, own: &str) -> Target {
    good(&layered(defaults, own)).targets.remove(0)
}

const URL: &str = "url: 'https://example.com/'";
const STRIPE: &str = "uses: stripe, with: {key: '${MAIL_TOKEN}'}";

#[test]
fn the_nearest_layer_says_what_holds() {
    let rate = |defaults: &str, own: &str| target(defaults, own).rate.map(|rate| rate.to_string());
    let text = |rate: &str| Some(rate.to_owned());
    assert_eq!(rate("", URL), None);
    assert_eq!(rate("rate: 7/s", URL), text("7/s, burst 1"));
    assert_eq!(rate("", STRIPE), text("25/s, burst 2"));
    assert_eq!(rate("rate: 7/s", STRIPE), text("7/s, burst 1"));
    assert_eq!(rate("rate: 7/s", &format!("{STRIPE}, rate: 3/s")), text("3/s, burst 1"));
    // Nothing behind a key brings back what is built in.
    assert_eq!(rate("rate: 7/s", &format!("{STRIPE}, rate: ")), None);
}

#[test]
fn mappings_are_taken_key_by_key_and_lists_as_a_whole() {
    let seconds = Duration::from_secs;
    let of = |own: &str| target("timeout: {connect: 1s, idle: 3s}, headers: {x-a: '1', X-B: '2'}", own);
    let timeouts = of(&format!("{URL}, timeout: {{total: 9s}}")).timeouts;
    assert_eq!(timeouts, Timeouts { connect: seconds(1), total: seconds(9), idle: seconds(3) });
    // One text says it all.
    let timeouts = of(&format!("{URL}, timeout: 9s")).timeouts;
    assert_eq!(timeouts, Timeouts { connect: seconds(5), total: seconds(9), idle: seconds(5) });
    let headers = of(&format!("{URL}, headers: {{x-b: own, x-c: '3'}}")).headers;
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(headers, [("x-b", "own"), ("x-c", "3"), ("x-a", "1")]);
    let statuses = target("retry: {on: [400, 402]}", &format!("{URL}, retry: {{on: 403}}")).statuses;
    assert_eq!(statuses.retried.0, [403..=403]);
}

#[test]
fn a_text_below_a_mapping_is_the_key_that_it_stands_for() {
    let own = format!("{URL}, timeout: {{connect: 1s}}, rate: {{burst: 9}}");
    let target = target("timeout: 30s, rate: 5/s", &own);
    assert_eq!(target.timeouts.total, Duration::from_secs(30));
    assert_eq!(target.timeouts.connect, Duration::from_secs(1));
    assert_eq!(target.rate.unwrap().to_string(), "5/s, burst 9");
}

#[test]
fn of_keys_that_exclude_each_other_the_nearest_stands() {
    let own = "retry: {schedule: [0s, 1s]}";
    let retry = target("retry: {exponential: {first: 1s}, jitter: 0%}", &format!("{URL}, {own}")).retry;
    let waits = [0, 1].map(Duration::from_secs).to_vec();
    assert_eq!(retry, retry::Policy::try_new(retry::Schedule::List(waits), 0.0).unwrap());
    let own = "uses: stripe, auth: {basic: {user: me, password: '${MAIL_TOKEN}'}}";
    let auth = target("", own).auth.unwrap();
    assert!(matches!(auth.proof, Proof::Basic { .. }), "{auth:?}");
}

#[test]
fn defaults_are_not_shared_by_name_only() {
    let text = "defaults: {retry: {jitter: 0%}, concurrency: 3}\nroutes: {in: {accept: POST /in, to: [a, b]}}\n\
                targets: {a: {url: 'https://a.example/', retry: {on: 400}}, b: {url: 'https://b.example/'}}\n";
    let config = good(text);
    let [a, b] = config.targets.as_slice() else { panic!("two targets") };
    assert_eq!((a.concurrency, b.concurrency), (Limit::Fixed(3), Limit::Fixed(3)));
    assert!(b.statuses.retried.0.is_empty(), "what one target says is not the other's");
    assert_eq!(a.retry, b.retry);
}

#[test]
fn a_preset_gives_address_credential_and_form() {
    let target = target("", &format!("{STRIPE}, path: '/v1/customers/{{{{ body.id }}}}'"));
    assert_eq!(target.url, "https://api.stripe.com");
    assert_eq!(target.path.as_ref().map(|path| path.text()), Some("/v1/customers/{{ body.id }}"));
    assert_eq!(target.url_shown, "https://api.stripe.com/v1/customers/{{ body.id }}");
    assert_eq!(target.encoding, Encoding::Form(Lists::Numbered));
    let Proof::Bearer(secret) = &target.auth.as_ref().unwrap().proof else { panic!("a bearer token") };
    assert_eq!(secret.expose(), "s3cret");
    assert!(!format!("{target:?}").contains("s3cret"));
}

#[test]
fn a_variable_from_outside_stays_covered_in_what_is_shown() {
    let own = "uses: shopify, with: {shop: '${MAIL_TOKEN}', token: '${MAIL_TOKEN}', version: 2026-10}, path: '/a/{{ body.id }}'";
    let target = target("", own);
    assert_eq!(target.url, "https://s3cret.myshopify.com");
    assert_eq!(target.url_shown, "https://${MAIL_TOKEN}.myshopify.com/admin/api/2026-10/a/{{ body.id }}");
    assert_eq!(target.path.as_ref().map(|path| path.text()), Some("/admin/api/2026-10/a/{{ body.id }}"));
}

#[test]
fn a_path_is_added_to_the_url() {
    for (url, path, expected) in [
        ("https://a.example", "/b", "https://a.example/b"),
        ("https://a.example/", "/b?c=d", "https://a.example/b?c=d"),
        ("https://a.example/v1/", "/b", "https://a.example/v1/b"),
    ] {
        let target = target("", &format!("url: '{url}', path: '{path}'"));
        assert_eq!(target.url.to_string(), expected);
        assert_eq!(target.url_shown, expected);
    }
}

#[test]
fn what_is_wrong_with_a_layer_is_told_where_it_stands() {
    let mut told = String::new();
    for text in [
        layered("url: 'https://a.example/', auth: {bearer: x}, retyr: {}", URL),
        layered("timeout: soon, retry: {jitter: 200%}", URL),
        layered("", "uses: strype"),
        layered("", "uses: stripe"),
        layered("", "uses: shopify, with: {shpo: acme, token: '${MAIL_TOKEN}'}"),
        layered("", &format!("{URL}, with: {{key: x}}")),
        layered("", "uses: stripe, with: {key: '${NOT_SET}'}"),
        layered("", "uses: stripe, with: {key: [a]}"),
        layered("", "uses: stripe, with: {key: '${BROKEN}'}"),
        layered("", &format!("{STRIPE}, url: 'https://a.example/?b=c', path: /d")),
        layered("", &format!("{URL}, path: b, idempotency_header: 'a b', encode: xml, error_code: error")),
        layered("", &format!("{URL}, error_code: {{at: [], counts_as: {{a: 200}}}}")),
        layered("", &format!("{URL}, content_type: text/csv, headers: {{content-type: text/plain}}")),
        layered("", "url: 'https://${MAIL_TOKEN}.example/${MAIL_TOKEN}', path: '/{{ body.id }}'"),
    ] {
        told.push_str(&format!("{}\n----\n", wrong(&text)));
    }
    assert!(!told.contains("s3cret"), "{told}");
    assert_page!(told);
}

#[test]
fn two_targets_that_inherit_a_mistake_report_it_once() {
    let text = "defaults: {concurrency: many}\nroutes: {in: {accept: POST /in, to: [a, b]}}\n\
                targets: {a: {url: 'https://a.example/'}, b: {url: 'https://b.example/'}}\n";
    assert_eq!(wrong(text).matches("`many`").count(), 1);
}

const EXPLAINED: &str = r#"defaults:
  timeout: 30s
  headers: { x-team: payments }
  breaker: { consecutive: 5 }
routes: { in: { accept: POST /in, to: [pay, plain] } }
targets:
  pay:
    uses: stripe
    with: { key: "${MAIL_TOKEN}" }
    path: /v1/customers
    headers: { authorization-note: "x ${MAIL_TOKEN}", cookie: literal }
    retry: { exponential: { first: 1s }, on: [402, 404] }
    concurrency: adaptive
    sign: { secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] }
  plain: { url: "https://example.com/", breaker: on }
"#;

struct OneFile;

impl Environment for OneFile {
    fn variable(&self, name: &str) -> Option<String> {
        World.variable(name)
    }
    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == Path::new("fanlight.yaml") { Ok(EXPLAINED.into()) } else { World.file(path) }
    }
}

fn explained(name: &str) -> String {
    let settings =
        explain(Path::new("fanlight.yaml"), name, &OneFile).unwrap_or_else(|error| panic!("{error}"));
    let line = |setting: &Setting| {
        let from = setting.from.as_deref().unwrap_or_default();
        format!("{} = {} ({:?} {from})\n", setting.key, setting.value, setting.layer)
    };
    settings.iter().map(line).collect()
}

#[test]
fn every_setting_is_explained_and_no_secret_shown() {
    let page = explained("pay");
    for secret in ["s3cret", "literal", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        assert!(!page.contains(secret), "{secret}: {page}");
    }
    assert_page!(page);
}

#[test]
fn what_nobody_says_is_explained_too() {
    assert_page!(explained("plain"));
}

#[test]
fn a_target_that_is_not_there_is_named_with_those_that_are() {
    let error = explain(Path::new("fanlight.yaml"), "payy", &OneFile).unwrap_err().to_string();
    assert_eq!(error, "the configuration has no target `payy`; its targets are: pay, plain");
}
