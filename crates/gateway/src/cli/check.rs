//! `fanlight check`: whether a configuration can be used.

use super::screen::{Cell, FAINT, HEADING, Table, count, styled};
use crate::config::{self, Config, Process, Report, StoreLocation};
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Checks a configuration and shows where its routes lead.
///
/// Every problem is named with its line and with what to do about it. Nothing is started or written.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight check --config fanlight.yaml")]
pub(super) struct Check {
    /// The configuration file
    #[arg(short, long, default_value = "fanlight.yaml", value_name = "FILE")]
    config: PathBuf,
    /// Print JSON: `valid`, `problems`, and for a valid configuration its `routes` and `targets`
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut out = anstream::stdout();
        match config::load(&self.config, &Process) {
            Ok(config) => {
                let (StoreLocation::Sqlite(folder) | StoreLocation::Unsynced(folder)) = &config.store else {
                    return self.show(&config);
                };
                match stores::sqlite::look(folder) {
                    Ok(()) => self.show(&config),
                    Err(error) if self.json => {
                        let problem =
                            json!({ "severity": "error", "key": "store", "message": error.to_string() });
                        writeln!(out, "{}", json!({ "valid": false, "problems": [problem] }))?;
                        Ok(ExitCode::FAILURE)
                    }
                    Err(error) => Err(error.into()),
                }
            }
            Err(report) => {
                if self.json {
                    writeln!(out, "{}", json!({ "valid": false, "problems": report }))?;
                } else {
                    warn(&report);
                }
                Ok(ExitCode::FAILURE)
            }
        }
    }

    fn show(&self, config: &Config) -> anyhow::Result<ExitCode> {
        let mut out = anstream::stdout();
        if self.json {
            writeln!(out, "{}", valid_json(config))?;
        } else {
            warn(&config.warnings);
            write!(out, "{} can be used\n\n{}", self.config.display(), shown(config))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn warn(report: &Report) {
    if !report.is_empty() {
        anstream::eprintln!("{}\n", report.coloured());
    }
}

fn valid_json(config: &Config) -> Value {
    let routes = config.routes.iter().map(|route| {
        json!({ "name": route.name, "accept": format!("{} {}", route.methods, route.pattern), "to": route.to })
    });
    let targets = config.targets.iter().map(
        |target| json!({ "name": target.name, "method": target.method.as_str(), "url": target.url_shown }),
    );
    json!({
        "valid": true,
        "problems": config.warnings,
        "routes": routes.collect::<Vec<_>>(),
        "targets": targets.collect::<Vec<_>>(),
    })
}

/// A hint, no problem: in a container, or behind a proxy, it is meant so.
fn front(address: SocketAddr) -> String {
    if address.ip().is_loopback() {
        return address.to_string();
    }
    format!("{address}, without TLS and authentication: whoever reaches it may send")
}

/// Where everything is, and where the routes lead.
fn shown(config: &Config) -> String {
    let mut places = Table::bare();
    places.row([Cell::text("listen"), Cell::text(&front(config.listen))]);
    places.row([Cell::text("admin"), Cell::shown(config.admin)]);
    let store = match &config.store {
        StoreLocation::Memory => "memory: everything is lost when the process ends".to_owned(),
        StoreLocation::Sqlite(folder) => folder.display().to_string(),
        StoreLocation::Unsynced(folder) => {
            format!("{}, not synced: a crash of the machine loses messages", folder.display())
        }
    };
    places.row([Cell::text("store"), Cell::text(&store)]);
    let mut routes = Table::new(["route", "accepts", "target", "calls", "attempts"]);
    for route in &config.routes {
        let mut accepts = format!("{} {}", route.methods, route.pattern);
        let mut name = route.name.as_str();
        for to in &route.to {
            let target = config.targets.iter().find(|target| target.name == *to);
            routes.row([
                Cell::text(std::mem::take(&mut name)).styled(HEADING),
                Cell::text(&std::mem::take(&mut accepts)),
                Cell::text(to.as_str()),
                Cell::maybe(target.map(|target| format!("{} {}", target.method, target.url_shown))),
                Cell::maybe(target.map(|target| target.retry.attempts())),
            ]);
        }
    }
    if config.routes.is_empty() {
        let message = "there are no routes: nothing would be accepted";
        return format!("{places}\n{}\n", styled(FAINT, message));
    }
    let sum = format!(
        "{}, {}",
        count(config.routes.len() as u64, "route", "routes"),
        count(config.targets.len() as u64, "target", "targets")
    );
    format!("{places}\n{routes}\n{}\n", styled(FAINT, sum))
}
