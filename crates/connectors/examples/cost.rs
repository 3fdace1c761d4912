//! Measures what a POST of 1 KB costs in CPU: this target beside hyper-util's pooled client, against one tiny server.
//!
//! `cargo run --release -p connectors --example cost -- [calls] [at once] [target|legacy]`
//!
//! With a third word only one client runs, for a profiler. The server runs in a child process and the client on one thread,
//! so that the figures are the client's alone.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement on a real clock that prints its result and stops when anything is wrong"
)]

use bytes::Bytes;
use connectors::http::dial::Tcp;
use connectors::http::{HttpTarget, Settings};
use contract::delivery::Suspicion;
use contract::message::Headers;
use contract::mould::Head;
use contract::target::{Call, Form, Keep, Outcome, Parcel, Target};
use contract::{Clock, DeliveryId, Message, MessageId, Name, Promise, Tick, Timestamp};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    if arguments.first().is_some_and(|argument| argument == "server") {
        runtime.block_on(serve());
        return;
    }
    let number = |index: usize, default| {
        arguments.get(index).map_or(default, |text| text.parse().expect("a whole number"))
    };
    let (calls, at_once) = (number(0, 40_000), number(1, 64));
    let mut server = Command::new(std::env::current_exe().expect("this program's path"))
        .arg("server")
        .stdout(Stdio::piped())
        .spawn()
        .expect("a server process");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("its output")).read_line(&mut line).expect("its address");
    let address: SocketAddr = line.trim().parse().expect("an address");
    match arguments.get(2).map(String::as_str) {
        Some("target") => runtime.block_on(run(Ours::new(address), calls, at_once)),
        Some("legacy") => runtime.block_on(run(Legacy::new(address), calls, at_once)),
        Some(_) | None => runtime.block_on(compare(address, calls, at_once)),
    }
    server.kill().expect("the server can be stopped");
    server.wait().expect("the server has stopped");
}

async fn run<P: Post>(client: P, calls: usize, at_once: usize) {
    println!("{at_once:>4} at once: {:.2} µs", cost(&Arc::new(client), calls, at_once).await);
}

async fn compare(address: SocketAddr, calls: usize, at_once: usize) {
    let ours = Arc::new(Ours::new(address));
    let legacy = Arc::new(Legacy::new(address));
    println!("{calls} POSTs of 1 KB, CPU µs per call, best and median of {ROUNDS} rounds in turn");
    for at_once in [1, at_once] {
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            mine.push(cost(&ours, calls, at_once).await);
            theirs.push(cost(&legacy, calls, at_once).await);
        }
        mine.sort_by(f64::total_cmp);
        theirs.sort_by(f64::total_cmp);
        let figure = |row: &[f64], index: usize| row.get(index).copied().unwrap_or(f64::NAN);
        println!(
            "{at_once:>4} at once: target {:.2} / {:.2}   legacy client {:.2} / {:.2}   ratio of medians {:.2}",
            figure(&mine, 0),
            figure(&mine, ROUNDS / 2),
            figure(&theirs, 0),
            figure(&theirs, ROUNDS / 2),
            figure(&mine, ROUNDS / 2) / figure(&theirs, ROUNDS / 2),
        );
    }
}

/// A client that can post once.
trait Post: Send + Sync + 'static {
    fn post(&self) -> impl Future<Output = ()> + Send;
}

async fn cost<P: Post>(client: &Arc<P>, calls: usize, at_once: usize) -> f64 {
    client.post().await;
    let before = cpu();
    let mut workers = JoinSet::new();
    for _ in 0..at_once {
        let client = Arc::clone(client);
        workers.spawn(async move {
            for _ in 0..calls / at_once {
                client.post().await;
            }
        });
    }
    workers.join_all().await;
    (cpu() - before).as_secs_f64() * 1e6 / (calls / at_once * at_once) as f64
}

/// User and system time of the main thread, where the whole client runs, as the scheduler counts it.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").expect("Linux");
    let nanos = text.split(' ').next().and_then(|text| text.parse().ok()).expect("nanoseconds on the CPU");
    Duration::from_nanos(nanos)
}

struct Ours {
    target: HttpTarget,
    call: Call,
}

impl Ours {
    fn new(address: SocketAddr) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(Real(Instant::now()));
        let settings = Settings::new(url(address));
        let dial = Arc::new(Tcp::new(Arc::clone(&clock)));
        let first = DeliveryId::from_bits(0x019a_0000_0000_7000_8000_0000_0000_0000);
        let message = Message {
            id: MessageId::from_bits(0x019a_0000_0000_7000_8000_0000_0000_0009),
            first,
            tenant: Name::default_tenant(),
            route: Name::try_new("signup").expect("a name"),
            received: Timestamp::ZERO,
            deadline: None,
            headers: Headers::from_pairs([("content-type", b"application/json".as_slice())]),
            body: body(),
        };
        let parcel = Parcel {
            id: first,
            revision: 0,
            attempt: 1,
            suspect: Suspicion::Clear,
            replay: None,
            at: Timestamp::from_micros(1_700_000_000_000_000),
            body: message.body.clone(),
            message: Arc::new(message),
            form: Form::Untouched,
            head: Head::default(),
            keep: Keep::default(),
        };
        Self { target: HttpTarget::new(settings, clock, dial), call: Call { parcels: vec![parcel] } }
    }
}

impl Post for Ours {
    async fn post(&self) {
        let outcomes = self.target.deliver(&self.call).await;
        assert!(matches!(outcomes.as_slice(), [Outcome::Answered(reply)] if reply.status == 200));
    }
}

struct Legacy {
    client: Client<HttpConnector, Full<Bytes>>,
    url: http::Uri,
    body: Bytes,
}

impl Legacy {
    fn new(address: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, url: url(address), body: body() }
    }
}

impl Post for Legacy {
    async fn post(&self) {
        let request = Request::post(self.url.clone())
            .header("content-type", "application/json")
            .body(Full::new(self.body.clone()))
            .expect("a request");
        let answer = self.client.request(request).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.expect("its body");
    }
}

struct Real(Instant);

impl Clock for Real {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::ZERO + since
    }
    fn tick(&self) -> Tick {
        Tick(self.0.elapsed())
    }
    fn sleep(&self, time: Duration) -> Promise<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

fn url(address: SocketAddr) -> http::Uri {
    format!("http://{address}/users").parse().expect("a URL")
}

fn body() -> Bytes {
    format!("{{\"text\":\"{}\"}}", "x".repeat(1013)).into()
}

async fn serve() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    println!("{}", listener.local_addr().expect("its address"));
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        let service = service_fn(async |request: Request<Incoming>| {
            let _read = request.into_body().collect().await;
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"{\"ok\":true}"))))
        });
        connections.spawn(async move {
            let _gone = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
