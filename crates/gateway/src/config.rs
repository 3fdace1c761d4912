//! The configuration: from a YAML text to values that need no further check, or to a report of everything that is wrong.
//!
//! ```text
//!  text ─► Tree ─► layers ─► raw::Config ─► Config     Report: every problem with file, line, column and what to do
//!        (YAML,   (presets,  (which keys    (what the
//!         places)  defaults)  there are)     values mean)
//! ```

mod check;
mod environment;
pub mod event_type;
mod explain;
mod field;
mod findings;
mod form;
mod interpolate;
pub mod media;
pub mod pattern;
mod preset;
mod raw;
mod reader;
mod reference;
mod report;
mod settings;
mod suggest;
mod tree;
pub mod units;
mod yaml;

pub use environment::{Environment, FILE_BYTES_MAX, Process};
pub use explain::{Layer, Setting, Unexplained, explain};
pub use preset::{Preset, Source};
pub use reference::{reference, schema};
pub use report::{PROBLEMS_MAX, Problem, Report, Severity};
pub use settings::{
    Config, Dedupe, DedupeBy, Failure, Limits, Log, LogFormat, LogLevel, Primary, Private, Route,
    StoreLocation, Target, Timeouts,
};

use check::Check;
use findings::Findings;
use reader::Reader;
use serde::Deserialize;
use std::cell::RefCell;
use std::path::Path;
use tree::Tree;

/// Reads and checks a configuration file.
///
/// # Errors
/// The [`Report`] has every problem that was found.
pub fn load(path: &Path, env: &dyn Environment) -> Result<Config, Report> {
    let (file, text) = open(path, env)?;
    parse(&text, &file, env)
}

/// The text of a configuration file, and what a report calls it.
fn open(path: &Path, env: &dyn Environment) -> Result<(String, String), Report> {
    let file = path.display().to_string();
    let content = env.file(path).map_err(|error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let help = missing.then(|| "name the file with --config FILE".to_owned());
        Report::of_file(&file, format!("the configuration cannot be read: {error}"), help)
    })?;
    String::from_utf8(content).map(|text| (file.clone(), text)).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        let mut findings = Findings::default();
        findings.error(at..at, String::new(), "the file is not UTF-8 text".to_owned(), None);
        Report::new(&file, &text, findings.into_problems())
    })
}

/// Checks the text of a configuration. `file` is what the report calls it.
///
/// # Errors
/// The [`Report`] has every problem that was found.
pub fn parse(text: &str, file: &str, env: &dyn Environment) -> Result<Config, Report> {
    read(text, file, env).map(|(_, config)| config)
}

/// The same, with the tree that the values stand in.
fn read(text: &str, file: &str, env: &dyn Environment) -> Result<(Tree, Config), Report> {
    let mut findings = Findings::default();
    let read = match Tree::read(text) {
        Ok(mut tree) => {
            tree.resolve(env, &mut findings);
            tree.layer(&mut findings);
            let raw = raw::Config::deserialize(Reader::new(&tree, &RefCell::new(&mut findings)));
            let config =
                raw.ok().and_then(|raw| Check { tree: &tree, env, findings: &mut findings }.config(raw));
            config.map(|config| (tree, config))
        }
        Err(wrong) => {
            findings.error(wrong.at, String::new(), wrong.message, wrong.help.map(str::to_owned));
            None
        }
    };
    let report = Report::new(file, text, findings.into_problems());
    match read {
        Some((tree, config)) if !report.is_refusal() => Ok((tree, Config { warnings: report, ..config })),
        Some(_) | None => Err(report),
    }
}

#[cfg(test)]
mod tests;
