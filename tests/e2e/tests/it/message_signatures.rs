//! What a live delivery is signed with as RFC 9421 says, checked by a library that we did not write.

use anyhow::{Context, Result, ensure};
use e2e::api::{Api, answer};
use e2e::gateway::Gateway;
use e2e::wire::Wire;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

/// RFC 9421, appendix B.1.4 and B.1.5, and a key on P-256 of our own; by the variable that holds it.
const KEYS: [(&str, &str); 3] = [
    (
        "ED25519",
        "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
",
    ),
    ("HMAC", "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="),
    (
        "P256",
        "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjBsN2WbkXGOfPTIp
eM3OmO+MW33aRgFnnDf1DEmFhlihRANCAARCaZbSwTTNZg49EtqEj9pxJIWSutOy
i7S485na4Q6rc1G2lZi8clKysLH+P3icr0uQeYaxwVx0/ZG6HKMqj6YD
-----END PRIVATE KEY-----
",
    ),
];
const BODY: &str = r#"{"email": "ada@example.com", "name": "Ünïcode"}"#;

/// Takes a list of cases and says which of them it verifies; a case has its key, as the gateway got it.
const VERIFY: &str = r#"
import base64, datetime, json, sys
from types import SimpleNamespace
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
ALGORITHMS = {"ED25519": algorithms.ED25519, "HMAC": algorithms.HMAC_SHA256, "P256": algorithms.ECDSA_P256_SHA256}
COVERED = ("@method", "@target-uri", "content-digest", "content-type", "webhook-id")
def verify(case):
    class Keys(HTTPSignatureKeyResolver):
        def resolve_public_key(self, key_id):
            assert key_id == "key of " + case["kind"]
            if case["kind"] == "HMAC":
                return base64.b64decode(case["key"])
            return load_pem_private_key(case["key"].encode(), None).public_key()
    verifier = HTTPMessageVerifier(signature_algorithm=ALGORITHMS[case["kind"]], key_resolver=Keys())
    message = SimpleNamespace(method=case["method"], url=case["url"], headers=case["headers"])
    try:
        age = datetime.timedelta(minutes=5)
        return len(verifier.verify(message, max_age=age, require_components=COVERED, body=case["body"].encode())) == 1
    except Exception as error:
        print(case["kind"], repr(error), file=sys.stderr)
        return False
print(json.dumps([verify(case) for case in json.load(sys.stdin)]))
"#;

/// Each kind of key with a delivery that it signed.
fn delivered() -> Result<Vec<(&'static str, &'static str, String, Wire)>> {
    let (seen, arrives) = mpsc::channel();
    let api = Api::start(move |request, stream| {
        seen.send(request.clone()).map_err(std::io::Error::other)?;
        answer(stream, 200, "", b"")
    })?;
    let folder = tempfile::tempdir()?;
    let url = api.url();
    let target = |kind: &str| {
        format!(
            r#"  {kind}: {{ url: "{url}/{kind}", signature: {{ key_id: key of {kind}, key: "${{{kind}}}" }}, auth: {{ api_key: {{ query: key, value: a/b }} }} }}
"#
        )
    };
    let targets: String = KEYS.iter().map(|(kind, _)| target(kind)).collect();
    let gateway = Gateway::configured(folder.path(), &KEYS, |listen, admin| {
        format!(
            "listen: {listen}\nadmin: {admin}\nstore: memory\nroutes:\n  signup: {{ accept: POST /signup, to: [ED25519, HMAC, P256] }}\ntargets:\n{targets}"
        )
    })?;
    let ticket = gateway.accepted(BODY.as_bytes())?;
    let mut found = Vec::new();
    for (kind, _) in KEYS {
        gateway.delivery(&ticket, kind, &["delivered"])?;
        let wire = arrives.recv()?;
        let base = url.trim_end_matches("/hook");
        let url = format!("{base}{}", wire.word(1));
        let own = KEYS.into_iter().find(|(kind, _)| wire.word(1).contains(kind)).context("another target")?;
        found.push((own.0, own.1, url, wire));
    }
    Ok(found)
}

#[test]
fn python_library_of_message_signatures_is_content() -> Result<()> {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/http-message-signatures");
    ensure!(
        library.is_dir(),
        "http-message-signatures is not there: cargo xtask test installs it, or says NOT RUN"
    );
    let mut cases = Vec::new();
    for (kind, key, url, wire) in delivered()? {
        let body = String::from_utf8(wire.body.clone())?;
        let headers: serde_json::Map<String, Value> =
            wire.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        let whole = json!({ "kind": kind, "key": key, "method": "POST", "url": url, "headers": headers, "body": body });
        let with = |name: &str, value: Value| {
            let mut case = whole.clone();
            if let Some(place) = case.pointer_mut(name) {
                *place = value;
            }
            case
        };
        cases.extend([
            whole.clone(),
            with("/method", json!("PUT")),
            with("/url", json!(url.replace("/hook", "/hack"))),
            with("/body", json!(body.replace("ada", "eve"))),
            with("/headers/content-type", json!("text/plain")),
            with("/headers/webhook-id", json!("dlv_00000000-0000-7000-8000-000000000000")),
        ]);
    }
    let mut child = Command::new("python3")
        .args(["-c", VERIFY])
        .env("PYTHONPATH", library)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("python3 does not start")?;
    child.stdin.take().context("no input")?.write_all(Value::from(cases).to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    let said: Vec<bool> = serde_json::from_slice(&output.stdout).context("no verdicts")?;
    let wanted = [true, false, false, false, false, false].repeat(KEYS.len());
    ensure!(said == wanted, "{said:?}");
    Ok(())
}
