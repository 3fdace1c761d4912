//! Configurations: whatever the text is, it is read or refused with a reason, and no secret is told.

use super::must;
use contract::limits;
use gateway::config::{self, Config, Environment, Report};
use std::io;
use std::path::Path;

pub(super) const SEEDS: &[&[u8]] = &[
    include_bytes!("../../../../examples/signup/fanlight.yaml"),
    include_bytes!("../../../../examples/order/fanlight.yaml"),
    include_bytes!("../../../../examples/demo/fanlight.yaml"),
    br#"routes: {a: {accept: POST|PUT /a/{id}/{*rest}, to: [t], body: 1MiB, deadline: 1h30m, content_types: [text/*], types: [com.example.*], key: .id}}
targets:
  t:
    url: https://example.com/${TOKEN}?q=1
    method: PUT
    when: .a == true
    body: '{b: .a, c: [.d[] | select(. > 1)]}'
    headers: {authorization: "Bearer ${TOKEN}", x-file: "${file:secret}"}
    retry: {exponential: {first: 1s, factor: 2, max: 5m, attempts: 7}, jitter: 10%, on: [404, 500-599], never: 503}
    timeout: {connect: 1s, total: 10s, idle: 2s}
    concurrency: 8
    success: [200-204, 2xx]
    private: deny
"#,
    br#"{"listen": "127.0.0.1:0", "admin": "[::1]:0", "store": "memory", "node": "n1",
"retention": {"time": "7d", "dead": "30d", "bytes": "10GB"}, "limits": {"body": "256KiB", "accept_queue": 5, "connections": 5, "memory": "64MiB"},
"shutdown": {"grace": "30s"}, "log": {"level": "info", "format": "json"},
"routes": {"a": {"accept": "ANY /", "to": "t"}}, "targets": {"t": {"url": "http://127.0.0.1:1"}}}"#,
    br#"defaults: {timeout: 9s, retry: {jitter: 5%}, headers: {x-a: b}, breaker: {consecutive: 3}, rate: {limit: 9/s, burst: 2}, proxy: none}
routes:
  a: {accept: POST /a, to: [t, u, v], complete: 2, optional: v, after: {u: t}, primary: {target: t, wait: 9s, retry: on}, callback: w, priority: high, dedupe: {by: .id, window: 1h}}
targets:
  t: {uses: stripe, with: {key: "${TOKEN}"}, path: "/v1/{{ body.id }}", undo: w, concurrency: adaptive}
  u: {url: https://u.example.com, auth: {oauth2: {token_url: https://u.example.com/t, client_id: me, client_secret: "${TOKEN}", scopes: [a]}, methods: POST, paths: /a/*}, sign: {secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}}
  v: {uses: shopify, with: {shop: "${TOKEN}", token: x, version: 1}, rate: , auth: {aws: {region: eu-1, service: s3, access_key_id: a, secret_access_key: b}}}
  w: {url: http://w.example, encode: form-repeat, content_type: text/csv, idempotency_header: none, error_code: {at: [/a/0], counts_as: {b: 429, "*": 400}}, breaker: off, disable_after: 5d, private: [10.0.0.0/8], tls: {ca: secret}}
"#,
    b"x: &anchor {to: [t]}\nroutes: {a: {accept: POST /a, <<: *anchor}}\ntargets: {t: {url: 'http://h'}}\n",
];

pub(super) const WORDS: &[&[u8]] = &[
    b"listen",
    b"admin",
    b"store",
    b"routes",
    b"targets",
    b"accept",
    b"to",
    b"url",
    b"when",
    b"body",
    b"headers",
    b"retry",
    b"schedule",
    b"exponential",
    b"timeout",
    b"concurrency",
    b"defaults",
    b"uses",
    b"with",
    b"path",
    b"stripe",
    b"shopify",
    b"auth",
    b"bearer",
    b"oauth2",
    b"aws",
    b"sign",
    b"rate",
    b"breaker",
    b"complete",
    b"primary",
    b"$responses.t.body",
    b"{{ responses.t.status }}",
    b"after",
    b"undo",
    b"callback",
    b"encode",
    b"error_code",
    b"counts_as",
    b"${TOKEN}",
    b"${file:secret}",
    b"$${",
    b"*anchor",
    b"&anchor ",
    b"<<: ",
    b"!!str ",
    b"|\n  ",
    b">-\n",
    b"---\n",
    b"...\n",
    b"- ",
    b": ",
    b"? ",
    b"# ",
    b"'",
    b"\"",
    b"[",
    b"{",
    b"2xx",
    b"20%",
    b"5s",
    b"10GB",
    b"ANY",
    b"/{*rest}",
    b"/{id}",
    b"null",
    b"~",
    b"true",
    b".inf",
    b"0x10",
    b"https://",
    b"[::1]:80",
];

/// What a variable and a file hold: neither may be told to anybody.
const SECRET: &str = "s3cr3t-value";

struct World;

impl Environment for World {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "TOKEN").then(|| SECRET.to_owned())
    }

    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == Path::new("secret") { Ok(SECRET.into()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

pub(super) fn check(text: &str) -> Result<(), String> {
    let first = config::parse(text, "fuzz.yaml", &World);
    let again = config::parse(text, "fuzz.yaml", &World);
    must(format!("{first:?}") == format!("{again:?}"), "the same text is read in two ways")?;
    match first {
        Ok(config) => usable(&config),
        Err(report) => {
            must(report.is_refusal(), "a refusal without a reason")?;
            tellable(&report)
        }
    }
}

fn usable(config: &Config) -> Result<(), String> {
    must(config.admin.ip().is_loopback(), "the operators' door is open to others")?;
    must((1..=limits::BODY_BYTES_MAX).contains(&config.limits.body), "limits.body is out of its bounds")?;
    must(!config.routes.is_empty(), "there is no route")?;
    for route in &config.routes {
        let known = |name: &contract::Name| config.targets.iter().any(|target| target.name == *name);
        must(
            !route.to.is_empty() && route.to.len() <= limits::FAN_OUT_MAX,
            "the fan-out is out of its bounds",
        )?;
        must(route.to.iter().all(known), "a route leads to a target that is not there")?;
        must((1..=limits::BODY_BYTES_MAX).contains(&route.body_max), "a route's body is out of its bounds")?;
    }
    for target in &config.targets {
        must(
            (1..=limits::WINDOW_ITEMS_MAX).contains(&target.concurrency.most()),
            "concurrency is out of its bounds",
        )?;
        must(
            (1..=limits::ATTEMPTS_MAX).contains(&target.retry.attempts()),
            "the attempts are out of their bounds",
        )?;
        must(target.url.host().is_some_and(|host| !host.is_empty()), "a URL without a host")?;
    }
    // What the text itself says is no secret.
    must(!format!("{config:?}").contains(SECRET), "the debug form tells a secret")?;
    // A table that cannot be built would panic.
    drop(config.routing());
    must(!config.warnings.is_refusal(), "a warning that refuses")?;
    tellable(&config.warnings)
}

fn tellable(report: &Report) -> Result<(), String> {
    let json = serde_json::to_string(report).map_err(|error| error.to_string())?;
    for form in [report.to_string(), report.coloured(), json, format!("{report:?}")] {
        must(!form.contains(SECRET), "the report tells a secret")?;
    }
    for problem in report.problems() {
        let placed = problem.at.is_none()
            || report.position(problem).is_some_and(|(line, column)| line > 0 && column > 0);
        must(placed, "a problem without a line")?;
        must(!problem.message.is_empty(), "a problem without words")?;
    }
    Ok(())
}
