//! `fanlight replay`: messages of the past to a target, again or for the first time.

use super::answers;
use super::client::{AdminDoor, Answer, Client};
use super::screen::{Cell, FAINT, Table, count, moment, plain, styled};
use super::time_or_ago;
use crate::doors::SystemClock;
use clap::{Args, Subcommand};
use contract::{Clock, MessageId, Name};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// How often progress is asked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The length of the bar, which stands for the time that a replay covers.
const BAR: u16 = 1000;

/// Sends messages of the past to a target: again, or to one that has come later.
///
/// A replay goes on by itself, through restarts too, behind all live messages. What it adds are deliveries of the old tickets.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:
  fanlight replay start signup --to search --only-missing --watch
  fanlight replay list"
)]
pub(super) struct Replay {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Start(Start),
    List(List),
    Show(Show),
    Cancel(Cancel),
}

/// Begins a replay of a route's messages to a target.
///
/// With --only-missing a target that was added to the route is filled up: each message that has no delivery to it gets one, and none gets
/// two. The target's filter and shape are those of now; messages that were cancelled or undone are left out.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanlight replay start signup --to search --only-missing --rate 50 --watch
  fanlight replay start order --to crm --from 2026-11-23T10:00:00Z --until 2026-11-23T11:00:00Z
  fanlight replay start order --to crm --from 2h --dry-run")]
struct Start {
    /// Whose messages
    #[arg(value_name = "ROUTE", value_parser = Name::try_new)]
    route: Name,
    /// Where they go
    #[arg(short, long, value_name = "TARGET", value_parser = Name::try_new)]
    to: Name,
    /// Messages accepted at or after: a time such as 2026-11-23T10:00:00Z, or how long ago, such as 2h [default: all that are kept]
    #[arg(long, value_name = "TIME|DURATION", value_parser = time_or_ago)]
    from: Option<Timestamp>,
    /// Messages accepted before [default: now]
    #[arg(long, value_name = "TIME|DURATION", value_parser = time_or_ago)]
    until: Option<Timestamp>,
    /// Only those that have no delivery to the target
    #[arg(long)]
    only_missing: bool,
    /// Deliveries per second [default: 100]
    #[arg(long, value_name = "NUMBER", value_parser = rate)]
    rate: Option<f64>,
    /// Only say how many there are
    #[arg(long)]
    dry_run: bool,
    /// Wait until it has ended
    #[arg(short, long, conflicts_with = "dry_run")]
    watch: bool,
    #[command(flatten)]
    look: Look,
}

/// Shows every replay that is remembered, the latest first.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight replay list")]
struct List {
    #[command(flatten)]
    look: Look,
}

/// Shows how far a replay is.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight replay show msg_01929b3c-5d2e-7000-8000-0123456789ab --watch")]
struct Show {
    /// The replay
    id: MessageId,
    /// Wait until it has ended
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    look: Look,
}

/// Ends a replay. What it has added already is delivered.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight replay cancel msg_01929b3c-5d2e-7000-8000-0123456789ab")]
struct Cancel {
    /// The replay
    id: MessageId,
    #[command(flatten)]
    look: Look,
}

#[derive(Debug, Args)]
struct Look {
    #[command(flatten)]
    door: AdminDoor,
    /// Print JSON; with --watch one line per look
    #[arg(long)]
    json: bool,
}

impl Replay {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Start(start) => start.run().await,
            Action::List(list) => list.run().await,
            Action::Show(show) => {
                let seen = Seen::new(show.look);
                let answer = seen.client.get(&format!("/v1/replays/{}", show.id)).await?;
                seen.show(&answer, show.watch).await
            }
            Action::Cancel(cancel) => {
                let seen = Seen::new(cancel.look);
                let path = format!("/v1/replays/{}/cancel", cancel.id);
                let answer = seen.client.post_json(&path, &json!({})).await?;
                seen.show(&answer, false).await
            }
        }
    }
}

impl Start {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let order = self.order();
        let seen = Seen::new(self.look);
        let answer = seen.client.post_json("/v1/replays", &order).await?;
        if !self.dry_run {
            return seen.show(&answer, self.watch).await;
        }
        let mut out = anstream::stdout();
        if seen.json {
            writeln!(out, "{}", answer.text())?;
            return Ok(ExitCode::SUCCESS);
        }
        let answers::DryReplay { matches, counts } = seen.client.read(&answer)?;
        let rest = counts.rest();
        writeln!(out, "{} would go to {}{rest}", count(matches, "message", "messages"), self.to)?;
        Ok(ExitCode::SUCCESS)
    }

    fn order(&self) -> Value {
        let mut order = Map::new();
        order.insert("filter".into(), json!({ "route": self.route }));
        order.insert("to".into(), json!(self.to));
        order.insert("only_missing".into(), json!(self.only_missing));
        order.insert("dry_run".into(), json!(self.dry_run));
        let times = [("from", self.from), ("until", self.until)];
        order
            .extend(times.into_iter().filter_map(|(key, time)| Some((key.into(), json!(time?.to_string())))));
        order.extend(self.rate.map(|rate| ("rate".into(), json!(rate))));
        Value::Object(order)
    }
}

impl List {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let Seen { client, json } = Seen::new(self.look);
        let answer = client.get("/v1/replays").await?;
        let mut out = anstream::stdout();
        if json {
            writeln!(out, "{}", answer.text())?;
            return Ok(ExitCode::SUCCESS);
        }
        let answers::Replays { replays } = client.read(&answer)?;
        if replays.is_empty() {
            writeln!(out, "{}", styled(FAINT, "nothing was replayed"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut table =
            Table::new(["replay", "route", "to", "began", "state", "sent", "there", "skipped", "failed"]);
        for replay in &replays {
            let counts = &replay.counts;
            table.row([
                Cell::text(&replay.id),
                Cell::text(&replay.filter.route),
                Cell::text(&replay.to),
                Cell::shown(moment(replay.began)),
                Cell::word(&replay.state),
                Cell::number(counts.sent.to_string()),
                Cell::number(counts.present.to_string()),
                Cell::number(counts.skipped.to_string()),
                Cell::number(counts.failed.to_string()),
            ]);
        }
        write!(out, "{table}")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Where replays are looked at, and how they are shown.
struct Seen {
    client: Client,
    json: bool,
}

impl Seen {
    fn new(Look { door, json }: Look) -> Self {
        Self { client: door.client(), json }
    }

    async fn show(&self, answer: &Answer, watch: bool) -> anyhow::Result<ExitCode> {
        let mut out = anstream::stdout();
        let mut last: answers::Replay = self.client.read(answer)?;
        if self.json {
            writeln!(out, "{}", answer.text())?;
        } else {
            writeln!(out, "replay {} of {} to {}", last.id, last.filter.route, last.to)?;
        }
        if watch && last.state == RUNNING {
            last = self.follow(&last.id).await?;
        }
        if !self.json {
            let answers::Replay { state, counts, failure, .. } = &last;
            let why = failure.as_ref().map(|why| format!("\n{}", plain(why))).unwrap_or_default();
            writeln!(out, "{state}: {} sent{}{why}", counts.sent, counts.rest())?;
        }
        let failed = watch && last.counts.failed > 0;
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// Looks until it has ended.
    async fn follow(&self, id: &str) -> anyhow::Result<answers::Replay> {
        let clock = SystemClock::new();
        // Hidden where standard error is no terminal.
        let bar = ProgressBar::new(u64::from(BAR));
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}") {
            bar.set_style(style);
        }
        loop {
            clock.sleep(LOOK_EVERY).await;
            let answer = self.client.get(&format!("/v1/replays/{id}")).await?;
            let replay: answers::Replay = self.client.read(&answer)?;
            if self.json {
                writeln!(anstream::stdout(), "{}", answer.text())?;
            } else {
                let beyond = |place: &u16| f64::from(*place) >= replay.share * f64::from(BAR);
                bar.set_position(u64::from((0..BAR).find(beyond).unwrap_or(BAR)));
                bar.set_message(format!("{} sent{}", replay.counts.sent, replay.counts.rest()));
            }
            if replay.state != RUNNING {
                bar.finish_and_clear();
                return Ok(replay);
            }
        }
    }
}

/// The word of a replay that goes on.
const RUNNING: &str = "running";

impl answers::ReplayCounts {
    /// What was not sent, if anything.
    fn rest(&self) -> String {
        let parts = [("there already", self.present), ("skipped", self.skipped), ("failed", self.failed)];
        let told = parts.iter().filter(|(_, count)| *count > 0);
        told.map(|(word, count)| format!(", {count} {word}")).collect()
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "a number above 0 is needed".to_owned())
}
