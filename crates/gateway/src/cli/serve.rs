//! `fanlight serve`: the product.

use super::load;
use crate::app::App;
use crate::app::watcher::FileWatcher;
use crate::config::{self, LogFormat, LogLevel, Process};
use crate::telemetry::logs;
use anyhow::Context;
use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Accepts, keeps and delivers, until SIGTERM or Ctrl-C.
///
/// The first signal stops accepting and finishes what is in flight; a second one ends at once and loses nothing.
/// SIGHUP, or a change of the file, takes a new configuration into use; an invalid one is refused and the old one goes on.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  fanlight serve --config fanlight.yaml")]
pub struct Serve {
    /// The configuration file
    #[arg(short, long, default_value = "fanlight.yaml", value_name = "FILE")]
    config: PathBuf,
    /// Threads that serve requests and call targets [default: the number of processors less one]
    ///
    /// The store writes on a thread of its own. More threads than the default cost more per message and help when calls need much
    /// of the processor, as TLS does.
    #[arg(long, value_name = "NUMBER", value_parser = threads)]
    pub(super) threads: Option<NonZeroUsize>,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let Some(config) = load::or_report(&self.config) else { return Ok(ExitCode::FAILURE) };
        logs::start(level(config.log.level), format(config.log.format));
        load::report(&config.warnings);
        let grace = config.shutdown_grace;
        let mut signals = Signals::new().context("signals cannot be handled")?;
        let watcher = FileWatcher::new(&self.config);
        raise_file_limit();
        let app = App::start(config).await?;
        tracing::info!(listen = %app.front_address, admin = %app.admin_address, "fanlight is ready");
        let failure = self.until_end(&app, &mut signals, &watcher).await;
        match failure {
            Some(reason) => anyhow::bail!("{reason}"),
            None => {
                tracing::info!(grace = ?grace, "stopping: what is in flight is finished; a second signal ends at once");
                tokio::select! {
                    biased;
                    () = app.stop(grace) => {
                        tracing::info!("stopped");
                        Ok(ExitCode::SUCCESS)
                    }
                    () = signals.end() => {
                        tracing::warn!("ended at once; what was in flight is sent again, marked, after the next start");
                        Ok(ExitCode::FAILURE)
                    }
                }
            }
        }
    }

    /// Ends at a signal, or with the reason of a failure.
    async fn until_end(&self, app: &App, signals: &mut Signals, watcher: &FileWatcher) -> Option<String> {
        let mut known = std::fs::read(&self.config).ok();
        loop {
            tokio::select! {
                biased;
                signal = signals.next() => match signal {
                    Asked::End => return None,
                    Asked::Reload => self.reload(app).await,
                },
                reason = app.failure() => return Some(reason),
                () = watcher.changed() => {
                    // A touched file, or another file of its folder, is no new configuration.
                    let now = std::fs::read(&self.config).ok();
                    if now != known {
                        known = now;
                        self.reload(app).await;
                    }
                }
            }
        }
    }

    async fn reload(&self, app: &App) {
        let config = match config::load(&self.config, &Process) {
            Ok(config) => config,
            Err(report) => {
                tracing::error!("the configuration was not taken, the old one goes on:\n{report}");
                return;
            }
        };
        match app.reload(config).await {
            Ok(()) => tracing::info!("the new configuration is in use"),
            Err(error) => tracing::error!(%error, "the configuration was not taken, the old one goes on"),
        }
    }
}

fn threads(number: &str) -> Result<NonZeroUsize, &'static str> {
    number.parse().map_err(|_| "a whole number of threads, at least 1")
}

/// What a signal asks for.
enum Asked {
    End,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    async fn end(&mut self) {
        while !matches!(self.next().await, Asked::End) {}
    }
}

/// Many systems start a process with 1,024 file handles and let it ask for more; every connection takes one.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, current = limit.current, "the limit of open files could not be raised");
    }
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

fn format(format: LogFormat) -> logs::Format {
    match format {
        LogFormat::Auto => logs::Format::Auto,
        LogFormat::Text => logs::Format::Text,
        LogFormat::Json => logs::Format::Json,
    }
}
