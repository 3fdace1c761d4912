//! `fanlight target explain`: every setting of a target, and where it comes from.

use super::screen::{Cell, HEADING, Table};
use super::{Misuse, load};
use crate::config::{self, Layer, Process, Setting, Unexplained};
use clap::Args;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Shows every setting of a target of a configuration file, and where it comes from: the target itself, `defaults`, its preset, or
/// what is built in. Secrets are not shown, and no gateway needs to run.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight target explain crm --config fanlight.yaml")]
pub(super) struct Explain {
    /// The target
    name: String,
    /// The configuration file
    #[arg(short, long, default_value = "fanlight.yaml", value_name = "FILE")]
    config: PathBuf,
    /// Print JSON: `target`, and its `settings`, each with `key`, `value`, `layer` and `from`
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let settings = match config::explain(&self.config, &self.name, &Process) {
            Ok(settings) => settings,
            Err(Unexplained::Refused(report)) => {
                load::report(&report);
                return Ok(ExitCode::FAILURE);
            }
            Err(unknown @ Unexplained::Unknown { .. }) => return Err(Misuse::new(unknown).into()),
        };
        let mut out = anstream::stdout();
        if self.json {
            writeln!(out, "{}", json!({ "target": self.name, "settings": settings }))?;
        } else {
            write!(out, "{}", shown(&settings))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn shown(settings: &[Setting]) -> String {
    let mut table = Table::new(["setting", "value", "from"]);
    for setting in settings {
        table.row([
            Cell::text(&setting.key).styled(HEADING),
            Cell::text(&setting.value),
            Cell::text(&source(setting)),
        ]);
    }
    table.to_string()
}

fn source(setting: &Setting) -> String {
    let from = setting.from.as_deref().unwrap_or_default();
    match setting.layer {
        Layer::Target | Layer::File => from.to_owned(),
        Layer::Defaults => format!("defaults {from}"),
        Layer::Preset => format!("preset {from}"),
        Layer::Builtin => "default".to_owned(),
    }
}
