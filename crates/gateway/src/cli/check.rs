//! `fanlight check`: whether a configuration can be used.

use super::load;
use super::screen::{Cell, FAINT, HEADING, Table, count, styled};
use crate::config::{self, Config, Process, Route, StoreLocation, Target};
use clap::Args;
use contract::Name;
use contract::part::{Duty, Part};
use serde_json::{Map, Value, json};
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
                    load::report(&report);
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
            load::report(&config.warnings);
            write!(out, "{} can be used\n\n{}", self.config.display(), shown(config))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn valid_json(config: &Config) -> Value {
    let routes = config.routes.iter().map(route_json);
    let targets = config.targets.iter().map(|target| {
        let mut told =
            json!({ "name": target.name, "method": target.method.as_str(), "url": target.url_shown });
        tell(&mut told, "undo", target.undo.as_ref().map(Name::to_string));
        told
    });
    json!({
        "valid": true,
        "problems": config.warnings,
        "routes": routes.collect::<Vec<_>>(),
        "targets": targets.collect::<Vec<_>>(),
    })
}

fn route_json(route: &Route) -> Value {
    let accept = format!("{} {}", route.methods, route.pattern);
    let mut told = json!({ "name": route.name, "accept": accept, "to": route.to });
    let waits = route.to.iter().zip(&route.parts).filter(|(_, part)| !part.after.is_empty());
    let after: Map<_, _> =
        waits.map(|(target, part)| (target.to_string(), json!(befores(route, part)))).collect();
    tell(&mut told, "after", Some(after).filter(|after| !after.is_empty()));
    tell(&mut told, "primary", route.primary_target().map(Name::to_string));
    tell(&mut told, "callback", route.callback.as_ref().map(Name::to_string));
    told
}

/// Adds what there is.
fn tell(told: &mut Value, key: &str, value: Option<impl Into<Value>>) {
    if let (Some(members), Some(value)) = (told.as_object_mut(), value) {
        members.insert(key.to_owned(), value.into());
    }
}

/// Whom a target of a route waits for.
fn befores<'r>(route: &'r Route, part: &Part) -> Vec<&'r str> {
    part.after.iter().filter_map(|before| Some(route.to.get(usize::from(*before))?.as_str())).collect()
}

/// What else a target is in its route.
fn place(route: &Route, part: &Part, target: Option<&Target>) -> String {
    let mut words = Vec::new();
    if target.is_some_and(|target| route.primary_target() == Some(&target.name)) {
        words.push("primary".to_owned());
    }
    if part.duty == Duty::Optional {
        words.push("optional".to_owned());
    }
    if !part.after.is_empty() {
        words.push(format!("after {}", befores(route, part).join(", ")));
    }
    words.extend(target.and_then(|target| target.undo.as_ref()).map(|undo| format!("undone by {undo}")));
    if words.is_empty() { String::new() } else { format!(" ({})", words.join("; ")) }
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
    let find = |name: &Name| config.targets.iter().find(|target| target.name == *name);
    let mut routes = Table::new(["route", "accepts", "target", "calls", "attempts"]);
    for route in &config.routes {
        let mut accepts = format!("{} {}", route.methods, route.pattern);
        let mut name = route.name.as_str();
        let ways = route.to.iter().zip(&route.parts).map(|(to, part)| (to, place(route, part, find(to))));
        let callback = route.callback.iter().map(|to| (to, " (callback)".to_owned()));
        for (to, place) in ways.chain(callback) {
            let target = find(to);
            routes.row([
                Cell::text(std::mem::take(&mut name)).styled(HEADING),
                Cell::text(&std::mem::take(&mut accepts)),
                Cell::text(&format!("{to}{place}")),
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
