//! One child process, from the side of the runner.

use crate::frame::{self, ANSWER_HEADER_BYTES, AnswerHeader, Hello, Kind};
use crate::worker::SUBCOMMAND;
use contract::expression::Fault;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A child that is ready for a request. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// CPU time it had used at its last answer.
    spent: Duration,
    output_bytes_max: usize,
}

impl Process {
    /// Starts `worker` and waits until it has set its limits.
    pub(crate) async fn start(worker: &Path, limits: Hello) -> io::Result<Self> {
        let mut command = Command::new(worker);
        command.arg(SUBCOMMAND).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // It needs nothing of the surroundings, and a Ctrl-C on the terminal is meant for the parent, which drains first.
        command.env_clear().current_dir("/").process_group(0).kill_on_drop(true);
        // mimalloc, if that is the executable's allocator, reserves 1 GiB at its start, which no limit could take back.
        command.env("MIMALLOC_ARENA_RESERVE", "0");
        let mut child = command.spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::from(ErrorKind::BrokenPipe));
        };
        let output_bytes_max = usize::try_from(limits.output_bytes).unwrap_or(usize::MAX);
        let mut process = Self { child, input, output, spent: Duration::ZERO, output_bytes_max };
        process.input.write_all(&limits.encode()).await?;
        let (kind, words) = process.answer().await?;
        let why = || io::Error::other(String::from_utf8_lossy(&words).into_owned());
        if kind == Kind::Ready { Ok(process) } else { Err(why()) }
    }

    /// Runs one expression. After an error the process is of no use any more.
    pub(crate) async fn exchange(&mut self, text: &str, body: &[u8]) -> io::Result<Result<Vec<u8>, Fault>> {
        let Some(lengths) = frame::encode_lengths(text.len(), body.len()) else {
            let bound = format!("the body has more than {} bytes", frame::PART_BYTES_MAX);
            return Ok(Err(Fault::Exceeded { bound }));
        };
        self.input.write_all(&lengths).await?;
        self.input.write_all(text.as_bytes()).await?;
        self.input.write_all(body).await?;
        let (kind, bytes) = self.answer().await?;
        frame::join(kind, bytes).ok_or_else(|| io::Error::from(ErrorKind::InvalidData))
    }

    async fn answer(&mut self) -> io::Result<(Kind, Vec<u8>)> {
        let mut header = [0; ANSWER_HEADER_BYTES];
        self.output.read_exact(&mut header).await?;
        let header = AnswerHeader::decode(&header);
        // A fault's words may be longer than the output may be.
        let fits = |header: &AnswerHeader| header.length <= self.output_bytes_max.max(64 * 1024);
        let header = header.filter(fits).ok_or_else(|| io::Error::from(ErrorKind::InvalidData))?;
        let mut bytes = vec![0; header.length];
        self.output.read_exact(&mut bytes).await?;
        self.spent = header.spent;
        Ok((header.kind, bytes))
    }

    /// Tells how long it works on the next request.
    pub(crate) fn meter(&self) -> Option<Meter> {
        self.child.id().map(|process| Meter { process, spent: self.spent })
    }

    /// Kills it, if it is not dead already, and says how it ended.
    pub(crate) async fn end(mut self) -> Option<ExitStatus> {
        // An error means that it has ended.
        drop(self.child.start_kill());
        self.child.wait().await.ok()
    }
}

/// Tells how long a process works.
#[derive(Clone, Copy)]
pub(crate) struct Meter {
    process: u32,
    /// CPU time it had used before.
    spent: Duration,
}

impl Meter {
    /// The CPU time it has used since, where the system tells.
    pub(crate) fn worked(self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process)).ok()?;
        // After the name, which is in parentheses and may contain anything, user and system time are fields 12 and 13.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut times = fields.split_ascii_whitespace().skip(11).map_while(|field| field.parse::<u64>().ok());
        let ticks = times.next()?.checked_add(times.next()?)?;
        let total = Duration::from_millis(
            ticks.saturating_mul(1000) / rustix::param::clock_ticks_per_second().max(1),
        );
        Some(total.saturating_sub(self.spent))
    }
}
