//! `fanlight completions`: what a shell needs to complete commands.

use super::Cli;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write;
use std::process::ExitCode;

/// Prints a script that completes commands in a shell.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight completions bash > ~/.local/share/bash-completion/completions/fanlight")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "fanlight", &mut script);
        anstream::stdout().write_all(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}
