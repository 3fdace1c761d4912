//! The binary under test: its configuration, its process, its two listeners.

use crate::client::{self, Answer};
use crate::patience::until;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

/// A target: its name, its URL, and further keys as YAML in one line (`retry: {…}, timeout: 1s`).
pub struct Target<'a> {
    /// As in `to`.
    pub name: &'a str,
    /// Where it is.
    pub url: String,
    /// More keys, or nothing.
    pub more: &'a str,
}

/// How to start it.
pub struct Setup<'a> {
    /// Configuration, log and, unless `store` says otherwise, the store live here.
    pub folder: &'a Path,
    /// The store, `sqlite:./data` by default.
    pub store: Option<String>,
    /// A program that starts the binary (`strace …`), or nothing.
    pub under: &'a [&'a str],
    /// Where `POST /signup` goes.
    pub targets: &'a [Target<'a>],
    /// Further keys of the configuration, as lines of YAML.
    pub more: &'a str,
}

impl<'a> Setup<'a> {
    /// The usual setup.
    #[must_use]
    pub const fn new(folder: &'a Path, targets: &'a [Target<'a>]) -> Self {
        Self { folder, store: None, under: &[], targets, more: "" }
    }
}

impl Setup<'_> {
    fn configuration(&self, listen: SocketAddr, admin: SocketAddr) -> String {
        let store = self.store.as_deref().unwrap_or("sqlite:./data");
        let names: Vec<_> = self.targets.iter().map(|target| target.name).collect();
        let mut text = format!(
            "listen: {listen}\nadmin: {admin}\nstore: {store}\n{}routes:\n  signup:\n    accept: POST /signup\n    \
             to: [{}]\ntargets:\n",
            self.more,
            names.join(", ")
        );
        for Target { name, url, more } in self.targets {
            let comma = if more.is_empty() { "" } else { ", " };
            text.push_str(&format!("  {name}: {{ url: {url}{comma}{more} }}\n"));
        }
        text
    }
}

/// A running gateway, killed when dropped.
pub struct Gateway {
    /// The front door.
    pub listen: SocketAddr,
    /// The operators' door.
    pub admin: SocketAddr,
    launch: Launch,
    child: Child,
}

/// How the binary is started, again after each kill.
struct Launch {
    folder: PathBuf,
    under: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Gateway {
    /// Writes the configuration, starts the binary and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready; with the end of its log.
    pub fn start(setup: &Setup<'_>) -> Result<Self> {
        let under = setup.under.iter().map(|word| (*word).to_owned()).collect();
        let launch = Launch { folder: setup.folder.to_owned(), under, environment: Vec::new() };
        Self::launched(launch, |listen, admin| setup.configuration(listen, admin))
    }

    /// Starts the binary in a folder with a configuration that is made for two free addresses, and with these variables.
    ///
    /// # Errors
    /// When it does not become ready; with the end of its log.
    pub fn configured(
        folder: &Path,
        environment: &[(&str, &str)],
        configuration: impl FnOnce(SocketAddr, SocketAddr) -> String,
    ) -> Result<Self> {
        let environment =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let launch = Launch { folder: folder.to_owned(), under: Vec::new(), environment };
        Self::launched(launch, configuration)
    }

    fn launched(
        launch: Launch,
        configuration: impl FnOnce(SocketAddr, SocketAddr) -> String,
    ) -> Result<Self> {
        let (listen, admin) = free_addresses()?;
        fs::write(launch.folder.join("fanlight.yaml"), configuration(listen, admin))?;
        let child = launch.spawn()?;
        let mut gateway = Self { listen, admin, launch, child };
        gateway.ready()?;
        Ok(gateway)
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Writes another configuration for the same addresses; the binary sees it by itself.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn reconfigure(&self, setup: &Setup<'_>) -> Result<()> {
        // Renamed, so that it is never seen half written.
        let (new, old) = (self.launch.folder.join("next.yaml"), self.launch.folder.join("fanlight.yaml"));
        fs::write(&new, setup.configuration(self.listen, self.admin))?;
        Ok(fs::rename(new, old)?)
    }

    /// Replaces a part of the configuration and waits until the binary has taken it into use.
    ///
    /// # Errors
    /// When the part is not there, or the configuration is not taken.
    pub fn rewrite(&self, from: &str, to: &str) -> Result<()> {
        const TAKEN: &str = "the new configuration is in use";
        let (new, old) = (self.launch.folder.join("next.yaml"), self.launch.folder.join("fanlight.yaml"));
        let text = fs::read_to_string(&old)?;
        if !text.contains(from) {
            bail!("{from:?} is not in the configuration");
        }
        let taken = || -> Result<usize> {
            Ok(fs::read_to_string(self.launch.folder.join("fanlight.log"))?.matches(TAKEN).count())
        };
        let before = taken()?;
        fs::write(&new, text.replacen(from, to, 1))?;
        fs::rename(new, old)?;
        until("the configuration to be in use", || Ok((taken()? > before).then_some(())))
    }

    /// Begins a replay and waits for its end; gives what it says then.
    ///
    /// # Errors
    /// When it is refused, or does not end.
    pub fn replay(&self, order: &str) -> Result<Value> {
        let begun: Value = serde_json::from_str(&self.operate("POST", "/v1/replays", order)?)?;
        self.replayed(begun.get("id").and_then(Value::as_str).context("no id")?)
    }

    /// Waits for the end of a replay; gives what it says then.
    ///
    /// # Errors
    /// When it does not end.
    pub fn replayed(&self, id: &str) -> Result<Value> {
        until("the replay to end", || {
            let replay: Value =
                serde_json::from_str(&self.operate("GET", &format!("/v1/replays/{id}"), "")?)?;
            Ok((replay.get("state").and_then(Value::as_str) == Some("done")).then_some(replay))
        })
    }

    /// A request at the operators' door that must succeed; gives what it answered.
    ///
    /// # Errors
    /// When it is refused, with the answer.
    pub fn operate(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let headers = [("content-type", "application/json")];
        let answer = client::request(self.admin, method, path, &headers, body.as_bytes())?;
        let text = String::from_utf8_lossy(&answer.wire.body).into_owned();
        if !(200..300).contains(&answer.status) {
            bail!("{method} {path}: {}: {text}", answer.status);
        }
        Ok(text)
    }

    /// `kill -9`, and waits until the process is gone.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn signal(&self) -> Result<()> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        Ok(())
    }

    /// SIGTERM, and waits until the process is gone.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.signal()?;
        until("the end after SIGTERM", || Ok(self.child.try_wait()?))
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When it does not end.
    pub fn ended(&mut self) -> Result<ExitStatus> {
        until("the end of the process", || Ok(self.child.try_wait()?))
    }

    /// Starts it again on the same addresses and the same store.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn restart(&mut self) -> Result<()> {
        self.child = self.launch.spawn()?;
        self.ready()
    }

    /// Sends a body to the route.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn signup(&self, body: &[u8]) -> io::Result<Answer> {
        client::request(self.listen, "POST", "/signup", &[("content-type", "application/json")], body)
    }

    /// Sends a body that must be accepted and gives the ticket's id.
    ///
    /// # Errors
    /// When it is not accepted.
    pub fn accepted(&self, body: &[u8]) -> Result<String> {
        let answer = self.signup(body)?;
        let json = answer.json()?;
        if answer.status != 202 {
            bail!("{}: {json}", answer.status);
        }
        Ok(json.get("id").and_then(Value::as_str).context("a 202 without an id")?.to_owned())
    }

    /// A ticket.
    ///
    /// # Errors
    /// When it is not there.
    pub fn ticket(&self, id: &str) -> Result<Value> {
        let answer = client::request(self.listen, "GET", &format!("/v1/tickets/{id}"), &[], b"")?;
        let json = answer.json()?;
        if answer.status != 200 {
            bail!("{}: {json}", answer.status);
        }
        Ok(json)
    }

    /// One delivery of a ticket, by target, once its state is one of these.
    ///
    /// # Errors
    /// When that does not come; with the ticket as it was.
    pub fn delivery(&self, ticket: &str, target: &str, states: &[&str]) -> Result<Value> {
        let mut last = Value::Null;
        let found = until(&format!("{target} to be {states:?}"), || {
            last = self.ticket(ticket)?;
            let deliveries = last.get("deliveries").and_then(Value::as_array).context("no deliveries")?;
            let named = |delivery: &&Value| delivery.get("target").and_then(Value::as_str) == Some(target);
            let delivery = deliveries.iter().find(named).with_context(|| format!("no {target} in {last}"))?;
            let state = delivery.get("state").and_then(Value::as_str).context("no state")?;
            Ok(states.contains(&state).then(|| delivery.clone()))
        });
        found.with_context(|| format!("{last:#}\n{}", self.log()))
    }

    /// What another run of the binary says, in the same folder and environment.
    ///
    /// # Errors
    /// When it does not start.
    pub fn says(&self, arguments: &[&str]) -> Result<Output> {
        let Launch { folder, environment, .. } = &self.launch;
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        run(folder, &environment, arguments, "")
    }

    /// The end of what it wrote to its log.
    #[must_use]
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.launch.folder.join("fanlight.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n")
    }

    fn ready(&mut self) -> Result<()> {
        let admin = self.admin;
        let child = &mut self.child;
        let ready = until("the gateway to be ready", || {
            if let Some(status) = child.try_wait()? {
                bail!("the gateway ended: {status}");
            }
            let answer = client::request(admin, "GET", "/readyz", &[], b"");
            Ok(answer.ok().filter(|answer| answer.status == 200))
        });
        ready.map(|_| ()).with_context(|| self.log())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill().ok();
    }
}

impl Launch {
    fn spawn(&self) -> Result<Child> {
        let binary = binary()?;
        let log = File::options().create(true).append(true).open(self.folder.join("fanlight.log"))?;
        let mut command = match self.under.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&binary);
                command
            }
            None => Command::new(&binary),
        };
        command.args(["serve", "--config", "fanlight.yaml"]).current_dir(&self.folder);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.spawn().with_context(|| format!("cannot start {}", binary.display()))
    }
}

/// What a run of the binary in a folder says, with these variables and this on its standard input.
///
/// # Errors
/// When it does not start.
pub fn run(folder: &Path, environment: &[(&str, &str)], arguments: &[&str], input: &str) -> Result<Output> {
    let mut command = Command::new(binary()?);
    command.args(arguments).current_dir(folder).envs(environment.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read its input may be gone already.
        stdin.write_all(input.as_bytes()).ok();
    }
    Ok(child.wait_with_output()?)
}

/// `FANLIGHT_BIN`, or what `cargo build --package fanlight` left.
fn binary() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("FANLIGHT_BIN") {
        return Ok(named.into());
    }
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug/fanlight");
    built.canonicalize().with_context(|| {
        format!("{} is not there: run `cargo build --package fanlight`, or set FANLIGHT_BIN", built.display())
    })
}

/// Two addresses that are free now; held together, so that they differ.
fn free_addresses() -> Result<(SocketAddr, SocketAddr)> {
    let (first, second) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    Ok((first.local_addr()?, second.local_addr()?))
}
