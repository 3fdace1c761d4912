//! What expressions do, through the crate's public face and with real child processes.

mod apart;
mod language;
mod proof;
mod responses;
mod templates;

use bytes::Bytes;
use contract::expression::Fault;
use contract::{Clock, Promise, Tick, Timestamp};
use expressions::{Program, Runner, RunnerOptions};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The worker of these tests.
const WORKER: &str = env!("CARGO_BIN_EXE_jq-worker");

/// Real time, of which a runner only needs `sleep`.
struct RealTime;

impl Clock for RealTime {
    fn now(&self) -> Timestamp {
        Timestamp::ZERO
    }
    fn tick(&self) -> Tick {
        Tick::default()
    }
    fn sleep(&self, time: Duration) -> Promise<'static, ()> {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        Box::pin(tokio::time::sleep(time))
    }
}

fn runner(options: RunnerOptions) -> Runner {
    Runner::new(options, Arc::new(RealTime))
}

fn with_worker(worker: &str) -> RunnerOptions {
    RunnerOptions { worker: Some(Path::new(worker).to_owned()), ..RunnerOptions::default() }
}

#[expect(clippy::panic, reason = "a test's own expressions are right")]
fn compile(text: &str) -> Program {
    Program::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

async fn run(runner: &Runner, text: &str, body: impl Into<Bytes>) -> Result<String, Fault> {
    let output = runner.expression(compile(text)).evaluate(body.into()).await?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}
