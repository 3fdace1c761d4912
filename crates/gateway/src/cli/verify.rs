//! `fanlight verify`: whether a store is whole.

use super::Misuse;
use super::screen::{FAINT, count, plain, styled};
use crate::config::{self, Process, StoreLocation};
use clap::Args;
use indicatif::{HumanBytes, ProgressBar};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use stores::sqlite::verify::{Finding, Report, verify};

/// The exit code for a store that was read and is damaged.
const DAMAGED: u8 = 3;

/// Checks a whole store: every page, every checksum, every reference and count.
///
/// Nothing is written, and a gateway may use the store meanwhile. Every finding names the file, the message and the delivery as far as
/// they are known, and what to do.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanlight verify --config fanlight.yaml
  fanlight verify ./fanlight-data --json

Exit codes: 0 whole, 1 cannot be read, 2 wrong usage, 3 damaged.")]
pub(super) struct Verify {
    /// The store's folder; without it, the one that the configuration names
    #[arg(value_name = "FOLDER", conflicts_with = "config")]
    folder: Option<PathBuf>,
    /// The configuration file
    #[arg(short, long, default_value = "fanlight.yaml", value_name = "FILE")]
    config: PathBuf,
    /// Print JSON: `whole`, `files`, `messages`, `bytes`, `findings`, and how many `more` there are; or `error`
    #[arg(long)]
    json: bool,
}

/// A store that leaves nothing to check.
#[derive(Debug, thiserror::Error)]
#[error(
    "the store of {config} is `memory:`, which keeps nothing on disk: name a folder, or another configuration"
)]
struct NothingKept {
    config: String,
}

impl Verify {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Some(folder) = self.folder()? else { return Ok(ExitCode::FAILURE) };
        // Hidden where standard error is no terminal.
        let bar = ProgressBar::new_spinner();
        let report = verify(&folder, &mut |report| {
            bar.set_message(checked(report));
            bar.tick();
        });
        bar.finish_and_clear();
        let mut out = anstream::stdout();
        let report = match report {
            Err(error) if self.json => {
                writeln!(out, "{}", json!({ "whole": null, "error": error.to_string() }))?;
                return Ok(ExitCode::FAILURE);
            }
            read => read?,
        };
        if self.json {
            writeln!(out, "{}", as_json(&report))?;
        } else {
            write!(out, "{}", shown(&folder, &report))?;
        }
        Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) })
    }

    /// None when the configuration has problems, which are told.
    fn folder(&self) -> anyhow::Result<Option<PathBuf>> {
        if let Some(folder) = &self.folder {
            return Ok(Some(folder.clone()));
        }
        match config::load(&self.config, &Process) {
            Ok(config) => match config.store {
                StoreLocation::Sqlite(folder) | StoreLocation::Unsynced(folder) => Ok(Some(folder)),
                StoreLocation::Memory => {
                    Err(Misuse::new(NothingKept { config: self.config.display().to_string() }).into())
                }
            },
            Err(report) => {
                anstream::eprintln!("{}", report.coloured());
                Ok(None)
            }
        }
    }
}

fn checked(report: &Report) -> String {
    format!(
        "{}, {}, {} checked",
        count(report.files, "file", "files"),
        count(report.messages, "message", "messages"),
        HumanBytes(report.bytes)
    )
}

fn shown(folder: &Path, report: &Report) -> String {
    let mut text = String::new();
    let mut findings = report.findings.iter().peekable();
    while let Some(finding) = findings.next() {
        text.push_str(&format!("{}\n", plain(&finding.to_string())));
        let advice = finding.damage.advice();
        // Once below the findings that it is about.
        if findings.peek().is_none_or(|next| next.damage.advice() != advice) {
            text.push_str(&format!("  {}\n", styled(FAINT, advice)));
        }
    }
    if report.more > 0 {
        text.push_str(&format!("and {} that are not shown\n", count(report.more, "finding", "findings")));
    }
    let found = report.findings.len() as u64 + report.more;
    let verdict = if report.is_whole() {
        "is whole".to_owned()
    } else {
        format!("is damaged: {}", count(found, "finding", "findings"))
    };
    format!("{text}{} {verdict}; {}\n", folder.display(), checked(report))
}

fn as_json(report: &Report) -> Value {
    let findings = report.findings.iter().map(|finding| {
        let Finding { file, message, delivery, damage } = finding;
        json!({
            "file": file,
            "message": message.map(|id| id.to_string()),
            "delivery": delivery.map(|id| id.to_string()),
            "damage": damage.word(),
            "detail": damage.to_string(),
            "advice": damage.advice(),
        })
    });
    json!({
        "whole": report.is_whole(),
        "files": report.files,
        "messages": report.messages,
        "bytes": report.bytes,
        "findings": findings.collect::<Vec<_>>(),
        "more": report.more,
    })
}
