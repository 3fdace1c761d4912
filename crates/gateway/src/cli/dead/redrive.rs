//! `fanlight dead redrive`: another run for dead deliveries.

use super::filter::Selection;
use crate::cli::answers;
use crate::cli::client::{AdminDoor, Client};
use crate::cli::screen::count;
use crate::doors::SystemClock;
use clap::Args;
use contract::Clock;
use serde::Deserialize;
use serde_json::json;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

/// How often progress is asked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Sends dead deliveries again, with all attempts of their schedule: one, or all that match, oldest first.
///
/// A redrive of many goes on by itself, through restarts too. What dies later is not taken again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanlight dead redrive dlv_01929b3c-5d2e-7000-8000-0123456789ab
  fanlight dead redrive --target mailing --since 2h --rate 10 --watch")]
pub(super) struct Redrive {
    #[command(flatten)]
    selection: Selection,
    /// Deliveries per second [default: all at once]
    #[arg(long, value_name = "NUMBER", conflicts_with = "id", value_parser = rate)]
    rate: Option<f64>,
    /// Only say how many there are
    #[arg(long)]
    dry_run: bool,
    /// Wait until all of them have been given their new run
    #[arg(short, long, conflicts_with = "dry_run")]
    watch: bool,
    #[command(flatten)]
    door: AdminDoor,
    /// Print JSON; with --watch one line per look
    #[arg(long)]
    json: bool,
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
        let order = self.selection.order(json!({ "rate": self.rate, "dry_run": self.dry_run }));
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
    while !redrive.done {
        clock.sleep(LOOK_EVERY).await;
        let answer = client.get(&path).await?;
        redrive = client.read(&answer)?;
        if json {
            writeln!(out, "{}", answer.text())?;
        }
        let end = if redrive.done { "; that is all of them" } else { "" };
        say(out, json, &format!("{} again{end}", count(redrive.revived, "delivery goes", "deliveries go")))?;
    }
    Ok(())
}

/// A line for people, unless a script reads.
fn say(out: &mut impl Write, json: bool, line: &str) -> io::Result<()> {
    if json { Ok(()) } else { writeln!(out, "{line}") }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "a number above 0 is needed".to_owned())
}
