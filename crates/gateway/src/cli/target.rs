//! `fanlight target`: what the targets do; pause and resume.

use super::answers::{Target as Answer, Targets};
use super::client::AdminDoor;
use super::screen::{Cell, FAINT, Table, moment, styled};
use clap::{Args, Subcommand};
use contract::Name;
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;

/// Shows the targets; pauses and resumes them.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:
  fanlight target pause mailing"
)]
pub(super) struct Target {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Pause(Pause),
    Resume(Resume),
}

/// Shows every target: whether it is called, what waits for it, and what is dead.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight target list")]
struct List {
    #[command(flatten)]
    door: AdminDoor,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Stops the calls to a target. What is on its way is finished, the backlog is kept, new messages join it.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight target pause mailing")]
struct Pause {
    #[command(flatten)]
    one: One,
}

/// Lets the calls to a target go on, whatever held them: a pause, its log-in, its word that it is gone.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight target resume mailing")]
struct Resume {
    #[command(flatten)]
    one: One,
}

#[derive(Debug, Args)]
struct One {
    /// The target
    #[arg(value_parser = Name::try_new)]
    name: Name,
    #[command(flatten)]
    door: AdminDoor,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Target {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List(list) => list.run().await?,
            Action::Pause(pause) => pause.one.run("pause").await?,
            Action::Resume(resume) => resume.one.run("resume").await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let client = self.door.client();
        let answer = client.get("/v1/targets").await?;
        let mut out = anstream::stdout();
        if self.json {
            writeln!(out, "{}", answer.text())?;
        } else {
            let Targets { targets } = client.read(&answer)?;
            write!(out, "{}", shown(&targets))?;
        }
        Ok(())
    }
}

impl One {
    async fn run(self, action: &str) -> anyhow::Result<()> {
        let client = self.door.client();
        let answer = client.post_json(&format!("/v1/targets/{}/{action}", self.name), &Value::Null).await?;
        let mut out = anstream::stdout();
        if self.json {
            writeln!(out, "{}", answer.text())?;
        } else {
            write!(out, "{}", shown(&[client.read(&answer)?]))?;
        }
        Ok(())
    }
}

fn shown(targets: &[Answer]) -> String {
    if targets.is_empty() {
        return format!("{}\n", styled(FAINT, "the configuration has no targets"));
    }
    let mut table = Table::new([
        "target",
        "state",
        "reason",
        "until",
        "in flight",
        "at most",
        "waiting",
        "oldest due",
        "dead",
    ]);
    for target in targets {
        table.row([
            Cell::text(&target.name),
            Cell::word(&target.state),
            Cell::maybe(target.reason.as_deref()),
            Cell::maybe(target.until.map(moment)),
            Cell::number(target.in_flight),
            target.concurrency.map_or_else(|| Cell::text(""), Cell::number),
            Cell::number(target.waiting_in_memory.saturating_add(target.waiting_on_disk)),
            Cell::maybe(target.oldest_due.map(moment)),
            Cell::number(target.dead),
        ]);
    }
    table.to_string()
}
