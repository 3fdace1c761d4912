//! Whole configurations: what is read from good ones, and what people are told about wrong ones.

mod good;
mod layers;
mod properties;
mod wrong;

use super::*;
use std::io;
use std::sync::OnceLock;

/// Compares with the kept page; the code that made it is not part of it.
macro_rules! assert_page {
    ($text:expr) => {
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!($text) })
    };
}
use assert_page;

/// A fixed world: a few variables and files.
struct World;

impl Environment for World {
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "MAIL_TOKEN" => Some("s3cret".to_owned()),
            "BROKEN" => Some("s3cret\nline".to_owned()),
            "PORT" => Some("9000".to_owned()),
            "WAIT" => Some("20s".to_owned()),
            _ => None,
        }
    }

    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        match path.to_str() {
            Some("token") => Ok(b"from-file\n".to_vec()),
            Some("ca.pem") => Ok(include_bytes!("tests/ca.pem").to_vec()),
            Some("client.pem") => Ok(client().0.into_bytes()),
            Some("client.key") => Ok(client().1.into_bytes()),
            Some("empty.pem") => Ok(b"nothing here\n".to_vec()),
            Some("latin1.yaml") => Ok(b"listen: 127.0.0.1:80\nnode: caf\xe9\n".to_vec()),
            Some("large.yaml") => Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than 1 MiB")),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such file")),
        }
    }
}

/// A certificate and its key, made for this run.
fn client() -> (String, String) {
    static PAIR: OnceLock<(String, String)> = OnceLock::new();
    let make = || {
        let pair = rcgen::generate_simple_self_signed(vec!["gateway.test".to_owned()]).unwrap();
        (pair.cert.pem(), pair.signing_key.serialize_pem())
    };
    PAIR.get_or_init(make).clone()
}

/// The first configuration of the guide.
const COMPLETE: &str = r#"listen: 127.0.0.1:8080                           # the front door: routes, /v1/messages, /v1/tickets, /healthz
admin: 127.0.0.1:8081                            # operators: everything else under /v1, /metrics, /readyz, later the web page
store: sqlite:./fanlight-data
routes:
  signup:
    accept: POST /signup
    to: [crm, mailing]
targets:
  crm:     { url: https://crm.example.com/users }
  mailing:
    url: https://mail.example.com/contacts
    when: .consent == true                       # jq: else this delivery is `skipped`
    body: '{email: .email, list: "welcome"}'     # jq: a differently shaped message for this API
    headers: { authorization: "Bearer ${MAIL_TOKEN}" }
    retry: { schedule: [0s, 5s, 5m, 30m, 2h] }
    timeout: 15s
    concurrency: 64
"#;

/// A configuration with one target that has these lines, indented by four.
fn with_target(lines: &str) -> String {
    format!(
        "routes:\n  in: {{ accept: POST /in, to: out }}\ntargets:\n  out:\n    url: https://example.com/\n{lines}"
    )
}

/// A configuration with one route that has these lines, indented by four.
fn with_route(lines: &str) -> String {
    format!("targets:\n  out: {{ url: https://example.com/ }}\nroutes:\n  in:\n    to: out\n{lines}")
}

fn good(text: &str) -> Config {
    parse(text, "fanlight.yaml", &World).unwrap_or_else(|report| panic!("{report}"))
}

fn wrong(text: &str) -> String {
    let report = parse(text, "fanlight.yaml", &World).expect_err("this configuration is wrong");
    assert!(report.is_refusal(), "{report}");
    report.to_string()
}
