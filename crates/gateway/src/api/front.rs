//! What the handlers of the front door share: the engine and the routes as configured now.

use super::dedupe::Dedupe;
use super::redactions::Redactions;
use crate::config::event_type::TypePattern;
use crate::config::media::ContentTypes;
use crate::config::pattern::Routes;
use arc_swap::ArcSwap;
use contract::Name;
use contract::part::Caller;
use engine::Engine;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What the front door's handlers share.
pub struct Front {
    /// The engine.
    pub engine: Arc<Engine>,
    /// The routes as configured now.
    pub routing: ArcSwap<Routing>,
    /// True when the process stops: who waits or listens is let go.
    pub stopping: watch::Receiver<bool>,
}

/// A route as the front door needs it.
pub struct Entry {
    /// The engine's side of it.
    pub route: Arc<engine::route::Route>,
    /// The largest body.
    pub body_max: usize,
    /// The content types it takes; none: all.
    pub content_types: Option<ContentTypes>,
    /// What is taken for a repeat; none: only what its caller says is one.
    pub dedupe: Option<Dedupe>,
    /// What becomes of the parameters of the path.
    pub params: Params,
    /// Whose answer the caller gets; none: the ticket.
    pub primary: Option<Primary>,
}

/// A route's primary target.
#[derive(Clone, Debug)]
pub struct Primary {
    /// Its name.
    pub target: Name,
    /// How long the caller waits.
    pub wait: Duration,
    /// What its deliveries are told about that.
    pub caller: Caller,
}

/// Whether the parameters of a path are kept with its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Params {
    /// A template asks for them.
    Kept,
    /// Nobody does.
    Unneeded,
}

/// One configuration's routes.
#[derive(Default)]
pub struct Routing {
    /// By method and path; gives an index into `entries`.
    pub table: Routes,
    /// In the order of the configuration.
    pub entries: Vec<Arc<Entry>>,
    /// Event types and the index of the route that takes them, in the order of the configuration.
    pub types: Vec<(TypePattern, usize)>,
    /// The largest body of an event.
    pub body_max: usize,
    /// What is covered in what is shown.
    pub redact: Redactions,
}

impl Front {
    /// How large a body of a route may be; the usual bound for a route that is not configured any more.
    pub(super) fn body_max(&self, route: &Name) -> usize {
        let routing = self.routing.load();
        let entry = routing.entries.iter().find(|entry| entry.route.name == *route);
        entry.map_or(routing.body_max, |entry| entry.body_max)
    }

    /// Ends when the process stops.
    pub(super) async fn stopped(&self) {
        // A sender that has gone is a process that has stopped.
        drop(self.stopping.clone().wait_for(|stopping| *stopping).await);
    }
}
