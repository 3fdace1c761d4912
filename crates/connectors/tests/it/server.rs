//! A TCP server that does on each connection what a test wants, well or badly.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Ends, with all its connections, when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Runs `script` on each connection; it gets the connection's number, from 1.
    pub(crate) async fn start<F>(script: impl Fn(usize, Peer) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut peers = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                peers.spawn(script(number, Peer::new(stream)));
            }
        });
        Self { address, connections, _tasks: tasks }
    }

    /// Answers every request with the same bytes, for as long as the client likes.
    pub(crate) async fn answering(answer: impl AsRef<[u8]> + Clone + Send + 'static) -> Self {
        Self::start(move |_, mut peer| {
            let answer = answer.clone();
            async move {
                while peer.request().await.is_some() {
                    peer.send(answer.as_ref()).await;
                }
            }
        })
        .await
    }

    /// Answers each request as told, and remembers them all.
    pub(crate) async fn seeing(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (Self, Seen) {
        let (seen, answer) = (Seen::default(), Arc::new(answer));
        let kept = seen.clone();
        let server = Self::start(move |_, mut peer| {
            let (kept, answer) = (kept.clone(), Arc::clone(&answer));
            async move {
                while let Some(request) = peer.request().await {
                    let bytes = answer(&request);
                    kept.0.lock().unwrap().push(request);
                    peer.send(bytes.as_bytes()).await;
                }
            }
        })
        .await;
        (server, seen)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?a=b", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// What a server was sent, in order.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// The server's end of a connection.
pub(crate) struct Peer<S = TcpStream> {
    pub(crate) stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The next request, head and body (by `content-length`); none when the client has closed.
    pub(crate) async fn request(&mut self) -> Option<String> {
        loop {
            let text = String::from_utf8_lossy(&self.buffer).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.map_or(0, |length| length.parse().unwrap());
                if body.len() >= length {
                    return Some(String::from_utf8(std::mem::take(&mut self.buffer)).unwrap());
                }
            }
            if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// Sends; a client that has gone away is no fault of the server's.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _gone = self.stream.write_all(bytes).await;
        let _gone = self.stream.flush().await;
    }

    /// Ends when the client has closed the connection.
    pub(crate) async fn closed(&mut self) {
        while self.stream.read_buf(&mut self.buffer).await.is_ok_and(|bytes| bytes > 0) {}
    }
}

/// A whole answer with this body.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
