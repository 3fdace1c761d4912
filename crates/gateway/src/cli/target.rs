//! `fanlight target`: what the targets do; pause, resume, breaker and probe; where their settings come from.

use super::answers::{Probe as Sent, Target as Answer, Targets};
use super::client::AdminDoor;
use super::explain::Explain;
use super::screen::{Cell, FAINT, Table, moment, styled};
use clap::{Args, Subcommand, ValueEnum};
use contract::Name;
use engine::policy::hold::Reason;
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// Shows the targets; pauses and resumes them, says how they are tried again, and explains their settings.
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
    Breaker(Breaker),
    Probe(Probe),
    Explain(Explain),
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

/// Lets the calls to a target go on, whatever held them: a pause, its breaker, its log-in, its word that it is gone.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight target resume mailing")]
struct Resume {
    #[command(flatten)]
    one: One,
}

/// Opens the breaker of a target (no calls), keeps it closed (calls whatever happens), or leaves it to itself again.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight target breaker mailing auto")]
struct Breaker {
    #[command(flatten)]
    one: One,
    /// How it is to be
    state: State,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    /// No calls until somebody says otherwise
    Open,
    /// Calls, whatever happens to them
    Closed,
    /// By itself, and closed now
    Auto,
}

/// Lets one delivery that waits for a target go now, although the target is left alone for a while or the delivery is due only later.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight target probe mailing")]
struct Probe {
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
            Action::Pause(pause) => pause.one.run("pause", &Value::Null).await?,
            Action::Resume(resume) => resume.one.run("resume", &Value::Null).await?,
            Action::Breaker(Breaker { one, state }) => {
                one.run("breaker", &json!({ "state": state.word() })).await?;
            }
            Action::Probe(probe) => probe.run().await?,
            Action::Explain(explain) => return explain.run(),
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
    async fn run(self, action: &str, body: &Value) -> anyhow::Result<()> {
        let client = self.door.client();
        let answer = client.post_json(&format!("/v1/targets/{}/{action}", self.name), body).await?;
        let mut out = anstream::stdout();
        if self.json {
            writeln!(out, "{}", answer.text())?;
        } else {
            let target: Answer = client.read(&answer)?;
            let waits = action == "resume" && target.reason.as_deref() == Some(Reason::NoTarget.word());
            write!(out, "{}", shown(&[target]))?;
            if waits {
                let hint =
                    "the configuration does not have this target: its deliveries go on when it returns";
                writeln!(out, "{}", styled(FAINT, hint))?;
            }
        }
        Ok(())
    }
}

impl Probe {
    async fn run(self) -> anyhow::Result<()> {
        let One { name, door, json } = self.one;
        let client = door.client();
        let answer = client.post_json(&format!("/v1/targets/{name}/probe"), &Value::Null).await?;
        let mut out = anstream::stdout();
        if json {
            writeln!(out, "{}", answer.text())?;
        } else {
            let Sent { delivery } = client.read(&answer)?;
            writeln!(out, "{delivery} goes to {name} now")?;
        }
        Ok(())
    }
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Auto => "auto",
        }
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
        "breaker",
        "failing since",
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
            Cell::maybe(target.breaker.as_ref().map(|breaker| breaker.state.as_str())),
            Cell::maybe(target.breaker.as_ref().and_then(|breaker| breaker.since).map(moment)),
            Cell::number(target.in_flight),
            target.concurrency.map_or_else(|| Cell::text(""), Cell::number),
            Cell::number(target.waiting_in_memory.saturating_add(target.waiting_on_disk)),
            Cell::maybe(target.oldest_due.map(moment)),
            Cell::number(match target.parked {
                0 => target.dead.to_string(),
                parked => format!("{}, {parked} parked", target.dead),
            }),
        ]);
    }
    table.to_string()
}
