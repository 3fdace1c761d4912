//! Decides what a dead delivery sends after an edit.

use crate::api::accept::bounded;
use crate::api::problem::{INVALID_REQUEST, Problem};
use bytes::Bytes;
use contract::field::{Owner, describes_body, owner};
use contract::limits;
use contract::message::Headers;
use contract::query::Edit;
use http::{HeaderMap, HeaderName, header};
use serde_json::{Value, json};
use std::net::IpAddr;

/// A header of the request that begins with this sets the one whose name follows.
pub(crate) const SET: &str = "fanlight-set-";
/// Names, with commas between them, of headers that are removed.
pub(crate) const REMOVE: &str = "fanlight-remove";
/// The name of who makes the edit.
pub(crate) const BY: &str = "fanlight-by";

/// Whether the body stays.
#[derive(Clone, Copy)]
enum Content {
    Kept,
    New,
}

/// What a request asks for.
pub(super) struct Wish {
    set: HeaderMap,
    remove: Vec<HeaderName>,
    content_type: String,
    body: Bytes,
}

impl Wish {
    /// Reads the request.
    ///
    /// # Errors
    /// Names a header that no edit may touch; or there is nothing to change.
    pub(super) fn try_new(request: &HeaderMap, body: Bytes) -> Result<Self, Problem> {
        let (mut set, mut remove) = (HeaderMap::new(), Vec::new());
        for (name, value) in request {
            if let Some(name) = name.as_str().strip_prefix(SET) {
                set.append(editable(name)?, value.clone());
            } else if name == REMOVE {
                let names = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
                for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                    remove.push(editable(name)?);
                }
            }
        }
        let content_type = request.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        // A body that was forgotten must not erase the one that is there.
        if body.is_empty() && content_type.is_empty() && set.is_empty() && remove.is_empty() {
            let detail = "there is nothing to change: give a body, a header `fanlight-set-NAME`, or names in \
                          `fanlight-remove`; an empty body replaces only with a `content-type`";
            return Err(Problem::new(INVALID_REQUEST, detail));
        }
        Ok(Self { set, remove, content_type, body })
    }

    /// Who makes the edit: the name that a header gives, else where the request comes from.
    ///
    /// # Errors
    /// When the name is empty, too long or no text.
    pub(super) fn author(request: &HeaderMap, peer: Option<IpAddr>) -> Result<String, Problem> {
        let Some(name) = request.get(BY) else {
            return Ok(peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string()));
        };
        let name = String::from_utf8_lossy(name.as_bytes());
        let name = name.trim();
        if (1..=limits::EDITOR_BYTES_MAX).contains(&name.len()) {
            return Ok(name.to_owned());
        }
        let detail = format!("`{BY}` is a name of 1 to {} bytes", limits::EDITOR_BYTES_MAX);
        Err(Problem::new(INVALID_REQUEST, detail))
    }

    /// Whether only headers change: the body stays.
    pub(super) fn keeps_body(&self) -> bool {
        self.body.is_empty() && self.content_type.is_empty()
    }

    /// The next content, made from what would be sent now: a merge patch (RFC 7396) for a JSON body, a whole replacement for
    /// anything else.
    ///
    /// # Errors
    /// When the patch is no JSON, or the headers are too large.
    pub(super) fn edit(self, headers: &Headers, body: &Bytes) -> Result<Edit, Problem> {
        if self.keeps_body() {
            return Ok(Edit { headers: self.headers(headers, None, Content::Kept)?, body: body.clone() });
        }
        let essence = self.content_type.split(';').next().unwrap_or_default().trim();
        let merges = matches!(essence, "application/merge-patch+json" | "application/json");
        let base = merges.then(|| serde_json::from_slice::<Value>(body).ok()).flatten();
        let Some(mut base) = base else {
            let own = (!self.content_type.is_empty()).then_some(&*self.content_type);
            return Ok(Edit { headers: self.headers(headers, own, Content::New)?, body: self.body });
        };
        let patch: Value = serde_json::from_slice(&self.body)
            .map_err(|wrong| Problem::new(INVALID_REQUEST, format!("the merge patch is no JSON: {wrong}")))?;
        merge(&mut base, patch);
        Ok(Edit { headers: self.headers(headers, None, Content::New)?, body: base.to_string().into() })
    }

    /// The headers without those that are removed or replaced, then those that are set. What described another body (its coding, its
    /// digest) goes with it.
    fn headers(
        &self,
        headers: &Headers,
        content_type: Option<&str>,
        content: Content,
    ) -> Result<Headers, Problem> {
        let own = content_type.filter(|_| !self.changes("content-type"));
        let own = own.map(|own| ("content-type", own.as_bytes()));
        let goes = |name: &str| {
            let untrue = match (name, content) {
                ("content-type", _) => content_type.is_some(),
                (_, Content::New) => describes_body(name),
                (_, Content::Kept) => false,
            };
            untrue || self.changes(name)
        };
        let kept = headers.iter().filter(|(name, _)| !goes(name));
        let set = self.set.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        bounded(Headers::from_pairs(own.into_iter().chain(kept).chain(set)))
    }

    fn changes(&self, name: &str) -> bool {
        self.set.keys().chain(&self.remove).any(|changed| changed == name)
    }
}

/// What goes with a body that the gateway made: the content type is known, what described the old body is not true any more.
pub(super) fn for_shaped(headers: &Headers) -> Headers {
    let json = ("content-type", b"application/json".as_slice());
    Headers::from_pairs(std::iter::once(json).chain(headers.iter().filter(|(name, _)| !describes_body(name))))
}

/// The name of a header that is passed on with a message.
fn editable(name: &str) -> Result<HeaderName, Problem> {
    let name: HeaderName = name
        .parse()
        .map_err(|_| Problem::new(INVALID_REQUEST, format!("{name:?} is no name of a header")))?;
    let why = match owner(name.as_str()) {
        Owner::Message => return Ok(name),
        Owner::Caller => {
            "is never passed on; what a target needs of it stands under its `headers` in the configuration"
        }
        Owner::Connection => "belongs to one connection, not to a message",
        Owner::Gateway => "is written by Fanlight for each delivery",
    };
    Err(Problem::new(INVALID_REQUEST, format!("the header `{name}` {why}: leave it out of the edit")))
}

/// RFC 7396.
fn merge(base: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *base = patch;
        return;
    };
    if !base.is_object() {
        *base = json!({});
    }
    if let Some(base) = base.as_object_mut() {
        for (key, change) in patch {
            match change {
                Value::Null => drop(base.shift_remove(&key)),
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                    merge(base.entry(key).or_insert(Value::Null), change);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::limits::HEADER_BYTES_MAX;
    use http::HeaderValue;

    const MESSAGE: [(&str, &[u8]); 4] =
        [("content-type", b"application/json"), ("x-tag", b"a"), ("x-old", b"1"), ("x-tag", b"b")];

    /// What a request with these headers and this body makes of a message, as lines and body.
    fn edited(request: &[(&str, &str)], body: &'static str) -> Result<(Vec<String>, String), String> {
        let mut headers = HeaderMap::new();
        for (name, value) in request {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let edit = Wish::try_new(&headers, Bytes::from_static(body.as_bytes()))
            .and_then(|wish| wish.edit(&Headers::from_pairs(MESSAGE), &Bytes::from_static(b"{\"a\":1}")))
            .map_err(|problem| problem.json()["detail"].as_str().unwrap().to_owned())?;
        let line = |(name, value): (&str, &[u8])| format!("{name}: {}", String::from_utf8_lossy(value));
        let text = String::from_utf8_lossy(&edit.body).into_owned();
        Ok((edit.headers.iter().map(line).collect(), text))
    }

    #[test]
    fn a_merge_patch_changes_adds_and_removes() {
        let mut base = json!({"a": 1, "b": {"c": 2, "d": 3}, "e": [1]});
        merge(&mut base, json!({"a": 9, "b": {"c": null}, "e": {"f": 1}, "g": true}));
        assert_eq!(base, json!({"a": 9, "b": {"d": 3}, "e": {"f": 1}, "g": true}));
    }

    #[test]
    fn a_merge_patch_leaves_every_number_as_it_is_spelled() {
        let patch = Bytes::from_static(br#"{"old":null,"new":9007199254740993.10}"#);
        let request =
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let body = Bytes::from_static(br#"{"id":12345678901234567890123,"price":1.10,"zero":-0.0,"old":1}"#);
        let edit = Wish::try_new(&request, patch).unwrap().edit(&Headers::default(), &body).unwrap();
        let expected = r#"{"id":12345678901234567890123,"price":1.10,"zero":-0.0,"new":9007199254740993.10}"#;
        assert_eq!(edit.body, expected);
    }

    #[test]
    fn what_described_the_old_body_does_not_go_with_another() {
        let headers = Headers::from_pairs([
            ("content-type", b"application/json".as_slice()),
            ("content-encoding", b"gzip"),
            ("digest", b"x"),
            ("x-tag", b"a"),
        ]);
        let names =
            |content_type: Option<&'static str>, body: &'static str, set: &'static str| -> Vec<String> {
                let mut request = HeaderMap::from_iter([(
                    HeaderName::from_static("fanlight-set-x-new"),
                    HeaderValue::from_static(set),
                )]);
                request.extend(content_type.map(|own| (header::CONTENT_TYPE, HeaderValue::from_static(own))));
                let wish = Wish::try_new(&request, Bytes::from_static(body.as_bytes())).unwrap();
                let edit = wish.edit(&headers, &Bytes::from_static(b"{\"a\":1}")).unwrap();
                edit.headers.iter().map(|(name, _)| name.to_owned()).collect()
            };
        assert_eq!(names(Some("application/json"), "{}", "1"), ["content-type", "x-tag", "x-new"]);
        assert_eq!(names(Some("text/plain"), "plain", "1"), ["content-type", "x-tag", "x-new"]);
        assert_eq!(names(None, "", "1"), ["content-type", "content-encoding", "digest", "x-tag", "x-new"]);
    }

    #[test]
    fn headers_are_set_and_removed_and_the_body_stays() {
        let request = [
            ("fanlight-set-x-tag", "c"),
            ("Fanlight-Set-X-New", "d"),
            ("fanlight-set-x-new", "e"),
            ("fanlight-remove", "X-Old, x-never"),
            ("host", "localhost"),
        ];
        let lines = ["content-type: application/json", "x-tag: c", "x-new: d", "x-new: e"].map(str::to_owned);
        assert_eq!(edited(&request, ""), Ok((lines.to_vec(), "{\"a\":1}".to_owned())));
    }

    #[test]
    fn headers_and_body_change_together() {
        let json = [("content-type", "application/json"), ("fanlight-remove", "x-tag,x-old")];
        let lines = vec!["content-type: application/json".to_owned()];
        assert_eq!(edited(&json, "{\"b\":2}"), Ok((lines, "{\"a\":1,\"b\":2}".to_owned())));
        let text = [("content-type", "text/plain"), ("fanlight-remove", "x-tag,x-old")];
        assert_eq!(edited(&text, "new"), Ok((vec!["content-type: text/plain".to_owned()], "new".to_owned())));
        let own = [("content-type", "text/plain"), ("fanlight-set-content-type", "text/csv")];
        let (lines, body) = edited(&own, "").unwrap();
        assert_eq!((&*body, lines.iter().filter(|line| line.starts_with("content-type")).count()), ("", 1));
        assert!(lines.contains(&"content-type: text/csv".to_owned()), "{lines:?}");
    }

    #[test]
    fn a_request_without_any_change_erases_nothing() {
        let wrong = edited(&[], "").unwrap_err();
        assert!(wrong.starts_with("there is nothing to change"), "{wrong}");
        let wrong = edited(&[("host", "localhost"), ("fanlight-remove", " , ")], "").unwrap_err();
        assert!(wrong.starts_with("there is nothing to change"), "{wrong}");
        let empty = edited(&[("content-type", "text/plain")], "").unwrap();
        assert_eq!(empty.1, "", "a content type says that it is meant");
        let wrong = edited(&[("content-type", "application/json")], "").unwrap_err();
        assert!(wrong.starts_with("the merge patch is no JSON"), "{wrong}");
    }

    #[test]
    fn headers_that_are_not_the_messages_are_refused_with_the_reason() {
        let cases = [
            ("fanlight-set-connection", "close", "belongs to one connection"),
            ("fanlight-remove", "x-old, transfer-encoding", "belongs to one connection"),
            ("fanlight-set-webhook-id", "x", "is written by Fanlight"),
            ("fanlight-set-idempotency-key", "x", "is written by Fanlight"),
            ("fanlight-set-fanlight-attempt", "x", "is written by Fanlight"),
            ("fanlight-set-host", "x", "under its `headers`"),
            ("fanlight-set-authorization", "x", "under its `headers`"),
            ("fanlight-remove", "a b", "is no name"),
            ("fanlight-set-", "x", "is no name"),
        ];
        for (name, value, words) in cases {
            let wrong = edited(&[(name, value)], "").unwrap_err();
            assert!(wrong.contains(words), "{name}: {wrong}");
        }
        let large = "x".repeat(HEADER_BYTES_MAX);
        let wrong = edited(&[("fanlight-set-x-large", &large)], "").unwrap_err();
        assert!(wrong.contains("16384 are allowed"), "{wrong}");
    }

    #[test]
    fn what_described_the_old_body_does_not_go_with_a_shaped_one() {
        let headers = Headers::from_pairs([
            ("content-type", b"text/csv".as_slice()),
            ("digest", b"x"),
            ("ce-id", b"7"),
        ]);
        let names: Vec<_> = for_shaped(&headers).iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["content-type", "ce-id"]);
    }
}
