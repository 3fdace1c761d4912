//! `fanlight ticket`: what became of one message.

use super::answers::{Attempt, Delivery, Moment, Ticket};
use super::client::{Client, FrontDoor};
use super::screen::{Cell, FAINT, HEADING, Table, brief, moment, plain, styled};
use clap::Args;
use contract::MessageId;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;

/// Shows a ticket: its deliveries and every attempt.
///
/// It succeeds when the ticket could be shown, whatever its state.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight ticket msg_01929b3c-5d2e-7000-8000-0123456789ab --watch")]
pub(super) struct Show {
    /// The ticket, as the answer to the message gave it
    id: MessageId,
    /// Tell of each attempt until every delivery has ended
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    door: FrontDoor,
    /// Print JSON; with --watch one line per change
    #[arg(long)]
    json: bool,
}

/// The stream of a ticket's changes ended before the ticket did.
#[derive(Debug, thiserror::Error)]
#[error(
    "the server ended the stream before the ticket was settled: the message is kept, ask again when it is back"
)]
struct Cut;

impl Show {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.door.client();
        let path = format!("/v1/tickets/{}", self.id);
        if self.watch {
            watch(&client, &path, self.json).await?;
            return Ok(ExitCode::SUCCESS);
        }
        let answer = client.get(&path).await?;
        let mut out = anstream::stdout();
        if self.json {
            writeln!(out, "{}", answer.text())?;
        } else {
            write!(out, "{}", shown(&client.read(&answer)?))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn watch(client: &Client, path: &str, json: bool) -> anyhow::Result<()> {
    let mut out = anstream::stdout();
    let mut told = Told::default();
    let ticket = follow(client, path, |ticket, text| {
        if json { writeln!(out, "{text}") } else { write!(out, "{}", told.news(ticket)) }
    });
    let ticket = ticket.await?;
    if !json {
        write!(out, "\n{}", shown(&ticket))?;
    }
    Ok(())
}

/// Shows each change of a ticket until it is settled; gives it as it is then.
pub(super) async fn follow(
    client: &Client,
    path: &str,
    mut show: impl FnMut(&Ticket, &str) -> io::Result<()>,
) -> anyhow::Result<Ticket> {
    let mut events = client.events(path).await?;
    while let Some(incident) = events.next().await {
        let ticket: Ticket = client.parse(incident.data.as_bytes())?;
        show(&ticket, &incident.data)?;
        if ticket.settled {
            return Ok(ticket);
        }
    }
    Err(Cut.into())
}

/// The attempts that have been told of. One that a fault of this side kept from being made has the number of the next one.
#[derive(Default)]
struct Told(HashSet<(String, u32, u32, Option<String>)>);

impl Told {
    /// A line for each attempt that is new.
    fn news(&mut self, ticket: &Ticket) -> String {
        let mut lines = String::new();
        for delivery in &ticket.deliveries {
            for attempt in &delivery.attempts {
                let fault = attempt.class.clone().filter(|class| class.starts_with("local_"));
                if self.0.insert((delivery.id.clone(), attempt.run, attempt.number, fault)) {
                    lines.push_str(&line(ticket.received, delivery, attempt));
                }
            }
        }
        lines
    }
}

fn line(received: Moment, delivery: &Delivery, attempt: &Attempt) -> String {
    let after = brief(attempt.ended_after(received)).to_string();
    let target = plain(&delivery.target);
    format!("{after:>8}  {target}  attempt {}: {}\n", attempt.number, result(attempt))
}

/// A ticket in full.
pub(super) fn shown(ticket: &Ticket) -> String {
    let mut head = Table::bare();
    head.row([Cell::text("ticket"), Cell::text(&ticket.id).styled(HEADING)]);
    head.row([Cell::text("route"), Cell::text(&ticket.route)]);
    head.row([Cell::text("state"), Cell::word(&ticket.state)]);
    head.row([Cell::text("received"), Cell::shown(moment(ticket.received))]);
    let deliveries = deliveries(&ticket.deliveries);
    let attempts = ticket
        .deliveries
        .iter()
        .flat_map(|delivery| delivery.attempts.iter().map(|attempt| (&*delivery.target, attempt)));
    format!("{head}\n{deliveries}{}", attempts_table(ticket.received, attempts))
}

fn deliveries(deliveries: &[Delivery]) -> String {
    if deliveries.is_empty() {
        return format!("{}\n", styled(FAINT, "it goes nowhere: no target matched"));
    }
    let mut table = Table::new(["target", "state", "reason", "attempts", "next attempt", "delivery"]);
    for delivery in deliveries {
        table.row([
            Cell::text(&named(delivery)),
            Cell::word(&delivery.state),
            Cell::maybe(delivery.reason.as_deref()),
            Cell::number(runs(delivery)),
            Cell::maybe(delivery.next_attempt.map(moment)),
            Cell::text(&delivery.id),
        ]);
    }
    let mut text = table.to_string();
    for (delivery, first) in deliveries.iter().filter_map(|one| Some((one, one.behind.as_ref()?))) {
        let waits = format!(
            "{} waits for {}, which came before it with the same order key",
            plain(&delivery.target),
            plain(first)
        );
        text.push_str(&format!("{}\n", styled(FAINT, waits)));
    }
    text
}

/// The target, and what the delivery is to its message if it is not what that is for.
fn named(delivery: &Delivery) -> String {
    match (&delivery.undoes, &delivery.duty) {
        (Some(undone), _) => format!("{} (undoes {undone})", delivery.target),
        (None, Some(duty)) => format!("{} ({duty})", delivery.target),
        (None, None) => delivery.target.clone(),
    }
}

fn runs(delivery: &Delivery) -> String {
    match delivery.run {
        0 | 1 => delivery.attempts.len().to_string(),
        run => format!("{} in {run} runs", delivery.attempts.len()),
    }
}

/// Attempts with their phases, after an empty line; nothing where there are none.
pub(super) fn attempts_table<'a>(
    received: Moment,
    attempts: impl Iterator<Item = (&'a str, &'a Attempt)>,
) -> String {
    let mut table =
        Table::new(["target", "attempt", "began", "queue", "connect", "answer", "body", "result"]);
    let mut attempts = attempts.peekable();
    if attempts.peek().is_none() {
        return String::new();
    }
    for (target, attempt) in attempts {
        let run = if attempt.run > 1 { format!("{}/", attempt.run) } else { String::new() };
        let timings = &attempt.timings_ms;
        table.row([
            Cell::text(target),
            Cell::number(format!("{run}{}", attempt.number)),
            Cell::number(format!("+{}", brief(attempt.began.since(received)))),
            Cell::number(brief(timings.queue.0)),
            Cell::number(brief(timings.connected())),
            Cell::number(brief(timings.first_byte.0)),
            Cell::number(brief(timings.body.0)),
            Cell::text(&result(attempt)),
        ]);
    }
    format!("\n{table}")
}

/// What came of an attempt, and what follows.
fn result(attempt: &Attempt) -> String {
    let mut text = attempt.outcome();
    if let Some(class) = attempt.class.as_deref().filter(|class| *class == "redirect") {
        // A status alone says `status`; the other classes come without one.
        let _infallible = write!(text, " {class}");
    }
    if attempt.possible_duplicate {
        text.push_str(", marked as a possible duplicate");
    }
    if let Some(next) = attempt.next_attempt {
        let wait = next.since(attempt.began).saturating_sub(attempt.timings_ms.total());
        let _infallible = write!(text, ", again in {}", brief(wait));
    }
    if let Some(detail) = &attempt.detail {
        let _infallible = write!(text, ": {detail}");
    }
    text
}
