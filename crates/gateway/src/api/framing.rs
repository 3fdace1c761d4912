//! Decides whether a request's head leaves no doubt about where it goes and where it ends: a proxy in front may read a doubtful one
//! another way, and what it takes for a body would be a request here.

use super::problem::{INVALID_REQUEST, NOT_IMPLEMENTED, Problem};
use http::{HeaderMap, Request, Version, header};

/// What the parser lets pass. A request with both `content-length` and `transfer-encoding` cannot be refused here: the parser takes
/// the length out of the headers before anybody sees them, reads the chunks, and closes the connection behind it, so nothing is smuggled.
///
/// # Errors
/// Says which header is in doubt.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Problem> {
    let headers = request.headers();
    one_host(headers, request.version())?;
    known_coding(headers)
}

fn one_host(headers: &HeaderMap, version: Version) -> Result<(), Problem> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let first = hosts.next();
    if first.is_none() && version == Version::HTTP_11 {
        return Err(Problem::new(INVALID_REQUEST, "there is no `host`; HTTP/1.1 has one in each request"));
    }
    if hosts.next().is_some() {
        return Err(Problem::new(INVALID_REQUEST, "`host` is given more than once"));
    }
    Ok(())
}

fn known_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let mut chunked = 0;
    for value in headers.get_all(header::TRANSFER_ENCODING) {
        let value = String::from_utf8_lossy(value.as_bytes());
        for coding in value.split(',').map(str::trim) {
            if !coding.eq_ignore_ascii_case("chunked") {
                let detail = format!(
                    "the transfer coding {coding:?} is not known: send the body as it is, or chunked"
                );
                return Err(Problem::new(NOT_IMPLEMENTED, detail));
            }
            chunked += 1;
        }
    }
    if chunked > 1 {
        return Err(Problem::new(INVALID_REQUEST, "`transfer-encoding` says chunked more than once"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(version: Version, headers: &[(&'static str, &'static str)]) -> Option<u16> {
        let mut request = Request::builder().version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap()).err().map(|problem| problem.status().as_u16())
    }

    #[test]
    fn a_request_has_one_host_and_no_coding_but_chunked() {
        let host = ("host", "localhost");
        for (headers, expected) in [
            (&[host][..], None),
            (&[("host", "")], None),
            (&[], Some(400)),
            (&[host, host], Some(400)),
            (&[host, ("transfer-encoding", "chunked")], None),
            (&[host, ("transfer-encoding", " Chunked ")], None),
            (&[host, ("transfer-encoding", "gzip, chunked")], Some(501)),
            (&[host, ("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")], Some(501)),
            (&[host, ("transfer-encoding", "chunked, chunked")], Some(400)),
            (&[host, ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], Some(400)),
        ] {
            assert_eq!(checked(Version::HTTP_11, headers), expected, "{headers:?}");
        }
        assert_eq!(checked(Version::HTTP_10, &[]), None);
    }
}
