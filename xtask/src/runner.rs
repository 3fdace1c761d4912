//! Runs programs in the repository's root, shows what they say and keeps their closing lines.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// A program that runs in the root.
pub(crate) fn program(name: impl AsRef<Path>, arguments: &[&str]) -> Command {
    let mut command = Command::new(name.as_ref());
    command.args(arguments).current_dir(root());
    command
}

/// Runs a program with our own output; an error unless it ends well.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command.status().with_context(|| format!("cannot start {shown}"))?;
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(())
}

/// What a program prints, if it ends well.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command.output().with_context(|| format!("cannot start {shown}"))?;
    if !output.status.success() {
        bail!("{shown}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What a program that was watched left behind.
pub(crate) struct Watched {
    /// The lines that the watcher kept.
    pub(crate) kept: Vec<String>,
    pub(crate) ended_well: bool,
}

/// Runs a program, passes its output on line by line and keeps the lines that `keep` picks.
pub(crate) fn watch(command: &mut Command, keep: fn(&str) -> bool) -> Result<Watched> {
    let shown = show(command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {shown}"))?;
    let errors = child.stderr.take().context("no stderr")?;
    let aside = thread::spawn(move || pass_on(BufReader::new(errors), &mut std::io::stderr(), keep));
    let output = child.stdout.take().context("no stdout")?;
    let mut kept = pass_on(BufReader::new(output), &mut std::io::stdout(), keep)?;
    kept.extend(aside.join().map_err(|_| anyhow::anyhow!("{shown}: its output could not be read"))??);
    Ok(Watched { kept, ended_well: child.wait()?.success() })
}

fn pass_on(mut from: impl BufRead, to: &mut impl Write, keep: fn(&str) -> bool) -> Result<Vec<String>> {
    let mut kept = Vec::new();
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        let text = String::from_utf8_lossy(&line);
        if keep(&text) {
            kept.push(text.trim().to_owned());
        }
        line.clear();
    }
    Ok(kept)
}

fn show(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

/// One line for people on standard output.
pub(crate) fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("standard output is closed")
}

/// Real time: a developer's command has nobody to simulate for.
#[expect(clippy::disallowed_methods, reason = "measures how long a command takes")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
