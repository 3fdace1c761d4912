//! `fanlight dead show`: one delivery in full.

use crate::cli::answers::{Content, DeadDetail, Response};
use crate::cli::client::AdminDoor;
use crate::cli::screen::{Cell, HEADING, Table, count, moment, plain, plain_lines, styled};
use crate::cli::ticket;
use clap::Args;
use contract::DeliveryId;
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;

/// Shows one delivery in full: its message, its edit, its attempts, and what the target answered last.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight dead show dlv_01929b3c-5d2e-7000-8000-0123456789ab")]
pub(super) struct Show {
    /// The delivery
    id: DeliveryId,
    #[command(flatten)]
    door: AdminDoor,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.door.client();
        let answer = client.get(&format!("/v1/dead/{}", self.id)).await?;
        let mut out = anstream::stdout();
        if self.json {
            writeln!(out, "{}", answer.text())?;
        } else {
            write!(out, "{}", shown(&client.read(&answer)?))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

pub(super) fn shown(detail: &DeadDetail) -> String {
    let mut head = Table::bare();
    head.row([Cell::text("delivery"), Cell::text(&detail.id).styled(HEADING)]);
    head.row([Cell::text("ticket"), Cell::text(&detail.ticket)]);
    head.row([Cell::text("route"), Cell::text(&detail.route)]);
    head.row([Cell::text("target"), Cell::text(&detail.target)]);
    head.row([Cell::text("received"), Cell::shown(moment(detail.received))]);
    let state = if detail.dead { "dead" } else { "not dead" };
    head.row([Cell::text("state"), Cell::word(state)]);
    head.row([Cell::text("reason"), Cell::maybe(detail.reason.as_deref())]);
    if let Some(parked) = &detail.parked {
        let waiting = count(parked.behind, "delivery waits", "deliveries wait");
        head.row([Cell::text("parks"), Cell::text(&format!("{} ({waiting})", parked.key))]);
    }
    head.row([Cell::text("run"), Cell::shown(detail.run)]);
    for edited in &detail.edits {
        let by = edited.by.as_deref().unwrap_or("somebody");
        let at = edited.at.map_or_else(|| "at some time".to_owned(), |at| moment(at).to_string());
        head.row([Cell::text(&format!("edit {}", edited.revision)), Cell::text(&format!("{at} by {by}"))]);
    }
    let attempts = detail.attempts.iter().map(|attempt| (&*detail.target, attempt));
    let mut text = format!("{head}{}", ticket::attempts_table(detail.received, attempts));
    text.push_str(&content("message", &detail.message));
    if let Some(edit) = &detail.edit {
        text.push_str(&content(&format!("edit {}, which is sent instead", detail.revision), edit));
    }
    let last = detail.attempts.last().and_then(|attempt| attempt.response.as_ref());
    text + &last.map(answer).unwrap_or_default()
}

fn content(title: &str, content: &Content) -> String {
    let mut text = format!("\n{}\n", styled(HEADING, title));
    for (name, value) in &content.headers {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.push_str(&format!("  {}: {}\n", plain(name), plain(&value)));
    }
    text + "\n" + &indented(&content.body)
}

fn answer(response: &Response) -> String {
    let kind = response.content_type.as_deref().unwrap_or("no content type");
    let title = format!("last answer ({}, {})", plain(kind), plain(&response.capture));
    format!("\n{}\n{}", styled(HEADING, title), indented(&response.body))
}

/// JSON over several lines, anything else as it is.
fn indented(body: &str) -> String {
    let pretty = serde_json::from_str::<Value>(body).map(|json| format!("{json:#}"));
    let text = plain_lines(&pretty.unwrap_or_else(|_| body.to_owned()));
    text.lines().map(|line| format!("  {line}\n")).collect()
}
