//! `fanlight dead redrive`: another run for dead deliveries.

use super::filter::Selection;
use crate::cli::answers;
use crate::cli::client::{AdminDoor, Client};
use crate::cli::screen::count;
use crate::doors::SystemClock;
use clap::{Args, ValueEnum};
use contract::Clock;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

/// How often progress is asked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Sends dead deliveries again, with all attempts of their schedule: one, or all that match.
///
/// A redrive of many goes on by itself, through restarts too. What dies later is not taken again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanlight dead redrive dlv_01929b3c-5d2e-7000-8000-0123456789ab
  fanlight dead redrive --target mailing --since 2h --rate 10 --watch
  fanlight dead redrive --target mailing --stop-on-error")]
pub(super) struct Redrive {
    #[command(flatten)]
    selection: Selection,
    /// Deliveries per second [default: all at once]
    #[arg(long, value_name = "NUMBER", conflicts_with = "id", value_parser = rate)]
    rate: Option<f64>,
    /// Which go first; those of one order key always go oldest first
    #[arg(long, value_enum, default_value_t, conflicts_with = "id")]
    order: Order,
    /// One by one, each when the one before was delivered; the first failed attempt ends it
    #[arg(long, conflicts_with = "id")]
    stop_on_error: bool,
    /// Only say how many there are
    #[arg(long)]
    dry_run: bool,
    /// Wait until all of them have been given their new run, with a bar on a terminal
    #[arg(short, long, conflicts_with = "dry_run")]
    watch: bool,
    #[command(flatten)]
    door: AdminDoor,
    /// Print JSON; with --watch one line per look
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Default, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// By the time of their messages
    #[default]
    Oldest,
    /// The other way round
    Newest,
}

/// A delivery failed again.
#[derive(Debug, thiserror::Error)]
#[error("{delivery} failed again ({reason}); {left} that follow stay dead")]
struct Stopped {
    delivery: String,
    reason: String,
    left: String,
}

#[derive(Deserialize)]
struct Matches {
    matches: u64,
}

#[derive(Deserialize)]
struct Revived {
    revived: u64,
}

impl Redrive {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.door.client();
        let order = self.selection.order(match self.selection.id {
            Some(_) => json!({ "dry_run": self.dry_run }),
            None => json!({
                "rate": self.rate,
                "order": self.order,
                "stop_on_error": self.stop_on_error,
                "dry_run": self.dry_run,
            }),
        });
        let answer = client.post_json("/v1/dead/redrive", &order).await?;
        let mut out = anstream::stdout();
        if self.json {
            writeln!(out, "{}", answer.text())?;
        }
        if self.dry_run {
            let Matches { matches } = client.read(&answer)?;
            say(
                &mut out,
                self.json,
                &format!("{} would go again", count(matches, "delivery", "deliveries")),
            )?;
        } else if self.selection.id.is_some() {
            let Revived { revived } = client.read(&answer)?;
            say(&mut out, self.json, &format!("{} again", count(revived, "delivery goes", "deliveries go")))?;
        } else {
            let redrive: answers::Redrive = client.read(&answer)?;
            say(&mut out, self.json, &format!("redrive {} has begun", redrive.id))?;
            if self.watch {
                watch(&client, &mut out, self.json, redrive).await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn watch(
    client: &Client,
    out: &mut impl Write,
    json: bool,
    mut redrive: answers::Redrive,
) -> anyhow::Result<()> {
    let clock = SystemClock::new();
    let path = format!("/v1/redrives/{}", redrive.id);
    let bar = (!json && io::stdout().is_terminal() && io::stderr().is_terminal()).then(bar);
    while !redrive.done {
        clock.sleep(LOOK_EVERY).await;
        let answer = client.get(&path).await?;
        redrive = client.read(&answer)?;
        match &bar {
            Some(bar) => {
                bar.set_length(redrive.total.unwrap_or(redrive.revived));
                bar.set_position(redrive.revived);
            }
            None if json => writeln!(out, "{}", answer.text())?,
            None => say(out, json, &far(&redrive))?,
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
        say(out, json, &far(&redrive))?;
    }
    let Some(stopped) = redrive.stopped else { return Ok(()) };
    let left = redrive.total.unwrap_or_default().saturating_sub(redrive.revived);
    let left = count(left, "delivery", "deliveries");
    Err(Stopped { delivery: stopped.delivery, reason: stopped.reason, left }.into())
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// How far it is, in words.
fn far(redrive: &answers::Redrive) -> String {
    match redrive.total.filter(|total| *total > redrive.revived) {
        Some(total) => format!("{} of {} again", redrive.revived, count(total, "delivery", "deliveries")),
        None if redrive.done => {
            let again = count(redrive.revived, "delivery goes", "deliveries go");
            format!("{again} again; that is all of them")
        }
        None => format!("{} again", count(redrive.revived, "delivery goes", "deliveries go")),
    }
}

/// A line for people, unless a script reads.
fn say(out: &mut impl Write, json: bool, line: &str) -> io::Result<()> {
    if json { Ok(()) } else { writeln!(out, "{line}") }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "a number above 0 is needed".to_owned())
}
