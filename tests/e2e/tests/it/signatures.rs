//! What a live delivery is signed with, checked by others: a library that we did not write, and the lines that the guide shows.

use anyhow::{Context, Result, ensure};
use e2e::api::{Api, answer};
use e2e::gateway::{Gateway, Setup, Target};
use e2e::wire::Wire;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const OTHER: &str = "whsec_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=";
const BODY: &str = r#"{"email": "ada@example.com", "name": "Ünïcode"}"#;

/// A delivery as it arrived, signed with the old and the new secret.
fn delivered() -> Result<Wire> {
    let (seen, arrives) = mpsc::channel();
    let api = Api::start(move |request, stream| {
        seen.send(request.clone()).map_err(std::io::Error::other)?;
        answer(stream, 200, "", b"")
    })?;
    let folder = tempfile::tempdir()?;
    let sign = format!("sign: {{ secrets: [\"{OLD}\", \"{NEW}\"] }}");
    let targets = [Target { name: "crm", url: api.url(), more: &sign }];
    let gateway = Gateway::start(&Setup::new(folder.path(), &targets))?;
    let ticket = gateway.accepted(BODY.as_bytes())?;
    gateway.delivery(&ticket, "crm", &["delivered"])?;
    Ok(arrives.recv()?)
}

/// What the program says to each case: the delivery with either secret, with a foreign one, with another body, another id, and long ago.
fn judged(program: &str, arguments: &[&str], library: Option<(&str, &Path)>) -> Result<()> {
    let request = delivered()?;
    let body = String::from_utf8(request.body.clone())?;
    let case = |secret: &str, body: &str, change: (&str, &str)| -> Value {
        let headers = request.headers.iter().map(|(name, value)| {
            (name.clone(), Value::from(if name == change.0 { change.1 } else { value.as_str() }))
        });
        json!({ "secret": secret, "body": body, "headers": headers.collect::<serde_json::Map<_, _>>() })
    };
    let (same, forged) = (("", ""), body.replace("ada", "eve"));
    let cases = json!([
        case(OLD, &body, same),
        case(NEW, &body, same),
        case(OTHER, &body, same),
        case(OLD, &forged, same),
        case(OLD, &body, ("webhook-id", "dlv_00000000-0000-7000-8000-000000000000")),
        case(OLD, &body, ("webhook-timestamp", "1614265330")),
    ]);
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    if let Some((variable, folder)) = library {
        command.env(variable, folder);
    }
    let mut child = command.spawn().with_context(|| format!("{program} does not start"))?;
    child.stdin.take().context("no input")?.write_all(cases.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    let said: Value = serde_json::from_slice(&output.stdout).context("no verdicts")?;
    ensure!(said == json!([true, true, false, false, false, false]), "{said}");
    Ok(())
}

/// The guide's code in one language.
fn guide(language: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/credentials.md");
    let page = std::fs::read_to_string(path)?;
    let (_, block) = page.split_once(&format!("```{language}\n")).context("the guide has no such code")?;
    Ok(block.split_once("```").context("the code does not end")?.0.to_owned())
}

const PYTHON_CASES: &str = "
import json, sys
print(json.dumps([verify(c['secret'], c['headers'], c['body'].encode()) for c in json.load(sys.stdin)]))
";

#[test]
fn python_library_of_standard_webhooks_is_content() -> Result<()> {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/standardwebhooks");
    ensure!(library.is_dir(), "standardwebhooks is not there: cargo xtask test installs it, or says NOT RUN");
    let verify = "
from standardwebhooks import Webhook, WebhookVerificationError
def verify(secret, headers, body):
    try:
        Webhook(secret).verify(body, headers)
        return True
    except WebhookVerificationError:
        return False
";
    judged("python3", &["-c", &format!("{verify}{PYTHON_CASES}")], Some(("PYTHONPATH", &library)))
}

#[test]
fn npm_library_of_standard_webhooks_is_content() -> Result<()> {
    let library =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/standardwebhooks-npm/node_modules");
    ensure!(library.is_dir(), "standardwebhooks is not there: cargo xtask test installs it, or says NOT RUN");
    let program = "
const { Webhook, WebhookVerificationError } = require('standardwebhooks');
const verify = ({ secret, headers, body }) => {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
};
console.log(JSON.stringify(JSON.parse(require('fs').readFileSync(0, 'utf8')).map(verify)));
";
    judged("node", &["-e", program], Some(("NODE_PATH", &library)))
}

#[test]
fn python_lines_of_the_guide_are_right() -> Result<()> {
    judged("python3", &["-c", &format!("{}{PYTHON_CASES}", guide("python")?)], None)
}

#[test]
fn javascript_lines_of_the_guide_are_right() -> Result<()> {
    let cases = "
let text = '';
for await (const piece of process.stdin.setEncoding('utf8')) text += piece;
console.log(JSON.stringify(JSON.parse(text).map((c) => verify(c.secret, c.headers, Buffer.from(c.body)))));
";
    let program = format!("{}{cases}", guide("javascript")?);
    judged("node", &["--input-type=module", "-e", &program], None)
}
