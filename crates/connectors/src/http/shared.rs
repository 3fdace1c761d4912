//! An HTTP/2 connection: many exchanges at once, driven by a task of the target.

use super::exchange::Carrier;
use super::line::Stream;
use super::request::Body;
use super::tasks::Starter;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http2};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Bytes of an answer's head.
const HEAD_BYTES_MAX: u32 = 64 * 1024;
/// What a stream may send before we have read any of it: an answer's kept beginning, and something to drain.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// What all streams together may send unread.
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// A handle to the connection. The connection ends when the last handle and the last exchange are gone.
#[derive(Clone)]
pub(super) struct Shared {
    sender: http2::SendRequest<Body>,
    identity: Arc<()>,
}

impl Shared {
    pub(super) async fn start(stream: Stream, tasks: &Starter) -> hyper::Result<Self> {
        let (sender, connection) = http2::Builder::new(tasks.clone())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(HEAD_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await?;
        tasks.start(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "HTTP/2 connection ended");
            }
        });
        Ok(Self { sender, identity: Arc::default() })
    }

    /// Sends the request; beyond the number of streams that the server allows, it waits for one to end.
    pub(super) fn send(
        &mut self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Body>>>> + use<> {
        self.sender.try_send_request(request)
    }

    /// Whether it takes requests.
    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.identity, &other.identity)
    }
}

/// The task of the connection carries every exchange and wakes it.
pub(super) struct Driven;

impl Carrier for Driven {
    fn carry<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut step: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Option<T>> {
        step(cx).map(Some)
    }
}
