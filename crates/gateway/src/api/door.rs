//! The front door: routes first, then `/v1/messages`, `/v1/tickets` and `/healthz`.

use super::accept;
use super::front::{self, Entry, Front};
use super::manners::errors_are_problems;
use super::problem::{METHOD_NOT_ALLOWED, Problem};
use super::{events, nowhere, socket, tickets};
use crate::config::pattern::{Lookup, Params};
use axum::body::Body;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, extract::Request};
use bytes::Bytes;
use http::Uri;
use std::sync::Arc;
use tower::ServiceExt;

/// The front door as one service.
#[derive(Clone)]
pub struct Door {
    front: Arc<Front>,
    fixed: Router,
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
            .route("/v1/tickets/{id}/ws", get(socket::follow))
            .route("/v1/tickets/{id}/cancel", post(tickets::cancel))
            .fallback(async |uri: Uri| nowhere::at_front(uri.path()))
            .method_not_allowed_fallback(async || nowhere::wrong_method())
            .layer(map_response(errors_are_problems))
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
            Lookup::Found { route, params } => {
                routing.entries.get(route).map(|entry| (Arc::clone(entry), kept(entry, &params)))
            }
            Lookup::MethodNotAllowed(methods) => {
                let list = methods.iter().map(http::Method::as_str).collect::<Vec<_>>().join(", ");
                return Problem::new(METHOD_NOT_ALLOWED, format!("this path takes {list}"))
                    .allow(&list)
                    .into_response();
            }
            Lookup::NotFound => None,
        };
        drop(routing);
        let Some((entry, params)) = entry else { return nowhere::at_front(path).into_response() };
        accept::handle(&self.front, &entry, params, request).await.unwrap_or_else(IntoResponse::into_response)
    }
}

/// What is kept of a path's parameters.
fn kept(entry: &Entry, captured: &Params<'_, '_>) -> Option<String> {
    match entry.params {
        front::Params::Kept if !captured.is_empty() => {
            Some(contract::params::write(captured.iter().map(|(name, value)| (*name, &**value))))
        }
        front::Params::Kept | front::Params::Unneeded => None,
    }
}
