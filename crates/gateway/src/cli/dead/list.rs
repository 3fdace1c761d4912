//! `fanlight dead list`: which deliveries are dead.

use super::filter::Filter;
use crate::cli::answers::{DeadPage, DeadRow};
use crate::cli::client::{AdminDoor, CallError, Client};
use crate::cli::screen::{Cell, FAINT, Table, moment, styled};
use clap::Args;
use contract::{DeliveryId, limits};
use std::io::Write;
use std::process::ExitCode;

/// Lists dead deliveries, oldest first.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight dead list --target mailing --since 2h --error timeout_total")]
pub(super) struct List {
    #[command(flatten)]
    filter: Filter,
    /// At most this many: 1 to 500
    #[arg(short, long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=limits::PAGE_ITEMS_MAX as u64))]
    limit: u64,
    /// Only those after this one of the list
    #[arg(long, value_name = "ID")]
    after: Option<DeliveryId>,
    /// However many there are
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    #[command(flatten)]
    door: AdminDoor,
    /// Print JSON: `dead` and `next`, the id to continue after; with --all one such object per line
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.door.client();
        let limit = if self.all { limits::PAGE_ITEMS_MAX as u64 } else { self.limit };
        let mut after = self.after.map(|id| id.to_string());
        let mut out = anstream::stdout();
        let mut any = false;
        loop {
            let (text, page) = page(&client, &self.filter, limit, after.as_deref()).await?;
            any |= !page.dead.is_empty();
            match (self.json, any) {
                (true, _) => writeln!(out, "{text}")?,
                (false, true) => write!(out, "{}", shown(&page.dead))?,
                (false, false) => writeln!(out, "{}", styled(FAINT, "nothing is dead"))?,
            }
            after = page.next;
            match &after {
                Some(_) if self.all => {}
                Some(next) if !self.json => {
                    let hint = format!("there are more: --after {next}, or --all");
                    writeln!(out, "{}", styled(FAINT, hint))?;
                    return Ok(ExitCode::SUCCESS);
                }
                Some(_) | None => return Ok(ExitCode::SUCCESS),
            }
        }
    }
}

async fn page(
    client: &Client,
    filter: &Filter,
    limit: u64,
    after: Option<&str>,
) -> Result<(String, DeadPage), CallError> {
    let after = after.map(|id| format!("&after={id}")).unwrap_or_default();
    let answer = client.get(&format!("/v1/dead?limit={limit}{}{after}", filter.query())).await?;
    let page = client.read(&answer)?;
    Ok((answer.text().into_owned(), page))
}

fn shown(rows: &[DeadRow]) -> String {
    let mut table = Table::new(["delivery", "target", "route", "received", "reason", "last", "attempts"]);
    for row in rows {
        let last = row.last_attempt.as_ref();
        table.row([
            Cell::text(&row.id),
            Cell::text(&row.target),
            Cell::text(&row.route),
            Cell::shown(moment(row.received)),
            Cell::maybe(row.reason.as_deref()),
            Cell::maybe(last.map(|attempt| attempt.outcome())),
            Cell::number(match (last, row.run) {
                (None, _) => String::new(),
                (Some(attempt), 0 | 1) => attempt.number.to_string(),
                (Some(attempt), run) => format!("{} in run {run}", attempt.number),
            }),
        ]);
    }
    table.to_string()
}
