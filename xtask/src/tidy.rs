//! `cargo xtask tidy`: house rules that no compiler knows; each finding names the line and the mend.

mod arrows;
mod files;
mod loops;
mod papers;
mod source;

use crate::runner;
use anyhow::{Context, Result, bail};
use std::fmt;
use std::fs;
use std::path::Path;

/// Folders that are not ours to keep tidy.
const SKIPPED: [&str; 5] = ["target", ".git", "node_modules", "vendor", "fanlight-data"];
/// What is read as text; other files (images, databases) have no lines.
const TEXT: [&str; 11] = ["rs", "md", "toml", "yaml", "yml", "json", "js", "css", "html", "sh", "sql"];

/// A file of the repository, by its path from the root.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// The file's name without its folders.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Lines with their numbers, up to the tests at the end of a Rust file.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let code = self.is_rust();
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.take_while(move |(_, line)| !(code && *line == "#[cfg(test)]"))
    }
}

/// A rule that a line breaks.
#[derive(Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) mend: &'static str,
}

impl Finding {
    pub(crate) fn new(file: &File, line: usize, what: impl Into<String>, mend: &'static str) -> Self {
        Self { path: file.path.clone(), line, what: what.into(), mend }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}\n    mend: {}", self.path, self.line, self.what, self.mend)
    }
}

pub(crate) fn run() -> Result<()> {
    let mut files = Vec::new();
    collect(&runner::root(), "", &mut files)?;
    let mut findings = Vec::new();
    for file in &files {
        files::check(file, &mut findings);
        source::check(file, &mut findings);
        papers::check(file, &files, &mut findings);
    }
    arrows::check(&files, &mut findings);
    loops::check(&files, &mut findings);
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings in {} files", findings.len(), files.len());
    }
    runner::say(&format!("tidy: {} files", files.len()))
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<File>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        if entry.file_type()?.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                collect(&entry.path(), &path, files)?;
            }
        } else if name.rsplit_once('.').is_some_and(|(_, ending)| TEXT.contains(&ending)) {
            let text = fs::read_to_string(entry.path()).with_context(|| format!("{path}: not UTF-8"))?;
            files.push(File { path, text });
        }
    }
    Ok(())
}
