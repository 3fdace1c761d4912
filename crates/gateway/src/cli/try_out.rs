//! `fanlight try`: what each target of a route would be sent, without sending.

use super::payload::{self, Payload};
use super::screen::{FAINT, HEADING, plain, plain_lines, styled, word};
use super::{Misuse, header, load};
use crate::config::{Config, Route};
use crate::doors::{SystemClock, SystemEntropy};
use crate::preview::{self, Fate, Preview, Sent};
use crate::wiring::Wiring;
use bytes::Bytes;
use clap::Args;
use contract::message::Headers;
use contract::mould::{Response, Responses};
use contract::{Clock, params};
use expressions::{Runner, RunnerOptions};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// What stands in place of a secret.
const COVERED: &str = "***";

/// Shows what each target of a route would be sent for a message.
///
/// Nothing is sent or kept, and no gateway needs to run. Filters, expressions and templates run as they would. It fails when a target
/// could not be sent the message at all.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanlight try signup --data '{\"email\": \"ada@example.com\", \"consent\": true}'
  fanlight try order --data order.json --param id=7 --header 'x-tenant: north' --json")]
pub(super) struct Try {
    /// The name of the route
    route: String,
    /// The body: a text, the name of a file, @FILE, or - for standard input
    #[arg(short, long, value_name = "JSON|FILE|-")]
    data: Option<Payload>,
    /// A header of the request; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME:VALUE", value_parser = header::parse)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// A parameter of the route's path; may be given several times
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = param)]
    params: Vec<(String, String)>,
    /// What a target is taken to answer: a JSON text, or the name of a file; for the targets that read it. Its status is 200. May be given several times
    #[arg(long = "response", value_name = "TARGET=JSON|FILE", value_parser = response)]
    responses: Vec<(String, Payload)>,
    /// The configuration file
    #[arg(short, long, default_value = "fanlight.yaml", value_name = "FILE")]
    config: PathBuf,
    /// Print JSON: `key`, and for each of the `targets` its `method`, `url`, `headers` and `body`, or why it would get nothing
    #[arg(long)]
    json: bool,
}

/// What was asked for does not fit the configuration.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("the configuration has no route `{name}`; its routes are: {}", routes.join(", "))]
    Route { name: String, routes: Vec<String> },
    #[error("the route does not send to `{name}`; it sends to: {}", targets.join(", "))]
    Target { name: String, targets: Vec<String> },
    #[error("the path of the route, {pattern}, has no parameter `{name}`")]
    Param { name: String, pattern: String },
}

fn param(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a parameter is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn response(text: &str) -> Result<(String, Payload), String> {
    let (name, value) = text.split_once('=').ok_or("a response is TARGET=JSON, or TARGET=FILE")?;
    let payload = value.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
    Ok((name.to_owned(), payload))
}

impl Try {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let Some(config) = load::or_report(&self.config) else { return Ok(ExitCode::FAILURE) };
        let route = self.route(&config).map_err(Misuse::new)?;
        let body = self.data.clone().map(|data| file_or(data).read()).transpose()?.unwrap_or_default();
        let responses = self.responses(route)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let message = preview::message(&route.name, self.kept(&body)?, body, &*clock, &SystemEntropy);
        let options = RunnerOptions { worker: std::env::current_exe().ok(), ..RunnerOptions::default() };
        let wiring = Wiring::new(Runner::new(options, Arc::clone(&clock)), clock);
        let preview = preview::preview(&wiring, &config, route, message, &responses).await?;
        let mut out = anstream::stdout();
        if self.json {
            writeln!(out, "{}", in_json(&preview))?;
        } else {
            write!(out, "{}", shown(&preview)?)?;
        }
        let dead = preview.targets.iter().any(|(_, fate)| matches!(fate, Fate::Dead { .. }));
        Ok(if dead { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn route<'c>(&self, config: &'c Config) -> Result<&'c Route, Unfit> {
        let route = config.routes.iter().find(|route| route.name.as_str() == self.route);
        let route = route.ok_or_else(|| Unfit::Route {
            name: self.route.clone(),
            routes: config.routes.iter().map(|route| route.name.to_string()).collect(),
        })?;
        match self.params.iter().find(|(name, _)| route.pattern.names().all(|known| known != name)) {
            Some((name, _)) => Err(Unfit::Param { name: name.clone(), pattern: route.pattern.to_string() }),
            None => Ok(route),
        }
    }

    /// As the targets are taken to answer.
    fn responses(&self, route: &Route) -> anyhow::Result<Responses> {
        let headers = || Headers::from_pairs([("content-type", b"application/json".as_slice())]);
        let response = |(name, payload): &(String, Payload)| {
            let target = route.to.iter().find(|target| target.as_str() == name).ok_or_else(|| {
                let targets = route.to.iter().map(ToString::to_string).collect();
                Misuse::new(Unfit::Target { name: name.clone(), targets })
            })?;
            let body = file_or(payload.clone()).read()?;
            Ok((target.clone(), Response { status: 200, headers: headers(), body }))
        };
        self.responses.iter().map(response).collect()
    }

    /// What the front door would keep of such a request's headers.
    fn kept(&self, body: &Bytes) -> anyhow::Result<Headers> {
        let mut headers = HeaderMap::new();
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(payload::content_type(body)));
        }
        headers.extend(self.headers.iter().cloned());
        let params = (!self.params.is_empty())
            .then(|| params::write(self.params.iter().map(|(name, value)| (&**name, &**value))));
        crate::api::accept::kept(&headers, params.as_deref())
            .map_err(|problem| anyhow::anyhow!("the front door would refuse this: {}", problem.json()))
    }
}

/// A text that is the name of a file stands for the file.
fn file_or(data: Payload) -> Payload {
    match data {
        Payload::Text(text) if Path::new(&text).is_file() => Payload::File(text.into()),
        Payload::Text(_) | Payload::File(_) | Payload::Stdin => data,
    }
}

fn headers(sent: &Sent) -> impl Iterator<Item = (&str, String)> {
    sent.headers.iter().map(|(name, value)| {
        let text = String::from_utf8_lossy(value.as_bytes());
        (name.as_str(), if value.is_sensitive() { covered(&text) } else { text.into_owned() })
    })
}

/// A secret, behind the word that says of which kind it is.
fn covered(value: &str) -> String {
    let known = ["Bearer", "Basic", "AWS4-HMAC-SHA256"];
    let scheme = value.split_once(' ').map(|(scheme, _)| scheme).filter(|scheme| known.contains(scheme));
    scheme.map_or_else(|| COVERED.to_owned(), |scheme| format!("{scheme} {COVERED}"))
}

fn in_json(preview: &Preview) -> Value {
    let target = |(name, fate): &(_, Fate)| match fate {
        Fate::Sent(sent) => json!({
            "target": name,
            "method": sent.method.as_str(),
            "url": sent.url,
            "headers": headers(sent).map(|(name, value)| json!([name, value])).collect::<Vec<_>>(),
            "body": String::from_utf8_lossy(&sent.body),
        }),
        Fate::Skipped { when } => json!({ "target": name, "skipped": when }),
        Fate::Unanswered { needs } => json!({ "target": name, "needs": needs }),
        Fate::Dead { why } => json!({ "target": name, "dead": why }),
    };
    json!({ "key": preview.key, "targets": preview.targets.iter().map(target).collect::<Vec<_>>() })
}

fn shown(preview: &Preview) -> Result<String, std::fmt::Error> {
    let mut page = String::new();
    if let Some(key) = &preview.key {
        writeln!(page, "order key {}\n", plain(key))?;
    }
    for (name, fate) in &preview.targets {
        write!(page, "{}  ", styled(HEADING, name))?;
        match fate {
            Fate::Skipped { when } => writeln!(page, "{}: {} says no\n", word("skipped"), plain(when))?,
            Fate::Unanswered { needs } => {
                let names: Vec<&str> = needs.iter().map(contract::Name::as_str).collect();
                let first = names.first().copied().unwrap_or_default();
                let what = names.join(", ");
                writeln!(
                    page,
                    "{}: reads the answer of {what}; give --response {first}=FILE\n",
                    word("held")
                )?;
            }
            Fate::Dead { why } => writeln!(page, "{}: {}\n", word("dead"), plain(why))?,
            Fate::Sent(sent) => {
                writeln!(page, "{} {}", sent.method, plain(&sent.url))?;
                for (name, value) in headers(sent) {
                    writeln!(page, "  {}", styled(FAINT, format_args!("{name}: {}", plain(&value))))?;
                }
                match std::str::from_utf8(&sent.body) {
                    Ok(text) => writeln!(page, "\n{}\n", plain_lines(text.trim_end()))?,
                    Err(_) => writeln!(page, "\n{} bytes that are no text\n", sent.body.len())?,
                }
            }
        }
    }
    Ok(page)
}
