//! The front door: routes first, then `/v1/messages`, `/v1/tickets` and `/healthz`.

use super::accept::{self, Entry};
use super::problem::{METHOD_NOT_ALLOWED, NOT_FOUND, Problem};
use super::{events, tickets};
use crate::config::pattern::{Lookup, Routes};
use arc_swap::ArcSwap;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, extract::Request};
use bytes::Bytes;
use contract::Name;
use engine::Engine;
use engine::policy::hold::Reason;
use std::sync::Arc;
use tokio::sync::watch;
use tower::ServiceExt;

/// What the front door's handlers share.
pub struct Front {
    /// The engine.
    pub engine: Arc<Engine>,
    /// The routes as configured now.
    pub routing: ArcSwap<Routing>,
    /// True when the process stops: who waits or listens is let go.
    pub stopping: watch::Receiver<bool>,
}

/// One configuration's routes.
#[derive(Default)]
pub struct Routing {
    /// By method and path; gives an index into `entries`.
    pub table: Routes,
    /// In the order of the configuration.
    pub entries: Vec<Arc<Entry>>,
    /// Event types and the index of the route that takes them, in the order of the configuration.
    pub types: Vec<(events::TypePattern, usize)>,
    /// The largest body of an event.
    pub body_max: usize,
}

/// The front door as one service.
#[derive(Clone)]
pub struct Door {
    front: Arc<Front>,
    fixed: Router,
}

impl Front {
    /// Why a target is not called now.
    #[must_use]
    pub fn held(&self, target: &Name) -> Option<Reason> {
        self.engine.held(target)
    }

    /// Ends when the process stops.
    pub(super) async fn stopped(&self) {
        // A sender that has gone is a process that has stopped.
        drop(self.stopping.clone().wait_for(|stopping| *stopping).await);
    }
}

impl Door {
    /// The door of this front.
    #[must_use]
    pub fn new(front: Arc<Front>) -> Self {
        let fixed = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/v1/messages", post(events::one))
            .route("/v1/messages/batch", post(events::batch))
            .route("/v1/tickets/{id}", get(tickets::show))
            .route("/v1/tickets/{id}/cancel", post(tickets::cancel))
            .fallback(async || nothing_here())
            .method_not_allowed_fallback(async || wrong_method())
            .with_state(Arc::clone(&front));
        Self { front, fixed }
    }

    /// Answers one request.
    pub async fn handle<B>(&self, request: http::Request<B>) -> Response
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let path = request.uri().path();
        if path.starts_with("/v1/") || path == "/healthz" {
            let request: Request = request.map(Body::new);
            return match self.fixed.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
        }
        let routing = self.front.routing.load();
        let entry = match routing.table.find(request.method(), path) {
            Lookup::Found { route, .. } => routing.entries.get(route).map(Arc::clone),
            Lookup::MethodNotAllowed(methods) => {
                let list = methods.iter().map(http::Method::as_str).collect::<Vec<_>>().join(", ");
                return Problem::new(METHOD_NOT_ALLOWED, format!("this path takes {list}"))
                    .allow(&list)
                    .into_response();
            }
            Lookup::NotFound => None,
        };
        drop(routing);
        let Some(entry) = entry else { return nothing_here() };
        accept::handle(&self.front, &entry, request).await.unwrap_or_else(IntoResponse::into_response)
    }
}

pub(super) fn nothing_here() -> Response {
    Problem::new(NOT_FOUND, "no route has this path; `routes` in the configuration lists them")
        .into_response()
}

pub(super) fn wrong_method() -> Response {
    Problem::new(METHOD_NOT_ALLOWED, "this path is not there with this method").into_response()
}
