//! An HTTP/1.1 connection: one exchange at a time, driven by whoever uses it.

use super::alarm::Alarm;
use super::bell::Bell;
use super::exchange::Carrier;
use super::line::{Meter, Stream};
use super::request::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Bytes of an answer's head, and of what is read at once.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Times that a connection is polled in one turn of the task.
const TURNS_MAX: usize = 3;

/// A connection with no task of its own. While it is idle nobody polls it; a call that uses it polls it together with its
/// answer, so that no wake-up has to cross from task to task. What happened while it was idle (the server closed it) shows
/// at the first poll, before a byte is written.
pub(super) struct Single {
    sender: http1::SendRequest<Body>,
    connection: http1::Connection<TokioIo<Stream>, Body>,
    ended: bool,
    meter: Meter,
    bell: Arc<Bell>,
    /// Rings the bell. It is the same for every call, so that the connection never has to exchange one for another.
    ring: Waker,
    /// Kept with the connection, because most calls can go on with the timer of an earlier one.
    pub(super) alarm: Alarm,
}

impl Single {
    pub(super) async fn start(stream: Stream) -> hyper::Result<Self> {
        let meter = stream.meter();
        let (sender, connection) =
            http1::Builder::new().max_buf_size(BUFFER_BYTES_MAX).handshake(TokioIo::new(stream)).await?;
        let bell = Bell::new();
        let ring = Waker::from(Arc::clone(&bell));
        Ok(Self { sender, connection, ended: false, meter, bell, ring, alarm: Alarm::default() })
    }

    /// Reads how many bytes have left on this connection.
    pub(super) fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Queues the request; it leaves when the connection is carried on.
    pub(super) fn send(
        &mut self,
        request: Request<Body>,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        self.sender.send_request(request)
    }

    /// Whether the exchange is over on both sides and the connection can carry another.
    pub(super) fn is_reusable(&mut self) -> bool {
        if !self.sender.is_ready() {
            // The end of the body may not have been seen yet.
            self.drive();
        }
        !self.ended && self.sender.is_ready()
    }

    fn drive(&mut self) {
        self.bell.quiet();
        let mut cx = Context::from_waker(&self.ring);
        // The error, if there is one, is told to the exchange.
        self.ended = self.ended || Pin::new(&mut self.connection).poll(&mut cx).is_ready();
    }
}

impl Carrier for Single {
    fn carry<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut step: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Option<T>> {
        // Only the connection makes a step ready, and it is polled right here.
        let mut unwoken = Context::from_waker(Waker::noop());
        for _ in 0..TURNS_MAX {
            if let Poll::Ready(output) = step(&mut unwoken) {
                return Poll::Ready(Some(output));
            }
            self.drive();
            match step(&mut unwoken) {
                Poll::Ready(output) => return Poll::Ready(Some(output)),
                Poll::Pending if self.ended => return Poll::Ready(None),
                Poll::Pending if self.bell.arm(cx.waker()) => return Poll::Pending,
                Poll::Pending => {}
            }
        }
        // The connection yields to others: so do we.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
