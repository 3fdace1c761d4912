//! A stream of events of a running Fanlight.

pub(in crate::cli) use super::sse::Incident;

use super::sse::Decoder;
use super::{CallError, ServerUrl};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::collections::VecDeque;
use tokio::task::JoinSet;

/// The events of one stream, in order.
pub(in crate::cli) struct Events {
    server: ServerUrl,
    body: Incoming,
    decoder: Decoder,
    ready: VecDeque<Incident>,
    _connection: JoinSet<()>,
}

impl Events {
    pub(super) fn new(server: ServerUrl, body: Incoming, connection: JoinSet<()>) -> Self {
        Self { server, body, decoder: Decoder::default(), ready: VecDeque::new(), _connection: connection }
    }

    /// The next event; none when the server has ended the stream. Nothing is lost when this is dropped half-way.
    pub(in crate::cli) async fn next(&mut self) -> Result<Option<Incident>, CallError> {
        loop {
            if let Some(incident) = self.ready.pop_front() {
                return Ok(Some(incident));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|source| CallError::Broken { server: self.server.clone(), source })?;
            if let Ok(bytes) = frame.into_data() {
                self.ready.extend(self.decoder.push(&bytes));
            }
        }
    }
}
