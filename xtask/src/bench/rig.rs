//! The processes of a bench: one sink, and the system under test with a store of its own.

use crate::runner;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const START_WITHIN: Duration = Duration::from_secs(60);

/// A process of ours, ended with its handle.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The sink and the place where stores go.
pub(super) struct Rig {
    pub(super) folder: PathBuf,
    sink: String,
    _sink: Running,
}

/// Worker threads of the floor.
#[derive(Clone, Copy)]
pub(super) enum Threads {
    /// As Fanlight by default: one processor is left to a writer, though the floor has none.
    AsFanlight,
    /// One per processor.
    All,
}

impl Threads {
    fn count(self) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        match self {
            Self::AsFanlight => (processors - 1).max(1),
            Self::All => processors,
        }
    }
}

/// A system under test, listening.
pub(super) struct System {
    process: Running,
    front: String,
    metrics: Option<String>,
    /// From start to ready.
    pub(super) started_in: Duration,
}

impl Rig {
    pub(super) fn begin(folder: PathBuf) -> Result<Self> {
        let address = free_address()?;
        let mut command = release("load");
        command.args(["sink", "--listen", &address]);
        let running = Running(command.spawn().context("load sink")?);
        wait_until(&address, "/stats")?;
        Ok(Self { folder, sink: format!("http://{address}"), _sink: running })
    }

    /// The floor with as many worker threads as Fanlight has by default, or with one per processor.
    pub(super) fn floor(&self, targets: usize, threads: Threads) -> Result<System> {
        let address = free_address()?;
        let mut command = release("floor");
        command.args(["--listen", &address, "--threads", &threads.count().to_string()]);
        for target in 0..targets {
            command.args(["--to", &format!("{}/{target}", self.sink)]);
        }
        let start = runner::now();
        let process = Running(command.spawn().context("floor")?);
        wait_until_open(&address)?;
        Ok(System { process, front: format!("http://{address}"), metrics: None, started_in: start.elapsed() })
    }

    /// Fanlight with its default configuration and an empty store.
    pub(super) fn fanlight(&self, targets: usize) -> Result<System> {
        let urls: Vec<_> = (0..targets).map(|target| format!("{}/{target}", self.sink)).collect();
        fs::remove_dir_all(self.folder.join("store")).ok();
        self.fanlight_to(&urls)
    }

    /// Fanlight with targets of any kind, on the store that is there.
    pub(super) fn fanlight_to(&self, urls: &[String]) -> Result<System> {
        let (listen, admin) = (free_address()?, free_address()?);
        let store = self.folder.join("store");
        let mut targets = String::new();
        for (index, url) in urls.iter().enumerate() {
            writeln!(targets, "  t{index}: {{ url: {url} }}")?;
        }
        let names: Vec<_> = (0..urls.len()).map(|index| format!("t{index}")).collect();
        let config = self.folder.join("fanlight.yaml");
        let text = format!(
            "listen: {listen}\nadmin: {admin}\nstore: sqlite:{}\nroutes:\n  signup:\n    accept: POST /signup\n    \
             to: [{}]\ntargets:\n{targets}",
            store.display(),
            names.join(", ")
        );
        fs::write(&config, text)?;
        let log = File::create(self.folder.join("fanlight.log"))?;
        let mut command = release("fanlight");
        command.args(["serve", "--config"]).arg(&config).stdout(log.try_clone()?).stderr(log);
        let start = runner::now();
        let process = Running(command.spawn().context("fanlight")?);
        wait_until(&admin, "/readyz").context("see target/bench/fanlight.log")?;
        let started_in = start.elapsed();
        Ok(System {
            process,
            front: format!("http://{listen}"),
            metrics: Some(format!("http://{admin}/metrics")),
            started_in,
        })
    }

    /// Sets how a path of the sink behaves: `answer`, `fail` or `hang`.
    pub(super) fn behave(&self, path: usize, mode: &str) -> Result<()> {
        let address = self.sink.trim_start_matches("http://");
        match call(address, "POST", &format!("/mode?{path}={mode}"))? {
            200 => Ok(()),
            status => bail!("the sink answered {status}"),
        }
    }

    /// Runs `load closed` or `load open` against a system and gives its report.
    pub(super) fn load(&self, kind: &str, system: &System, arguments: &[String]) -> Result<Value> {
        let mut command = release("load");
        command
            .args([kind, "--url", &format!("{}/signup", system.front), "--sink", &self.sink])
            .args(arguments);
        if kind == "closed" {
            command.args(["--pid", &system.process.0.id().to_string()]);
        }
        if let Some(metrics) = &system.metrics {
            command.args(["--metrics", metrics]);
        }
        Ok(serde_json::from_str(&runner::output(&mut command)?)?)
    }
}

impl System {
    /// Resident memory now, in MB.
    pub(super) fn resident_megabytes(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes / 1024.0)
    }
}

/// A binary of the release profile.
fn release(name: &str) -> Command {
    let mut command = Command::new(Path::new(&runner::root()).join("target/release").join(name));
    command.current_dir(runner::root()).stdin(Stdio::null());
    command
}

fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// The status of a request without a body.
fn call(address: &str, method: &str, path: &str) -> Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(START_WITHIN))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = String::from_utf8_lossy(&answer);
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no HTTP")
}

fn wait_until(address: &str, path: &str) -> Result<()> {
    wait(address, || matches!(call(address, "GET", path), Ok(200)))
}

fn wait_until_open(address: &str) -> Result<()> {
    wait(address, || TcpStream::connect(address).is_ok())
}

fn wait(address: &str, ready: impl Fn() -> bool) -> Result<()> {
    let start = runner::now();
    while !ready() {
        if start.elapsed() > START_WITHIN {
            bail!("nothing is ready at {address} after {} s", START_WITHIN.as_secs());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
