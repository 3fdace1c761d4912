//! `fanlight presets`: what is known of well-known APIs.

use super::Misuse;
use super::screen::{Cell, FAINT, HEADING, Table, styled};
use crate::config::Preset;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// Lists and shows presets: what a target gets that says `uses: NAME`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:
  fanlight presets show stripe"
)]
pub(super) struct Presets {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Show(Show),
}

/// Lists the presets, and what a target must say for each.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight presets list")]
struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows a preset as it is written, with the pages that it was taken from.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight presets show stripe")]
struct Show {
    /// The preset
    name: String,
    /// Print JSON: `name`, `title`, `with`, `sources`, and the `text` as it is written
    #[arg(long)]
    json: bool,
}

/// There is no such preset.
#[derive(Debug, thiserror::Error)]
#[error("there is no preset `{name}`; the presets are: {}", known.join(", "))]
struct Unknown {
    name: String,
    known: Vec<&'static str>,
}

impl Presets {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List(list) => list.run()?,
            Action::Show(show) => show.run()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn run(self) -> anyhow::Result<()> {
        let mut out = anstream::stdout();
        if self.json {
            let presets: Vec<Value> = Preset::all().iter().map(head).collect();
            writeln!(out, "{}", json!({ "presets": presets }))?;
            return Ok(());
        }
        let mut table = Table::new(["preset", "for", "with"]);
        for preset in Preset::all() {
            let with = preset.with.iter().map(|(name, variable)| match &variable.default {
                Some(default) => format!("{name} ({default})"),
                None => name.clone(),
            });
            table.row([
                Cell::text(preset.name).styled(HEADING),
                Cell::text(&preset.title),
                Cell::text(&with.collect::<Vec<_>>().join(", ")),
            ]);
        }
        write!(out, "{table}")?;
        Ok(())
    }
}

impl Show {
    fn run(self) -> anyhow::Result<()> {
        let Some(preset) = Preset::find(&self.name) else {
            let known = Preset::all().iter().map(|preset| preset.name).collect();
            return Err(Misuse::new(Unknown { name: self.name, known }).into());
        };
        let mut out = anstream::stdout();
        if self.json {
            let mut shown = head(preset);
            if let Some(members) = shown.as_object_mut() {
                let source = |source: &crate::config::Source| json!({ "url": source.url, "checked": source.checked, "says": source.says });
                members.insert("sources".to_owned(), preset.sources.iter().map(source).collect());
                members.insert("text".to_owned(), Value::from(preset.text));
            }
            writeln!(out, "{shown}")?;
        } else {
            writeln!(out, "{}\n", styled(HEADING, preset.name))?;
            write!(out, "{}", preset.text)?;
            writeln!(
                out,
                "\n{}",
                styled(FAINT, format_args!("targets: {{ NAME: {{ uses: {} }} }}", preset.name))
            )?;
        }
        Ok(())
    }
}

fn head(preset: &Preset) -> Value {
    let with = preset.with.iter().map(|(name, variable)| {
        let told = json!({ "means": variable.means, "default": variable.default, "secret": variable.secret });
        (name.clone(), told)
    });
    json!({ "name": preset.name, "title": preset.title, "with": with.collect::<serde_json::Map<_, _>>() })
}
