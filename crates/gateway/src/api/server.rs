//! One listener: accepts connections within a bound, speaks HTTP/1.1, and drains at the end.

mod bare;
mod worded;

use self::worded::Worded;
use super::framing;
use axum::response::{IntoResponse, Response};
use contract::Clock;
use http::{Request, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// How long a client may take for its request's headers, and how long a connection may be silent between requests.
const HEADERS_MAX: Duration = Duration::from_secs(30);
/// Bytes of a request's first line and headers together.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// What follows an accept that failed: no file handles left, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a listener allows.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at once.
    pub connections: usize,
    /// How long a client may take for its request's headers, and be silent between requests.
    pub headers: Duration,
    /// How long requests under way may take at the end.
    pub grace: Duration,
}

impl Bounds {
    /// With the usual time for headers.
    #[must_use]
    pub const fn new(connections: usize, grace: Duration) -> Self {
        Self { connections, headers: HEADERS_MAX, grace }
    }
}

/// One of the connections that may be open. It goes with a request that asks for another protocol, and is given back by whoever speaks that.
#[derive(Clone, Debug)]
pub struct Seat(#[expect(dead_code, reason = "what counts is that it is held")] Arc<OwnedSemaphorePermit>);

/// The address is taken or forbidden.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: choose another address for `{key}`, or stop what has this one")]
pub struct ListenError {
    key: &'static str,
    address: SocketAddr,
    source: std::io::Error,
}

/// Opens a listener; `key` is the configuration's word for it.
///
/// # Errors
/// [`ListenError`]
pub async fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError { key, address, source })
}

/// Serves as many connections at once as may be, further ones wait in the kernel's queue; until `stop` is true, then ends idle
/// connections and waits for the requests under way.
pub async fn serve<S, F>(
    listener: TcpListener,
    bounds: Bounds,
    mut stop: watch::Receiver<bool>,
    clock: Arc<dyn Clock>,
    service: S,
) where
    S: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(bounds.connections));
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = next(&listener, &room) => accepted,
        };
        match accepted {
            Ok(accepted) => {
                open.spawn(connection(accepted, bounds.headers, service.clone(), stop.clone()));
                while open.try_join_next().is_some() {}
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    tokio::select! {
        biased;
        () = async { while open.join_next().await.is_some() {} } => {}
        () = clock.sleep(bounds.grace) => {}
    }
    open.shutdown().await;
}

async fn next(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, permit))
}

async fn connection<S, F>(
    (stream, peer, permit): (TcpStream, SocketAddr, OwnedSemaphorePermit),
    headers: Duration,
    service: S,
    mut stop: watch::Receiver<bool>,
) where
    S: Fn(Request<Incoming>, SocketAddr) -> F + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(headers).max_buf_size(HEADER_BYTES_MAX);
    let seat = Seat(Arc::new(permit));
    let service = service_fn(move |mut request: Request<Incoming>| {
        if request.headers().contains_key(header::UPGRADE) {
            request.extensions_mut().insert(seat.clone());
        }
        let answer = framing::check(&request).map(|()| service(request, peer));
        async move {
            Ok::<_, Infallible>(match answer {
                Ok(response) => response.await,
                Err(problem) => problem.into_response(),
            })
        }
    });
    let served = builder.serve_connection(TokioIo::new(Worded::new(stream)), service);
    let mut served = pin!(served.with_upgrades());
    let ended = tokio::select! {
        biased;
        ended = served.as_mut() => ended,
        () = async { drop(stop.wait_for(|stop| *stop).await) } => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        // The other side broke off or sent no HTTP: its affair.
        tracing::debug!(%error, "a connection ended early");
    }
}
