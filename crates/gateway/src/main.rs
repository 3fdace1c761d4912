//! The binary `fanlight`.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match gateway::cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
