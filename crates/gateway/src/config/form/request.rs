//! The forms of what HTTP knows: requests, methods, statuses, headers, content types.

use super::{Form, Misread, SEEN, text_like};
use crate::config::media::MediaRange;
use crate::config::pattern::{Methods, Pattern};
use contract::field::{Owner, owner};
use expressions::Template;
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value as Json, json};
use std::ops::RangeInclusive;

/// Which requests a route takes.
#[derive(Clone, Debug)]
pub(crate) struct Accept {
    pub methods: Methods,
    pub pattern: Pattern,
}

impl Form for Accept {
    const NAME: &'static str = "a method and a path";

    fn allowed() -> String {
        "`POST /path`, `POST|PUT /path` or `ANY /path`; segments may be {name}, the last one {*rest}"
            .to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        let Some((words, path)) = text.split_once(' ') else {
            let misread = Misread::new("it needs a method, a space and a path");
            return Err(if text.starts_with('/') {
                misread.help(format!("did you mean `POST {text}`?"))
            } else {
                misread
            });
        };
        let path_at = words.len() + 1 + (path.len() - path.trim_start().len());
        let pattern = Pattern::try_new(path.trim())
            .map_err(|error| Misread { part: Some(path_at..text.trim_end().len()), ..Misread::new(error) })?;
        if words == "ANY" {
            return Ok(Self { methods: Methods::Any, pattern });
        }
        let mut methods = Vec::new();
        for word in words.split('|') {
            let method = Method::read(word)?;
            if methods.contains(&method) {
                return Err(Misread::new(format!("`{method}` stands there twice")));
            }
            methods.push(method);
        }
        Ok(Self { methods: Methods::Only(methods), pattern })
    }

    fn schema() -> Json {
        text_like("^[A-Z|]+ /.*$")
    }
}

impl Form for Method {
    const NAME: &'static str = "a method";

    fn allowed() -> String {
        "an HTTP method in capital letters, such as POST, PUT, PATCH, DELETE or GET".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic() || c == '-');
        if plain && text.chars().any(|c| c.is_ascii_lowercase()) {
            let help = format!("did you mean {}?", text.to_ascii_uppercase());
            return Err(Misread::new("methods are written in capital letters").help(help));
        }
        match Self::from_bytes(text.as_bytes()) {
            Ok(Self::CONNECT | Self::TRACE) => Err(Misread::instead("carries no message")),
            Ok(method) if plain => Ok(method),
            Ok(_) | Err(_) => Err(Misread::default()),
        }
    }

    fn schema() -> Json {
        text_like("^[A-Z-]+$")
    }
}

/// Statuses from one to another.
#[derive(Clone, Debug)]
pub(crate) struct Statuses(pub RangeInclusive<u16>);

impl Form for Statuses {
    const NAME: &'static str = "a status";

    fn allowed() -> String {
        "a status from 200 to 599, a range such as 500-599, or a class such as 5xx".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        let status = |text: &str| -> Result<u16, Misread> {
            let number = text.trim().parse().map_err(|_| Misread::default())?;
            if (200..=599).contains(&number) { Ok(number) } else { Err(Misread::instead("is out of range")) }
        };
        let range = match (text.strip_suffix("xx"), text.split_once('-')) {
            (Some(class), _) => status(&format!("{class}00"))?..=status(&format!("{class}99"))?,
            (None, Some((first, last))) => status(first)?..=status(last)?,
            (None, None) => status(text)?..=status(text)?,
        };
        if range.is_empty() { Err(Misread::new("the range goes backwards")) } else { Ok(Self(range)) }
    }

    fn schema() -> Json {
        json!({ "anyOf": [
            { "type": "integer", "minimum": 200, "maximum": 599 },
            text_like("^([2-5][0-9][0-9]( ?- ?[2-5][0-9][0-9])?|[2-5]xx)$"),
        ] })
    }
}

impl Form for HeaderName {
    const NAME: &'static str = "a header's name";

    fn allowed() -> String {
        "letters, digits and - without spaces, such as authorization or x-api-key".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        let name = Self::from_bytes(text.as_bytes()).map_err(|_| Misread::default())?;
        match name.as_str() {
            "host" | "content-length" => Err(Misread::instead("is set by HTTP itself").help("remove it")),
            // The caller's trace goes on; a fixed one would be wrong for every message.
            "traceparent" | "tracestate" => Err(written_by_us()),
            text => match owner(text) {
                Owner::Message | Owner::Caller => Ok(name),
                Owner::Connection => {
                    Err(Misread::instead("belongs to one connection, not to a message").help("remove it"))
                }
                Owner::Gateway => Err(written_by_us()),
            },
        }
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}

fn written_by_us() -> Misread {
    Misread::instead("is set by Fanlight for each delivery").help("remove it")
}

impl Form for HeaderValue {
    const NAME: &'static str = "a header's value";

    fn allowed() -> String {
        "visible ASCII characters and spaces on one line".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        Self::from_str(text)
            .map_err(|_| Misread::new("it has a line break or other characters that a header cannot carry"))
    }

    fn schema() -> Json {
        json!({ "type": ["string", "number", "boolean"] })
    }
}

/// The value of a target's header: the same for all messages, or not.
#[derive(Clone, Debug)]
pub(crate) enum HeaderText {
    Plain(HeaderValue),
    Template(Template),
}

impl Form for HeaderText {
    const NAME: &'static str = HeaderValue::NAME;

    fn allowed() -> String {
        HeaderValue::allowed()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        if !Template::is_one(text) {
            return HeaderValue::read(text).map(Self::Plain);
        }
        Template::header(text).map(Self::Template).map_err(|error| {
            let part = error.offset.map(|offset| offset..offset + 1);
            Misread { part, ..Misread::new(error) }.help(SEEN)
        })
    }

    fn schema() -> Json {
        HeaderValue::schema()
    }
}

impl Form for MediaRange {
    const NAME: &'static str = "a content type";

    fn allowed() -> String {
        "`type/subtype` or `type/*`, such as application/json or text/*".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        Self::try_new(text).map_err(Misread::new)
    }

    fn schema() -> Json {
        text_like("^[^/;]+/[^/;]+$")
    }
}
