//! `fanlight dead`: dead letters, to inspect, mend, send again or give up.

mod discard;
mod edit;
mod filter;
mod list;
mod redrive;
mod show;

use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Lists, shows, edits, redrives and discards dead deliveries.
///
/// A delivery is dead when its attempts are used up or its target refused it. It is kept until someone decides.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:
  fanlight dead list --target mailing --since 2h
  fanlight dead redrive --target mailing --rate 10"
)]
pub(super) struct Dead {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(list::List),
    Show(show::Show),
    Edit(edit::Edit),
    Redrive(redrive::Redrive),
    Discard(discard::Discard),
}

impl Dead {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List(list) => list.run().await,
            Action::Show(show) => show.run().await,
            Action::Edit(edit) => edit.run().await,
            Action::Redrive(redrive) => redrive.run().await,
            Action::Discard(discard) => discard.run().await,
        }
    }
}
