//! What people are told about configurations that are wrong: each snapshot is a page of messages to read.

use super::*;

/// Each text with its report.
fn page<'a>(texts: impl IntoIterator<Item = (&'a str, String)>) -> String {
    texts.into_iter().map(|(title, text)| format!("## {title}\n{}\n\n", wrong(&text))).collect()
}

#[test]
fn a_text_that_is_no_yaml_is_shown_where_it_breaks() {
    assert_page!(page([
        ("nothing", String::new()),
        ("only a comment", "# to do\n".to_owned()),
        ("a list", "- routes\n- targets\n".to_owned()),
        ("a word", "routes".to_owned()),
        ("a tab", "routes:\n\tin: { accept: POST /in, to: out }\n".to_owned()),
        ("an open bracket", "routes:\n  in: { accept: POST /in, to: [out }\n".to_owned()),
        ("an open quote", "store: \"sqlite:./data\nlisten: 127.0.0.1:80\n".to_owned()),
        ("two documents", format!("{COMPLETE}---\nlisten: 127.0.0.1:80\n")),
        ("a reference in a list", "routes:\n  in: { accept: POST /in, to: [${TARGET}] }\n".to_owned()),
        ("a colon in jq", with_target("    body: .a + \": x\"\n")),
        ("braces in a flow mapping", "routes: { in: { accept: POST /in/{id}, to: out } }\n".to_owned()),
        ("an at sign", "node: @home\n".to_owned()),
        ("an unknown alias", "node: *home\n".to_owned()),
        ("far too deep", format!("{}{}", "[".repeat(100), "]".repeat(100))),
    ]));
}

#[test]
fn aliases_of_aliases_do_not_fill_the_memory() {
    let level = |n: usize| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "));
    let text: String = (1..10).map(level).collect();
    let told = wrong(&format!("a0: &a0 [x]\n{text}"));
    assert!(told.contains("too many values"), "{told}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let told = |path: &str| load(Path::new(path), &World).expect_err("this file is wrong").to_string();
    assert_page!(["missing.yaml", "large.yaml", "latin1.yaml"].map(told).join("\n\n"));
}

#[test]
fn a_wrong_key_or_kind_of_value_says_what_is_known() {
    assert_page!(page([
        ("a mistyped key", format!("{COMPLETE}retension: {{ time: 1d }}\n")),
        ("a mistyped key below", with_target("    concurency: 4\n")),
        ("a key of a newer version", with_target("    signature: { secret: x }\n")),
        ("a key in the wrong place", with_route("    accept: POST /in\n    url: https://example.com/\n")),
        ("a key twice", format!("{COMPLETE}store: memory\n")),
        ("a target twice", with_target("  out: { url: https://example.org/ }\n")),
        ("a mapping for a text", with_target("    body: {email: .email}\n")),
        ("a text for a mapping", with_target("    headers: authorization\n")),
        ("a list for a number", with_target("    concurrency: [1]\n")),
        ("a mapping for a list", with_route("    accept: POST /in\n    content_types: { a: b }\n")),
        (
            "a number for a target",
            "routes: { in: { accept: POST /in, to: out } }\ntargets: { out: 5 }\n".to_owned()
        ),
        (
            "far too many entries",
            with_route(&format!(
                "    accept: POST /in\n    content_types: [{}]\n",
                ["text/*"; 1001].join(",")
            ))
        ),
        ("nothing for a header", with_target("    headers: { x-a: }\n")),
    ]));
}

#[test]
fn a_group_that_cannot_be_says_why() {
    let group = |keys: &str, more: &str| {
        format!(
            "routes:\n  in:\n    accept: POST /in\n    to: [a, b, c]\n{keys}targets:\n  a: {{ url: https://a.example/{more} }}\n\
             \x20 b: {{ url: https://b.example/, undo: c }}\n  c: {{ url: https://c.example/ }}\n"
        )
    };
    assert_page!(page([
        ("a rule", group("    complete: most\n", "")),
        ("a quorum of none", group("    complete: 0\n", "")),
        ("a quorum of more than are required", group("    complete: 3\n    optional: a\n", "")),
        ("an optional target that is not there", group("    optional: d\n", "")),
        ("a wait for what is not in the route", group("    after: { a: d }\n", "")),
        ("a wait for itself", group("    after: { a: a }\n", "")),
        ("a circle", group("    after: { a: b, b: c, c: [a] }\n", "")),
        ("a callback to nobody", group("    callback: shop\n", "")),
        ("an undo that is not there", group("", ", undo: d")),
        ("an undo that is undone", group("", ", undo: b")),
    ]));
}

#[test]
fn an_answer_that_cannot_be_read_says_why() {
    let group = |keys: &str, of_a: &str, of_c: &str| {
        format!(
            "routes:\n  in:\n    accept: POST /in\n    to: [a, b]\n{keys}targets:\n  a: {{ url: https://a.example/{of_a} }}\n\
             \x20 b: {{ url: https://b.example/ }}\n  c: {{ url: 'https://c.example/{of_c}' }}\n"
        )
    };
    let reads = |name: &str| format!(", body: $responses.{name}.body.id");
    assert_page!(page([
        ("a primary that is not there", group("    primary: c\n", "", "")),
        ("no primary", group("    primary: { wait: 10s }\n", "", "")),
        ("an endless wait", group("    primary: { target: a, wait: 61s }\n", "", "")),
        ("an optional primary", group("    optional: a\n    primary: a\n", "", "")),
        ("a primary that waits", group("    after: { a: b }\n    primary: a\n", "", "")),
        ("a primary that reads", group("    primary: a\n", &reads("b"), "")),
        ("an answer that is not waited for", group("", &reads("b"), "")),
        ("an answer of nobody", group("    after: { a: b }\n", &reads("d"), "")),
        ("answers of nobody in particular", group("", ", body: '[$responses[]]'", "")),
        ("what an undo cannot read", group("", ", undo: c", "{{ responses.b.status }}")),
        ("what a callback cannot read", group("    callback: c\n", "", "{{ responses.a.status }}")),
        ("a filter over answers", group("    after: { a: b }\n", ", when: $responses.b.body.id", "")),
        ("a key over answers", group("    key: $responses.b.body.id\n", "", "")),
    ]));
}

#[test]
fn a_wrong_value_says_what_is_allowed() {
    assert_page!(page([
        ("an address", format!("listen: localhost:8080\n{}", with_target(""))),
        ("an admin address", format!("admin: 0.0.0.0:8081\n{}", with_target(""))),
        ("the same address", format!("admin: 127.0.0.1:8080\n{}", with_target(""))),
        ("the same port", format!("listen: 0.0.0.0:8081\nadmin: 127.0.0.1:8081\n{}", with_target(""))),
        ("a store", format!("store: postgres://localhost/fanlight\n{}", with_target(""))),
        ("a node's name", format!("node: my node\n{}", with_target(""))),
        ("a duration without a unit", with_target("    timeout: 15\n")),
        ("a duration with another unit", with_target("    timeout: 15 sek\n")),
        ("a wait in a schedule", with_target("    retry: { schedule: [0s, 5x] }\n")),
        ("no time at all", with_target("    timeout: { total: 0s }\n")),
        ("a size", format!("retention: {{ bytes: 10gb }}\n{}", with_target(""))),
        ("too small a store", format!("retention: {{ bytes: 1MB }}\n{}", with_target(""))),
        ("too large a body", format!("limits: {{ body: 17MiB }}\n{}", with_target(""))),
        ("a number", with_target("    concurrency: many\n")),
        ("a number out of range", with_target("    concurrency: 0\n")),
        ("a breaker", with_target("    breaker: of\n")),
        ("a breaker without failures", with_target("    breaker: { failures: 0%, open: 0s }\n")),
        ("a breaker that would close at once", with_target("    breaker: { open: 1h }\n")),
        ("no time to fail", with_target("    disable_after: 0s\n")),
        ("a rate without a unit", with_target("    rate: 100\n")),
        ("a rate with another unit", with_target("    rate: 100/d\n")),
        ("a rate of nothing", with_target("    rate: { limit: 0/s }\n")),
        ("a rate without a limit", with_target("    rate: { burst: 5 }\n")),
        ("too large a burst", with_target("    rate: { limit: 10/s, burst: 2000000 }\n")),
        ("bounds the wrong way round", with_target("    concurrency: { adaptive: { min: 9, max: 4 } }\n")),
        ("a word for a concurrency", with_target("    concurrency: adaptiv\n")),
        ("a word", format!("log: {{ format: jsn }}\n{}", with_target(""))),
        ("a share", with_target("    retry: { jitter: 0.2 }\n")),
        ("a share out of range", with_target("    retry: { jitter: 120% }\n")),
    ]));
}

#[test]
fn a_wrong_route_says_what_is_wrong() {
    assert_page!(page([
        ("no path", with_route("")),
        ("no method", with_route("    accept: /in\n")),
        ("a small method", with_route("    accept: post /in\n")),
        ("a method twice", with_route("    accept: POST|PUT|POST /in\n")),
        ("a wrong pattern", with_route("    accept: POST /in/{*rest}/more\n")),
        ("a reserved path", with_route("    accept: POST /v1/messages\n")),
        ("another reserved path", with_route("    accept: GET /healthz\n")),
        ("no deadline", with_route("    accept: POST /in\n    deadline: 0s\n")),
        ("no type", with_route("    accept: POST /in\n    content_types: []\n")),
        ("a wrong type", with_route("    accept: POST /in\n    content_types: [json]\n")),
        ("a wrong event type", with_route("    accept: POST /in\n    types: [com.*.signup]\n")),
        ("a wrong key", with_route("    accept: POST /in\n    key: .a.[\n")),
        ("a wrong name", "targets: { out: { url: https://example.com/ } }\nroutes:\n  two words: { accept: POST /in, to: out }\n".to_owned()),
        ("the same twice", with_route("    accept: POST /in/{id}\n  other: { accept: 'PUT|POST /in/{name}', to: out }\n")),
        ("crossing paths", with_route("    accept: POST /a/{x}\n  other: { accept: 'ANY /{y}/b', to: out }\n")),
    ]));
}

#[test]
fn a_route_names_targets_that_there_are() {
    let many: Vec<String> = (0..300).map(|n| format!("t{n}")).collect();
    let targets: String =
        many.iter().map(|name| format!("  {name}: {{ url: https://example.com/ }}\n")).collect();
    assert_page!(page([
        ("a mistyped target", COMPLETE.replace("[crm, mailing]", "[crm, mailling]")),
        ("an unknown target", COMPLETE.replace("[crm, mailing]", "[crm, mailing, billing]")),
        ("no targets at all", "routes: { in: { accept: POST /in, to: [out] } }\n".to_owned()),
        ("a target twice", COMPLETE.replace("[crm, mailing]", "[crm, crm]")),
        ("an empty list", COMPLETE.replace("[crm, mailing]", "[]")),
        ("no list", COMPLETE.replace("    to: [crm, mailing]\n", "")),
        (
            "300 targets",
            format!(
                "routes:\n  in:\n    accept: POST /in\n    to:\n      - {}\ntargets:\n{targets}",
                many.join("\n      - ")
            )
        ),
    ]));
}

#[test]
fn a_wrong_target_says_what_is_wrong() {
    let url = |url: &str| with_target("").replace("https://example.com/", url);
    assert_page!(page([
        (
            "no url",
            "routes: { in: { accept: POST /in, to: out } }\ntargets: { out: { method: PUT } }\n".to_owned()
        ),
        ("no scheme", url("crm.example.com/users")),
        ("another scheme", url("ftp://example.com/")),
        ("no host", url("https:///users")),
        ("a password", url("https://me:secret@example.com/")),
        ("a fragment", url("https://example.com/#top")),
        ("a port", url("https://example.com:99999/")),
        ("a method", with_target("    method: post\n")),
        ("jq", with_target("    when: .consent = = true\n")),
        (
            "jq of many lines",
            with_target("    body: |\n      {\n        email: .email,\n        name: .name +\n      }\n")
        ),
        ("jq with an unknown function", with_target("    body: '{email: .email | lowercase}'\n")),
        ("a header of the connection", with_target("    headers: { Transfer-Encoding: chunked }\n")),
        ("a header that Fanlight sets", with_target("    headers: { webhook-id: '1' }\n")),
        ("a header's name", with_target("    headers: { 'x y': '1' }\n")),
        ("a header twice", with_target("    headers: { X-A: '1', x-a: '2' }\n")),
        ("a header's value", with_target("    headers: { x-a: \"a\\nb\" }\n")),
        ("both schedules", with_target("    retry: { schedule: [0s], exponential: { first: 1s } }\n")),
        ("no attempt", with_target("    retry: { schedule: [] }\n")),
        (
            "too many attempts",
            with_target(&format!("    retry: {{ schedule: [{}] }}\n", ["1s"; 101].join(", ")))
        ),
        ("shrinking waits", with_target("    retry: { exponential: { first: 2h } }\n")),
        ("a status", with_target("    success: [200, 099]\n")),
        ("a status twice", with_target("    retry: { on: [404, 204], never: 4xx }\n")),
        ("a missing certificate", with_target("    tls: { ca: gone.pem }\n")),
        ("no certificate", with_target("    tls: { ca: empty.pem }\n")),
        ("a certificate without its key", with_target("    tls: { cert: client.pem }\n")),
        ("a key without its certificate", with_target("    tls: { key: client.key }\n")),
        ("a key that is none", with_target("    tls: { cert: client.pem, key: ca.pem }\n")),
        ("a key of another certificate", with_target("    tls: { cert: ca.pem, key: client.key }\n")),
        ("a mistyped reach", with_target("    private: alow\n")),
        ("a network that is none", with_target("    private: [10.0.0.0/33]\n")),
        ("a word among networks", with_target("    private: [deny, 10.0.0.0/8]\n")),
        ("a proxy with a password", with_target("    proxy: http://me:s3cret@proxy:3128\n")),
        ("a proxy with TLS", with_target("    proxy: https://proxy:3128\n")),
        (
            "half a user of a proxy",
            with_target("    proxy: { url: http://proxy:3128, user: me, except: [\"a b\"] }\n")
        ),
        ("a certificate without tls", url("http://localhost/\n    tls: { ca: ca.pem }")),
    ]));
}

#[test]
fn a_wrong_template_says_what_is_wrong() {
    let url = |url: &str| {
        format!("routes:\n  in: {{ accept: POST /in, to: out }}\ntargets:\n  out:\n    url: {url}\n")
    };
    assert_page!(page([
        ("a host from a message", url("https://{{ body.host }}/users")),
        ("an open template", url("https://example.com/users/{{ body.id")),
        ("a name that there is not", url("https://example.com/users/{{ bdy.id }}")),
        ("a filter that there is not", url("https://example.com/users/{{ body.id | sha256 }}")),
        ("a secret in a template", url("https://example.com/${MAIL_TOKEN}/{{ body.id }}")),
        (
            "a secret in a header's template",
            with_target("    headers: { x-a: \"${MAIL_TOKEN} {{ body.id }}\" }\n")
        ),
        ("an open header", with_target("    headers: { x-a: \"{{ message.attempt }}\" }\n")),
    ]));
}

#[test]
fn a_reference_that_leads_nowhere_is_shown_where_it_stands() {
    assert_page!(page([
        ("a missing variable", with_target("    headers: { authorization: \"Bearer ${MAIL_TOKN}\" }\n")),
        ("a missing file", with_target("    headers:\n      authorization: Bearer ${file:gone}\n")),
        ("an open reference", with_target("    when: .a == \"${MAIL_TOKEN\"\n")),
        ("a wrong name", with_target("    when: .a == \"${MAIL-TOKEN}\"\n")),
        ("in many lines", with_target("    body: |\n      {\n        token: \"${NOPE}\"\n      }\n")),
        ("a value of the wrong form", with_target("    timeout: ${MAIL_TOKEN}\n")),
    ]));
}

#[test]
fn all_problems_are_found_in_one_run() {
    let text = "listne: 127.0.0.1:80\nadmin: 0.0.0.0:81\nroutes:\n  a: { accept: POST /a, to: [crm, nope], deadline: soon }\n  b: { accept: POST /a, to: 5 }\ntargets:\n  crm: { url: 'crm', retry: { jitter: 1, schedule: [1] }, when: '.a +', headers: { x: \"${NOPE}\" } }\n";
    assert_page!(wrong(text));
}

#[test]
fn a_report_is_json_for_scripts() {
    let report =
        parse(&COMPLETE.replace("mailing]", "mailling]"), "fanlight.yaml", &World).expect_err("wrong");
    assert_page!(serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn a_report_stops_after_fifty_problems() {
    let keys: String = (0..80).map(|n| format!("unknown{n}: 1\n")).collect();
    let report = parse(&keys, "fanlight.yaml", &World).expect_err("wrong");
    assert_eq!(report.problems().len(), PROBLEMS_MAX);
    assert!(report.to_string().ends_with("and 31 more"), "{report}");
}

#[test]
fn control_characters_of_the_file_do_not_reach_the_terminal() {
    let told = wrong("\"a\\e[31m\": 1\n\"b\\a\": \"\\e]0;x\\a\"\n");
    assert!(!told.chars().any(|c| c.is_control() && c != '\n'), "{told:?}");
}

#[test]
fn colours_are_only_in_the_coloured_form() {
    let report = parse("", "fanlight.yaml", &World).expect_err("wrong");
    assert!(report.coloured().contains('\u{1b}'));
    assert!(!report.to_string().contains('\u{1b}'));
}

#[test]
fn a_wrong_credential_says_what_is_wrong_and_never_the_credential() {
    let told = page([
        ("nothing", with_target("    auth: {}\n")),
        ("a word", with_target("    auth: s3cret\n")),
        (
            "two ways",
            with_target(
                "    auth: { bearer: \"${MAIL_TOKEN}\", basic: { user: a, password: \"${MAIL_TOKEN}\" } }\n",
            ),
        ),
        ("another way", with_target("    auth: { barer: \"${MAIL_TOKEN}\" }\n")),
        ("a line break", with_target("    auth: { bearer: \"${BROKEN}\" }\n")),
        ("a line break in the file", with_target("    auth: { bearer: \"s3cret\\nline\" }\n")),
        ("half a user", with_target("    auth: { basic: { user: \"a:b\" } }\n")),
        ("a colon", with_target("    auth: { basic: { user: \"a:b\", password: \"${MAIL_TOKEN}\" } }\n")),
        ("a key without a place", with_target("    auth: { api_key: { value: \"${MAIL_TOKEN}\" } }\n")),
        (
            "a key in a reserved header",
            with_target("    auth: { api_key: { header: webhook-id, value: \"${MAIL_TOKEN}\" } }\n"),
        ),
        (
            "a header of the same name",
            with_target(
                "    auth: { bearer: \"${MAIL_TOKEN}\" }\n    headers: { authorization: \"Bearer ${MAIL_TOKEN}\" }\n",
            ),
        ),
        (
            "half a client",
            with_target(
                "    auth: { oauth2: { token_url: auth.example.com/token, client_id: me, scopes: [a b] } }\n",
            ),
        ),
        ("half a key of AWS", with_target("    auth: { aws: { region: EU, access_key_id: AKIDEXAMPLE } }\n")),
        ("no signing key", with_target("    sign: { secrets: [] }\n")),
        ("a secret that is none", with_target("    sign: { secrets: \"${MAIL_TOKEN}\" }\n")),
        ("a secret that is not base64", with_target("    sign: { secrets: [\"whsec_${MAIL_TOKEN}!\"] }\n")),
        ("a short secret", with_target("    sign: { secrets: [whsec_c2VjcmV0] }\n")),
        (
            "a public key",
            with_target("    sign: { secrets: [whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=] }\n"),
        ),
        ("a path with a query", with_target("    auth: { bearer: \"${MAIL_TOKEN}\", paths: [/a?b] }\n")),
    ]);
    assert!(!told.lines().any(|line| line.contains("s3cret") && !line.contains("auth:")), "{told}");
    assert_page!(told);
}
