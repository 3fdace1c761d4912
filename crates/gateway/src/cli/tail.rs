//! `fanlight tail`: attempts as they are made.

use super::answers::Line;
use super::client::AdminDoor;
use super::screen::{FAINT, brief, count, plain, styled, word};
use clap::Args;
use contract::Name;
use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

/// Shows every attempt as it is made, until Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight tail --target mailing")]
pub(super) struct Tail {
    /// Only attempts at this target
    #[arg(short, long, value_name = "NAME", value_parser = Name::try_new)]
    target: Option<Name>,
    #[command(flatten)]
    door: AdminDoor,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// The server has gone.
#[derive(Debug, thiserror::Error)]
#[error("the stream has ended: the server is stopping or gone")]
struct Cut;

impl Tail {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.door.client();
        let mut events = client.events("/v1/tail").await?;
        // To standard error: what is piped on are the attempts alone.
        anstream::eprintln!("{}", styled(FAINT, "listening for attempts; Ctrl-C ends"));
        let mut out = anstream::stdout();
        while let Some(incident) = events.next().await {
            if incident.name == "lost" {
                let lost: u64 = incident.data.parse().unwrap_or(0);
                anstream::eprintln!(
                    "{} left out: they came faster than this reader took them",
                    count(lost, "attempt was", "attempts were")
                );
                continue;
            }
            let line: Line = client.parse(incident.data.as_bytes())?;
            if self.target.as_ref().is_some_and(|target| target.as_str() != line.target) {
                continue;
            }
            if self.json {
                writeln!(out, "{}", incident.data)?;
            } else {
                writeln!(out, "{}", shown(&line))?;
            }
        }
        Err(Cut.into())
    }
}

/// One line: when, to whom, how it went.
fn shown(line: &Line) -> String {
    let attempt = &line.attempt;
    let ended = attempt
        .began
        .0
        .saturating_add(jiff::SignedDuration::try_from(attempt.timings_ms.total()).unwrap_or_default());
    let time = ended.map_or_else(|_| String::new(), |ended| ended.strftime("%H:%M:%S%.3fZ").to_string());
    let took = brief(attempt.timings_ms.total()).to_string();
    let padding = " ".repeat(9usize.saturating_sub(line.outcome.chars().count()));
    let mut text = format!(
        "{}  {:<12}  {}{padding}  {:<18}  {took:>7}  attempt {}  {}  {}",
        styled(FAINT, time),
        plain(&line.target),
        word(&line.outcome),
        attempt.outcome(),
        attempt.number,
        plain(&line.delivery),
        plain(&line.message),
    );
    for more in [line.reason.as_deref(), attempt.detail.as_deref()].into_iter().flatten() {
        let _infallible = write!(text, "  {}", plain(more));
    }
    text
}
