//! Counters and histograms for Prometheus. Counted as things happen; a scrape scans nothing.

use arc_swap::ArcSwap;
mod specimen;

use contract::Name;
use contract::delivery::Standing;
use contract::store::{Fault, Readiness};
use engine::Engine;
use engine::happened::{Happened, Listener, Refusal};
use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::atomic::AtomicU64;

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    accepted: Family<Route, Counter>,
    repeated: Family<Route, Counter>,
    refused: Family<RouteWhy, Counter>,
    deliveries: Family<TargetOutcome, Counter>,
    attempts: Family<TargetClass, Counter>,
    attempt_seconds: Family<Target, Histogram>,
    delivery_seconds: Family<Target, Histogram>,
    stumbles: Family<TargetClass, Counter>,
    fenced: Counter,
    corrupted: Counter,
    damaged: Family<File, Counter>,
    /// The files behind `damaged` that were not found whole since: the store has few, so this is bounded.
    damaged_files: Mutex<BTreeSet<String>>,
    damaged_now: Gauge,
    commit_seconds: Histogram,
    commit_items: Histogram,
    in_flight: Family<Target, Gauge>,
    concurrency: Family<Target, Gauge>,
    waiting: Family<Target, Gauge>,
    dead: Family<Target, Gauge>,
    parked: Family<Target, Gauge>,
    oldest_due: Family<Target, Gauge<f64, AtomicU64>>,
    held: Family<TargetReason, Gauge>,
    breaker: Family<TargetTurn, Counter>,
    replayed: Family<TargetOutcome, Counter>,
    ready: Gauge,
    hot: ArcSwap<HashMap<Name, Hot>>,
}

/// The series that every delivery of a target touches, found with one look-up.
#[derive(Clone)]
struct Hot {
    succeeded: Counter,
    attempt_seconds: Histogram,
    delivered: Counter,
    delivery_seconds: Histogram,
}

/// A name as a label, without copying its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Label(Name);

impl EncodeLabelValue for Label {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.write_str(self.0.as_str())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: Label,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteWhy {
    route: Label,
    why: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct File {
    file: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Target {
    target: Label,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TargetOutcome {
    target: Label,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TargetClass {
    target: Label,
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TargetReason {
    target: Label,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TargetTurn {
    target: Label,
    turn: &'static str,
}

fn seconds() -> Histogram {
    // 1 ms to 65 s.
    Histogram::new(exponential_buckets(0.001, 2.0, 17))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("fanlight"),
            accepted: Family::default(),
            repeated: Family::default(),
            refused: Family::default(),
            deliveries: Family::default(),
            attempts: Family::default(),
            attempt_seconds: Family::new_with_constructor(seconds),
            delivery_seconds: Family::new_with_constructor(seconds),
            stumbles: Family::default(),
            fenced: Counter::default(),
            corrupted: Counter::default(),
            damaged: Family::default(),
            damaged_files: Mutex::default(),
            damaged_now: Gauge::default(),
            commit_seconds: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            commit_items: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            in_flight: Family::default(),
            concurrency: Family::default(),
            waiting: Family::default(),
            dead: Family::default(),
            parked: Family::default(),
            oldest_due: Family::default(),
            held: Family::default(),
            breaker: Family::default(),
            replayed: Family::default(),
            ready: Gauge::default(),
            hot: ArcSwap::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("messages_accepted", "Messages made durable", self.accepted.clone());
        r.register(
            "messages_repeated",
            "Requests whose Idempotency-Key was seen before",
            self.repeated.clone(),
        );
        r.register("messages_refused", "Requests that were not kept, by reason", self.refused.clone());
        r.register("deliveries", "Deliveries that ended, by outcome", self.deliveries.clone());
        r.register("attempts", "Attempts made, by error class (none: success)", self.attempts.clone());
        r.register_with_unit("attempt", "Duration of attempts", Unit::Seconds, self.attempt_seconds.clone());
        r.register_with_unit(
            "delivery",
            "From accept to delivered",
            Unit::Seconds,
            self.delivery_seconds.clone(),
        );
        r.register("stumbles", "Faults of this side before a request was made", self.stumbles.clone());
        r.register(
            "fenced",
            "Settlements that came too late: another session had the delivery",
            self.fenced.clone(),
        );
        r.register("corrupted", "Messages whose stored bytes were damaged", self.corrupted.clone());
        r.register("damaged", "Findings of damage beyond the bytes of one message", self.damaged.clone());
        r.register(
            "damaged_files",
            "Files that were found damaged and not found whole since",
            self.damaged_now.clone(),
        );
        r.register_with_unit(
            "commit",
            "Duration of group commits",
            Unit::Seconds,
            self.commit_seconds.clone(),
        );
        r.register("commit_items", "Items in a group commit", self.commit_items.clone());
        r.register("in_flight", "Calls on the wire", self.in_flight.clone());
        r.register(
            "concurrency",
            "Calls that may be on the wire at once, as configured or as learned",
            self.concurrency.clone(),
        );
        r.register("backlog", "Deliveries that wait on disk, now due or later", self.waiting.clone());
        r.register("dead", "Deliveries that are dead and kept", self.dead.clone());
        r.register(
            "parked",
            "Dead deliveries for which what came later with their order key waits",
            self.parked.clone(),
        );
        r.register_with_unit(
            "oldest_due",
            "Age of the oldest due delivery",
            Unit::Seconds,
            self.oldest_due.clone(),
        );
        r.register("target_held", "1 while a target is not called, by reason", self.held.clone());
        r.register(
            "breaker",
            "Turns of breakers: opened, ramping (a first call has succeeded), closed",
            self.breaker.clone(),
        );
        r.register(
            "replayed",
            "Messages that replays looked at, by what became of them",
            self.replayed.clone(),
        );
        r.register("ready", "1 while messages can be kept", self.ready.clone());
    }

    fn hot(&self, name: &Name, then: impl FnOnce(&Hot)) {
        if let Some(hot) = self.hot.load().get(name) {
            return then(hot);
        }
        let class = TargetClass { target: Label(name.clone()), class: SUCCEEDED };
        let outcome = TargetOutcome { target: Label(name.clone()), outcome: DELIVERED };
        let hot = Hot {
            succeeded: self.attempts.get_or_create(&class).clone(),
            attempt_seconds: self.attempt_seconds.get_or_create(&target(name)).clone(),
            delivered: self.deliveries.get_or_create(&outcome).clone(),
            delivery_seconds: self.delivery_seconds.get_or_create(&target(name)).clone(),
        };
        then(&hot);
        self.hot.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.insert(name.clone(), hot.clone());
            known
        });
    }

    fn change_damaged(&self, change: impl FnOnce(&mut BTreeSet<String>)) {
        let mut files = self.damaged_files.lock();
        change(&mut files);
        self.damaged_now.set(i64::try_from(files.len()).unwrap_or(i64::MAX));
    }

    /// The files of the store that were found damaged since the start, and not found whole since.
    #[must_use]
    pub fn damaged_files(&self) -> Vec<String> {
        self.damaged_files.lock().iter().cloned().collect()
    }

    /// The page for a scrape.
    ///
    /// # Errors
    /// The store's.
    pub async fn page(&self, engine: &Engine) -> Result<String, Fault> {
        let now = engine.clock().now();
        self.held.clear();
        for view in engine.views() {
            let labels = target(&view.name);
            // What has no work has no row in the store's answer.
            self.waiting.get_or_create(&labels).set(0);
            self.dead.get_or_create(&labels).set(0);
            self.parked.get_or_create(&labels).set(0);
            self.oldest_due.get_or_create(&labels).set(0.0);
            self.in_flight
                .get_or_create(&target(&view.name))
                .set(view.in_flight.try_into().unwrap_or(i64::MAX));
            if let Some(calls) = view.concurrency {
                self.concurrency.get_or_create(&labels).set(calls.try_into().unwrap_or(i64::MAX));
            }
            if let Some(reason) = view.reason {
                let labels = TargetReason { target: Label(view.name.clone()), reason: reason.word() };
                self.held.get_or_create(&labels).set(1);
            }
        }
        for backlog in engine.store().backlog().await? {
            let labels = target(&backlog.target);
            self.waiting.get_or_create(&labels).set(backlog.waiting.try_into().unwrap_or(i64::MAX));
            self.dead.get_or_create(&labels).set(backlog.dead.try_into().unwrap_or(i64::MAX));
            self.parked.get_or_create(&labels).set(backlog.parked.try_into().unwrap_or(i64::MAX));
            let age = backlog.oldest_due.map(|due| now.since(due)).unwrap_or_default();
            self.oldest_due.get_or_create(&labels).set(age.as_secs_f64());
        }
        self.ready.set(i64::from(engine.store().ready() == Readiness::Ready));
        let mut page = String::with_capacity(16 * 1024);
        encode(&mut page, &self.registry).map_err(|error| Fault::Failed { detail: error.to_string() })?;
        Ok(page)
    }
}

impl Listener for Metrics {
    #[expect(clippy::too_many_lines, reason = "one arm for each thing that can happen")]
    fn on(&self, happened: &Happened<'_>) {
        match happened {
            Happened::Accepted { message, .. } => {
                self.accepted.get_or_create(&Route { route: Label(message.route.clone()) }).inc();
            }
            Happened::Repeated { route } => {
                self.repeated.get_or_create(&Route { route: Label((*route).clone()) }).inc();
            }
            Happened::Refused { route, why } => {
                let labels = RouteWhy { route: Label((*route).clone()), why: refusal(*why) };
                self.refused.get_or_create(&labels).inc();
            }
            Happened::Attempted { target, attempt, .. } => self.hot(target, |hot| {
                hot.attempt_seconds.observe(attempt.timings.total().as_secs_f64());
                match attempt.result.class() {
                    None => hot.succeeded.inc(),
                    Some(class) => {
                        let labels = TargetClass { target: Label((*target).clone()), class: class.word() };
                        self.attempts.get_or_create(&labels).inc()
                    }
                };
            }),
            Happened::Stumbled { target, class, .. } => {
                let labels = TargetClass { target: Label((*target).clone()), class: class.word() };
                self.stumbles.get_or_create(&labels).inc();
            }
            Happened::Settled { target, standing: Standing::Delivered, age, .. } => self.hot(target, |hot| {
                hot.delivered.inc();
                if let Some(age) = age {
                    hot.delivery_seconds.observe(age.as_secs_f64());
                }
            }),
            Happened::Settled { target, standing, .. } => {
                let Some(outcome) = outcome(*standing) else { return };
                let labels = TargetOutcome { target: Label((*target).clone()), outcome };
                self.deliveries.get_or_create(&labels).inc();
            }
            Happened::Committed(commit) => {
                self.commit_seconds.observe(commit.took.as_secs_f64());
                #[expect(clippy::cast_precision_loss, reason = "a commit has at most a few thousand items")]
                self.commit_items.observe(commit.items as f64);
            }
            Happened::Corrupted { .. } => {
                self.corrupted.inc();
            }
            Happened::Damaged { file, .. } => {
                self.damaged.get_or_create(&File { file: (*file).to_owned() }).inc();
                self.change_damaged(|files| {
                    files.insert((*file).to_owned());
                });
            }
            Happened::Sound { file } => self.change_damaged(|files| {
                files.remove(*file);
            }),
            Happened::Fenced { .. } => {
                self.fenced.inc();
            }
            Happened::Switched { target, turn, .. } => {
                let labels = TargetTurn { target: Label((*target).clone()), turn: turn.word() };
                self.breaker.get_or_create(&labels).inc();
            }
            Happened::Replayed { replay, step } => {
                for (outcome, count) in step.outcomes() {
                    let labels = TargetOutcome { target: Label(replay.order.to.clone()), outcome };
                    self.replayed.get_or_create(&labels).inc_by(count);
                }
            }
            Happened::Held { .. }
            | Happened::Turned(_)
            | Happened::Replay { .. }
            | Happened::Parked { .. } => {}
        }
    }
}

const DELIVERED: &str = "delivered";
/// The class of an attempt that was no failure.
const SUCCEEDED: &str = "none";

fn target(name: &Name) -> Target {
    Target { target: Label(name.clone()) }
}

fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::Busy => "busy",
        Refusal::NoWorker => "no_worker",
        Refusal::Full => "full",
        Refusal::Conflict => "conflict",
        Refusal::NeverSent => "never_sent",
        Refusal::Unavailable => "unavailable",
    }
}

/// The word for an end; none while it goes on.
fn outcome(standing: Standing) -> Option<&'static str> {
    match standing {
        Standing::Leased | Standing::Due(_) | Standing::Waiting => None,
        Standing::Delivered => Some(DELIVERED),
        Standing::Dead(_) => Some("dead"),
        Standing::Cancelled => Some("cancelled"),
        Standing::Expired => Some("expired"),
        Standing::Skipped => Some("skipped"),
        Standing::Unmet => Some("unmet"),
    }
}
