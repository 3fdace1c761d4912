//! What holds for every answer and every request of a door, whatever its path.

use super::problem::{FORBIDDEN, INVALID_REQUEST, Problem};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Uri, header};
use std::net::IpAddr;

/// A refusal that is made before a handler runs, such as a path that is no UTF-8, is a problem like all others.
pub(super) async fn errors_are_problems(response: Response) -> Response {
    let plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !(response.status().is_client_error() && plain) {
        return response;
    }
    Problem::new(INVALID_REQUEST, "the path or the query is not valid").into_response()
}

/// The operators' door has no authentication but its loopback address, so a page in the operator's browser must not get through it:
/// neither under another name of that address, nor from another origin.
pub(super) async fn only_from_here(request: Request, next: Next) -> Response {
    match foreign(request.headers(), request.uri()) {
        None => next.run(request).await,
        Some(what) => {
            Problem::new(FORBIDDEN, format!("the operators' door takes no requests with the {what}"))
                .into_response()
        }
    }
}

fn foreign(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let text = |name| {
        headers
            .get(name)
            .map(|value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let host = text(header::HOST).or_else(|| uri.authority().map(ToString::to_string)).unwrap_or_default();
    if !is_local(&host) {
        return Some(format!("host {host:?}: use localhost or an address"));
    }
    let origin = text(header::ORIGIN)?;
    let same = origin.split_once("://").is_some_and(|(_, authority)| authority == host);
    (!same).then(|| format!("origin {origin:?}"))
}

fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_hosts_and_origins_are_told_from_our_own() {
        let cases = [
            (Some("127.0.0.1:8081"), None, true),
            (Some("localhost:8081"), None, true),
            (Some("[::1]:8081"), None, true),
            (Some("evil.example"), None, false),
            (Some("127.0.0.1.evil.example"), None, false),
            (None, None, false),
            (Some("127.0.0.1:8081"), Some("http://127.0.0.1:8081"), true),
            (Some("127.0.0.1:8081"), Some("http://127.0.0.1:9999"), false),
            (Some("127.0.0.1:8081"), Some("null"), false),
        ];
        for (host, origin, ours) in cases {
            let mut headers = HeaderMap::new();
            host.and_then(|host| headers.insert(header::HOST, host.parse().unwrap()));
            origin.and_then(|origin| headers.insert(header::ORIGIN, origin.parse().unwrap()));
            assert_eq!(foreign(&headers, &Uri::from_static("/")).is_none(), ours, "{host:?} {origin:?}");
        }
    }
}
