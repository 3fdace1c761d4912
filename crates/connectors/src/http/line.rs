//! The byte streams that HTTP runs over: a line as it was dialled, plain or inside TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A dialled line. It counts the bytes that leave, so that "not a byte left" is a fact and not a guess.
pub struct Line {
    ends: Ends,
    meter: Meter,
}

/// Any byte stream: what a simulation dials.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// The real one is spelt out, so that the hot path pays for no `dyn`.
enum Ends {
    Tcp(TcpStream),
    Other(Box<dyn Duplex>),
}

/// Reads how many bytes have left a line; stays valid after the line is gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<AtomicU64>);

impl Meter {
    /// Bytes that have left so far.
    pub(super) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Line {
    /// Over TCP.
    #[must_use]
    pub fn tcp(stream: TcpStream) -> Self {
        Self { ends: Ends::Tcp(stream), meter: Meter::default() }
    }

    /// Over anything else.
    pub fn other(stream: impl Duplex + 'static) -> Self {
        Self { ends: Ends::Other(Box::new(stream)), meter: Meter::default() }
    }

    pub(super) fn meter(&self) -> Meter {
        self.meter.clone()
    }

    fn count(&self, left: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let bytes = ready!(left)?;
        self.meter.0.fetch_add(bytes as u64, Ordering::Relaxed);
        Poll::Ready(Ok(bytes))
    }
}

/// Hands each call to whichever stream there is.
macro_rules! pass {
    ($on:expr, $kind:ident { $($variant:ident),+ }, $stream:ident => $call:expr) => {
        match $on { $($kind::$variant($stream) => $call),+ }
    };
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        pass!(&mut self.get_mut().ends, Ends { Tcp, Other }, stream => Pin::new(stream).poll_read(cx, into))
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let line = self.get_mut();
        let left =
            pass!(&mut line.ends, Ends { Tcp, Other }, stream => Pin::new(stream).poll_write(cx, from));
        line.count(left)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let line = self.get_mut();
        let left = pass!(&mut line.ends, Ends { Tcp, Other }, stream => Pin::new(stream).poll_write_vectored(cx, from));
        line.count(left)
    }

    fn is_write_vectored(&self) -> bool {
        pass!(&self.ends, Ends { Tcp, Other }, stream => stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        pass!(&mut self.get_mut().ends, Ends { Tcp, Other }, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        pass!(&mut self.get_mut().ends, Ends { Tcp, Other }, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

/// A line as HTTP uses it. The bytes of a TLS stream are counted below TLS, where they leave.
pub(super) enum Stream {
    Plain(Line),
    Tls(Box<TlsStream<Line>>),
}

impl Stream {
    pub(super) fn meter(&self) -> Meter {
        match self {
            Self::Plain(line) => line.meter(),
            Self::Tls(stream) => stream.get_ref().0.meter(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        pass!(self.get_mut(), Stream { Plain, Tls }, stream => Pin::new(stream).poll_read(cx, into))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        pass!(self.get_mut(), Stream { Plain, Tls }, stream => Pin::new(stream).poll_write(cx, from))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        pass!(self.get_mut(), Stream { Plain, Tls }, stream => Pin::new(stream).poll_write_vectored(cx, from))
    }

    fn is_write_vectored(&self) -> bool {
        pass!(self, Stream { Plain, Tls }, stream => stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        pass!(self.get_mut(), Stream { Plain, Tls }, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        pass!(self.get_mut(), Stream { Plain, Tls }, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
