//! Every kind of secret in use, with successes and failures at the most talkative log level: none is found in anything that is told or kept.

use anyhow::{Result, ensure};
use e2e::api::{Api, answer};
use e2e::client;
use e2e::gateway::{Gateway, run};
use e2e::patience::until;
use e2e::wire::Wire;
use serde_json::Value;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// By variable; no two have a part in common.
const SECRETS: [(&str, &str); 13] = [
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
    ("FANLIGHT_SECRETS_KEY", "c2VjcmV0cy1rZXktb2YtdGVzdHMtMzItYnl0ZXMtISE="),
    ("MESSAGE_KEY", "bWVzc2FnZS1rZXktb2YtdGVzdHMtb2YtMzItYnl0ZXM="),
];
/// What is kept encrypted.
const STORED: &str = "stored-w8Yq2n-token";
/// What a rule covers in answers and in what is shown of messages: it is delivered, and so kept with its message.
const CARD: &str = "4111-2222-3333-9876";
/// The token that the token endpoint gives.
const TOKEN: &str = "accesstoken-b3Blbg";
/// How some of them look on the wire: base64 of `me:…`, and their MAC's key.
const DERIVED: [&str; 3] = [
    "bWU6cGFzc3dvcmQtWm1sNGRIVnlaUQ==",
    "bWU6cHJveHlwYXNzd29yZC01cktrMA==",
    "c2lnbmluZy1zZWNyZXQtb2YtdGVzdHMh",
];
const TARGETS: [&str; 12] = [
    "bearer", "basic", "header", "query", "oauth2", "aws", "signed", "plain", "proxied", "stored", "rfc9421",
    "redacted",
];

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
    redact: {{ body: [/card] }}
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
  stored: {{ url: {api}/stored, auth: {{ bearer: "${{secret:stored}}" }} }}
  rfc9421: {{ url: {api}/rfc9421, signature: {{ key_id: main, key: "${{MESSAGE_KEY}}" }} }}
  redacted: {{ url: {api}/redacted, redact: {{ body: [/seen/card] }} }}
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
    if request.word(1) == "/redacted" {
        let body = format!(r#"{{"seen":{}}}"#, String::from_utf8_lossy(&request.body));
        return answer(stream, status, "content-type: application/json\r\n", body.as_bytes());
    }
    // It repeats what it was sent, as some do.
    let seen = format!("{:?}", request.headers);
    answer(stream, status, "content-type: text/plain\r\n", seen.as_bytes())
}

/// What holds a secret, by name.
fn leaks(name: &str, told: &[u8], found: &mut Vec<String>) {
    let secrets = SECRETS.iter().map(|(_, secret)| *secret).chain([TOKEN, STORED]).chain(DERIVED);
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
    store(folder.path())?;
    let mut gateway =
        Gateway::configured(folder.path(), &SECRETS, |listen, admin| configuration(listen, admin, &url))?;
    let mut told = Vec::new();
    for (word, state) in [("good", "delivered"), ("bad", "dead")] {
        let body = format!(r#"{{"{word}":1,"card":"{CARD}"}}"#);
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
    for words in [
        &["check", "--json", "--config", "fanlight.yaml"][..],
        &["schema"],
        &["target", "list"],
        &["secrets", "list"],
    ] {
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
    told.push(("the log".to_owned(), log.clone().into_bytes()));
    let shown = told.iter().filter(|(_, bytes)| String::from_utf8_lossy(bytes).contains(CARD));
    found.extend(shown.map(|(name, _)| format!("{CARD} in {name}")));
    let covered = told.iter().any(|(name, bytes)| {
        name.starts_with("/v1/dead/") && String::from_utf8_lossy(bytes).contains(r#"card\":\"***"#)
    });
    ensure!(covered, "a message is shown without its card");
    ensure!(log.contains("\"DEBUG\""), "the log is talkative: {log}");
    ensure!(found.is_empty(), "{found:#?}");
    Ok(())
}

/// Keeps a secret in the encrypted file of a folder, from standard input.
fn store(folder: &Path) -> Result<()> {
    std::fs::write(folder.join("fanlight.yaml"), "# written when the addresses are known\n")?;
    let key: Vec<_> = SECRETS.into_iter().filter(|(name, _)| *name == "FANLIGHT_SECRETS_KEY").collect();
    let output = run(folder, &key, &["secrets", "set", "stored"], STORED)?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
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
        STORED,
        CARD,
        "fanlight=:",
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
    store(folder.path())?;
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

#[test]
fn a_changed_encrypted_secret_is_taken_into_use_while_the_gateway_runs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    store(folder.path())?;
    let (seen, arrives) = std::sync::mpsc::channel();
    let api = Api::start(move |request, stream| {
        let token = request.header("authorization").unwrap_or_default().to_owned();
        seen.send(token).map_err(std::io::Error::other)?;
        answer(stream, 200, "", b"")
    })?;
    let url = api.url();
    let gateway = Gateway::configured(folder.path(), &SECRETS, |listen, admin| {
        format!(
            r#"{{ listen: "{listen}", admin: "{admin}", store: memory, routes: {{ signup: {{ accept: POST /signup, to: [api] }} }},
  targets: {{ api: {{ url: "{url}", auth: {{ bearer: "${{secret:stored}}" }} }} }} }}"#
        )
    })?;
    let called = || -> Result<String> {
        let ticket = gateway.accepted(b"{}")?;
        gateway.delivery(&ticket, "api", &["delivered"])?;
        Ok(arrives.recv()?)
    };
    ensure!(called()? == format!("Bearer {STORED}"), "the first one is used");
    ensure!(
        run(folder.path(), &SECRETS, &["secrets", "set", "stored"], "another-token")?.status.success(),
        "it is set"
    );
    until("the other token to be used", || Ok((called()? == "Bearer another-token").then_some(())))
}
