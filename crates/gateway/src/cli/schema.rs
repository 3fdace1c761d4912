//! `fanlight schema`: the form of the configuration, for editors.

use crate::config;
use clap::Args;
use std::io::Write;
use std::process::ExitCode;

/// Prints the JSON Schema of the configuration.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight schema > fanlight.schema.json
  # first line of fanlight.yaml, for editors with a YAML language server:
  # yaml-language-server: $schema=fanlight.schema.json")]
pub(super) struct Schema {}

impl Schema {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self {} = self;
        writeln!(anstream::stdout(), "{:#}", config::schema())?;
        Ok(ExitCode::SUCCESS)
    }
}
