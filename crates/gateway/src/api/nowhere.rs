//! Decides what is said of a path that a door does not have: mostly it is the other door's.

use super::problem::{INVALID_REQUEST, METHOD_NOT_ALLOWED, NOT_FOUND, Problem};
use crate::config::pattern::is_encoded;

/// At the front door.
pub(super) fn at_front(path: &str) -> Problem {
    if !is_encoded(path) {
        return badly_encoded();
    }
    if of_operators(path) {
        return Problem::new(NOT_FOUND, "the operators' door has this path: `admin` in the configuration");
    }
    Problem::new(NOT_FOUND, "no route has this path; `routes` in the configuration lists them")
}

/// At the operators' door.
pub(super) fn at_admin(path: &str) -> Problem {
    if !is_encoded(path) {
        return badly_encoded();
    }
    if of_operators(path) {
        return Problem::new(NOT_FOUND, "the operators' door has nothing at this path");
    }
    let detail = "this is the operators' door: routes, /v1/messages and /v1/tickets are at the front door, `listen` \
                  in the configuration";
    Problem::new(NOT_FOUND, detail)
}

/// At either.
pub(super) fn wrong_method() -> Problem {
    Problem::new(METHOD_NOT_ALLOWED, "this path is not there with this method")
}

fn badly_encoded() -> Problem {
    let detail = "the path's percent-encoding is not valid: each `%` begins the two digits of a byte (`%25` is the \
                  percent sign itself), and the bytes are UTF-8";
    Problem::new(INVALID_REQUEST, detail)
}

fn of_operators(path: &str) -> bool {
    let own = ["/metrics", "/readyz", "/v1/tail", "/v1/targets", "/v1/dead", "/v1/redrives", "/v1/replays"];
    own.iter().any(|own| path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_here_is_said_to_be_where_it_is() {
        let cases = [
            ("/metrics", "operators' door has this path", "has nothing at this path"),
            ("/v1/dead/x/y", "operators' door has this path", "has nothing at this path"),
            ("/v1/deadly", "no route has this path", "this is the operators' door"),
            ("/signup", "no route has this path", "this is the operators' door"),
            ("/orders/%zz", "percent-encoding is not valid", "percent-encoding is not valid"),
            ("/orders/%ff%fe", "percent-encoding is not valid", "percent-encoding is not valid"),
            ("/orders/%4", "percent-encoding is not valid", "percent-encoding is not valid"),
        ];
        for (path, front, admin) in cases {
            for (problem, says) in [(at_front(path), front), (at_admin(path), admin)] {
                let said = problem.json().to_string();
                assert!(said.contains(says), "{path}: {said}");
            }
        }
    }
}
