//! HTTP/1.1 as far as a bench needs it: where an answer ends, and a blocking GET or POST.

use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::TcpStream;

const HEAD_BYTES_MAX: usize = 16 * 1024;

/// An answer's status and how many bytes of the buffer it takes.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: usize,
    pub(crate) total: usize,
}

/// Looks for one whole answer at the front of a buffer; none when more bytes are needed.
pub(crate) fn answer(buffer: &[u8]) -> Result<Option<Answer>> {
    let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
        if buffer.len() > HEAD_BYTES_MAX {
            bail!("the head of the answer does not end");
        }
        return Ok(None);
    };
    let head = std::str::from_utf8(buffer.get(..end).unwrap_or_default())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status line")?.parse()?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .context("the answer has no content-length")?
        .1
        .trim()
        .parse::<usize>()?;
    let head = end + 4;
    Ok((buffer.len() >= head + length).then_some(Answer { status, head, total: head + length }))
}

/// `http://host:port/path` taken apart.
pub(crate) fn split(url: &str) -> Result<(String, String)> {
    let rest = url.strip_prefix("http://").with_context(|| format!("{url}: only http:// is spoken here"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    Ok((authority.to_owned(), format!("/{path}")))
}

/// The body of a GET.
pub(crate) fn get(url: &str) -> Result<Vec<u8>> {
    call("GET", url)
}

/// The body of a POST without one.
pub(crate) fn post(url: &str) -> Result<Vec<u8>> {
    call("POST", url)
}

fn call(method: &str, url: &str) -> Result<Vec<u8>> {
    let (authority, path) = split(url)?;
    let mut stream = TcpStream::connect(&authority).with_context(|| format!("{url}: cannot connect"))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let found =
        answer(&bytes).with_context(|| url.to_owned())?.with_context(|| format!("{url}: a cut answer"))?;
    if found.status != 200 {
        bail!("{url} answered {}", found.status);
    }
    Ok(bytes.get(found.head..found.total).unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let bytes = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nokHTTP";
        assert_eq!(answer(&bytes[..20]).unwrap(), None);
        assert_eq!(answer(&bytes[..45]).unwrap(), None);
        let found = answer(bytes).unwrap().unwrap();
        assert_eq!((found.status, found.total), (202, bytes.len() - 4));
    }

    #[test]
    fn an_answer_without_a_length_is_an_error() {
        assert!(answer(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
