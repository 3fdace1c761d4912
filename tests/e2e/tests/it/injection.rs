//! Whatever a caller or an operator writes into a header, a path, a body or an edit: each call goes to the configured host and path, and
//! carries no line that was not meant.

use anyhow::{Context, Result, ensure};
use e2e::api::{Api, answer};
use e2e::client;
use e2e::gateway::Gateway;
use e2e::patience::until;
use e2e::wire::Wire;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// What tries to end a line, to climb, or to name another host.
const EVIL: [&str; 14] = [
    "a\r\nx-evil: 1",
    "a\nx-evil: 1",
    "a\rx-evil: 1",
    "a\0x-evil: 1",
    "a\r\n\r\nPOST /evil HTTP/1.1\r\nhost: evil.test\r\n\r\n",
    "..",
    "../../evil",
    "a/..;/../evil",
    "a\\..\\evil",
    "//evil.test/evil",
    "http://evil.test/evil",
    "@evil.test",
    "a?x=/evil#evil",
    "a\u{2028}x-evil: 1\u{85}é",
];

fn configuration(listen: SocketAddr, admin: SocketAddr, api: &str) -> String {
    format!(
        r#"listen: {listen}
admin: {admin}
store: memory
routes:
  shops: {{ accept: "POST /shops/{{id}}", to: [made] }}
  files: {{ accept: "POST /files/{{*rest}}", to: [path] }}
  events: {{ accept: POST /events, types: ["*"], to: [plain] }}
targets:
  made:
    url: "{api}/{{{{ params.id }}}}/end?q={{{{ body.q }}}}"
    headers: {{ x-made: "{{{{ body.h }}}}", x-seen: "{{{{ headers['x-in'] }}}}" }}
  path: {{ url: "{api}/{{{{ params.rest | path }}}}" }}
  plain: {{ url: "{api}" }}
"#
    )
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The states of a ticket's deliveries once none is on its way; none for what was not accepted.
fn ended(gateway: &Gateway, answer: &client::Answer, target: &str) -> Result<Option<String>> {
    if answer.status != 202 {
        ensure!((400..500).contains(&answer.status), "{}", answer.status);
        return Ok(None);
    }
    let ticket = answer.json()?;
    let id = ticket.get("id").and_then(Value::as_str).context("no id")?;
    let delivery = gateway.delivery(id, target, &["delivered", "dead"])?;
    Ok(delivery.get("state").and_then(Value::as_str).map(str::to_owned))
}

/// A request byte for byte; the status of its answer.
fn raw(address: SocketAddr, request: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(request)?;
    let mut said = Vec::new();
    stream.read_to_end(&mut said)?;
    Ok(String::from_utf8_lossy(said.get(9..12).unwrap_or_default()).into_owned())
}

/// Every call that came is one that was meant.
fn meant(seen: &[Wire], host: &str) -> Result<()> {
    for wire in seen {
        let path = wire.word(1);
        ensure!(wire.word(0) == "POST" && wire.word(2) == "HTTP/1.1", "{wire:?}");
        ensure!(path == "/hook" || path.starts_with("/hook/"), "{wire:?}");
        let segments = path.split('?').next().unwrap_or_default();
        let climbs =
            segments.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
        let climbs = climbs.split(['/', ';']).any(|part| part == ".." || part == ".");
        ensure!(!climbs && !path.contains('@'), "{wire:?}");
        ensure!(wire.header("host") == Some(host), "{wire:?}");
        let hosts = wire.headers.iter().filter(|(name, _)| name == "host").count();
        let evil = wire.headers.iter().any(|(name, _)| name.contains("evil") || name.contains('_'));
        ensure!(hosts == 1 && !evil, "{wire:?}");
        let id = wire.header("webhook-id").context("no id")?;
        ensure!(id.starts_with("dlv_"), "{wire:?}");
        if let Some(trace) = wire.header("traceparent") {
            ensure!(trace.len() == 55, "{wire:?}");
        }
    }
    Ok(())
}

#[test]
fn nothing_that_is_sent_in_leads_a_call_elsewhere_or_adds_a_line() -> Result<()> {
    let seen = Arc::<Mutex<Vec<Wire>>>::default();
    let kept = Arc::clone(&seen);
    let api = Api::start(move |request, stream| {
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        // Refused, so that it can be edited.
        answer(stream, if request.header("x-refuse").is_some() { 422 } else { 200 }, "", b"")
    })?;
    let url = api.url();
    let host = url.trim_start_matches("http://").trim_end_matches("/hook").to_owned();
    let folder = tempfile::tempdir()?;
    let gateway =
        Gateway::configured(folder.path(), &[], |listen, admin| configuration(listen, admin, &url))?;
    let mut ends = Vec::new();
    for evil in EVIL {
        ends.extend(requested(&gateway, evil)?.map(|end| (evil, end)));
        published(&gateway, evil)?;
        edited(&gateway, evil)?;
    }
    headed(&gateway)?;
    meant(&seen.lock().unwrap_or_else(PoisonError::into_inner), &host)?;
    let delivered = |evil: &str| {
        ends.iter().filter(|(of, end)| *of == evil && end.as_deref() == Some("delivered")).count()
    };
    ensure!(
        delivered("@evil.test") == 3 && delivered("http://evil.test/evil") >= 2,
        "what is harmless goes, encoded: {ends:?}"
    );
    ensure!(delivered("../../evil") == 0 && delivered("a\\..\\evil") == 0, "what climbs does not: {ends:?}");
    Ok(())
}

fn post(gateway: &Gateway, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<client::Answer> {
    Ok(client::request(gateway.listen, "POST", path, headers, body.to_string().as_bytes())?)
}

/// In a path, a query and a header that are made of the path, the body and a header; in the path alone; in one of several segments.
fn requested(gateway: &Gateway, evil: &str) -> Result<[Option<String>; 3]> {
    let (path, headers) = (format!("/shops/{}", encoded(evil)), [JSON, ("x-in", "1")]);
    let body = json!({ "q": evil, "h": evil });
    let all = post(gateway, &path, &headers, &body)?;
    let alone = post(gateway, &path, &headers, &json!({ "q": "1", "h": "1" }))?;
    let segment = post(gateway, &format!("/files/x/{}", encoded(evil)), &[JSON], &body)?;
    Ok([ended(gateway, &all, "made")?, ended(gateway, &alone, "made")?, ended(gateway, &segment, "path")?])
}

/// In an envelope and in events of each mode.
fn published(gateway: &Gateway, evil: &str) -> Result<()> {
    let data = json!({ "h": evil });
    let envelope = json!({ "type": evil, "data": data, "key": evil });
    ended(gateway, &post(gateway, "/v1/messages", &[JSON], &envelope)?, "plain")?;
    let event = json!({ "specversion": "1.0", "id": evil, "source": evil, "type": evil, "subject": evil,
        "datacontenttype": evil, "partitionkey": evil, "evil": evil, "data": data });
    let structured = [("content-type", "application/cloudevents+json")];
    ended(gateway, &post(gateway, "/v1/messages", &structured, &event)?, "plain")?;
    let batch = [("content-type", "application/cloudevents-batch+json")];
    post(gateway, "/v1/messages/batch", &batch, &json!([event]))?;
    let encoded = encoded(evil);
    let attributes =
        ["ce-id", "ce-source", "ce-type", "ce-subject", "ce-partitionkey"].map(|name| (name, &*encoded));
    let binary: Vec<_> = [JSON, ("ce-specversion", "1.0")].into_iter().chain(attributes).collect();
    ended(gateway, &post(gateway, "/v1/messages", &binary, &data)?, "plain")?;
    Ok(())
}

/// In names that are the gateway's, or that a server takes for them, in a trace that is none, and in what is no header at all.
fn headed(gateway: &Gateway) -> Result<()> {
    for field in [
        ("webhook_id", "evil"),
        ("fanlight_params", "id=evil"),
        ("Content_Length", "0"),
        ("traceparent", "00-evil-evil-01"),
        ("x-evil-hop", "1"),
    ] {
        let headers = [JSON, ("connection", "x-evil-hop, host"), field];
        ended(gateway, &post(gateway, "/events", &headers, &json!({}))?, "plain")?;
    }
    for line in
        ["x-a: b\0c", "x-a: b\rx-evil: 1", "x-a: b\r\n x-evil: 1", "x a: 1", "x-a : 1", ": 1", "x-\u{e9}: 1"]
    {
        let head = format!(
            "POST /events HTTP/1.1\r\nhost: h\r\n{line}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
        );
        let status = raw(gateway.listen, head.as_bytes())?;
        ensure!(status == "400", "{line:?}: {status}");
    }
    Ok(())
}

/// In an edit of a dead delivery, which is sent again.
fn edited(gateway: &Gateway, evil: &str) -> Result<()> {
    let headers = [JSON, ("x-in", "1"), ("x-refuse", "1")];
    let ticket = post(gateway, "/shops/1", &headers, &json!({ "q": "1", "h": "1" }))?.json()?;
    let id = ticket.get("id").and_then(Value::as_str).context("no ticket")?;
    let delivery = gateway.delivery(id, "made", &["dead"])?;
    let delivery = delivery.get("id").and_then(Value::as_str).context("no delivery")?;
    let path = format!("/v1/dead/{delivery}");
    let headers = [("content-type", "application/merge-patch+json"), ("fanlight-remove", "x-refuse")];
    let answer = client::request(
        gateway.admin,
        "PATCH",
        &path,
        &headers,
        json!({ "q": evil, "h": evil }).to_string().as_bytes(),
    )?;
    ensure!(answer.status == 200, "{}", answer.status);
    for line in ["fanlight-set-x-a: b\rx-evil: 1", "fanlight-set-x-a: b\0", "fanlight-set-x-a\r\n : 1"] {
        let head = format!(
            "PATCH {path} HTTP/1.1\r\nhost: localhost\r\n{line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        ensure!(raw(gateway.admin, head.as_bytes())? == "400", "{line:?}");
    }
    for name in ["fanlight-set-webhook_id", "fanlight-set-transfer-encoding", "fanlight-set-x evil"] {
        let answer = client::request(gateway.admin, "PATCH", &path, &[(name, "evil")], b"")?;
        ensure!(answer.status == 400, "{name}: {}", answer.status);
    }
    gateway.operate("POST", "/v1/dead/redrive", &json!({ "delivery": delivery }).to_string())?;
    until("the end of the second run", || {
        let ticket = gateway.ticket(id)?;
        let delivery = ticket.pointer("/deliveries/0").context("no delivery")?;
        let state = delivery.get("state").and_then(Value::as_str);
        let ended = delivery.get("run") == Some(&json!(2)) && matches!(state, Some("delivered" | "dead"));
        Ok(ended.then_some(()))
    })
}
