//! The ruler: reads a request, answers 202 and POSTs the body to each target, keeping nothing on disk.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Requests in flight per target: Fanlight's default, so that both hold as many connections.
const CONCURRENCY: usize = 64;

struct Floor {
    client: Client<HttpConnector, Full<Bytes>>,
    targets: Vec<Target>,
    accepted: AtomicU64,
}

struct Target {
    url: Uri,
    room: Semaphore,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { listen, targets, threads } = arguments()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(serve(listen, targets))
}

async fn serve(listen: String, targets: Vec<Target>) -> Result<(), Box<dyn Error>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let floor = Arc::new(Floor { client, targets, accepted: AtomicU64::new(0) });
    let listener = TcpListener::bind(&listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let floor = Arc::clone(&floor);
        detach(async move {
            let service = service_fn(|request| accept(Arc::clone(&floor), request));
            // A client that leaves in the middle is no news to a ruler.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

async fn accept(floor: Arc<Floor>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    let Ok(body) = request.into_body().collect().await else {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    let body = body.to_bytes();
    let id = floor.accepted.fetch_add(1, Ordering::Relaxed);
    for ordinal in 0..floor.targets.len() {
        detach(post(Arc::clone(&floor), ordinal, body.clone()));
    }
    *response.status_mut() = StatusCode::ACCEPTED;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(location) = HeaderValue::try_from(format!("/v1/tickets/{id}")) {
        headers.insert(LOCATION, location);
    }
    *response.body_mut() = Full::from(format!(r#"{{"id":"{id}","status_url":"/v1/tickets/{id}"}}"#));
    Ok(response)
}

/// One attempt; what comes of it is the sink's to count.
async fn post(floor: Arc<Floor>, ordinal: usize, body: Bytes) {
    let Some(target) = floor.targets.get(ordinal) else { return };
    let Ok(_room) = target.room.acquire().await else { return };
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target.url.clone();
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(response) = floor.client.request(request).await {
        let mut body = response.into_body();
        // Read to the end, so that the connection goes back to the pool.
        while !body.is_end_stream() {
            if body.frame().await.is_none() {
                break;
            }
        }
    }
}

struct Arguments {
    listen: String,
    targets: Vec<Target>,
    /// Worker threads: as many as what is measured has.
    threads: usize,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let (mut listen, mut targets, mut threads) = (None, Vec::new(), 1);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--listen" => listen = Some(value),
            "--threads" => threads = value.parse()?,
            "--to" => targets.push(Target { url: value.parse()?, room: Semaphore::new(CONCURRENCY) }),
            other => {
                return Err(format!(
                    "unknown argument {other}; use --listen ADDRESS --threads 1 --to URL --to URL"
                )
                .into());
            }
        }
    }
    Ok(Arguments { listen: listen.ok_or("--listen is missing")?, targets, threads })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the ruler keeps no promise that a shutdown would have to wait for"
)]
fn detach(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}
