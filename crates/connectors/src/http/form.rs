//! Writes a JSON object as `application/x-www-form-urlencoded`, for APIs that take nothing else.

use super::percent;
use bytes::Bytes;
use contract::limits::BODY_BYTES_MAX;
use serde_json::Value;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// As a form.
    Form(Lists),
}

/// How a form writes a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// `items[0][price]=…`
    Numbered,
    /// `to=…&to=…`
    Repeated,
}

/// A body that is no form.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAForm {
    /// Only an object has names.
    #[error("the body is no JSON object, so it cannot be sent as a form")]
    NoObject,
    /// The names of what is nested are repeated for each value.
    #[error("as a form the body is longer than {} MiB", BODY_BYTES_MAX >> 20)]
    TooLong,
}

/// The object as a form. Nested keys stand in brackets; `null` and what is empty are left out.
pub(super) fn write(json: &[u8], lists: Lists) -> Result<Bytes, NotAForm> {
    let Ok(Value::Object(members)) = serde_json::from_slice(json) else { return Err(NotAForm::NoObject) };
    let mut form = Form { text: String::with_capacity(json.len()), lists };
    for (name, value) in &members {
        form.add(&percent::encode(name), value)?;
    }
    Ok(form.text.into())
}

struct Form {
    text: String,
    lists: Lists,
}

impl Form {
    fn add(&mut self, key: &str, value: &Value) -> Result<(), NotAForm> {
        match value {
            Value::Null => Ok(()),
            Value::Bool(yes) => self.pair(key, if *yes { "true" } else { "false" }),
            Value::Number(number) => self.pair(key, &number.to_string()),
            Value::String(text) => self.pair(key, text),
            Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| match self.lists {
                Lists::Numbered => self.add(&within(key, &index.to_string()), item),
                Lists::Repeated => self.add(key, item),
            }),
            Value::Object(members) => {
                members.iter().try_for_each(|(name, value)| self.add(&within(key, name), value))
            }
        }
    }

    fn pair(&mut self, key: &str, value: &str) -> Result<(), NotAForm> {
        if !self.text.is_empty() {
            self.text.push('&');
        }
        self.text.push_str(key);
        self.text.push('=');
        percent::encode_into(&mut self.text, value.as_bytes(), b"");
        if self.text.len() > BODY_BYTES_MAX { Err(NotAForm::TooLong) } else { Ok(()) }
    }
}

fn within(key: &str, name: &str) -> String {
    format!("{key}[{}]", percent::encode(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str, lists: Lists) -> String {
        String::from_utf8(write(json.as_bytes(), lists).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn an_object_is_written_pair_by_pair() {
        let cases = [
            (r"{}", ""),
            (
                r#"{"a": "b c&d=é", "n": 12, "yes": true, "no": false}"#,
                "a=b%20c%26d%3D%C3%A9&n=12&yes=true&no=false",
            ),
            (
                r#"{"metadata": {"order id": 7, "deep": {"x": "y"}}}"#,
                "metadata[order%20id]=7&metadata[deep][x]=y",
            ),
            (r#"{"a": null, "b": [], "c": {}, "d": ""}"#, "d="),
            (r#"{"a&b=c[d": 1}"#, "a%26b%3Dc%5Bd=1"),
        ];
        for (json, form) in cases {
            assert_eq!(written(json, Lists::Numbered), form, "{json}");
        }
    }

    #[test]
    fn lists_are_numbered_or_repeated() {
        let json = r#"{"items": [{"price": "p1", "n": 2}, {"price": "p2"}], "to": ["a", "b"]}"#;
        assert_eq!(
            written(json, Lists::Numbered),
            "items[0][price]=p1&items[0][n]=2&items[1][price]=p2&to[0]=a&to[1]=b"
        );
        assert_eq!(written(json, Lists::Repeated), "items[price]=p1&items[n]=2&items[price]=p2&to=a&to=b");
    }

    #[test]
    fn what_has_no_names_is_no_form() {
        for json in ["", "[1]", "\"a\"", "{", "null"] {
            assert_eq!(write(json.as_bytes(), Lists::Numbered), Err(NotAForm::NoObject), "{json}");
        }
    }

    #[test]
    fn a_name_that_is_repeated_for_each_value_does_not_fill_the_memory() {
        let json = format!(r#"{{"{}": [{}0]}}"#, "k".repeat(100_000), "0,".repeat(1000));
        assert_eq!(write(json.as_bytes(), Lists::Repeated), Err(NotAForm::TooLong));
    }
}
