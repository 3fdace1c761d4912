//! Runs the real binary.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A run that goes on.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) out: Option<BufReader<ChildStdout>>,
    pub(crate) err: BufReader<ChildStderr>,
}

/// The binary, with nothing of the surroundings that changes what it prints.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanlight"));
    command.args(arguments).stdin(Stdio::null());
    for name in ["FANLIGHT_SERVER", "FANLIGHT_ADMIN", "COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

/// Runs to the end.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    let output = command(arguments).output().expect("the binary runs");
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

/// Runs to the end beside what else this process does: it may be the one that answers.
pub(crate) async fn run_aside(arguments: &[&str]) -> Ran {
    let arguments: Vec<String> = arguments.iter().copied().map(str::to_owned).collect();
    let run = move || run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.expect("it ran")
}

/// State and reason of each delivery of a ticket in JSON, by target.
pub(crate) fn states(ticket: &serde_json::Value) -> Vec<serde_json::Value> {
    let deliveries = ticket["deliveries"].as_array().expect("deliveries");
    deliveries.iter().map(|one| serde_json::json!([one["target"], one["state"], one["reason"]])).collect()
}

impl Ran {
    /// What it printed, if it succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// What it said, if it failed with this code and printed nothing else.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!((self.code, &*self.out), (Some(code), ""), "{self:?}");
        self.err
    }

    /// What it printed as JSON, if it succeeded.
    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).expect("JSON")
    }
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let out = child.stdout.take().map(BufReader::new);
        let err = BufReader::new(child.stderr.take().expect("piped"));
        Self { child, out, err }
    }

    /// The next line of standard output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.as_mut().expect("open").read_line(&mut line).expect("text");
        line
    }

    /// The next line of standard error.
    pub(crate) fn word(&mut self) -> String {
        let mut line = String::new();
        self.err.read_line(&mut line).expect("text");
        line
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already is as good.
        drop(self.child.kill());
        self.child.wait().expect("its end can be awaited");
    }
}
