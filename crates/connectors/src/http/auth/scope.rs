//! Decides what a credential may be used for: methods and paths.

use super::super::percent;
use http::Method;
use std::fmt;
use std::str::FromStr;

/// What a credential may be used for. By default everything that its target sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    /// None: all.
    pub methods: Vec<Method>,
    /// None: all.
    pub paths: Vec<Paths>,
}

/// Paths of a URL: one, or with `/*` at the end everything below.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Paths {
    text: String,
}

/// A text that is no [`Paths`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a path begins with / and has no `?`, no `#` and no `*` but in `/*` at its end")]
pub struct NotPaths;

/// A request that a credential is not for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the credential of this target is not for the method {0}")]
    Method(Method),
    #[error("the credential of this target is not for this path")]
    Path,
}

impl Scope {
    pub(super) fn admit(&self, method: &Method, path: &str) -> Result<(), Refusal> {
        if !self.methods.is_empty() && !self.methods.contains(method) {
            return Err(Refusal::Method(method.clone()));
        }
        if !self.paths.is_empty() && (climbs(path) || !self.paths.iter().any(|paths| paths.hold(path))) {
            return Err(Refusal::Path);
        }
        Ok(())
    }
}

/// Whether a server may read the path as another one: with `.` or `..` as a segment, however it is encoded.
fn climbs(path: &str) -> bool {
    let plain = percent::decode(path.as_bytes());
    plain.split(|byte| matches!(byte, b'/' | b'\\')).any(|segment| matches!(segment, b"." | b".."))
}

impl Paths {
    fn hold(&self, path: &str) -> bool {
        match self.text.strip_suffix('*') {
            Some(above) => path.starts_with(above),
            None => path == self.text,
        }
    }
}

impl FromStr for Paths {
    type Err = NotPaths;
    fn from_str(text: &str) -> Result<Self, NotPaths> {
        let fixed = text.strip_suffix("/*").unwrap_or(text);
        let rooted = text.starts_with('/') && !fixed.contains(['?', '#', '*']) && !climbs(fixed);
        if rooted && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self { text: text.to_owned() })
        } else {
            Err(NotPaths)
        }
    }
}

impl fmt::Display for Paths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_admits_what_it_names_and_nothing_else() {
        let scope = |paths: &[&str]| Scope {
            methods: vec![Method::POST, Method::PUT],
            paths: paths.iter().map(|path| path.parse().unwrap()).collect(),
        };
        let cases: [(&[&str], &str, bool); 14] = [
            (&[], "/anything", true),
            (&["/users"], "/users", true),
            (&["/users"], "/users/", false),
            (&["/users"], "/users/7", false),
            (&["/users/*"], "/users/7/mail", true),
            (&["/users/*"], "/users", false),
            (&["/users/*"], "/users2", false),
            (&["/users/*"], "/users/../admin", false),
            (&["/users/*"], "/users/%2e%2E/admin", false),
            (&["/users/*"], "/users/..%2fadmin", false),
            (&["/users/*"], "/users/..%5Cadmin", false),
            (&["/users/*"], "/users/a..b", true),
            (&["/a", "/b/*"], "/b/c", true),
            (&["/*"], "/", true),
        ];
        for (paths, path, admitted) in cases {
            assert_eq!(scope(paths).admit(&Method::PUT, path).is_ok(), admitted, "{paths:?} {path}");
        }
        assert_eq!(scope(&[]).admit(&Method::DELETE, "/"), Err(Refusal::Method(Method::DELETE)));
        assert_eq!(Scope::default().admit(&Method::DELETE, "/../x"), Ok(()));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", "users", "/a?b", "/a#b", "/a*", "/*/a", "/a b", "/a/../b", "/é"] {
            assert_eq!(text.parse::<Paths>(), Err(NotPaths), "{text}");
        }
    }
}
