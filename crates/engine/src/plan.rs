//! What the configuration asks of the engine: routes and targets, ready to use.

use crate::policy::statuses::Statuses;
use crate::policy::{breaker, capture, concurrency, order, rate, retry};
use bytes::Bytes;
use contract::Name;
use contract::delivery::ShapeId;
use contract::expression::Expression;
use contract::line::Priority;
use contract::mould::Mould;
use contract::part::{Part, Rule};
use contract::ticket::Ticket;
use std::sync::Arc;
use std::time::Duration;

/// A whole configuration, as the engine needs it.
#[derive(Default)]
pub struct Plan {
    /// In the order of the configuration.
    pub routes: Vec<RoutePlan>,
    /// Every target that a route names, and perhaps more.
    pub targets: Vec<TargetPlan>,
}

/// One route.
pub struct RoutePlan {
    /// Its name.
    pub name: Name,
    /// Where its messages go, in order of ordinal: first what they are for, then undos and callbacks.
    pub to: Vec<Way>,
    /// When a message has succeeded.
    pub rule: Rule,
    /// The ordinal of the target whose answer the caller gets; the others wait for it.
    pub primary: Option<u16>,
    /// No attempt later than this after accept.
    pub deadline: Option<Duration>,
    /// Of its messages, unless one says otherwise.
    pub priority: Priority,
    /// Messages for which this gives the same text go to each target in order.
    pub key: Option<Arc<dyn Expression>>,
}

/// One way out of a route.
pub struct Way {
    /// The target's name, which is in [`Plan::targets`].
    pub target: Name,
    /// Its part in the group of a message's deliveries.
    pub part: Part,
}

impl Way {
    /// A required one that waits for nothing.
    #[must_use]
    pub fn to(target: Name) -> Self {
        Self { target, part: Part::default() }
    }
}

/// One target.
pub struct TargetPlan {
    /// Its name.
    pub name: Name,
    /// When to try again.
    pub retry: retry::Policy,
    /// How to read its answers.
    pub statuses: Statuses,
    /// Calls in flight at once.
    pub concurrency: concurrency::Limit,
    /// Calls in a time; none: as many as there are.
    pub rate: Option<rate::Limit>,
    /// When it is left alone because it fails; none: never.
    pub breaker: Option<breaker::Policy>,
    /// It is disabled when it has failed for so long.
    pub disable_after: Option<Duration>,
    /// What is kept of its answers' bodies.
    pub capture: capture::Policy,
    /// Some bits of a hash of what it is sent as credentials, the same in every process: others may be worth a try.
    pub credentials: u16,
    /// Host and port: targets with the same learn from each other that nobody answers there.
    pub host: Option<Arc<str>>,
    /// What a failure means for those behind it with the same order key.
    pub order: order::Policy,
    /// Whether a message goes there at all.
    pub when: Option<Arc<dyn Expression>>,
    /// How body, path and headers are made.
    pub shape: Option<Shape>,
    /// What makes the attempt.
    pub target: Arc<dyn contract::target::Target>,
}

/// What gives a message its form, with its identity.
#[derive(Clone)]
pub struct Shape {
    /// A hash of the text.
    pub id: ShapeId,
    /// The text, kept so that later configurations can still run it.
    pub text: Arc<str>,
    /// The compiled text.
    pub mould: Arc<dyn Mould>,
}

/// How a ticket is told to whoever is called back.
pub trait Report: Send + Sync {
    /// The body of the callback: the ticket without its callbacks, the same for every attempt of a run.
    fn report(&self, ticket: &Ticket) -> Bytes;
}

/// Compiles the text of a shape that an earlier configuration pinned.
pub trait Compile: Send + Sync {
    /// None when the text does not compile any more.
    fn compile(&self, text: &str) -> Option<Arc<dyn Mould>>;
}
