//! `fanlight dead discard`: gives up dead deliveries.

use super::filter::Selection;
use crate::cli::Misuse;
use crate::cli::client::{AdminDoor, Client};
use crate::cli::screen::count;
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// Ends dead deliveries for good: they are never sent, and may be forgotten.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanlight dead discard dlv_01929b3c-5d2e-7000-8000-0123456789ab
  fanlight dead discard --target mailing --error 410 --yes")]
pub(super) struct Discard {
    #[command(flatten)]
    selection: Selection,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Only say how many there are
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    door: AdminDoor,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Nobody is there to be asked.
#[derive(Debug, thiserror::Error)]
#[error("nothing was discarded: say --yes, or run it on a terminal to be asked")]
struct NobodyToAsk;

#[derive(Deserialize)]
struct Matches {
    matches: u64,
}

#[derive(Deserialize)]
struct Discarded {
    discarded: u64,
}

impl Discard {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.door.client();
        if !self.yes && !self.dry_run && !confirmed(&client, &self.selection).await? {
            anstream::eprintln!("nothing was discarded");
            return Ok(ExitCode::FAILURE);
        }
        let order = self.selection.order(json!({ "dry_run": self.dry_run }));
        let answer = client.post_json("/v1/dead/discard", &order).await?;
        let mut out = anstream::stdout();
        if self.json {
            writeln!(out, "{}", answer.text())?;
        } else if self.dry_run {
            let Matches { matches } = client.read(&answer)?;
            writeln!(out, "{} would be discarded", count(matches, "delivery", "deliveries"))?;
        } else {
            let Discarded { discarded } = client.read(&answer)?;
            writeln!(out, "{} discarded", count(discarded, "delivery is", "deliveries are"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Asks whoever sits at the terminal.
async fn confirmed(client: &Client, selection: &Selection) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(Misuse::new(NobodyToAsk).into());
    }
    let answer = client.post_json("/v1/dead/discard", &selection.order(json!({ "dry_run": true }))).await?;
    let Matches { matches } = client.read(&answer)?;
    anstream::eprint!("Discard {} for good? [y/N] ", count(matches, "dead delivery", "dead deliveries"));
    let mut reply = String::new();
    io::stdin().read_line(&mut reply)?;
    Ok(matches!(reply.trim(), "y" | "Y" | "yes"))
}
