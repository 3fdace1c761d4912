//! HTTP/1.1 as bytes: reads one message with its headers and its body.

use std::io::{self, Read};

const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A request or an answer.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    /// The first line.
    pub start: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As `content-length` says.
    pub body: Vec<u8>,
}

impl Wire {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The nth word of the first line.
    #[must_use]
    pub fn word(&self, index: usize) -> &str {
        self.start.split(' ').nth(index).unwrap_or_default()
    }
}

/// Reads one message; `rest` keeps what came after it. None when the peer closed before the first byte.
///
/// # Errors
/// When the stream breaks or what comes is no HTTP/1.1.
pub fn read(stream: &mut impl Read, rest: &mut Vec<u8>) -> io::Result<Option<Wire>> {
    let end = loop {
        if let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if rest.len() > HEAD_BYTES_MAX {
            return Err(broken("the head does not end"));
        }
        if more(stream, rest)? == 0 {
            return if rest.is_empty() { Ok(None) } else { Err(broken("closed inside the head")) };
        }
    };
    let head: Vec<u8> = rest.drain(..end + 4).collect();
    let head = String::from_utf8(head).map_err(|_| broken("the head is not UTF-8"))?;
    let mut lines = head.trim_end().split("\r\n");
    let start = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut wire = Wire { start, headers, body: Vec::new() };
    let length = match wire.header("content-length") {
        Some(length) => length.parse::<usize>().map_err(|_| broken("a strange content-length"))?,
        None => 0,
    };
    while rest.len() < length {
        if more(stream, rest)? == 0 {
            return Err(broken("closed inside the body"));
        }
    }
    wire.body = rest.drain(..length).collect();
    Ok(Some(wire))
}

fn more(stream: &mut impl Read, rest: &mut Vec<u8>) -> io::Result<usize> {
    let mut chunk = [0; 16 * 1024];
    let count = stream.read(&mut chunk)?;
    rest.extend_from_slice(chunk.get(..count).unwrap_or_default());
    Ok(count)
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_messages_in_one_stream_are_told_apart() {
        let mut stream: &[u8] = b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\n\r\n";
        let mut rest = Vec::new();
        let first = read(&mut stream, &mut rest).unwrap().unwrap();
        assert_eq!(
            (first.word(1), first.header("content-length"), &first.body[..]),
            ("/a", Some("2"), &b"hi"[..])
        );
        assert_eq!(read(&mut stream, &mut rest).unwrap().unwrap().word(1), "/b");
        assert!(read(&mut stream, &mut rest).unwrap().is_none());
    }

    #[test]
    fn a_message_that_is_cut_is_an_error() {
        let mut stream: &[u8] = b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nh";
        assert!(read(&mut stream, &mut Vec::new()).is_err());
    }
}
