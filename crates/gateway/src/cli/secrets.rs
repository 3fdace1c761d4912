//! `fanlight secrets`: encrypted secrets, to be asked for as `${secret:NAME}`.

use super::Misuse;
use super::screen::count;
use crate::config::vault::{Fault, Key, SECRET_BYTES_MAX, Vault};
use crate::config::{self, Environment, Process};
use anyhow::Context;
use clap::{Args, Subcommand};
use contract::Name;
use serde_json::json;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The variable that holds the next key.
const NEW_KEY_VARIABLE: &str = "FANLIGHT_SECRETS_NEW_KEY";

/// Keeps secrets in an encrypted file, for `${secret:NAME}` in a configuration.
///
/// The file is `secrets.enc` beside the configuration, or what its `secrets.file` says. The key is 32 bytes in base64, in the variable
/// FANLIGHT_SECRETS_KEY or as `secrets.key` in the configuration. A gateway that runs takes a changed file into use.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:
  export FANLIGHT_SECRETS_KEY=\"$(openssl rand -base64 32)\"
  fanlight secrets set crm-token < token.txt
  fanlight secrets list"
)]
pub(super) struct Secrets {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Set(Set),
    List(List),
    Remove(Remove),
    Rotate(Rotate),
}

/// Keeps what standard input gives, without the line break at its end; a secret of the same name is replaced.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  fanlight secrets set crm-token < token.txt")]
struct Set {
    /// The secret
    #[arg(value_parser = Name::try_new)]
    name: Name,
    #[command(flatten)]
    of: Of,
}

/// Shows the names; never what they stand for.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  fanlight secrets list")]
struct List {
    #[command(flatten)]
    of: Of,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Removes a secret.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  fanlight secrets remove crm-token")]
struct Remove {
    /// The secret
    #[arg(value_parser = Name::try_new)]
    name: Name,
    #[command(flatten)]
    of: Of,
}

/// Encrypts all secrets anew with another key, from a file or from the variable FANLIGHT_SECRETS_NEW_KEY.
///
/// From then on the gateway needs the new key. One that runs goes on with the secrets that it has read; its next reload or start needs the new key.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  openssl rand -base64 32 > next.key
  fanlight secrets rotate --new-key-file next.key")]
struct Rotate {
    /// The file with the new key
    #[arg(long, value_name = "FILE")]
    new_key_file: Option<PathBuf>,
    #[command(flatten)]
    of: Of,
}

/// Whose secrets.
#[derive(Debug, Args)]
struct Of {
    /// The configuration file
    #[arg(short, long, default_value = "fanlight.yaml", value_name = "FILE")]
    config: PathBuf,
}

/// What was given is no secret.
#[derive(Debug, thiserror::Error)]
enum NoSecret {
    #[error("standard input is empty: give the secret there, such as `fanlight secrets set NAME < FILE`")]
    Empty,
    #[error("a secret may have {SECRET_BYTES_MAX} bytes")]
    TooLong,
    #[error("the secret is not UTF-8 text: write it in base64")]
    NotText,
    #[error("the new key is missing: give --new-key-file FILE, or the variable {NEW_KEY_VARIABLE}")]
    NoNewKey,
}

impl Secrets {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Set(Set { name, of }) => {
                let secret = given()?;
                of.change(|vault| vault.set(name.as_str(), &secret))
            }
            Action::Remove(Remove { name, of }) => of.change(|vault| vault.remove(name.as_str())),
            Action::List(list) => list.run(),
            Action::Rotate(rotate) => rotate.run(),
        }
    }
}

impl Of {
    /// None when the configuration cannot be read, which is told.
    fn open(&self) -> anyhow::Result<Option<Vault>> {
        match config::secrets(&self.config, &Process) {
            Ok(secrets) => Ok(Some(secrets.open(&Process).map_err(told)?)),
            Err(report) => {
                anstream::eprintln!("{}", report.coloured());
                Ok(None)
            }
        }
    }

    /// Reads, changes and writes the file while nobody else does.
    fn change(&self, change: impl FnOnce(&mut Vault) -> Result<(), Fault>) -> anyhow::Result<ExitCode> {
        let _turn = self.turn()?;
        let Some(mut vault) = self.open()? else { return Ok(ExitCode::FAILURE) };
        change(&mut vault).map_err(told)?;
        vault.write().context("the secrets cannot be written")?;
        Ok(ExitCode::SUCCESS)
    }

    /// Held while a file of secrets is changed: the lock of the configuration's folder.
    fn turn(&self) -> anyhow::Result<File> {
        let folder = self.config.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new("."))).context("the configuration's folder")?;
        folder.lock().context("the configuration's folder cannot be locked")?;
        Ok(folder)
    }
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        let Some(vault) = self.of.open()? else { return Ok(ExitCode::FAILURE) };
        let (mut out, names) = (anstream::stdout(), vault.names().collect::<Vec<_>>());
        if self.json {
            writeln!(out, "{}", json!({ "secrets": names }))?;
            return Ok(ExitCode::SUCCESS);
        }
        for name in &names {
            writeln!(out, "{name}")?;
        }
        if names.is_empty() {
            anstream::eprintln!("there are no secrets");
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Rotate {
    fn run(self) -> anyhow::Result<ExitCode> {
        let text = match &self.new_key_file {
            Some(file) => {
                std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?
            }
            None => Process.variable(NEW_KEY_VARIABLE).ok_or_else(|| Misuse::new(NoSecret::NoNewKey))?,
        };
        let key = Key::read(&text).map_err(told)?;
        let _turn = self.of.turn()?;
        let Some(vault) = self.of.open()? else { return Ok(ExitCode::FAILURE) };
        let rotated = vault.rotated(key).map_err(told)?;
        rotated.write().context("the secrets cannot be written")?;
        let number = count(rotated.names().count() as u64, "secret", "secrets");
        writeln!(
            anstream::stdout(),
            "{number} encrypted with the new key, which every gateway needs from now on"
        )?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The secret on standard input.
fn given() -> anyhow::Result<String> {
    let input = io::stdin();
    if input.is_terminal() {
        anstream::eprintln!("the secret, then Ctrl-D in a line of its own (it is shown while you type):");
    }
    let mut bytes = Vec::new();
    input.lock().take(SECRET_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).context("standard input")?;
    if bytes.len() > SECRET_BYTES_MAX {
        return Err(Misuse::new(NoSecret::TooLong).into());
    }
    let text = String::from_utf8(bytes).map_err(|_| Misuse::new(NoSecret::NotText))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(Misuse::new(NoSecret::Empty).into());
    }
    Ok(text.to_owned())
}

/// The fault with what to do about it.
fn told(fault: Fault) -> anyhow::Error {
    match fault.help() {
        Some(help) => anyhow::anyhow!("{fault}\n  {help}"),
        None => fault.into(),
    }
}
