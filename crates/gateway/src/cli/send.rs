//! `fanlight send`: posts one message to the front door.

use super::answers::{Receipt, Ticket};
use super::client::{Answer, Client, FrontDoor};
use super::payload::{self, Payload};
use super::screen::{Cell, HEADING, Table, plain_lines, styled};
use super::{Misuse, header, ticket};
use crate::config::pattern::Methods;
use crate::config::{self, Config, Process};
use clap::Args;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Sends one message to a route, as any HTTP client would.
///
/// It succeeds when the message has been accepted: it is on disk and will be delivered.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanlight send /signup --data '{\"email\": \"ada@example.com\", \"consent\": true}'
  fanlight send signup --config fanlight.yaml --data @signup.json --wait 10")]
pub(super) struct Send {
    /// The path, which begins with `/`; or, with --config, the name of a route
    #[arg(value_name = "ROUTE|PATH")]
    to: String,
    /// The body: a text, @FILE, or - for standard input
    #[arg(short, long, value_name = "JSON|@FILE|-")]
    data: Option<Payload>,
    /// A header; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME:VALUE", value_parser = header::parse)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The type of the body [default: what it looks like]
    #[arg(long, value_name = "TYPE")]
    content_type: Option<HeaderValue>,
    /// The Idempotency-Key: the same key with the same body gives the same ticket
    #[arg(short, long, value_name = "KEY", value_parser = idempotency_key)]
    key: Option<HeaderValue>,
    /// Wait until the outcome is known, at most this many seconds
    #[arg(short, long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    wait: Option<u64>,
    /// The method [default: POST, or the route's first one]
    #[arg(short, long)]
    method: Option<Method>,
    /// The configuration that has the route and says where the server listens
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    door: FrontDoor,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// Where a message goes.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    path: String,
    method: Method,
}

/// The route cannot be found.
#[derive(Debug, thiserror::Error)]
enum PlaceError {
    #[error(
        "`{name}` is a route's name: say with --config which configuration has it, or give a path that begins with `/`"
    )]
    NoConfig { name: String },
    #[error("the configuration has no route `{name}`; its routes are: {}", routes.join(", "))]
    Unknown { name: String, routes: Vec<String> },
    #[error(
        "the route `{name}` takes {pattern}: give the path itself, with a value in place of each parameter"
    )]
    Open { name: String, pattern: String },
}

impl Send {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = match self.config.as_ref().map(|file| config::load(file, &Process)).transpose() {
            Ok(config) => config,
            Err(report) => {
                anstream::eprintln!("{}", report.coloured());
                return Ok(ExitCode::FAILURE);
            }
        };
        let Place { path, method } = place(&self.to, config.as_ref()).map_err(Misuse::new)?;
        let body = self.data.map(Payload::read).transpose()?;
        let mut headers = HeaderMap::new();
        if let Some(body) = &body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(payload::content_type(body)));
        }
        headers.extend(self.headers);
        headers.extend(self.content_type.map(|kind| (CONTENT_TYPE, kind)));
        headers.extend(self.key.map(|key| (HeaderName::from_static("idempotency-key"), key)));
        if let Some(seconds) = self.wait {
            headers.insert("prefer", HeaderValue::from_str(&format!("wait={seconds}"))?);
        }
        let client = self.door.client_or(config.map(|config| config.listen));
        let method = self.method.unwrap_or(method);
        let answer = client.call(method, &path, headers, body.unwrap_or_default()).await?;
        let mut out = anstream::stdout();
        match (self.json, self.wait, &answer.ticket) {
            (true, ..) => writeln!(out, "{}", answer.text())?,
            (false, _, Some(ticket)) => write!(out, "{}", passed_on(&client, &answer, ticket))?,
            (false, Some(_), None) => write!(out, "{}", waited(&client, &answer)?)?,
            (false, None, None) => write!(out, "{}", accepted(&client, &client.read(&answer)?))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn accepted(client: &Client, receipt: &Receipt) -> String {
    let mut table = Table::bare();
    table.row([Cell::text("accepted"), Cell::text(&receipt.id).styled(HEADING)]);
    for ray in &receipt.deliveries {
        table.row([Cell::text(&format!("  {}", ray.target)), Cell::text(&ray.id)]);
    }
    format!("{table}{}", next(client, &receipt.id))
}

/// What the route's primary target answered.
fn passed_on(client: &Client, answer: &Answer, ticket: &str) -> String {
    let (status, text) = (answer.status, plain_lines(answer.text().trim_end()));
    format!("{}\n{text}\n{}", styled(HEADING, status), next(client, ticket))
}

fn waited(client: &Client, answer: &Answer) -> anyhow::Result<String> {
    let ticket: Ticket = client.read(answer)?;
    let shown = ticket::shown(&ticket);
    Ok(if answer.status == StatusCode::OK { shown } else { format!("{shown}{}", next(client, &ticket.id)) })
}

fn next(client: &Client, id: &str) -> String {
    let option = client.option();
    format!("\n{}\n  fanlight ticket {id} --watch{option}\n", styled(HEADING, "Next"))
}

fn place(to: &str, config: Option<&Config>) -> Result<Place, PlaceError> {
    if to.starts_with('/') {
        return Ok(Place { path: to.to_owned(), method: Method::POST });
    }
    let name = to.to_owned();
    let Some(config) = config else { return Err(PlaceError::NoConfig { name }) };
    let Some(route) = config.routes.iter().find(|route| route.name.as_str() == to) else {
        let routes = config.routes.iter().map(|route| route.name.to_string()).collect();
        return Err(PlaceError::Unknown { name, routes });
    };
    let Some(path) = route.pattern.literal() else {
        return Err(PlaceError::Open { name, pattern: route.pattern.to_string() });
    };
    let method = match &route.methods {
        Methods::Only(methods) => methods.first().cloned(),
        Methods::Any => None,
    };
    Ok(Place { path, method: method.unwrap_or(Method::POST) })
}

/// A key as a structured-field string.
fn idempotency_key(text: &str) -> Result<HeaderValue, String> {
    let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let fit = !text.is_empty() && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let value = fit.then(|| HeaderValue::from_str(&quoted).ok()).flatten();
    value.ok_or_else(|| "a key has 1 to 255 visible ASCII characters".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(to: &str) -> Result<Place, String> {
        let text = "routes: {signup: {accept: PUT /signup, to: crm}, order: {accept: 'POST /orders/{id}', to: crm}}\n\
                    targets: {crm: {url: 'https://crm.example.com'}}";
        let config = config::parse(text, "test.yaml", &Process).unwrap();
        place(to, Some(&config)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_path_goes_as_it_is_and_a_name_is_looked_up() {
        assert_eq!(found("/any?x=1"), Ok(Place { path: "/any?x=1".to_owned(), method: Method::POST }));
        assert_eq!(found("signup"), Ok(Place { path: "/signup".to_owned(), method: Method::PUT }));
    }

    #[test]
    fn a_name_without_a_path_says_what_to_do() {
        assert_eq!(
            found("nope").unwrap_err(),
            "the configuration has no route `nope`; its routes are: signup, order"
        );
        assert!(found("order").unwrap_err().contains("takes /orders/{id}"));
        assert!(place("signup", None).unwrap_err().to_string().contains("--config"));
    }

    #[test]
    fn a_key_is_quoted() {
        assert_eq!(idempotency_key("a \"b\" \\").unwrap(), r#""a \"b\" \\""#);
        assert!(idempotency_key("").is_err());
        assert!(idempotency_key("ü").is_err());
    }
}
