//! `Prefer: wait=N` (RFC 7240): how long the caller is ready to wait. Pure.

use contract::limits;
use http::{HeaderMap, header::HeaderName};
use std::num::IntErrorKind;
use std::time::Duration;

/// The wait that the caller asks for, at most [`limits::WAIT_MAX`]. Other preferences, and a malformed one, are ignored.
#[must_use]
pub fn wait(headers: &HeaderMap) -> Option<Duration> {
    const PREFER: HeaderName = HeaderName::from_static("prefer");
    let preferences = headers.get_all(PREFER).into_iter().filter_map(|value| value.to_str().ok());
    let mut waits = preferences.flat_map(|value| value.split(',')).filter_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        let seconds = match value.trim().trim_matches('"').parse::<u64>() {
            Ok(seconds) => seconds,
            // More seconds than fit are more than the most.
            Err(error) if *error.kind() == IntErrorKind::PosOverflow => u64::MAX,
            Err(_) => return None,
        };
        name.trim().eq_ignore_ascii_case("wait").then(|| Duration::from_secs(seconds).min(limits::WAIT_MAX))
    });
    // RFC 7240: the first of several counts.
    waits.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_well_formed_wait_counts() {
        let cases: [(&[&str], Option<u64>); 9] = [
            (&[], None),
            (&["wait=5"], Some(5)),
            (&["respond-async, Wait=10"], Some(10)),
            (&["respond-async", "wait=\"3\"; foo=bar"], Some(3)),
            (&["wait=100000"], Some(60)),
            (&["wait=99999999999999999999"], Some(60)),
            (&["wait=-1"], None),
            (&["wait"], None),
            (&["wait=2, wait=9"], Some(2)),
        ];
        for (values, seconds) in cases {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("prefer", value.parse().unwrap());
            }
            assert_eq!(wait(&headers), seconds.map(Duration::from_secs), "{values:?}");
        }
    }
}
