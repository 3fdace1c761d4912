//! The way out through an HTTP proxy: which hosts take it, and the tunnel that is asked for before TLS begins.

use super::auth;
use super::classify::Failure;
use super::guard::Cidr;
use super::host::Host;
use super::line::Line;
use contract::Secret;
use contract::delivery::ErrorClass;
use http::HeaderValue;
use std::str::FromStr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Bytes of the proxy's answer to CONNECT.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// A proxy.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User and password for it.
    pub credential: Option<(Secret, Secret)>,
    /// Who is called without it. So is this machine.
    pub except: Vec<Exception>,
}

/// Hosts that are called without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exception {
    /// A name in lower case, and every name below it.
    Name(String),
    /// Addresses; a name that leads to one is not known before the proxy is asked.
    Network(Cidr),
}

/// A text that is no [`Exception`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is neither a host's name nor a network")]
pub struct NotAnException;

impl FromStr for Exception {
    type Err = NotAnException;
    fn from_str(text: &str) -> Result<Self, NotAnException> {
        if let Ok(network) = text.parse() {
            return Ok(Self::Network(network));
        }
        let name = text.trim_start_matches('.').to_ascii_lowercase();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let ends_in_digit =
            name.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()));
        if name.is_empty() || !name.bytes().all(plain) || ends_in_digit {
            return Err(NotAnException);
        }
        Ok(Self::Name(name))
    }
}

impl Exception {
    fn holds(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Network(network), Host::Address(address)) => network.contains(*address),
            (Self::Name(above), Host::Name(name)) => {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                name.strip_suffix(above.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (Self::Network(_), Host::Name(_)) | (Self::Name(_), Host::Address(_)) => false,
        }
    }
}

/// A proxy, ready for one destination.
pub(super) struct Via {
    pub(super) host: Host,
    pub(super) port: u16,
    /// `proxy-authorization`.
    pub(super) credential: Option<HeaderValue>,
}

impl Proxy {
    /// The way to a host through this proxy; none if it is called without it.
    pub(super) fn via(&self, host: &Host) -> Result<Option<Via>, auth::Fault> {
        if host.is_loopback() || self.except.iter().any(|exception| exception.holds(host)) {
            return Ok(None);
        }
        let credential = self.credential.as_ref().map(|(user, password)| auth::basic(user, password));
        Ok(Some(Via { host: Host::new(&self.host), port: self.port, credential: credential.transpose()? }))
    }
}

/// Asks the proxy for a line to `place` (host and port).
pub(super) async fn tunnel(line: &mut Line, via: &Via, place: &str) -> Result<(), Failure> {
    let mut head = format!("CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n").into_bytes();
    if let Some(credential) = &via.credential {
        head.extend_from_slice(b"proxy-authorization: ");
        head.extend_from_slice(credential.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    line.write_all(&head).await.map_err(|error| broken(&error))?;
    line.flush().await.map_err(|error| broken(&error))?;
    judge(&answer(line).await?)
}

/// The head of its answer. Behind it nothing may come: the other end speaks only after we have.
async fn answer(line: &mut Line) -> Result<Vec<u8>, Failure> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > HEAD_BYTES_MAX || head.windows(4).any(|end| end == b"\r\n\r\n") {
            return Err(own("the proxy's answer to CONNECT is no valid HTTP"));
        }
        if line.read_buf(&mut head).await.map_err(|error| broken(&error))? == 0 {
            return Err(own("the proxy closed the connection before it answered CONNECT"));
        }
    }
    Ok(head)
}

fn judge(head: &[u8]) -> Result<(), Failure> {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let text = String::from_utf8_lossy(line);
    let mut words = text.split(' ');
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
    match words.next().and_then(|word| word.parse::<u16>().ok()).filter(|_| is_http) {
        Some(200..=299) => Ok(()),
        // What the proxy says of the target.
        Some(status @ (502 | 503)) => Err(Failure::unsent(
            ErrorClass::ConnectionRefused,
            format!("the proxy answered CONNECT with {status}"),
        )),
        Some(504) => Err(Failure::unsent(ErrorClass::TimeoutConnect, "the proxy answered CONNECT with 504")),
        Some(status) => Err(own(format!("the proxy answered CONNECT with {status}"))),
        None => Err(own("the proxy's answer to CONNECT is no valid HTTP")),
    }
}

/// A fault of the proxy is ours, not the target's.
pub(super) fn own(cause: impl Into<String>) -> Failure {
    Failure::unsent(ErrorClass::LocalProxy, cause)
}

fn broken(error: &std::io::Error) -> Failure {
    own(format!("the connection to the proxy broke: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_takes_the_proxy_unless_it_is_excepted() {
        let except = ["internal.example", ".corp", "10.0.0.0/8", "fd00::/8", "192.0.2.7"];
        let except = except.iter().map(|text| text.parse().unwrap()).collect();
        let proxy = Proxy { host: "proxy".to_owned(), port: 3128, credential: None, except };
        for (host, takes) in [
            ("api.example", true),
            ("internal.example", false),
            ("a.Internal.Example.", false),
            ("notinternal.example", true),
            ("crm.corp", false),
            ("10.1.2.3", false),
            ("11.1.2.3", true),
            ("[fd00::1]", false),
            ("192.0.2.7", false),
            ("localhost", false),
            ("127.0.0.1", false),
            ("::ffff:127.0.0.1", false),
        ] {
            assert_eq!(proxy.via(&Host::new(host)).unwrap().is_some(), takes, "{host}");
        }
        for text in ["", ".", "a b", "*", "10.0.0.0/33", "10.0.0", "http://a"] {
            assert_eq!(text.parse::<Exception>(), Err(NotAnException), "{text}");
        }
    }

    #[test]
    fn what_a_proxy_answers_is_its_own_fault_or_what_it_says_of_the_target() {
        let class = |line: &str| judge(line.as_bytes()).err().map(|failure| failure.class);
        for (line, expected) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", None),
            ("HTTP/1.0 200\r\n\r\n", None),
            ("HTTP/1.1 407 Who are you\r\n\r\n", Some(ErrorClass::LocalProxy)),
            ("HTTP/1.1 403 No\r\n\r\n", Some(ErrorClass::LocalProxy)),
            ("HTTP/1.1 502 Bad\r\n\r\n", Some(ErrorClass::ConnectionRefused)),
            ("HTTP/1.1 504 Late\r\n\r\n", Some(ErrorClass::TimeoutConnect)),
            ("SSH-2.0 200\r\n\r\n", Some(ErrorClass::LocalProxy)),
            ("\r\n\r\n", Some(ErrorClass::LocalProxy)),
        ] {
            assert_eq!(class(line), expected, "{line}");
        }
    }
}
