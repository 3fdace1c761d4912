//! `fanlight mock`: an API to develop against.

use crate::config::units::size;
use crate::mock::{
    Behaviour, Content, Latency, Observer, Occasions, Outcome, Recorded, Server, Statuses, bytes_per_second,
    percentage,
};
use anyhow::Context;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

const EXAMPLE: &str = "\
Examples:
  fanlight mock --listen 127.0.0.1:9001
  fanlight mock --status 503x3,200 --retry-after 1 --hang 5
  fanlight mock --status 200,500,* --latency 20ms-200ms
  fanlight mock --fail 10% --seed 7 --json
  curl http://127.0.0.1:9001/__mock/requests";

/// Runs an API that answers as you tell it, and shows what it is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Mock {
    /// Address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    listen: SocketAddr,
    /// Statuses in order: `503x3,200` is three times 503, then 200 for ever; `,*` at the end starts again
    #[arg(long, value_name = "LIST", default_value = "200")]
    status: Statuses,
    /// Time before each answer, such as 20ms, or a range, such as 20ms-200ms
    #[arg(long, value_name = "TIME", default_value = "0s")]
    latency: Latency,
    /// Part of the requests that is answered with 500
    #[arg(long, value_name = "PERCENT", default_value = "0%", value_parser = percentage)]
    fail: f64,
    /// Chooses the requests that fail and the latencies
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Never answers these requests: `5`, `2,7-9`, `3-`, `*`
    #[arg(long, value_name = "REQUESTS")]
    hang: Option<Occasions>,
    /// Resets the connection of these requests
    #[arg(long, value_name = "REQUESTS")]
    reset: Option<Occasions>,
    /// Answers these requests with something that is no HTTP
    #[arg(long, value_name = "REQUESTS")]
    invalid: Option<Occasions>,
    /// Ends the answer to these requests before its Content-Length
    #[arg(long, value_name = "REQUESTS")]
    short: Option<Occasions>,
    /// Retry-After of all answers that are no success: seconds or an HTTP date
    #[arg(long, value_name = "WHEN")]
    retry_after: Option<HeaderValue>,
    /// Header of all answers; may be repeated
    #[arg(long, value_name = "NAME:VALUE", value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// Body of all answers
    #[arg(long, value_name = "TEXT", default_value = "{}")]
    body: String,
    /// Size of the body of all answers, such as 10MB, in place of a text
    #[arg(long, value_name = "SIZE", value_parser = body_size, conflicts_with = "body")]
    body_size: Option<u64>,
    /// Sends bodies slowly: 1B/s
    #[arg(long, value_name = "RATE", value_parser = bytes_per_second)]
    slow_body: Option<u64>,
    /// One JSON object per request
    #[arg(long)]
    json: bool,
    /// Shows the bodies of requests, up to 4 KiB
    #[arg(long)]
    print_body: bool,
}

impl Mock {
    /// Serves until Ctrl-C.
    ///
    /// # Errors
    /// The address is taken or forbidden.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let (listen, observer) = (self.listen, self.observer());
        let started = Server::start_observed(self.behaviour(), listen, observer).await;
        let server = started.with_context(|| format!("cannot listen on {listen} (`--listen`)"))?;
        anstream::eprintln!("the mock API listens on http://{}", server.address());
        tokio::signal::ctrl_c().await?;
        let counts = server.counts();
        server.stop().await;
        anstream::eprintln!("{} requests", counts.requests);
        Ok(ExitCode::SUCCESS)
    }

    fn behaviour(self) -> Behaviour {
        Behaviour {
            latency: self.latency,
            statuses: self.status,
            fail: self.fail,
            seed: self.seed,
            hang: self.hang.unwrap_or_default(),
            reset: self.reset.unwrap_or_default(),
            invalid: self.invalid.unwrap_or_default(),
            short: self.short.unwrap_or_default(),
            retry_after: self.retry_after,
            headers: self.header.into_iter().collect::<HeaderMap>(),
            content: self.body_size.map_or_else(|| Content::Text(self.body.into()), Content::Size),
            slow_body: self.slow_body,
        }
    }

    /// Prints a line for each request.
    fn observer(&self) -> Observer {
        let (json, print_body) = (self.json, self.print_body);
        Arc::new(move |recorded: &Recorded| {
            let line = if json { json_line(recorded, print_body) } else { text_line(recorded, print_body) };
            // Nobody reads any more: the API goes on.
            drop(writeln!(anstream::stdout(), "{line}"));
        })
    }
}

fn json_line(recorded: &Recorded, print_body: bool) -> String {
    let mut line = serde_json::json!({
        "number": recorded.number,
        "method": recorded.method,
        "path": recorded.path,
        "webhook_id": recorded.webhook_id,
        "attempt": recorded.attempt,
        "outcome": recorded.outcome,
        "body_bytes": recorded.body_bytes,
    });
    if let Some(object) = line.as_object_mut().filter(|_| print_body) {
        object.insert("body".to_owned(), recorded.body.as_str().into());
    }
    line.to_string()
}

fn text_line(recorded: &Recorded, print_body: bool) -> String {
    let Recorded { number, method, path, outcome, body_bytes, .. } = recorded;
    let code = if let Outcome::Status(code) = outcome { StatusCode::from_u16(*code).ok() } else { None };
    let reason =
        code.and_then(|code| code.canonical_reason()).map_or_else(String::new, |reason| format!(" {reason}"));
    let id = recorded.webhook_id.as_deref().map_or_else(String::new, |id| format!("  {id}"));
    let attempt = recorded.attempt.map_or_else(String::new, |attempt| format!("  attempt {attempt}"));
    let body = if print_body { format!("\n{}", recorded.body) } else { String::new() };
    format!("{number:>5}  {method} {path}  {body_bytes} B{id}{attempt}  → {outcome}{reason}{body}")
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written `name: value`")?;
    let name = name.trim().parse().map_err(|_| format!("`{}` is no name of a header", name.trim()))?;
    let value =
        value.trim().parse().map_err(|_| "the value has characters that a header cannot have".to_owned())?;
    Ok((name, value))
}

fn body_size(text: &str) -> Result<u64, String> {
    size(text).map(|size| size.0).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        mock: Mock,
    }

    fn parse(arguments: &str) -> Result<Mock, String> {
        let arguments = std::iter::once("mock").chain(arguments.split_ascii_whitespace());
        Line::try_parse_from(arguments).map(|line| line.mock).map_err(|error| error.to_string())
    }

    #[test]
    fn all_options_reach_the_behaviour() {
        let line = "--listen 127.0.0.1:9001 --status 503x3,200 --retry-after 1 --latency 20ms --hang 5 --fail 10% \
            --reset 3 --invalid 7 --short 8- --slow-body 1B/s --body-size 10MB --header location:/a --seed 4";
        let behaviour = parse(line).unwrap().behaviour();
        assert_eq!(behaviour.statuses, "503x3,200".parse().unwrap());
        assert_eq!(behaviour.retry_after, Some(HeaderValue::from_static("1")));
        assert_eq!(behaviour.latency, "20ms".parse().unwrap());
        assert_eq!((behaviour.hang, behaviour.reset), (Occasions::at(&[5]), Occasions::at(&[3])));
        assert_eq!((behaviour.invalid, behaviour.short), (Occasions::at(&[7]), "8-".parse().unwrap()));
        assert!((behaviour.fail - 0.1).abs() < 1e-9);
        assert_eq!((behaviour.seed, behaviour.slow_body), (4, Some(1)));
        assert!(matches!(behaviour.content, Content::Size(10_000_000)));
        assert_eq!(behaviour.headers.get("location"), Some(&HeaderValue::from_static("/a")));
    }

    #[test]
    fn wrong_options_say_what_would_be_right() {
        for (line, words) in [
            ("--status 5o3", "no status from 200 to 599"),
            ("--hang 0", "no number of a request"),
            ("--fail 10", "no percentage"),
            ("--slow-body 1", "no rate"),
            ("--latency 20", "the unit is missing"),
            ("--header a", "name: value"),
            ("--body-size 10", "the unit is missing"),
            ("--body a --body-size 1B", "cannot be used with"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
    }

    #[test]
    fn a_line_shows_the_request_and_what_happened_to_it() {
        let recorded = Recorded {
            number: 3,
            method: "POST".to_owned(),
            path: "/users".to_owned(),
            webhook_id: Some("dlv_1".to_owned()),
            idempotency_key: None,
            attempt: Some(2),
            outcome: Outcome::Status(503),
            body_bytes: 7,
            body: "{\"a\":1}".to_owned(),
            headers: std::collections::BTreeMap::new(),
        };
        assert_eq!(
            text_line(&recorded, false),
            "    3  POST /users  7 B  dlv_1  attempt 2  → 503 Service Unavailable"
        );
        assert_eq!(
            json_line(&recorded, true),
            r#"{"number":3,"method":"POST","path":"/users","webhook_id":"dlv_1","attempt":2,"outcome":"503","body_bytes":7,"body":"{\"a\":1}"}"#
        );
        let bare = Recorded { webhook_id: None, attempt: None, outcome: Outcome::Hang, ..recorded };
        assert_eq!(text_line(&bare, true), "    3  POST /users  7 B  → hang\n{\"a\":1}");
    }
}
