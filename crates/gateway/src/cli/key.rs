//! `fanlight key`: parked order keys, to see and to let go on.

use super::answers::KeyPage;
use super::client::{AdminDoor, encode};
use super::screen::{Cell, FAINT, Table, count, moment, styled};
use clap::{Args, Subcommand};
use contract::{DeliveryId, Name, limits};
use serde::Deserialize;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;

/// Shows order keys that are parked, and lets them go on.
///
/// A target with `order: park` parks a key when a delivery of it is dead: what comes later with the same key waits until the dead one is sent
/// again (`fanlight dead redrive ID`, it goes first), given up (`fanlight dead discard ID`), or the key is resumed without it.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:
  fanlight key list --target stock"
)]
pub(super) struct Key {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Resume(Resume),
}

/// Shows what is parked: each key with the dead delivery that keeps it, and how many wait.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight key list --target stock")]
struct List {
    /// Only of this target
    #[arg(short, long, value_name = "NAME", value_parser = Name::try_new)]
    target: Option<Name>,
    /// At most this many: 1 to 500
    #[arg(short, long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=limits::PAGE_ITEMS_MAX as u64))]
    limit: u64,
    /// Only those after this delivery of the list
    #[arg(long, value_name = "ID")]
    after: Option<DeliveryId>,
    #[command(flatten)]
    door: AdminDoor,
    /// Print JSON: `keys` and `next`, the id to continue after
    #[arg(long)]
    json: bool,
}

/// Lets what waits for a parked key go on, without the dead delivery that keeps it: that one stays dead.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanlight key resume stock customer-17
  fanlight key resume stock --all")]
struct Resume {
    /// The target
    #[arg(value_name = "TARGET", value_parser = Name::try_new)]
    target: Name,
    /// The order key
    #[arg(value_name = "KEY", required_unless_present = "all", conflicts_with = "all")]
    key: Option<String>,
    /// Every key of the target
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    door: AdminDoor,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Resumed {
    resumed: u64,
}

impl Key {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List(list) => list.run().await?,
            Action::Resume(resume) => resume.run().await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let target = self.target.map(|name| format!("&target={}", encode(name.as_str()))).unwrap_or_default();
        let after = self.after.map(|id| format!("&after={id}")).unwrap_or_default();
        let client = self.door.client();
        let answer = client.get(&format!("/v1/keys?limit={}{target}{after}", self.limit)).await?;
        let mut out = anstream::stdout();
        if self.json {
            writeln!(out, "{}", answer.text())?;
            return Ok(());
        }
        let page: KeyPage = client.read(&answer)?;
        write!(out, "{}", shown(&page))?;
        Ok(())
    }
}

impl Resume {
    async fn run(self) -> anyhow::Result<()> {
        let client = self.door.client();
        let mut wish = json!({ "target": self.target });
        if let (Some(key), Some(wish)) = (self.key, wish.as_object_mut()) {
            wish.insert("key".to_owned(), key.into());
        }
        let answer = client.post_json("/v1/keys/resume", &wish).await?;
        let mut out = anstream::stdout();
        if self.json {
            writeln!(out, "{}", answer.text())?;
        } else {
            let Resumed { resumed } = client.read(&answer)?;
            let many = "deliveries do not hold up their keys any more";
            writeln!(out, "{}", count(resumed, "delivery does not hold up its key any more", many))?;
        }
        Ok(())
    }
}

fn shown(page: &KeyPage) -> String {
    if page.keys.is_empty() {
        return format!("{}\n", styled(FAINT, "no key is parked"));
    }
    let mut table = Table::new(["target", "key", "waiting", "dead delivery", "received", "reason"]);
    for row in &page.keys {
        let parked = row.parked.as_ref();
        table.row([
            Cell::text(&row.target),
            Cell::maybe(parked.map(|parked| parked.key.as_str())),
            Cell::number(parked.map_or(0, |parked| parked.behind)),
            Cell::text(&row.id),
            Cell::shown(moment(row.received)),
            Cell::maybe(row.reason.as_deref()),
        ]);
    }
    let more = page
        .next
        .as_ref()
        .map(|next| format!("{}\n", styled(FAINT, format!("there are more: --after {next}"))));
    format!("{table}{}", more.unwrap_or_default())
}
