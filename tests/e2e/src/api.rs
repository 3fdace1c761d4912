//! An API behind the gateway: a server on plain threads that does what its behaviour says.

use crate::wire::{self, Wire};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A listening API; it stops listening when it is dropped.
pub struct Api {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Api {
    /// Answers each request as `behave` says; an error from it closes the connection.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(
        behave: impl Fn(&Wire, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::raw(move |mut stream| {
            let mut rest = Vec::new();
            // A connection ends when the gateway is killed; that is what these tests are about.
            while let Ok(Some(request)) = wire::read(&mut stream, &mut rest) {
                if behave(&request, &mut stream).is_err() {
                    break;
                }
            }
        })
    }

    /// Hands each connection over before anything was read from it.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn raw(handle: impl Fn(TcpStream) + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, handle) = (Arc::clone(&stop), Arc::new(handle));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let handle = Arc::clone(&handle);
                std::thread::spawn(move || handle(stream));
            }
        });
        Ok(Self { address, stop })
    }

    /// Where deliveries go.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // The listener looks up when somebody knocks.
        TcpStream::connect(self.address).ok();
    }
}

/// Answers with a status, headers and a body of the right length.
///
/// # Errors
/// When the peer is gone.
pub fn answer(stream: &mut TcpStream, status: u16, headers: &str, body: &[u8]) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes)
}
