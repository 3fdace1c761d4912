//! Names the class of whatever can go wrong on the way to a target and back.

use super::unresolved::Unresolved;
use contract::delivery::{ErrorClass, Timings};
use contract::target::{Lasting, Outcome, Written};
use std::error::Error;
use std::io;

/// The same numbers on Linux, macOS and the BSDs; `std` has no kind for them.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const ENOBUFS: i32 = if cfg!(target_os = "linux") { 105 } else { 55 };

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) class: ErrorClass,
    pub(super) written: Written,
    pub(super) lasting: Lasting,
    /// What happened, without the place.
    pub(super) cause: String,
}

impl Failure {
    /// A failure before anything was sent, that a repeat may mend.
    pub(super) fn unsent(class: ErrorClass, cause: impl Into<String>) -> Self {
        Self { class, written: Written::Nothing, lasting: Lasting::Passing, cause: cause.into() }
    }

    /// The outcome of an attempt on `place` (host and port).
    pub(super) fn outcome(self, place: &str, timings: Timings) -> Outcome {
        let detail = format!("{place}: {}", self.cause);
        if self.class.is_local() {
            Outcome::Own { class: self.class, lasting: self.lasting, detail }
        } else {
            Outcome::Broken { class: self.class, written: self.written, detail, timings }
        }
    }
}

/// A name that gave no address.
pub(super) fn unresolved(fault: &Unresolved) -> Failure {
    let class = match fault {
        Unresolved::NoSuchName => ErrorClass::DnsError,
        Unresolved::NoAnswer { .. } => ErrorClass::LocalDns,
        Unresolved::NoResources { .. } => ErrorClass::LocalResources,
    };
    Failure::unsent(class, fault.to_string())
}

/// An address that could not be connected to.
pub(super) fn unconnected(error: &io::Error) -> Failure {
    let class = if lacks_resources(error) {
        ErrorClass::LocalResources
    } else if error.kind() == io::ErrorKind::TimedOut {
        ErrorClass::TimeoutConnect
    } else if is_reset(error) {
        ErrorClass::ConnectionReset
    } else {
        // Nobody can be reached there, whatever router or host says so.
        ErrorClass::ConnectionRefused
    };
    Failure::unsent(class, format!("cannot connect: {error}"))
}

/// A TLS handshake that did not end well.
pub(super) fn unsecured(error: &io::Error) -> Failure {
    let class = if is_reset(error) { ErrorClass::ConnectionReset } else { ErrorClass::TlsError };
    Failure::unsent(class, format!("TLS handshake failed: {error}"))
}

fn is_reset(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), ConnectionReset | ConnectionAborted | BrokenPipe)
}

/// An exchange that broke before status and headers were in.
pub(super) fn broken(error: &hyper::Error) -> (ErrorClass, String) {
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return (ErrorClass::ConnectionReset, "the connection was closed before the answer".to_owned());
    }
    if error.is_parse() {
        return (ErrorClass::ProtocolError, format!("the answer is no valid HTTP: {}", innermost(error)));
    }
    if let Some(fault) = source::<h2::Error>(error) {
        return (stream_class(fault), format!("HTTP/2: {fault}"));
    }
    if let Some(fault) = source::<rustls::Error>(error) {
        return (ErrorClass::TlsError, format!("TLS: {fault}"));
    }
    match source::<io::Error>(error) {
        Some(fault) if fault.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            (ErrorClass::TlsError, format!("TLS: {fault}"))
        }
        Some(fault) => {
            (ErrorClass::ConnectionReset, format!("the connection broke before the answer: {fault}"))
        }
        None => (ErrorClass::ProtocolError, innermost(error)),
    }
}

/// Whether the target says that it has not acted on the request: it refused the stream, or went away before reading it.
/// (h2 hands a stream the peer's GOAWAY only if the stream's number is above the last one that the peer took.)
pub(super) fn is_unprocessed(error: &hyper::Error) -> bool {
    source::<h2::Error>(error).is_some_and(|fault| {
        fault.is_remote() && (fault.is_go_away() || fault.reason() == Some(h2::Reason::REFUSED_STREAM))
    })
}

fn stream_class(fault: &h2::Error) -> ErrorClass {
    match fault.reason() {
        Some(
            h2::Reason::PROTOCOL_ERROR
            | h2::Reason::FLOW_CONTROL_ERROR
            | h2::Reason::FRAME_SIZE_ERROR
            | h2::Reason::COMPRESSION_ERROR
            | h2::Reason::STREAM_CLOSED
            | h2::Reason::HTTP_1_1_REQUIRED,
        ) => ErrorClass::ProtocolError,
        _ => ErrorClass::ConnectionReset,
    }
}

fn lacks_resources(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS))
        || matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory)
}

/// A resolver's error as far as the operating system tells: its own lack, or the resolver's words.
pub(super) fn look_up(error: &io::Error) -> Unresolved {
    /// What the C libraries say when the answer is that there is no such name or no address for it.
    const NO_SUCH_NAME: [&str; 5] = [
        "Name or service not known",
        "No address associated with",
        "nodename nor servname",
        "Name does not resolve",
        "Name has no usable address",
    ];
    let detail = error.to_string();
    if lacks_resources(error) {
        Unresolved::NoResources { detail }
    } else if NO_SUCH_NAME.iter().any(|words| detail.contains(words)) {
        Unresolved::NoSuchName
    } else {
        Unresolved::NoAnswer { detail }
    }
}

/// The error behind this one that has the type.
fn source<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// What the cause of all says.
fn innermost(mut error: &(dyn Error + 'static)) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_failed_connect_has_the_class_of_its_cause() {
        let numbers = [
            (111, ErrorClass::ConnectionRefused),
            (113, ErrorClass::ConnectionRefused),
            (101, ErrorClass::ConnectionRefused),
            (104, ErrorClass::ConnectionReset),
            (110, ErrorClass::TimeoutConnect),
            (24, ErrorClass::LocalResources),
            (23, ErrorClass::LocalResources),
            (99, ErrorClass::LocalResources),
            (105, ErrorClass::LocalResources),
            (12, ErrorClass::LocalResources),
        ];
        for (number, class) in numbers {
            let failure = unconnected(&io::Error::from_raw_os_error(number));
            assert_eq!((failure.class, failure.written), (class, Written::Nothing), "{number}");
        }
    }

    #[test]
    fn a_resolver_that_says_no_differs_from_one_that_says_nothing() {
        let gai = |detail: &str| io::Error::other(format!("failed to lookup address information: {detail}"));
        let cases = [
            (gai("Name or service not known"), ErrorClass::DnsError),
            (gai("No address associated with hostname"), ErrorClass::DnsError),
            (gai("nodename nor servname provided, or not known"), ErrorClass::DnsError),
            (gai("Temporary failure in name resolution"), ErrorClass::LocalDns),
            (gai("Non-recoverable failure in name resolution"), ErrorClass::LocalDns),
            (io::Error::from_raw_os_error(24), ErrorClass::LocalResources),
        ];
        for (error, class) in cases {
            assert_eq!(unresolved(&look_up(&error)).class, class, "{error}");
        }
    }

    #[test]
    fn a_failed_handshake_is_a_tls_error_unless_the_connection_broke() {
        let cases = [
            (io::Error::from_raw_os_error(104), ErrorClass::ConnectionReset),
            (io::ErrorKind::UnexpectedEof.into(), ErrorClass::TlsError),
            (io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError), ErrorClass::TlsError),
        ];
        for (error, class) in cases {
            assert_eq!(unsecured(&error).class, class, "{error}");
        }
    }

    #[test]
    fn a_local_failure_is_never_charged_to_the_target() {
        for class in ErrorClass::ALL {
            let outcome = Failure::unsent(class, "why").outcome("api:443", Timings::default());
            assert_eq!(matches!(outcome, Outcome::Own { .. }), class.is_local(), "{class:?}");
        }
    }
}
