//! The binary `fanlight`.

use clap::Parser;
use std::process::ExitCode;

/// Messages are allocated on one thread and freed on another, for which the system's allocator takes locks and calls the kernel.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match gateway::cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
