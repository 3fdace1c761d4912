//! A request as AWS writes it down before it signs it, so that both sides sign the same text.

use super::super::super::percent;

/// What is signed of a request.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// As it goes out.
    pub(super) path: &'a str,
    /// As it goes out.
    pub(super) query: &'a str,
    /// Names in lower case; several of one name in their order.
    pub(super) fields: &'a [(&'a str, String)],
    /// The hash of the body.
    pub(super) payload: &'a str,
    pub(super) paths: Paths,
}

/// How a service reads a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paths {
    /// Without `.`, `..` and empty segments, and encoded once more than it goes out.
    Tidied,
    /// Every byte counts: the keys of S3.
    AsTheyAre,
}

impl Request<'_> {
    pub(super) fn text(&self) -> String {
        let mut text =
            format!("{}\n{}\n{}\n", self.method, self.canonical_path(), canonical_query(self.query));
        for (name, values) in self.sorted() {
            text.push_str(&format!("{name}:{values}\n"));
        }
        format!("{text}\n{}\n{}", self.names(), self.payload)
    }

    /// The names of the fields.
    pub(super) fn names(&self) -> String {
        let names: Vec<_> = self.sorted().into_iter().map(|(name, _)| name).collect();
        names.join(";")
    }

    fn sorted(&self) -> Vec<(&str, String)> {
        let mut sorted: Vec<(&str, String)> = Vec::new();
        let mut fields: Vec<_> = self.fields.iter().collect();
        // Stable: several of one name stay in their order.
        fields.sort_by_key(|(name, _)| *name);
        for (name, value) in fields {
            let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            match sorted.last_mut() {
                Some((last, values)) if last == name => {
                    values.push(',');
                    values.push_str(&value);
                }
                Some(_) | None => sorted.push((name, value)),
            }
        }
        sorted
    }

    fn canonical_path(&self) -> String {
        let mut encoded = String::with_capacity(self.path.len() + 1);
        match self.paths {
            Paths::Tidied => percent::encode_into(&mut encoded, tidied(self.path).as_bytes(), b"/"),
            Paths::AsTheyAre => {
                percent::encode_into(&mut encoded, &percent::decode(self.path.as_bytes()), b"/");
            }
        }
        encoded
    }
}

fn tidied(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let is_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    let end = if is_folder && !segments.is_empty() { "/" } else { "" };
    format!("/{}{end}", segments.join("/"))
}

fn canonical_query(query: &str) -> String {
    let encoded = |text: &str| {
        let mut encoded = String::with_capacity(text.len());
        percent::encode_into(&mut encoded, &percent::decode(text.replace('+', " ").as_bytes()), b"");
        encoded
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encoded(name), encoded(value))
        })
        .collect();
    pairs.sort();
    pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_tidied_and_encoded_once_more_but_for_s3() {
        let path = |path, paths| {
            let (method, query, fields, payload) = ("GET", "", &[][..], "");
            Request { method, path, query, fields, payload, paths }.canonical_path()
        };
        for (wire, other, s3) in [
            ("/", "/", "/"),
            ("//example//", "/example/", "//example//"),
            ("/./example", "/example", "/./example"),
            ("/example/..", "/", "/example/.."),
            ("/example1/example2/../..", "/", "/example1/example2/../.."),
            ("/a/b/..", "/a/", "/a/b/.."),
            ("/../../a", "/a", "/../../a"),
            ("/a%20b", "/a%2520b", "/a%20b"),
            ("/test$file.text", "/test%24file.text", "/test%24file.text"),
        ] {
            assert_eq!(path(wire, Paths::Tidied), other, "{wire}");
            assert_eq!(path(wire, Paths::AsTheyAre), s3, "{wire}");
        }
    }

    #[test]
    fn a_query_is_sorted_and_encoded_in_one_way() {
        for (query, expected) in [
            ("", ""),
            ("b&a=1", "a=1&b="),
            ("a=10&a=9&a=1", "a=1&a=10&a=9"),
            ("x=a.b&x=a%2fb", "x=a%2Fb&x=a.b"),
            ("q=a%20b&r=a+b&s=a%2Bb", "q=a%20b&r=a%20b&s=a%2Bb"),
            ("a=1=2&&", "a=1%3D2"),
            ("time=12:00", "time=12%3A00"),
        ] {
            assert_eq!(canonical_query(query), expected, "{query}");
        }
    }
}
