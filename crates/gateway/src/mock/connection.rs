//! One connection of a mock API: reads requests, and does to them what was decided.

use super::Shared;
use super::answer::{Body, answer, report};
use super::behaviour::Act;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use std::future::poll_fn;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// The largest request that is read.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is to be done to a connection in place of an answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection ends without an answer: {0:?}")]
struct Spoiled(Act);

/// Serves `stream` until it ends.
pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let spoiled = Arc::new(Mutex::new(None));
    let service = service_fn(|request| {
        let (shared, spoiled) = (Arc::clone(&shared), Arc::clone(&spoiled));
        Box::pin(async move {
            let outcome = handle(request, &shared).await;
            *spoiled.lock() = outcome.as_ref().err().copied();
            outcome
        })
    });
    let mut http =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // Without a shutdown, so that the stream is still there for what HTTP cannot say.
    let ended = poll_fn(|context| http.poll_without_shutdown(context)).await;
    let mut stream = http.into_parts().io.into_inner();
    let spoiled = spoiled.lock().take();
    let done = match spoiled {
        Some(Spoiled(act)) => spoil(&mut stream, act).await,
        None => stream.shutdown().await,
    };
    if let (Err(error), _) | (_, Err(error)) = (ended.map_err(std::io::Error::other), done) {
        tracing::debug!(%error, "a connection of the mock API ended early");
    }
}

async fn handle(request: Request<Incoming>, shared: &Shared) -> Result<Response<Body>, Spoiled> {
    let (head, body) = request.into_parts();
    let about = report(head.uri.path(), &shared.memory.lock());
    if let Some(response) = about {
        return Ok(response);
    }
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        return Ok(answer(&shared.behaviour, StatusCode::PAYLOAD_TOO_LARGE, &shared.clock));
    };
    let taken = shared.memory.lock().take(&head, &body.to_bytes(), |number| shared.behaviour.decide(number));
    let (recorded, latency, act) = taken;
    (shared.observer)(&recorded);
    if !latency.is_zero() {
        shared.clock.sleep(latency).await;
    }
    match act {
        Act::Answer(status) => Ok(answer(&shared.behaviour, status, &shared.clock)),
        Act::Hang => std::future::pending().await,
        Act::Reset | Act::Invalid | Act::Short(_) => Err(Spoiled(act)),
    }
}

async fn spoil(stream: &mut TcpStream, act: Act) -> std::io::Result<()> {
    match act {
        // Closing it then sends a reset.
        Act::Reset => stream.set_zero_linger(),
        Act::Invalid => {
            stream.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n").await?;
            stream.shutdown().await
        }
        Act::Short(status) => {
            let head = format!(
                "HTTP/1.1 {} -\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n",
                status.as_u16()
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(b"{\"cut\":").await?;
            stream.shutdown().await
        }
        Act::Answer(_) | Act::Hang => Ok(()),
    }
}
