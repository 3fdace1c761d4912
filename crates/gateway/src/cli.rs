//! The command line: one file per command.

mod ago;
mod answers;
mod check;
mod client;
mod completions;
mod dead;
mod demo;
mod explain;
mod header;
mod key;
mod load;
pub mod mock;
mod payload;
mod presets;
mod replay;
mod schema;
mod screen;
mod secrets;
mod send;
pub mod serve;
mod tail;
mod target;
mod ticket;
mod try_out;
mod verify;

use ago::time_or_ago;
use clap::{Parser, Subcommand};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::{io, thread};

/// One door in, many rays out: accepts a request once, makes it durable, and delivers it to every API.
#[derive(Debug, Parser)]
#[command(name = "fanlight", version, max_term_width = 100, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  fanlight demo
  fanlight serve --config fanlight.yaml

Exit codes: 0 done, 1 failed, 2 wrong usage.";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Check(check::Check),
    Verify(verify::Verify),
    Try(try_out::Try),
    Send(send::Send),
    Ticket(ticket::Show),
    Tail(tail::Tail),
    Dead(dead::Dead),
    Key(key::Key),
    Replay(replay::Replay),
    Target(target::Target),
    Secrets(secrets::Secrets),
    Mock(mock::Mock),
    Presets(presets::Presets),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Demo(demo::Demo),
    /// Runs expressions for a parent process; not for people.
    #[command(name = expressions::worker::SUBCOMMAND, hide = true)]
    Worker,
}

/// What was asked for makes no sense: exit code 2, as for arguments that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Misuse(Box<dyn std::error::Error + Send + Sync>);

impl Misuse {
    fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// What the person at the terminal is told; the exit code is then 1.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command.run() {
            Ok(code) => Ok(code),
            Err(error) if is_closed_output(&error) => Ok(ExitCode::SUCCESS),
            Err(error) if error.is::<Misuse>() => {
                anstream::eprintln!("error: {error:#}\n\nFor more information, try '--help'.");
                Ok(ExitCode::from(2))
            }
            Err(error) => Err(error),
        }
    }
}

impl Command {
    fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Serve(serve) => server(serve.threads)?.block_on(serve.run()),
            Self::Check(check) => check.run(),
            Self::Verify(verify) => verify.run(),
            Self::Try(wish) => client()?.block_on(wish.run()),
            Self::Send(send) => client()?.block_on(send.run()),
            Self::Ticket(ticket) => client()?.block_on(ticket.run()),
            Self::Tail(tail) => client()?.block_on(tail.run()),
            Self::Dead(dead) => client()?.block_on(dead.run()),
            Self::Key(key) => client()?.block_on(key.run()),
            Self::Replay(replay) => client()?.block_on(replay.run()),
            Self::Target(target) => client()?.block_on(target.run()),
            Self::Secrets(secrets) => secrets.run(),
            Self::Mock(mock) => client()?.block_on(mock.run()),
            Self::Presets(presets) => presets.run(),
            Self::Schema(schema) => schema.run(),
            Self::Completions(completions) => completions.run(),
            Self::Demo(demo) => server(None)?.block_on(demo.run()),
            Self::Worker => {
                expressions::worker::run(io::stdin().lock(), io::stdout().lock())?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// Whoever read our output has seen enough (`fanlight tail | head`). Errors of connections have a cause around them.
fn is_closed_output(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The store's writer has a thread of its own, which works as long as messages come: one processor is left to it.
fn server(threads: Option<NonZeroUsize>) -> io::Result<tokio::runtime::Runtime> {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = threads.map_or((processors - 1).max(1), NonZeroUsize::get);
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()
}

fn client() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
