//! Decides what is said instead of the HTTP parser's refusals, which have a status and nothing else.

use crate::api::problem::{HEADERS_TOO_LARGE, INVALID_REQUEST, Problem, URI_TOO_LONG};

/// The most headers of one request: the parser's own bound.
const HEADERS_MAX: usize = 100;

/// The whole answer in place of `written`, when that is a refusal by the parser. Answers of our own are never taken for one: those
/// with a status like these have a body.
pub(super) fn instead_of(written: &[u8]) -> Option<Vec<u8>> {
    let status = written.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let problem = match status {
        b"400" => {
            let detail = "this is no request of HTTP/1.1: its first line, the name or the value of a header, \
                          its `content-length` or its `transfer-encoding` is not valid";
            Problem::new(INVALID_REQUEST, detail)
        }
        b"414" => Problem::new(URI_TOO_LONG, "the path and the query may have 64 KiB together"),
        b"431" => {
            let detail = format!(
                "the first line and the headers may have {} KiB together, in at most {HEADERS_MAX} headers",
                super::HEADER_BYTES_MAX / 1024
            );
            Problem::new(HEADERS_TOO_LARGE, detail)
        }
        _ => return None,
    };
    let head = written.strip_suffix(b"\r\n\r\n")?;
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.any(|line| line.eq_ignore_ascii_case(b"content-length: 0")).then(|| whole(&problem))
}

/// The connection ends with it: where a next request would begin is not known.
fn whole(problem: &Problem) -> Vec<u8> {
    let (status, body) = (problem.status(), problem.json().to_string());
    let (code, length) = (status.as_u16(), body.len());
    let reason = status.canonical_reason().unwrap_or_default();
    format!(
        "HTTP/1.1 {code} {reason}\r\ncontent-type: application/problem+json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_refusal_is_replaced() {
        let bare = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: x\r\n\r\n";
        let instead = String::from_utf8(instead_of(bare).unwrap()).unwrap();
        assert!(
            instead.starts_with("HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n")
        );
        let (head, body) = instead.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        for other in [
            &b""[..],
            b"{\"a\": 1}",
            b"HTTP/1.1 4",
            b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 104\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 3\r\n\r\nabc",
        ] {
            assert_eq!(instead_of(other), None, "{}", String::from_utf8_lossy(other));
        }
    }
}
