//! Speaks to a running Fanlight: plain HTTP/1.1, one connection per request.

mod door;
mod events;
mod sse;

pub(super) use door::{AdminDoor, Door, FrontDoor, ServerUrl};
pub(super) use events::Events;

use crate::doors::SystemClock;
use bytes::Bytes;
use contract::{Clock, limits};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long status and headers may take: the longest wait that can be asked for, and some.
const HEAD_MAX: Duration = limits::WAIT_MAX.saturating_add(Duration::from_secs(15));
/// The longest answer: the largest body as JSON text, with its edit and its attempts.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// One door of a running Fanlight.
pub(super) struct Client {
    server: ServerUrl,
    door: Door,
    clock: SystemClock,
}

/// An answer that is no error.
pub(super) struct Answer {
    /// The status.
    pub(super) status: StatusCode,
    /// The ticket of an answer that is another API's: the primary's of the route.
    pub(super) ticket: Option<String>,
    body: Bytes,
}

/// Why there is no good answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// Nobody is there.
    #[error("nothing listens at {server} ({why}): is `fanlight serve` running? {option} says where", option = door.option())]
    Unreachable { server: ServerUrl, door: Door, why: std::io::Error },
    /// Somebody is there, but says nothing.
    #[error("{server} did not answer within {} s", waited.as_secs())]
    Slow { server: ServerUrl, waited: Duration },
    /// The connection broke, or what came is no HTTP.
    #[error("the connection to {server} broke")]
    Broken { server: ServerUrl, source: hyper::Error },
    /// The server said why not.
    #[error("{detail} ({})", status.as_u16())]
    Refused { status: StatusCode, detail: String },
    /// The request cannot be written down.
    #[error("this cannot be sent")]
    Unsendable(#[from] http::Error),
    /// The answer is not of the form that this program knows.
    #[error("{server} sent an answer that this version does not understand")]
    Foreign { server: ServerUrl, source: serde_json::Error },
    /// The answer does not end.
    #[error("{server} sent more than {ANSWER_BYTES_MAX} bytes")]
    TooLong { server: ServerUrl },
}

/// What is shown of `application/problem+json`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
}

/// An answer whose body is still to come. The connection ends with it.
struct Opened {
    status: StatusCode,
    ticket: Option<String>,
    body: Incoming,
    connection: JoinSet<()>,
}

impl Client {
    fn new(server: ServerUrl, door: Door) -> Self {
        Self { server, door, clock: SystemClock::new() }
    }

    /// ` --server URL`, as a further command needs it to reach the same server; empty for the default.
    pub(super) fn option(&self) -> String {
        self.door.option_for(&self.server)
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer, CallError> {
        self.call(Method::GET, path, HeaderMap::new(), Bytes::new()).await
    }

    pub(super) async fn post_json(&self, path: &str, body: &serde_json::Value) -> Result<Answer, CallError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        self.call(Method::POST, path, headers, body.to_string().into()).await
    }

    /// Any request; every status of the 2xx kind is an answer, every other one an error.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let opened = self.open(method, path, headers, body).await?;
        let (status, ticket) = (opened.status, opened.ticket.clone());
        let body = self.rest(opened).await?;
        if status.is_success() { Ok(Answer { status, ticket, body }) } else { Err(refused(status, &body)) }
    }

    /// Begins to listen to a stream of events.
    pub(super) async fn events(&self, path: &str) -> Result<Events, CallError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, header::HeaderValue::from_static("text/event-stream"));
        let opened = self.open(Method::GET, path, headers, Bytes::new()).await?;
        if !opened.status.is_success() {
            let status = opened.status;
            return Err(refused(status, &self.rest(opened).await?));
        }
        Ok(Events::new(opened.body, opened.connection))
    }

    /// Reads an answer in the form that is expected.
    pub(super) fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, CallError> {
        self.parse(&answer.body)
    }

    /// Reads JSON of this server in the form that is expected.
    pub(super) fn parse<T: DeserializeOwned>(&self, json: &[u8]) -> Result<T, CallError> {
        serde_json::from_slice(json)
            .map_err(|source| CallError::Foreign { server: self.server.clone(), source })
    }

    async fn open(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Opened, CallError> {
        let broken = |source| CallError::Broken { server: self.server.clone(), source };
        let mut request = Request::builder()
            .method(method)
            .uri(self.server.path(path))
            .header(header::HOST, self.server.authority())
            .body(Full::new(body))?;
        request.headers_mut().extend(headers);
        let stream = self.connect().await?;
        let (mut sender, driver) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let mut connection = JoinSet::new();
        // How it ends is told by the exchange that it carries.
        connection.spawn(async move { drop(driver.await) });
        let response = self.within(HEAD_MAX, sender.send_request(request)).await?.map_err(broken)?;
        let ticket = passed_on(response.headers());
        Ok(Opened { status: response.status(), ticket, body: response.into_body(), connection })
    }

    async fn connect(&self) -> Result<TcpStream, CallError> {
        let connected = self.within(CONNECT_MAX, TcpStream::connect(self.server.address())).await?;
        connected.map_err(|why| CallError::Unreachable { server: self.server.clone(), door: self.door, why })
    }

    async fn within<T>(&self, time: Duration, work: impl Future<Output = T>) -> Result<T, CallError> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.clock.sleep(time) => Err(CallError::Slow { server: self.server.clone(), waited: time }),
        }
    }

    async fn rest(&self, opened: Opened) -> Result<Bytes, CallError> {
        let Opened { body, connection, .. } = opened;
        let read = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        drop(connection);
        read.map(http_body_util::Collected::to_bytes).map_err(|error| {
            match error.downcast::<hyper::Error>() {
                Ok(source) => CallError::Broken { server: self.server.clone(), source: *source },
                Err(other) => {
                    debug_assert!(
                        other.is::<LengthLimitError>(),
                        "a limited body fails only of its length or of its connection"
                    );
                    CallError::TooLong { server: self.server.clone() }
                }
            }
        })
    }
}

/// The ticket of a passed-on answer. A 202 of the gateway itself leads to it with `Location` too.
fn passed_on(headers: &HeaderMap) -> Option<String> {
    let ticket =
        headers.get("fanlight-ticket").filter(|path| headers.get(header::LOCATION) != Some(*path))?;
    Some(ticket.to_str().ok()?.rsplit('/').next()?.to_owned())
}

impl Answer {
    /// The body as it came.
    pub(super) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

/// The server's own words; where there are none, the status's.
fn refused(status: StatusCode, body: &[u8]) -> CallError {
    let Problem { title, detail } = serde_json::from_slice(body).unwrap_or_default();
    let standard = || status.canonical_reason().unwrap_or("an answer without a reason").to_owned();
    let detail = [detail, title].into_iter().find(|text| !text.is_empty()).unwrap_or_else(standard);
    CallError::Refused { status, detail: super::screen::plain(&detail).into_owned() }
}

/// Percent-encodes what may not stand in a query or a path segment.
pub(super) fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let each = text
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_the_server_said() {
        let shown = |body: &str| refused(StatusCode::NOT_FOUND, body.as_bytes()).to_string();
        assert_eq!(
            shown(r#"{"title": "Nothing", "detail": "there is no ticket x"}"#),
            "there is no ticket x (404)"
        );
        assert_eq!(shown(r#"{"title": "Nothing"}"#), "Nothing (404)");
        assert_eq!(shown("<html>"), "Not Found (404)");
    }

    #[test]
    fn what_a_query_does_not_take_is_encoded() {
        assert_eq!(encode("timeout_total"), "timeout_total");
        assert_eq!(encode("a b&c=ü"), "a%20b%26c%3D%C3%BC");
    }
}
