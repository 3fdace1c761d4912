//! A steady load for as long as wanted, while APIs fail, slices turn, targets pause, the configuration changes and the process is
//! killed: at the end everything has arrived, and client, APIs and metrics have counted the same.

use crate::crash::asked_for;
use crate::integrity;
use anyhow::{Context, Result, ensure};
use e2e::api::{Api, answer};
use e2e::book::{self, Book};
use e2e::gateway::{Gateway, Setup, Target};
use e2e::load::{Acknowledged, Load};
use e2e::metrics::Metrics;
use e2e::patience::{now, until};
use e2e::usage::Usage;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Rounds of the test run, a few seconds each; `cargo xtask soak --minutes N` makes as many as fit.
const ROUNDS: u64 = 4;
const SENDERS: usize = 4;
/// Between two messages of a sender: steady, not as fast as it goes.
const PAUSE: Duration = Duration::from_millis(60);
/// A round has three spells of load: before, during and after a pause of a target.
const SPELL: Duration = Duration::from_millis(600);
const SPELL_OF_MANY: Duration = Duration::from_secs(5);
/// Every other round ends with a kill.
const KILL_EVERY: u64 = 2;
/// Every nth message is refused for good by the strict API, until it is sent again by hand.
const REFUSED_EVERY: u64 = 50;
/// Every nth message fails at first at the failing API, and is one too many for the limiting one.
const FAILED_EVERY: u64 = 10;
const LIMITED_EVERY: u64 = 100;
const SLOWNESS: Duration = Duration::from_millis(50);
/// So short that slices turn, and are dropped, within a test.
const RETENTION: &str = "retention: { time: 4s, dead: 1h }\n";
const RETRY: &str = "retry: { schedule: [0s, 50ms, 100ms, 200ms, 400ms] }, concurrency: 32, breaker: { open: 100ms, open_max: 1s }";
const RETRY_CHANGED: &str = "retry: { schedule: [0s, 100ms, 100ms, 200ms, 400ms] }, concurrency: 16, breaker: { open: 100ms, open_max: 1s }";
const NAMES: [&str; 5] = ["steady", "failing", "slow", "limiting", "strict"];

const FIRST_SLICE: &str = "data/slice-000001.db";

/// The five APIs, each with its book.
struct Apis {
    books: [Arc<Book>; 5],
    apis: Vec<Api>,
}

impl Apis {
    fn start() -> Result<Self> {
        let books: [Arc<Book>; 5] = Default::default();
        let apis = books.iter().zip(NAMES).map(|(book, name)| api(name, Arc::clone(book)));
        Ok(Self { apis: apis.collect::<Result<_>>()?, books })
    }

    fn targets(&self, more: &'static str) -> Vec<Target<'static>> {
        let target = |(name, api): (&'static str, &Api)| Target { name, url: api.url(), more };
        NAMES.into_iter().zip(&self.apis).map(target).collect()
    }

    /// The numbers that some API has not taken yet.
    fn missing(&self, numbers: &[u64]) -> Vec<u64> {
        self.books.iter().flat_map(|book| book.missing(numbers)).collect()
    }

    /// Attempts that have arrived, by API.
    fn attempts(&self) -> Vec<u64> {
        self.books.iter().map(|book| book.counts().0 as u64).collect()
    }
}

/// One API that writes down what it gets and misbehaves in its way.
fn api(name: &'static str, book: Arc<Book>) -> Result<Api> {
    Ok(Api::start(move |request, stream| {
        let entry = book.arrived(request).map_err(std::io::Error::other)?;
        let first_of = |every: u64| entry.index == 0 && entry.number % every == 0;
        match name {
            "failing" if first_of(FAILED_EVERY) => return answer(stream, 503, "", b"not now"),
            "limiting" if first_of(LIMITED_EVERY) => {
                return answer(stream, 429, "retry-after: 1\r\n", b"slower");
            }
            "strict" if first_of(REFUSED_EVERY) => return answer(stream, 400, "", b"no"),
            // How slow an API is, not a way to wait for something.
            "slow" => std::thread::sleep(SLOWNESS),
            _ => {}
        }
        book.answered(entry);
        answer(stream, 200, "", b"ok")
    })?)
}

/// A run under way.
struct Soak<'a> {
    gateway: Gateway,
    apis: &'a Apis,
    next: Arc<AtomicU64>,
    folder: &'a Path,
    spell: Duration,
    /// Every message that was acknowledged.
    numbers: Vec<u64>,
    refused: u64,
    usages: Vec<Usage>,
}

#[test]
fn a_steady_load_through_all_that_happens_loses_and_invents_nothing() -> Result<()> {
    let minutes = asked_for("FANLIGHT_SOAK_MINUTES");
    let end = minutes.map(|minutes| now() + Duration::from_secs(60 * minutes));
    let folder = tempfile::tempdir()?;
    let apis = Apis::start()?;
    let gateway =
        Gateway::start(&Setup { more: RETENTION, ..Setup::new(folder.path(), &apis.targets(RETRY)) })?;
    ensure!(folder.path().join(FIRST_SLICE).exists(), "slices have other names now");
    let mut soak = Soak {
        gateway,
        apis: &apis,
        next: Arc::default(),
        folder: folder.path(),
        spell: minutes.map_or(SPELL, |_| SPELL_OF_MANY),
        numbers: Vec::new(),
        refused: 0,
        usages: Vec::new(),
    };
    let mut round = 0;
    while end.map_or(round < ROUNDS, |end| now() < end) {
        round += 1;
        let done = if round % KILL_EVERY == 0 { soak.killed(round) } else { soak.counted(round) };
        done.with_context(|| format!("round {round}\n{}", soak.gateway.log()))?;
    }
    soak.end(round)
}

impl Soak<'_> {
    /// A round in which everything is counted: by the client, by the APIs and by the metrics.
    fn counted(&mut self, round: u64) -> Result<()> {
        let (before, attempts) = (Metrics::read(&self.gateway)?, self.apis.attempts());
        let load = Load::paced(self.gateway.listen, SENDERS, &self.next, PAUSE);
        self.disturbed(round)?;
        let numbers = acknowledged(load.finish()?);
        self.arrived(&numbers)?;
        let all = numbers.len() as u64;
        let refused = numbers.iter().filter(|number| **number % REFUSED_EVERY == 0).count() as u64;
        let arrived = self.apis.attempts();
        let mut counts = Vec::new();
        let agree = until("metrics, client and APIs to agree", || {
            let page = Metrics::read(&self.gateway)?;
            let since = |name, labels: &[_]| page.sum(name, labels) - before.sum(name, labels);
            counts = vec![("all accepted".to_owned(), since("fanlight_messages_accepted_total", &[]), all)];
            for ((name, earlier), later) in NAMES.into_iter().zip(&attempts).zip(&arrived) {
                let ended =
                    |outcome| since("fanlight_deliveries_total", &[("target", name), ("outcome", outcome)]);
                let dead = if name == "strict" { refused } else { 0 };
                let tried = since("fanlight_attempts_total", &[("target", name)]);
                counts.push((format!("{name} delivered"), ended("delivered"), all));
                counts.push((format!("{name} dead"), ended("dead"), dead));
                counts.push((format!("{name} attempts"), tried, later - earlier));
            }
            Ok(counts.iter().all(|(_, measured, truth)| measured == truth).then_some(()))
        });
        agree.with_context(|| format!("what, by the metrics, in truth: {counts:#?}"))?;
        let usage = Usage::read(self.gateway.process(), &self.folder.join("data"))?;
        eprintln!(
            "round {round}: {all} acknowledged, {refused} of them redriven, all counts agree; {usage:?}"
        );
        self.usages.push(usage);
        self.refused += refused;
        self.numbers.extend(numbers);
        Ok(())
    }

    /// A round that ends with a kill while messages are on their way.
    fn killed(&mut self, round: u64) -> Result<()> {
        let load = Load::paced(self.gateway.listen, SENDERS, &self.next, PAUSE);
        self.disturbed(round)?;
        self.gateway.kill()?;
        let mut numbers = acknowledged(load.finish()?);
        self.gateway.restart()?;
        self.arrived(&numbers)?;
        // Nothing is in flight any more, so all has been given to the store; what it settles after all that is the end of the round,
        // and the next one counts from here.
        let last = loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if !number.is_multiple_of(FAILED_EVERY) {
                break number;
            }
        };
        let ticket = self.gateway.accepted(&book::body(last))?;
        for name in NAMES {
            self.gateway.delivery(&ticket, name, &["delivered"])?;
        }
        numbers.push(last);
        eprintln!("round {round}: killed, {} acknowledged, all of them delivered", numbers.len());
        self.numbers.extend(numbers);
        Ok(())
    }

    /// While messages come: a target is paused, the configuration changes, the target goes on.
    fn disturbed(&self, round: u64) -> Result<()> {
        // How long the load lasts is the test's subject, not a way to wait for something.
        std::thread::sleep(self.spell);
        self.gateway.operate("POST", "/v1/targets/slow/pause", "")?;
        let reloads = self.reloads()?;
        let targets = self.apis.targets(if round % 2 == 1 { RETRY_CHANGED } else { RETRY });
        self.gateway.reconfigure(&Setup { more: RETENTION, ..Setup::new(self.folder, &targets) })?;
        until("the new configuration", || Ok((self.reloads()? > reloads).then_some(())))?;
        std::thread::sleep(self.spell);
        self.gateway.operate("POST", "/v1/targets/slow/resume", "")?;
        std::thread::sleep(self.spell);
        Ok(())
    }

    fn reloads(&self) -> Result<usize> {
        let log = fs::read_to_string(self.folder.join("fanlight.log"))?;
        Ok(log.matches("the new configuration is in use").count())
    }

    /// Sends what is dead again, until nothing is left anywhere and every API has taken these messages.
    fn arrived(&self, numbers: &[u64]) -> Result<()> {
        let gauges = ["fanlight_dead", "fanlight_backlog", "fanlight_in_flight"];
        let mut left = String::new();
        let done = until("everything to arrive", || {
            let page = Metrics::read(&self.gateway)?;
            let [dead, backlog, in_flight] = gauges.map(|name| page.sum(name, &[]));
            let missing = self.apis.missing(numbers);
            left = format!("{dead} dead, {backlog} waiting, {in_flight} in flight, missing: {missing:?}");
            if dead > 0 {
                self.gateway.operate("POST", "/v1/dead/redrive", r#"{"filter":{"target":"strict"}}"#)?;
            }
            Ok((dead + backlog + in_flight == 0 && missing.is_empty()).then_some(()))
        });
        done.with_context(|| left)
    }

    /// What must hold after all rounds.
    fn end(mut self, rounds: u64) -> Result<()> {
        let first = self.folder.join(FIRST_SLICE);
        self.gateway.stop()?;
        self.gateway.restart()?;
        until("the first slice to be dropped", || Ok((!first.exists()).then_some(())))?;
        self.gateway.kill()?;
        let databases = integrity::check(self.folder)?;
        ensure!(databases > 1 && self.refused > 0, "{databases} databases, {} refused", self.refused);
        let missing = self.apis.missing(&self.numbers);
        ensure!(missing.is_empty(), "acknowledged and not delivered: {missing:?}");
        for (name, book) in NAMES.into_iter().zip(&self.apis.books) {
            book.check().context(name)?;
            let (attempts, repeats) = book.counts();
            eprintln!("soak: {name}: {attempts} attempts, {repeats} repeats after a 2xx, each marked");
        }
        // The first quarter of the rounds is what the others are measured by.
        let early = self.usages.len().div_ceil(4);
        let (early, late) = self.usages.split_at(early);
        let most = |usages: &[Usage]| usages.iter().copied().fold(Usage::default(), Usage::max);
        let (early, late) = (most(early), most(late));
        late.check(early)?;
        eprintln!("soak: at most in the first quarter: {early}");
        eprintln!("soak: at most after it: {late}");
        eprintln!(
            "soak: {} acknowledged in {rounds} rounds, {} killed, none lost; {} refused and redriven; {databases} databases are whole",
            self.numbers.len(),
            rounds / KILL_EVERY,
            self.refused
        );
        Ok(())
    }
}

fn acknowledged(sent: Vec<Acknowledged>) -> Vec<u64> {
    sent.into_iter().map(|sent| sent.number).collect()
}
