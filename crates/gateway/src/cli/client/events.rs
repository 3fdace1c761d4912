//! A stream of events of a running Fanlight.

pub(in crate::cli) use super::sse::Incident;

use super::sse::Decoder;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::collections::VecDeque;
use tokio::task::JoinSet;

/// The events of one stream, in order.
pub(in crate::cli) struct Events {
    body: Incoming,
    decoder: Decoder,
    ready: VecDeque<Incident>,
    _connection: JoinSet<()>,
}

impl Events {
    pub(super) fn new(body: Incoming, connection: JoinSet<()>) -> Self {
        Self { body, decoder: Decoder::default(), ready: VecDeque::new(), _connection: connection }
    }

    /// The next event; none when the stream has ended. Nothing is lost when this is dropped half-way.
    pub(in crate::cli) async fn next(&mut self) -> Option<Incident> {
        loop {
            if let Some(incident) = self.ready.pop_front() {
                return Some(incident);
            }
            // A server that goes away may break off in the middle of a piece: to a reader that is the end as well.
            let frame = self.body.frame().await?.ok()?;
            if let Ok(bytes) = frame.into_data() {
                self.ready.extend(self.decoder.push(&bytes));
            }
        }
    }
}
