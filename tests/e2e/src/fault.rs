//! Ways in which an API goes wrong.

use crate::api::{Api, answer};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// An API that answers 200 and nothing else.
///
/// # Errors
/// When no port can be had.
pub fn none() -> io::Result<Api> {
    Api::start(|_, stream| answer(stream, 200, "", b"ok"))
}

/// A URL where nobody listens.
///
/// # Errors
/// When no port can be had.
pub fn refuse() -> io::Result<String> {
    // Bound and closed again: the kernel does not give it out again soon.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    Ok(format!("http://{address}/hook"))
}

/// Resets the connection once the request has begun.
///
/// # Errors
/// When no port can be had.
pub fn reset() -> io::Result<Api> {
    Api::raw(|mut stream| {
        // Closing with unread bytes makes the kernel send RST.
        stream.read_exact(&mut [0; 1]).ok();
    })
}

/// Reads the request and never answers.
///
/// # Errors
/// When no port can be had.
pub fn hang_before_headers() -> io::Result<Api> {
    Api::start(|_, stream| until_closed(stream))
}

/// Answers 200 and the beginning of a body, then nothing.
///
/// # Errors
/// When no port can be had.
pub fn hang_in_body() -> io::Result<Api> {
    Api::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nbeginning")?;
        until_closed(stream)
    })
}

/// Answers 200 at once and its body a byte per second.
///
/// # Errors
/// When no port can be had.
pub fn byte_per_second() -> io::Result<Api> {
    Api::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")?;
        loop {
            stream.write_all(b"x")?;
            std::thread::sleep(Duration::from_secs(1));
        }
    })
}

/// Answers 200 with 10 MB.
///
/// # Errors
/// When no port can be had.
pub fn ten_megabytes() -> io::Result<Api> {
    Api::start(|_, stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 10000000\r\n\r\n")?;
        (0..1000).try_for_each(|_| stream.write_all(&[b'x'; 10_000]))
    })
}

/// Answers with what is no HTTP.
///
/// # Errors
/// When no port can be had.
pub fn invalid_http() -> io::Result<Api> {
    Api::start(|_, stream| {
        stream.write_all(b"220 mail.example.com ESMTP\r\n\r\n")?;
        until_closed(stream)
    })
}

/// Promises more bytes than it sends.
///
/// # Errors
/// When no port can be had.
pub fn wrong_length() -> io::Result<Api> {
    Api::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nshort")?;
        Err(io::ErrorKind::BrokenPipe.into())
    })
}

/// Answers 302 to itself, for ever.
///
/// # Errors
/// When no port can be had.
pub fn redirect_loop() -> io::Result<Api> {
    Api::start(|_, stream| answer(stream, 302, "location: /hook\r\n", b""))
}

/// Answers 429 with these headers to the first request, 200 to all others.
///
/// # Errors
/// When no port can be had.
pub fn too_many(headers: impl Fn() -> String + Send + Sync + 'static) -> io::Result<Api> {
    let first = Mutex::new(true);
    Api::start(move |_, stream| {
        let refuse = std::mem::take(&mut *first.lock().unwrap_or_else(PoisonError::into_inner));
        if refuse { answer(stream, 429, &headers(), b"slower") } else { answer(stream, 200, "", b"ok") }
    })
}

/// Waits for the peer to give up, then closes.
fn until_closed(stream: &mut TcpStream) -> io::Result<()> {
    while stream.read(&mut [0; 1024])? > 0 {}
    Err(io::ErrorKind::BrokenPipe.into())
}
