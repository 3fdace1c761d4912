//! The sink: answers every POST to a numbered path and records when each message came first.

use crate::{clock, message};
use anyhow::{Context, Result};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// Messages that one path remembers; numbers beyond it are counted only.
const MESSAGES_MAX: usize = 16_000_000;

#[derive(Args)]
pub(crate) struct Options {
    #[arg(long)]
    listen: String,
    /// Paths: /0 up to this number.
    #[arg(long, default_value_t = 32)]
    paths: usize,
}

/// How a path behaves.
#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// 200 at once.
    Answer,
    /// 503 at once.
    Fail,
    /// No answer at all.
    Hang,
}

struct Path {
    mode: Mode,
    requests: u64,
    distinct: u64,
    /// By number: when the message came first, or 0.
    arrivals: Vec<u64>,
}

struct Sink {
    paths: Vec<Mutex<Path>>,
}

type Reply = Response<Full<Bytes>>;

/// Serves until it is killed. One thread: the sink must leave the machine to what is measured.
pub(crate) fn run(options: &Options) -> Result<()> {
    let paths = (0..options.paths)
        .map(|_| Mutex::new(Path { mode: Mode::Answer, requests: 0, distinct: 0, arrivals: Vec::new() }))
        .collect();
    let sink = Arc::new(Sink { paths });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(&options.listen).await.with_context(|| options.listen.clone())?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let sink = Arc::clone(&sink);
            detach(async move {
                let service = service_fn(|request| serve(Arc::clone(&sink), request));
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
            });
        }
    })
}

async fn serve(sink: Arc<Sink>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if head.method == Method::POST
        && let Some(index) = path.get(1..).and_then(|digits| digits.parse::<usize>().ok())
    {
        let Ok(body) = body.collect().await else { return Ok(reply(StatusCode::BAD_REQUEST, String::new())) };
        let Some(mode) = sink.record(index, &body.to_bytes()) else {
            return Ok(reply(StatusCode::NOT_FOUND, String::new()));
        };
        return Ok(match mode {
            Mode::Answer => Response::new(Full::default()),
            Mode::Fail => reply(StatusCode::SERVICE_UNAVAILABLE, String::new()),
            Mode::Hang => std::future::pending().await,
        });
    }
    Ok(match (head.method.as_str(), path) {
        ("GET", "/stats") => reply(StatusCode::OK, sink.stats()),
        ("GET", "/arrivals") => reply(StatusCode::OK, sink.arrivals()),
        ("POST", "/reset") => reply(StatusCode::OK, sink.reset()),
        ("POST", "/mode") => match sink.behave(head.uri.query().unwrap_or_default()) {
            Some(()) => reply(StatusCode::OK, String::new()),
            None => reply(StatusCode::BAD_REQUEST, "use /mode?PATH=answer|fail|hang\n".to_owned()),
        },
        _ => reply(StatusCode::NOT_FOUND, String::new()),
    })
}

impl Sink {
    /// Notes a message and says how to answer it; none for a path that is not there.
    fn record(&self, index: usize, body: &[u8]) -> Option<Mode> {
        let mut path = self.paths.get(index)?.lock().unwrap_or_else(PoisonError::into_inner);
        path.requests += 1;
        if matches!(path.mode, Mode::Answer)
            && let Some(number) = message::number(body).and_then(|number| usize::try_from(number).ok())
            && number < MESSAGES_MAX
        {
            if path.arrivals.len() <= number {
                path.arrivals.resize(number + 1, 0);
            }
            if let Some(arrival) = path.arrivals.get_mut(number)
                && *arrival == 0
            {
                *arrival = clock::now();
                path.distinct += 1;
            }
        }
        Some(path.mode)
    }

    fn stats(&self) -> String {
        let paths: Vec<_> = self
            .paths
            .iter()
            .map(|path| {
                let path = path.lock().unwrap_or_else(PoisonError::into_inner);
                json!({"requests": path.requests, "distinct": path.distinct})
            })
            .collect();
        json!({ "paths": paths }).to_string()
    }

    /// A line per path: when each number came, by commas; 0 if it did not.
    fn arrivals(&self) -> String {
        let mut page = String::new();
        for path in &self.paths {
            let path = path.lock().unwrap_or_else(PoisonError::into_inner);
            for arrival in &path.arrivals {
                write!(page, "{arrival},").ok();
            }
            page.push('\n');
        }
        page
    }

    /// Forgets what came; modes stay.
    fn reset(&self) -> String {
        for path in &self.paths {
            let mut path = path.lock().unwrap_or_else(PoisonError::into_inner);
            (path.requests, path.distinct) = (0, 0);
            path.arrivals.clear();
        }
        String::new()
    }

    fn behave(&self, query: &str) -> Option<()> {
        let (index, mode) = query.split_once('=')?;
        let mode = Mode::from_str(mode, false).ok()?;
        let path = self.paths.get(index.parse::<usize>().ok()?)?;
        path.lock().unwrap_or_else(PoisonError::into_inner).mode = mode;
        Some(())
    }
}

fn reply(status: StatusCode, body: String) -> Reply {
    let mut reply = Response::new(Full::from(body));
    *reply.status_mut() = status;
    reply
}

#[expect(
    clippy::disallowed_methods,
    reason = "the sink keeps nothing that a shutdown would have to wait for"
)]
fn detach(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}
