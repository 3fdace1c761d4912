//! Structured logs: text on a terminal, JSON elsewhere. What happens to targets is told here, grouped.

use crate::api::view::Moment;
use contract::Name;
use contract::delivery::ErrorClass;
use contract::store::Readiness;
use contract::{Clock, Tick};
use engine::happened::{Happened, Listener};
use engine::policy::breaker::Turn;
use engine::replay::{Counts, Replay};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, error, info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging to standard error. A second call changes nothing.
pub fn start(level: &str, format: Format) {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let json = match format {
        Format::Auto => !std::io::stderr().is_terminal(),
        Format::Text => false,
        Format::Json => true,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if json {
        builder.json().finish().try_init()
    } else {
        builder.with_target(false).finish().try_init()
    };
    if let Err(error) = started {
        debug!(%error, "logging had been started before");
    }
}

/// Tells what happens to targets; failures at most once per target and class per second, with a count of what was left out.
pub struct Log {
    clock: Arc<dyn Clock>,
    groups: Mutex<HashMap<(Name, ErrorClass), Group>>,
}

struct Group {
    told: Tick,
    since: u64,
}

const ONCE_PER: Duration = Duration::from_secs(1);

impl Log {
    /// A log on this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, groups: Mutex::default() }
    }

    /// How many failures of this kind to tell of now; none: later.
    fn due(&self, target: &Name, class: ErrorClass) -> Option<u64> {
        let now = self.clock.tick();
        let mut groups = self.groups.lock();
        match groups.get_mut(&(target.clone(), class)) {
            None => {
                groups.insert((target.clone(), class), Group { told: now, since: 0 });
                Some(1)
            }
            Some(group) if now.since(group.told) < ONCE_PER => {
                group.since += 1;
                None
            }
            Some(group) => {
                group.told = now;
                Some(std::mem::take(&mut group.since) + 1)
            }
        }
    }
}

impl Listener for Log {
    #[expect(clippy::too_many_lines, reason = "one arm for each thing that can happen")]
    fn on(&self, happened: &Happened<'_>) {
        match happened {
            Happened::Accepted { message, deliveries } => {
                debug!(ticket = %message.id, route = %message.route, deliveries, "accepted");
            }
            Happened::Attempted { delivery, target, attempt, .. } => match attempt.result.class() {
                None => debug!(%delivery, %target, status = attempt.result.status(), "delivered"),
                Some(class) => {
                    if let Some(count) = self.due(target, class) {
                        let (class, status) = (class.word(), attempt.result.status());
                        warn!(%target, class, status, count, %delivery, "attempts failed");
                    }
                }
            },
            Happened::Stumbled { target, class, detail, delivery } => {
                if let Some(count) = self.due(target, *class) {
                    warn!(%target, class = class.word(), count, %delivery, detail, "this side failed before a request was made");
                }
            }
            Happened::Parked { message, delivery, target } => {
                warn!(%target, ticket = %message, %delivery, "an order key is parked: what comes later waits until the dead delivery is redriven, discarded, or its key resumed (`fanlight key list`)");
            }
            Happened::Held { target, reason: Some(reason), hold } => {
                let until = hold.until(self.clock.now()).map(Moment).map(tracing::field::display);
                info!(%target, reason = reason.word(), until, "target held");
            }
            Happened::Held { target, reason: None, .. } => info!(%target, "target open"),
            Happened::Switched { target, turn: Turn::Opened, hold } => {
                let until = hold.until(self.clock.now()).map(Moment).map(tracing::field::display);
                let since = hold.breaker.map(|trip| Moment(trip.since)).map(tracing::field::display);
                warn!(%target, until, since, "the target fails and is left alone for a while");
            }
            Happened::Switched { target, turn: Turn::Ramping, .. } => {
                info!(%target, "a first call has succeeded; more follow as they succeed");
            }
            Happened::Switched { target, turn: Turn::Closed, .. } => {
                info!(%target, "the target is well again")
            }
            Happened::Refused { route, why } => debug!(%route, ?why, "refused"),
            Happened::Turned(Readiness::Full) => {
                error!(
                    "the disk, or what `retention.bytes` allows, is full: new messages are refused with 507 until there is room; what was accepted goes on"
                );
            }
            Happened::Turned(Readiness::Ready) => info!("there is room again: new messages are accepted"),
            // The store says why by itself.
            Happened::Turned(Readiness::Failed) => {}
            Happened::Corrupted { message } => {
                // Not `message`: that is the name of the sentence.
                error!(ticket = %message, "stored bytes do not match their checksum: what of the message still waited is dead(corrupt); restore it from its source");
            }
            Happened::Damaged { file, detail } => {
                error!(
                    file,
                    detail,
                    "a file of the store is damaged; what can be read is still served: run `fanlight verify` and look at the disk"
                );
            }
            Happened::Sound { file } => {
                info!(
                    file,
                    "a file of the store that was damaged has been mended and looked through: it is whole"
                );
            }
            Happened::Fenced { delivery } => {
                warn!(%delivery, "settled too late: another session has the delivery")
            }
            Happened::Replay { replay } => turned(replay),
            Happened::Replayed { replay, step } => failed(replay, step),
            Happened::Repeated { route } => debug!(%route, "repeated"),
            Happened::Settled { delivery, target, standing, .. } => {
                debug!(%delivery, %target, ?standing, "settled")
            }
            Happened::Committed(commit) => debug!(items = commit.items, took = ?commit.took, "committed"),
        }
    }
}

/// A replay has begun or ended.
fn turned(replay: &Replay) {
    let Replay { id, order, state, counts, .. } = replay;
    let (sent, failed) = (counts.sent, counts.failed);
    info!(replay = %id, route = %order.route, target = %order.to, ?state, sent, failed, "replay");
}

/// What of a step of a replay cannot be sent.
fn failed(replay: &Replay, step: &Counts) {
    if step.failed > 0 {
        let (target, count) = (&replay.order.to, step.failed);
        warn!(replay = %replay.id, %target, count, why = replay.failure, "messages cannot be replayed");
    }
}
