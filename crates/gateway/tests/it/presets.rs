//! Each preset against a mock of its vendor: what is sent through it, and what the vendor's answers come to.

use bytes::Bytes;
use connectors::http::auth::Proof;
use connectors::presets::ALL;
use contract::delivery::Suspicion;
use contract::message::Headers;
use contract::mould::Head;
use contract::part::Audience;
use contract::target::{Call, Form, Keep, Outcome, Parcel};
use contract::{Clock, Message, Name};
use engine::plan::TargetPlan;
use engine::verdict::{Effect, Facts, Proven, Refused, Verdict, judge};
use expressions::{Runner, RunnerOptions};
use gateway::config::{self, Config, Environment};
use gateway::doors::{SystemClock, SystemEntropy};
use gateway::preview;
use gateway::wiring::Wiring;
use http::Uri;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What a vendor is sent, and how it answers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vendor {
    /// The target's own keys.
    own: String,
    url: String,
    sends: String,
    /// The query, if there is one.
    #[serde(default)]
    query: String,
    /// The body, where it is another one.
    receives: Option<String>,
    headers: BTreeMap<String, String>,
    /// The header of the idempotency key, or `none`.
    idempotency: String,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    case: String,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: String,
    comes_to: String,
    code: Option<String>,
}

/// The only secret there is.
struct Account;

impl Environment for Account {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "KEY").then(|| "key-of-the-account".to_owned())
    }

    fn file(&self, _: &Path) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// A request as it came in.
#[derive(Clone, Debug, Default)]
struct Seen {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

/// Gives one answer to every call, and a token to whoever asks for one.
struct Mock {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Mock {
    fn start(answer: &Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let mut head = format!("HTTP/1.1 {} Answer\r\nconnection: close\r\n", answer.status);
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let answer = whole(&head, &answer.body);
        let token = whole(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n",
            r#"{"access_token": "token-that-was-fetched", "token_type": "Bearer", "expires_in": 3600}"#,
        );
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(request) = read(&mut stream) else { continue };
                let asks = request.body.contains("grant_type=client_credentials");
                kept.lock().unwrap().push(request);
                // Whoever has gone away has seen enough.
                drop(stream.write_all(if asks { &token } else { &answer }));
            }
        });
        Self { address, seen }
    }

    /// The same place, at the mock.
    fn instead_of(&self, url: &Uri) -> Uri {
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        format!("http://{}{path}", self.address).parse().unwrap()
    }
}

fn whole(head: &str, body: &str) -> Vec<u8> {
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn read(stream: &mut impl Read) -> Option<Seen> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(piece.get(..count)?);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut lines = head.lines();
        let line = lines.next()?.to_owned();
        let headers: BTreeMap<_, _> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            return Some(Seen { line, headers, body: body.to_owned() });
        }
    }
}

fn vendor(name: &str) -> Vendor {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/presets/{name}.yaml"));
    let text = std::fs::read_to_string(&path).expect(name);
    serde_saphyr::from_str(&text).expect(name)
}

fn configured(name: &str, vendor: &Vendor) -> Config {
    let text = format!(
        "routes: {{ in: {{ accept: POST /in, to: api }} }}\ntargets:\n  api: {{ uses: {name}, {} }}\n",
        vendor.own
    );
    let config = config::parse(&text, "fanlight.yaml", &Account).expect(name);
    assert!(config.warnings.is_empty(), "{name}: {}", config.warnings);
    config
}

/// Sends the vendor's message to a mock that gives this answer.
async fn delivered(config: &Config, vendor: &Vendor, mock: &Mock) -> (Outcome, TargetPlan) {
    let mut config = config.clone();
    let target = config.targets.first_mut().unwrap();
    target.url = mock.instead_of(&target.url);
    if let Some(auth) = &mut target.auth
        && let Proof::OAuth2(oauth2) = &mut auth.proof
    {
        oauth2.token_url = mock.instead_of(&oauth2.token_url);
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let wiring = Wiring::new(Runner::new(RunnerOptions::default(), Arc::clone(&clock)), Arc::clone(&clock));
    let plan = wiring.plan(&config).unwrap().targets.remove(0);
    let headers = Headers::from_pairs([("content-type", b"application/json".as_slice())]);
    let body = Bytes::from(vendor.sends.clone());
    let route = Name::try_new("in").unwrap();
    let message: Message = preview::message(&route, headers, body.clone(), &*clock, &SystemEntropy);
    let parcel = Parcel {
        id: message.first.at(0),
        revision: 0,
        attempt: 1,
        suspect: Suspicion::Clear,
        at: message.received,
        message: Arc::new(message),
        body,
        form: Form::Untouched,
        head: Head::default(),
        keep: Keep::default(),
        replay: None,
    };
    let outcome = plan.target.deliver(&Call { parcels: vec![parcel] }).await.remove(0);
    (outcome, plan)
}

fn comes_to(outcome: &Outcome, plan: &TargetPlan) -> String {
    let now = SystemClock::new().now();
    let facts = Facts {
        attempts: 1,
        deadline: None,
        retry: &plan.retry,
        statuses: &plan.statuses,
        proven: Proven::Yes,
        probes: 0,
        refused: Refused::Never,
        audience: Audience::default(),
        told_until: None,
        now,
        random: 0,
    };
    let judged = judge(outcome, &facts);
    match (judged.verdict, judged.effect) {
        (Verdict::Done, _) => "delivered".to_owned(),
        (Verdict::Again { .. }, Effect::HoldUntil(until)) => format!("held {}s", until.since(now).as_secs()),
        (Verdict::Again { .. }, Effect::AuthFailed { .. }) => "auth".to_owned(),
        (Verdict::Again { .. }, _) => "retry".to_owned(),
        (Verdict::Dead { .. }, _) => "dead".to_owned(),
        (Verdict::Expired, _) => "expired".to_owned(),
    }
}

#[tokio::test]
async fn every_vendor_gets_what_it_wants_and_its_answers_are_understood() {
    for (name, _) in ALL {
        let vendor = vendor(name);
        let config = configured(name, &vendor);
        assert_eq!(config.targets[0].url.to_string(), vendor.url, "{name}");
        for answer in &vendor.answers {
            let at = format!("{name}, {}", answer.case);
            let mock = Mock::start(answer);
            let (outcome, plan) = delivered(&config, &vendor, &mock).await;
            assert_eq!(comes_to(&outcome, &plan), answer.comes_to, "{at}: {outcome:?}");
            let Outcome::Answered(reply) = outcome else { panic!("{at}: no answer") };
            if answer.comes_to != "delivered" {
                assert_eq!(plan.target.error_code(&reply.capture), answer.code, "{at}");
            }
            seen_as_wanted(&at, &vendor, &mock);
        }
        for case in ["success", "invalid", "outage"] {
            assert!(vendor.answers.iter().any(|answer| answer.case == case), "{name} has no {case}");
        }
        let comes = |word: &str| vendor.answers.iter().any(|answer| answer.comes_to == word);
        assert!(comes("auth") && comes("dead") && comes("delivered") && comes("retry"), "{name}");
    }
}

fn seen_as_wanted(at: &str, vendor: &Vendor, mock: &Mock) {
    let all = mock.seen.lock().unwrap().clone();
    let seen = all.iter().find(|seen| !seen.body.contains("grant_type=")).unwrap();
    let wanted: Uri = vendor.url.parse().unwrap();
    let joint = if vendor.query.is_empty() { "" } else { "?" };
    let place = format!(" {}{joint}{} ", wanted.path(), vendor.query);
    assert!(seen.line.contains(&place), "{at}: {}", seen.line);
    assert_eq!(&seen.body, vendor.receives.as_ref().unwrap_or(&vendor.sends), "{at}");
    for (header, value) in &vendor.headers {
        assert_eq!(seen.headers.get(header), Some(value), "{at}: {header}");
    }
    let key = |header: &str| seen.headers.get(header).is_some_and(|key| key.starts_with("dlv_"));
    match vendor.idempotency.as_str() {
        "none" => assert!(!seen.headers.contains_key("idempotency-key"), "{at}"),
        "idempotency-key" => assert!(key("idempotency-key"), "{at}"),
        header => assert!(key(header) && !seen.headers.contains_key("idempotency-key"), "{at}"),
    }
}

#[test]
fn a_token_is_asked_for_where_and_how_the_vendor_wants() {
    for (name, wanted) in [
        ("paypal", "https://api-m.paypal.com/v1/oauth2/token"),
        ("salesforce", "https://acme.my.salesforce.com/services/oauth2/token"),
        ("salesforce-marketing-cloud", "https://mc1.auth.marketingcloudapis.com/v2/token"),
        ("fedex", "https://apis.fedex.com/oauth/token"),
    ] {
        let config = configured(name, &vendor(name));
        let Some(Proof::OAuth2(oauth2)) = config.targets[0].auth.as_ref().map(|auth| &auth.proof) else {
            panic!("{name} has no OAuth 2")
        };
        assert_eq!(oauth2.token_url.to_string(), wanted, "{name}");
    }
}

#[test]
fn what_a_vendor_must_be_told_is_asked_for() {
    for (name, _) in ALL {
        let preset = config::Preset::find(name).unwrap();
        let text = format!(
            "routes: {{ in: {{ accept: POST /in, to: api }} }}\ntargets:\n  api: {{ uses: {name} }}\n"
        );
        let needed = preset.with.iter().filter(|(_, variable)| variable.default.is_none());
        let report = config::parse(&text, "fanlight.yaml", &Account).expect_err(name).to_string();
        for (variable, _) in needed {
            assert!(report.contains(&format!("`with.{variable}` is missing")), "{name}: {report}");
        }
    }
}
