//! Runs expressions: what is proven to end quickly in this thread, all else in child processes.

use crate::evaluate::evaluate;
use crate::frame::Hello;
use crate::process::{Meter, Process};
use crate::program::Program;
use crate::turns::{Line, Turn, Turns};
use bytes::Bytes;
use contract::expression::{Expression, Fault};
use contract::{Clock, Promise};
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Deadlines that may pass while a child process gets hardly any CPU time.
const STARVED_DEADLINES_MAX: u32 = 10;

/// How a [`Runner`] limits what it runs.
#[derive(Clone, Debug)]
pub struct RunnerOptions {
    /// The executable whose subcommand [`crate::worker::SUBCOMMAND`] calls [`crate::worker::run`]. Without one, expressions that
    /// are not proven to end do not run.
    pub worker: Option<PathBuf>,
    /// The longest that a child process may work on one body; longer only if the machine gives it no CPU time.
    pub deadline: Duration,
    /// The largest output.
    pub output_bytes_max: usize,
    /// The address space of a child process.
    pub memory_bytes_max: u64,
    /// Child processes at once. One expression uses all but one of them at most.
    pub processes_max: usize,
    /// The longest wait for a child process: for its turn, and for its start.
    pub wait_max: Duration,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self {
            worker: None,
            deadline: Duration::from_secs(1),
            output_bytes_max: 16 * 1024 * 1024,
            memory_bytes_max: 256 * 1024 * 1024,
            processes_max: 3,
            wait_max: Duration::from_secs(10),
        }
    }
}

/// Runs expressions within limits. Cheap to clone; its child processes end with the last clone.
#[derive(Clone)]
pub struct Runner(Arc<Shared>);

struct Shared {
    options: RunnerOptions,
    clock: Arc<dyn Clock>,
    turns: Turns,
    idle: Mutex<Vec<Process>>,
}

impl Runner {
    /// A runner that has started nothing yet.
    #[must_use]
    pub fn new(options: RunnerOptions, clock: Arc<dyn Clock>) -> Self {
        let turns = Turns::new(options.processes_max);
        Self(Arc::new(Shared { options, clock, turns, idle: Mutex::default() }))
    }

    /// `program`, to be run by this runner.
    #[must_use]
    pub fn expression(&self, program: Program) -> Arc<dyn Expression> {
        let line = self.0.turns.line(program.text());
        Arc::new(Bound { program, line, shared: Arc::clone(&self.0) })
    }
}

/// A program and what runs it.
struct Bound {
    program: Program,
    line: Arc<Line>,
    shared: Arc<Shared>,
}

impl Expression for Bound {
    fn evaluate(&self, input: Bytes) -> Promise<'_, Result<Bytes, Fault>> {
        Box::pin(async move {
            let output = if self.program.is_bounded_for(&input) {
                evaluate(&self.program, &input, self.shared.options.output_bytes_max)
            } else {
                self.shared.run_apart(self, &input).await
            };
            output.map(Bytes::from)
        })
    }
}

/// How a request to a child process ended.
enum End {
    Answered(Result<Vec<u8>, Fault>),
    Died,
    Late(Fault),
}

impl Shared {
    async fn run_apart(&self, bound: &Bound, body: &[u8]) -> Result<Vec<u8>, Fault> {
        let Some(worker) = &self.options.worker else {
            return Err(busy("there is no worker process for an expression that may run long"));
        };
        let program = &bound.program;
        let _turn = self.turn(&bound.line).await?;
        let warm = self.idle().pop();
        if let Some(process) = warm {
            // Something else may have ended it while it was idle: only a fresh one proves that the expression did.
            match self.attempt(process, program, body).await {
                None | Some(Err(Fault::Busy { .. })) => {}
                Some(result) => return result,
            }
        }
        let process = self.start(worker).await?;
        self.attempt(process, program, body).await.unwrap_or_else(|| {
            let most = self.options.memory_bytes_max / (1024 * 1024);
            Err(Fault::Exceeded {
                bound: format!("it needs more than {most} MiB of memory, or recurses too deeply"),
            })
        })
    }

    async fn turn<'a>(&'a self, line: &'a Line) -> Result<Turn<'a>, Fault> {
        let wait_max = self.options.wait_max;
        tokio::select! {
            biased;
            turn = self.turns.take(line) => turn.map_err(|error| busy(&error.to_string())),
            () = self.clock.sleep(wait_max) => {
                Err(busy(&format!("no worker process was free for it within {wait_max:?}")))
            }
        }
    }

    async fn start(&self, worker: &Path) -> Result<Process, Fault> {
        let limits = Hello {
            seconds: self.options.deadline.as_secs() + 1,
            memory_bytes: self.options.memory_bytes_max,
            output_bytes: u64::try_from(self.options.output_bytes_max).unwrap_or(u64::MAX),
        };
        let started = tokio::select! {
            biased;
            started = Process::start(worker, limits) => started.map_err(|error| error.to_string()),
            () = self.clock.sleep(self.options.wait_max) => Err("it did not get ready".to_owned()),
        };
        started.map_err(|why| {
            tracing::warn!(worker = %worker.display(), error = why, "cannot start a worker process for expressions");
            busy(&format!("the worker process {} could not be started: {why}", worker.display()))
        })
    }

    /// One request to `process`, which is kept if it is still good; none if it died.
    async fn attempt(
        &self,
        mut process: Process,
        program: &Program,
        body: &[u8],
    ) -> Option<Result<Vec<u8>, Fault>> {
        let meter = process.meter();
        let end = tokio::select! {
            biased;
            answer = process.exchange(program.text(), body) => answer.map_or(End::Died, End::Answered),
            fault = self.overdue(meter) => End::Late(fault),
        };
        match end {
            End::Answered(result) => {
                self.idle().push(process);
                Some(result)
            }
            End::Died => {
                let status = process.end().await;
                tracing::debug!(?status, "a worker process for expressions ended");
                let killed = status.is_some_and(|status| status.signal() == Some(Signal::KILL.as_raw()));
                killed.then(|| {
                    Err(busy("something killed the worker process, as a machine without memory does"))
                })
            }
            End::Late(fault) => {
                process.end().await;
                Some(Err(fault))
            }
        }
    }

    /// Ends when the deadline is over. On an overloaded machine an expression is not to blame for the time that passes while
    /// it does not run: then it gets more, within reason.
    async fn overdue(&self, meter: Option<Meter>) -> Fault {
        let deadline = self.options.deadline;
        for _ in 0..STARVED_DEADLINES_MAX {
            self.clock.sleep(deadline).await;
            if meter.and_then(Meter::worked).is_none_or(|worked| worked >= deadline / 2) {
                return Fault::Exceeded { bound: format!("it takes longer than {deadline:?}") };
            }
        }
        busy("the machine is overloaded: the worker process got no time to work")
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Process>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn busy(detail: &str) -> Fault {
    Fault::Busy { detail: detail.to_owned() }
}
