//! `fanlight demo`: the main job, from nothing to a table, in a few seconds.

mod crowd;
mod progress;
mod stage;
mod summary;

use super::answers::Ticket;
use super::screen::{FAINT, HEADING, styled};
use crate::doors::SystemClock;
use crate::telemetry::logs;
use clap::Args;
use contract::Clock;
use crowd::SIGNUPS;
use progress::Progress;
use stage::{Stage, TARGETS};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// All should have ended long before.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends 50 sign-ups to two APIs, one of which fails at first, and shows how each arrives at both.
///
/// Nothing is needed: gateway, store and both APIs run in this process, on loopback ports that are free and in a temporary
/// folder. It succeeds only if every sign-up reached both APIs.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight demo --keep")]
pub(super) struct Demo {
    /// Go on until Ctrl-C, to look around
    #[arg(long)]
    keep: bool,
}

/// Not all was delivered.
#[derive(Debug, thiserror::Error)]
#[error("after {} s some sign-ups are still on their way", PATIENCE.as_secs())]
struct TooLong;

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        logs::start("error", logs::Format::Text);
        let stage = Stage::set().await?;
        let mut out = anstream::stdout();
        writeln!(out, "{}", opening(&stage))?;
        let tickets = play(&stage).await?;
        let played = summary::tell(&tickets, &stage.heard());
        write!(out, "{}", played.story)?;
        writeln!(out, "\n{}", stage.next(self.keep, played.slowest.as_deref()))?;
        if self.keep {
            writeln!(out, "{}", styled(FAINT, "it goes on until Ctrl-C"))?;
            tokio::signal::ctrl_c().await?;
        }
        tokio::select! {
            biased;
            () = stage.strike() => {}
            // A second Ctrl-C: nobody wants to wait for those who still listen.
            Ok(()) = tokio::signal::ctrl_c(), if self.keep => {}
        }
        Ok(if played.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn opening(stage: &Stage) -> String {
    format!(
        "{}\n  {}\n\n{SIGNUPS} sign-ups go to {}/signup; each is for two APIs:\n  crm      is healthy\n  mailing  answers 503 at first, then hangs once, then recovers\n",
        styled(HEADING, "The configuration"),
        stage.config.display(),
        stage.front_url(),
    )
}

/// Sends all sign-ups and waits until each has ended, while progress is shown.
async fn play(stage: &Stage) -> anyhow::Result<Vec<Ticket>> {
    let clock = SystemClock::new();
    let events = stage.admin.events("/v1/tail").await?;
    let mut progress = Progress::new(&TARGETS, SIGNUPS);
    let tickets = tokio::select! {
        biased;
        tickets = crowd::play(&stage.front, &clock) => tickets?,
        Err(error) = progress.follow(&stage.admin, events, &clock) => return Err(error),
        () = clock.sleep(PATIENCE) => return Err(TooLong.into()),
    };
    progress.finish(&tickets, &clock)?;
    Ok(tickets)
}
