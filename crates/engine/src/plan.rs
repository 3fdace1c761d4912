//! What the configuration asks of the engine: routes and targets, ready to use.

use crate::dispatch::lane::Lane;
use crate::policy::retry;
use crate::policy::statuses::Statuses;
use contract::Name;
use contract::delivery::ShapeId;
use contract::expression::Expression;
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
    /// The targets' names, each of which is in [`Plan::targets`].
    pub to: Vec<Name>,
    /// No attempt later than this after accept.
    pub deadline: Option<Duration>,
    /// Messages for which this gives the same text go to each target in order.
    pub key: Option<Arc<dyn Expression>>,
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
    pub concurrency: usize,
    /// Whether a message goes there at all.
    pub when: Option<Arc<dyn Expression>>,
    /// How the body is made.
    pub shape: Option<Shape>,
    /// What makes the attempt.
    pub target: Arc<dyn contract::target::Target>,
}

/// A body's expression with its identity.
#[derive(Clone)]
pub struct Shape {
    /// A hash of the text.
    pub id: ShapeId,
    /// The text, kept so that later configurations can still run it.
    pub text: Arc<str>,
    /// The compiled text.
    pub expression: Arc<dyn Expression>,
}

/// Compiles the text of a shape that an earlier configuration pinned.
pub trait Compile: Send + Sync {
    /// None when the text does not compile any more.
    fn compile(&self, text: &str) -> Option<Arc<dyn Expression>>;
}

/// A route with its lanes, for the hot path.
pub struct Route {
    /// Its name.
    pub name: Name,
    /// Relative deadline.
    pub deadline: Option<Duration>,
    /// The order key's expression.
    pub(crate) key: Option<Arc<dyn Expression>>,
    /// The targets' names, in order of ordinal.
    pub(crate) targets: Arc<[Name]>,
    /// One per target, in order of ordinal.
    pub(crate) rays: Vec<Ray>,
}

/// One way out of a route.
pub(crate) struct Ray {
    pub(crate) lane: Arc<Lane>,
    pub(crate) when: Option<Arc<dyn Expression>>,
    pub(crate) shape: Option<ShapeId>,
    pub(crate) first_wait: Duration,
}
