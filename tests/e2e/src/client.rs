//! A plain HTTP/1.1 client.

use crate::wire::{self, Wire};
use anyhow::{Context, Result};
use serde_json::Value;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than the longest `Prefer: wait`.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Everything else.
    pub wire: Wire,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.wire.body)
            .with_context(|| format!("{}: {}", self.status, String::from_utf8_lossy(&self.wire.body)))
    }
}

/// A connection that is kept open.
pub struct Connection {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        Ok(Self { stream, rest: Vec::new() })
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// When the connection breaks first.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend_from_slice(body);
        self.stream.write_all(&bytes)?;
        let wire = wire::read(&mut self.stream, &mut self.rest)?;
        let wire = wire.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let status = wire.word(1).parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok(Answer { status, wire })
    }
}

/// One request on a connection of its own.
///
/// # Errors
/// When there is no answer.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    Connection::open(address)?.send(method, path, headers, body)
}
