//! Puts load on a fan-out and counts what arrives: a sink, a closed loop and an open loop.

mod clock;
mod closed;
mod message;
mod open;
mod plain;
mod proc;
mod settled;
mod sink;

use anyhow::Result;
use clap::Parser;
use std::io::Write;

#[derive(Parser)]
#[command(about = "Load for benches: a sink that counts, a closed loop, an open loop")]
enum Command {
    /// Answers every POST to /0, /1, … and records when each message came.
    Sink(sink::Options),
    /// A fixed number of connections, each sends its next message when the last was answered.
    Closed(closed::Options),
    /// A fixed rate, whatever the answers do.
    Open(open::Options),
}

fn main() -> Result<()> {
    let report = match Command::parse() {
        Command::Sink(options) => return sink::run(&options),
        Command::Closed(options) => closed::run(&options)?,
        Command::Open(options) => open::run(&options)?,
    };
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}
