//! Every kind of secret in use, with successes and failures at the most talkative log level: none is found in anything that is told or kept.

use anyhow::{Result, ensure};
use e2e::api::{Api, answer};
use e2e::client;
use e2e::gateway::Gateway;
use e2e::patience::until;
use e2e::wire::Wire;
use serde_json::Value;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// By variable; no two have a part in common.
const SECRETS: [(&str, &str); 11] = [
    ("BEARER", "bearer-Qm9yZWFs"),
    ("PASSWORD", "password-Zml4dHVyZQ"),
    ("HEADER_KEY", "headerkey-a8Hd1k"),
    ("QUERY_KEY", "querykey-0zPqL3"),
    ("CLIENT_SECRET", "clientsecret-77Gh2w"),
    ("AWS_SECRET", "awssecret-K7MDENGbPx"),
    ("AWS_SESSION", "awssession-FwoGZXIv"),
    ("SIGNING", "whsec_c2lnbmluZy1zZWNyZXQtb2YtdGVzdHMh"),
    ("PLAIN_HEADER", "plainheader-19xYt5"),
    ("IN_URL", "inurl-Tz4mWq"),
    ("PROXY_PASSWORD", "proxypassword-5rKk0"),
];
/// The token that the token endpoint gives.
const TOKEN: &str = "accesstoken-b3Blbg";
/// How some of them look on the wire: base64 of `me:…`, and their MAC's key.
const DERIVED: [&str; 3] = [
    "bWU6cGFzc3dvcmQtWm1sNGRIVnlaUQ==",
    "bWU6cHJveHlwYXNzd29yZC01cktrMA==",
    "c2lnbmluZy1zZWNyZXQtb2YtdGVzdHMh",
];
const TARGETS: [&str; 9] =
    ["bearer", "basic", "header", "query", "oauth2", "aws", "signed", "plain", "proxied"];

fn configuration(listen: SocketAddr, admin: SocketAddr, api: &str) -> String {
    let port = api.rsplit(':').next().unwrap_or_default();
    let keys =
        r#"access_key_id: AKIDEXAMPLE, secret_access_key: "${AWS_SECRET}", session_token: "${AWS_SESSION}""#;
    format!(
        r#"listen: {listen}
admin: {admin}
store: sqlite:./data
log: {{ level: trace, format: json }}
routes:
  signup:
    accept: POST /signup
    to: [{}, unreachable]
targets:
  bearer: {{ url: {api}/bearer, auth: {{ bearer: "${{BEARER}}" }} }}
  basic: {{ url: {api}/basic, auth: {{ basic: {{ user: me, password: "${{PASSWORD}}" }} }} }}
  header: {{ url: {api}/header, auth: {{ api_key: {{ header: x-api-key, value: "${{HEADER_KEY}}" }} }} }}
  query: {{ url: {api}/query, auth: {{ api_key: {{ query: key, value: "${{QUERY_KEY}}" }} }} }}
  oauth2: {{ url: {api}/oauth2, auth: {{ oauth2: {{ token_url: {api}/token, client_id: me, client_secret: "${{CLIENT_SECRET}}", client_auth: post }} }} }}
  aws: {{ url: {api}/aws, auth: {{ aws: {{ region: eu-1, service: sqs, {keys} }} }} }}
  signed: {{ url: {api}/signed, sign: {{ secrets: ["${{SIGNING}}"] }} }}
  plain: {{ url: "{api}/plain/${{IN_URL}}", headers: {{ x-plain: "${{PLAIN_HEADER}}" }} }}
  proxied: {{ url: http://api.test/proxied, proxy: {{ url: "http://127.0.0.1:{port}", user: me, password: "${{PROXY_PASSWORD}}" }} }}
  unreachable: {{ url: "http://127.0.0.1:1/${{IN_URL}}", auth: {{ api_key: {{ query: key, value: "${{QUERY_KEY}}" }} }}, retry: {{ schedule: [0s] }} }}
"#,
        TARGETS.join(", ")
    )
}

/// One API for all: it gives a token, takes what is good, and refuses what is bad.
fn behave(request: &Wire, stream: &mut TcpStream) -> std::io::Result<()> {
    if request.word(1) == "/token" {
        let body = format!(r#"{{"access_token":"{TOKEN}","token_type":"Bearer","expires_in":3600}}"#);
        return answer(stream, 200, "", body.as_bytes());
    }
    let status = if request.body.starts_with(b"{\"good") { 200 } else { 422 };
    // It repeats what it was sent, as some do.
    let seen = format!("{:?}", request.headers);
    answer(stream, status, "content-type: text/plain\r\n", seen.as_bytes())
}

/// What holds a secret, by name.
fn leaks(name: &str, told: &[u8], found: &mut Vec<String>) {
    let secrets = SECRETS.iter().map(|(_, secret)| *secret).chain([TOKEN]).chain(DERIVED);
    for secret in secrets {
        if told.windows(secret.len()).any(|window| window == secret.as_bytes()) {
            found.push(format!("{secret} in {name}"));
        }
    }
}

fn files(folder: &Path, found: &mut Vec<String>) -> Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            count += files(&path, found)?;
        } else {
            leaks(&path.display().to_string(), &std::fs::read(&path)?, found);
            count += 1;
        }
    }
    Ok(count)
}

#[test]
fn no_secret_is_told_or_kept() -> Result<()> {
    let sent = Arc::<Mutex<Vec<u8>>>::default();
    let kept = Arc::clone(&sent);
    let api = Api::start(move |request, stream| {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(kept, "{} {:?}", request.start, request.headers)?;
        kept.extend_from_slice(&request.body);
        behave(request, stream)
    })?;
    let url = api.url().replace("/hook", "");
    let folder = tempfile::tempdir()?;
    let mut gateway =
        Gateway::configured(folder.path(), &SECRETS, |listen, admin| configuration(listen, admin, &url))?;
    let mut told = Vec::new();
    for (body, state) in [(r#"{"good":1}"#, "delivered"), (r#"{"bad":1}"#, "dead")] {
        let ticket = gateway.accepted(body.as_bytes())?;
        for target in TARGETS {
            gateway.delivery(&ticket, target, &[state])?;
        }
        gateway.delivery(&ticket, "unreachable", &["dead"])?;
        let path = format!("/v1/tickets/{ticket}");
        told.push((path.clone(), client::request(gateway.listen, "GET", &path, &[], b"")?.wire.body));
    }
    ensure!(used(&sent.lock().unwrap_or_else(PoisonError::into_inner)), "each secret was really used");
    let dead: Value = serde_json::from_str(&gateway.operate("GET", "/v1/dead?limit=100", "")?)?;
    let ids = ids(&dead);
    ensure!(ids.len() == TARGETS.len() + 2, "each dead letter is looked at: {dead:#}");
    let pages = ["/v1/dead?limit=100", "/v1/targets", "/metrics", "/readyz"].map(str::to_owned);
    for path in pages.into_iter().chain(ids.iter().map(|id| format!("/v1/dead/{id}"))) {
        told.push((path.clone(), gateway.operate("GET", &path, "")?.into_bytes()));
    }
    for words in [&["check", "--json", "--config", "fanlight.yaml"][..], &["schema"], &["target", "list"]] {
        let output = gateway.says(words)?;
        told.push((words.join(" "), [output.stdout, output.stderr].concat()));
    }
    // Everything that it still has in mind goes to disk.
    gateway.stop()?;
    let mut found = Vec::new();
    told.iter().for_each(|(name, bytes)| leaks(name, bytes, &mut found));
    ensure!(
        files(folder.path(), &mut found)? >= 3,
        "the log, the configuration and the store are looked through"
    );
    let log = std::fs::read_to_string(folder.path().join("fanlight.log"))?;
    ensure!(log.contains("\"DEBUG\""), "the log is talkative: {log}");
    ensure!(found.is_empty(), "{found:#?}");
    Ok(())
}

/// Whether each secret that goes over the wire as it is has gone over it.
fn used(sent: &[u8]) -> bool {
    let sent = String::from_utf8_lossy(sent);
    let plain =
        ["BEARER", "HEADER_KEY", "QUERY_KEY", "CLIENT_SECRET", "AWS_SESSION", "PLAIN_HEADER", "IN_URL"];
    let plain = SECRETS.iter().filter(|(name, _)| plain.contains(name)).map(|(_, secret)| *secret);
    let others = [
        TOKEN,
        "bWU6cGFzc3dvcmQtWm1sNGRIVnlaUQ==",
        "bWU6cHJveHlwYXNzd29yZC01cktrMA==",
        "AWS4-HMAC-SHA256",
        "v1,",
    ];
    plain.chain(others).all(|secret| sent.contains(secret))
}

/// Every id of a dead delivery.
fn ids(page: &Value) -> Vec<String> {
    let items = page.as_object().and_then(|page| page.values().find_map(Value::as_array));
    let id = |item: &Value| Some(item.get("id").or_else(|| item.get("delivery"))?.as_str()?.to_owned());
    items.into_iter().flatten().filter_map(id).collect()
}

#[test]
fn a_wrong_configuration_is_told_without_its_secrets() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let api = Api::start(behave)?;
    let url = api.url().replace("/hook", "");
    let gateway =
        Gateway::configured(folder.path(), &SECRETS, |listen, admin| configuration(listen, admin, &url))?;
    let path = folder.path().join("fanlight.yaml");
    let wrong = std::fs::read_to_string(&path)?
        .replace("secrets: [\"${SIGNING}\"]", "secrets: [\"${PASSWORD}\"]")
        .replace("access_key_id: AKIDEXAMPLE", "access_key: \"${AWS_SECRET}\"");
    std::fs::write(&path, wrong)?;
    let log = || std::fs::read_to_string(folder.path().join("fanlight.log"));
    until("the reload to be refused", || Ok(log()?.contains("not a signing key").then_some(())))?;
    let output = gateway.says(&["check", "--json", "--config", "fanlight.yaml"])?;
    ensure!(!output.status.success(), "it is wrong");
    let mut found = Vec::new();
    leaks("check", &[output.stdout, output.stderr].concat(), &mut found);
    leaks("the log", log()?.as_bytes(), &mut found);
    ensure!(found.is_empty(), "{found:#?}");
    Ok(())
}
