//! Covers what nobody is to read: fields of JSON by pointer, headers by name.
//!
//! A body that cannot be read as JSON is covered as a whole: a rule that cannot be applied must not let through what it is for.

use bytes::Bytes;
use contract::message::Headers;
use contract::target::Reply;
use http::HeaderName;
use http::header::CONTENT_TYPE;
use serde_json::Value;
use std::str::FromStr;

/// What stands in the place of what is covered.
pub const COVER: &str = "***";

/// Headers that are credentials, whoever sends them.
const ALWAYS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "set-cookie"];

/// What is covered. By default nothing but credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Headers whose values are covered.
    pub headers: Vec<HeaderName>,
    /// Places in JSON bodies.
    pub body: Vec<Pointer>,
}

impl Rules {
    /// These and others.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        let headers = self.headers.iter().chain(&others.headers).cloned().collect();
        Self { headers, body: self.body.iter().chain(&others.body).cloned().collect() }
    }

    /// Whether the values of this header (its name in lower case) are covered. Some always are.
    #[must_use]
    pub fn covers_header(&self, name: &str) -> bool {
        ALWAYS.contains(&name) || self.headers.iter().any(|header| header == name)
    }

    /// The body with each place covered; none: it stays as it is.
    #[must_use]
    pub fn cover_body(&self, body: &[u8]) -> Option<Bytes> {
        if self.body.is_empty() || body.is_empty() {
            return None;
        }
        let Ok(mut json) = serde_json::from_slice::<Value>(body) else {
            return Some(Bytes::from_static(COVER.as_bytes()));
        };
        let places = self.body.iter().map(|pointer| cover(&mut json, &pointer.0));
        (places.sum::<usize>() > 0).then(|| json.to_string().into())
    }

    /// Covers what is kept of an answer, also for those who read it. What is a credential by its name alone may be meant for them.
    pub(super) fn put_on(&self, reply: &mut Reply) {
        if let Some(covered) = self.cover_body(&reply.capture.body) {
            reply.capture.body = covered;
        }
        if self.headers.contains(&CONTENT_TYPE) {
            reply.capture.content_type = None;
        }
        if !self.headers.is_empty() && !reply.capture.headers.block().is_empty() {
            let value =
                |name: &str| self.headers.iter().any(|header| header == name).then_some(COVER.as_bytes());
            let fields = reply.capture.headers.iter();
            reply.capture.headers =
                Headers::from_pairs(fields.map(|(name, own)| (name, value(name).unwrap_or(own))));
        }
    }
}

/// Covers what the steps lead to, and says how many places that were.
fn cover(value: &mut Value, steps: &[Step]) -> usize {
    let Some((step, rest)) = steps.split_first() else {
        *value = Value::from(COVER);
        return 1;
    };
    match (step, value) {
        (Step::Each, Value::Array(items)) => items.iter_mut().map(|item| cover(item, rest)).sum(),
        (Step::Each, Value::Object(members)) => members.values_mut().map(|member| cover(member, rest)).sum(),
        (Step::Named(name), Value::Object(members)) => {
            members.get_mut(name).map_or(0, |member| cover(member, rest))
        }
        (Step::Named(name), Value::Array(items)) => name
            .parse()
            .ok()
            .and_then(|index: usize| items.get_mut(index))
            .map_or(0, |item| cover(item, rest)),
        (_, Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => 0,
    }
}

/// A place in JSON (RFC 6901), or several: `*` stands for every member and every item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Named(String),
    Each,
}

/// A text that is no [`Pointer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPointer {
    /// RFC 6901 begins each step with one.
    #[error("it does not begin with `/`")]
    NoSlash,
    /// RFC 6901, section 3.
    #[error("a `~` stands for itself as `~0`, and for a `/` as `~1`")]
    Escape,
}

impl FromStr for Pointer {
    type Err = NotAPointer;
    fn from_str(text: &str) -> Result<Self, NotAPointer> {
        let steps = text.strip_prefix('/').ok_or(NotAPointer::NoSlash)?;
        steps.split('/').map(step).collect::<Result<_, _>>().map(Self)
    }
}

fn step(text: &str) -> Result<Step, NotAPointer> {
    if text == "*" {
        return Ok(Step::Each);
    }
    if text.split('~').skip(1).any(|after| !after.starts_with(['0', '1'])) {
        return Err(NotAPointer::Escape);
    }
    Ok(Step::Named(text.replace("~1", "/").replace("~0", "~")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(body: &[&str]) -> Rules {
        Rules { headers: Vec::new(), body: body.iter().map(|text| text.parse().unwrap()).collect() }
    }

    fn covered(pointers: &[&str], body: &str) -> String {
        let covered = rules(pointers).cover_body(body.as_bytes());
        covered.map_or_else(|| body.to_owned(), |covered| String::from_utf8(covered.to_vec()).unwrap())
    }

    #[test]
    fn each_place_is_covered_and_the_rest_stays_as_it_is_spelled() {
        let body = r#"{"id":12345678901234567890123,"card":{"number":"4111","cvc":1},"items":[{"pin":1,"n":1.10},{"pin":[2]}],"a/b":{"~":3}}"#;
        let cases: [(&[&str], &str); 5] = [
            (&["/card/number"], r#""card":{"number":"***","cvc":1}"#),
            (&["/card"], r#""card":"***""#),
            (&["/items/*/pin"], r#"[{"pin":"***","n":1.10},{"pin":"***"}]"#),
            (
                &["/items/1/pin", "/card/*"],
                r#""card":{"number":"***","cvc":"***"},"items":[{"pin":1,"n":1.10},{"pin":"***"}]"#,
            ),
            (&["/a~1b/~0"], r#""a/b":{"~":"***"}"#),
        ];
        for (pointers, part) in cases {
            let covered = covered(pointers, body);
            assert!(covered.contains(part) && covered.contains("12345678901234567890123"), "{covered}");
        }
        let nowhere = ["/nothing", "/items/7/pin", "/items/-1", "/id/deeper", "/card/number/deeper"];
        assert_eq!(rules(&nowhere).cover_body(body.as_bytes()), None);
    }

    #[test]
    fn a_name_that_stands_twice_hides_nothing() {
        assert_eq!(covered(&["/pin"], r#"{"pin":1,"pin":2}"#), r#"{"pin":"***"}"#);
        assert_eq!(covered(&["/pin"], r#"{"p\u0069n":1}"#), r#"{"pin":"***"}"#);
    }

    #[test]
    fn what_is_no_whole_json_is_covered_whole() {
        let deep = "[".repeat(200);
        for body in [r#"{"pin":12"#, r#"{"pin":1} {"pin":2}"#, "pin=12", "\u{feff}{}", "<b>12</b>", &deep] {
            assert_eq!(covered(&["/pin"], body), COVER, "{body}");
        }
        assert_eq!(covered(&["/pin"], ""), "");
        assert_eq!(covered(&[], "pin=12"), "pin=12");
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for (text, wrong) in [
            ("", NotAPointer::NoSlash),
            ("card/number", NotAPointer::NoSlash),
            ("/a~b", NotAPointer::Escape),
            ("/a~", NotAPointer::Escape),
        ] {
            assert_eq!(text.parse::<Pointer>(), Err(wrong), "{text}");
        }
    }
}
