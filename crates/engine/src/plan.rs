//! What the configuration asks of the engine: routes and targets, ready to use.

use crate::policy::retry;
use crate::policy::statuses::Statuses;
use contract::Name;
use contract::delivery::ShapeId;
use contract::expression::Expression;
use contract::mould::Mould;
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

/// Compiles the text of a shape that an earlier configuration pinned.
pub trait Compile: Send + Sync {
    /// None when the text does not compile any more.
    fn compile(&self, text: &str) -> Option<Arc<dyn Mould>>;
}
