//! The forms of single values: names, addresses, durations, sizes, counts, URLs, expressions.

use super::super::media::MediaRange;
use super::super::pattern::{Methods, Pattern};
use super::super::settings::StoreLocation;
use super::super::units::{self, ByteSize, NotAQuantity};
use super::{Form, Misread};
use crate::api::events::TypePattern;
use contract::Name;
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// A text of this pattern, or one with a reference.
fn text_like(pattern: &str) -> Json {
    json!({ "type": "string", "pattern": format!(r"({pattern})|\$\{{") })
}

impl Form for Name {
    const NAME: &'static str = "a name";

    fn allowed() -> String {
        "1 to 64 characters of a-z A-Z 0-9 _ - . that begin with a letter, a digit or _".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        Self::try_new(text).map_err(|_| Misread::default())
    }

    fn schema() -> Json {
        text_like("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")
    }
}

impl Form for SocketAddr {
    const NAME: &'static str = "an address with a port";

    fn allowed() -> String {
        "an IP address and a port, such as 127.0.0.1:8080, 0.0.0.0:80 or [::1]:8080".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        text.parse().map_err(|_| Misread::default())
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}

impl Form for StoreLocation {
    const NAME: &'static str = "a store";

    fn allowed() -> String {
        "`sqlite:FOLDER` (a relative one starts at the working directory), or `memory` to keep nothing"
            .to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        match text.split_once(':') {
            // YAML wants quotes around a text that ends with a colon, so the colon may be left out.
            None if text == "memory" => Ok(Self::Memory),
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite", "")) => Err(Misread::new("the folder is missing")),
            Some(("sqlite", path)) => Ok(Self::Sqlite(PathBuf::from(path))),
            Some(_) | None => Err(Misread::default()),
        }
    }

    fn schema() -> Json {
        text_like("^(sqlite:.+|memory:?)$")
    }
}

impl Form for Duration {
    const NAME: &'static str = "a duration";

    fn allowed() -> String {
        "a whole number with a unit (ms, s, m, h, d), such as 250ms, 5s, 10m, 1h30m, 7d".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        units::duration(text).map_err(|error| with_unit(text, &error, "s"))
    }

    fn schema() -> Json {
        text_like("^([0-9]+(ms|s|m|h|d))+$")
    }
}

impl Form for ByteSize {
    const NAME: &'static str = "a size";

    fn allowed() -> String {
        "a whole number with a unit (B, kB, MB, GB, TB, KiB, MiB, GiB, TiB), such as 256KiB or 10GB"
            .to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        units::size(text).map_err(|error| with_unit(text, &error, "KiB"))
    }

    fn schema() -> Json {
        text_like("^[0-9]+ ?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$")
    }
}

fn with_unit(text: &str, error: &NotAQuantity, unit: &str) -> Misread {
    let misread = Misread::new(error);
    match error {
        NotAQuantity::NoUnit => misread.help(format!("did you mean {text}{unit}?")),
        NotAQuantity::NoNumber | NotAQuantity::Unit { .. } | NotAQuantity::TooLarge => misread,
    }
}

/// A whole number between bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count<const MIN: usize, const MAX: usize>(pub usize);

impl<const MIN: usize, const MAX: usize> Form for Count<MIN, MAX> {
    const NAME: &'static str = "a number";

    fn allowed() -> String {
        format!("a whole number from {MIN} to {MAX}")
    }

    fn read(text: &str) -> Result<Self, Misread> {
        let number = text.parse().map_err(|_| Misread::default())?;
        if (MIN..=MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err(Misread::instead("is out of range"))
        }
    }

    fn schema() -> Json {
        json!({ "anyOf": [{ "type": "integer", "minimum": MIN, "maximum": MAX }, { "type": "string", "pattern": r"\$\{" }] })
    }
}

/// How many times longer each wait is than the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factor(pub f64);

impl Form for Factor {
    const NAME: &'static str = "a factor";

    fn allowed() -> String {
        "a number from 1 to 100, such as 2 or 1.5".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        let number: f64 = text.parse().map_err(|_| Misread::default())?;
        if (1.0..=100.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(Misread::instead("is out of range"))
        }
    }

    fn schema() -> Json {
        json!({ "anyOf": [{ "type": "number", "minimum": 1, "maximum": 100 }, { "type": "string", "pattern": r"\$\{" }] })
    }
}

/// A share of a whole, 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share(pub f64);

impl Form for Share {
    const NAME: &'static str = "a share";

    fn allowed() -> String {
        "from 0% to 100%, such as 20%".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        let number = text.strip_suffix('%').ok_or_else(|| Misread::new("the % is missing"))?;
        let number: f64 = number.trim_end().parse().map_err(|_| Misread::default())?;
        if (0.0..=100.0).contains(&number) {
            Ok(Self(number / 100.0))
        } else {
            Err(Misread::instead("is out of range"))
        }
    }

    fn schema() -> Json {
        text_like("^[0-9]+([.][0-9]+)? ?%$")
    }
}

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

impl Form for TypePattern {
    const NAME: &'static str = "an event type";

    fn allowed() -> String {
        "an event type such as com.example.signup; a * may stand at its end".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        Self::try_new(text).ok_or_else(Misread::default)
    }

    fn schema() -> Json {
        text_like(r"^[^*]+\*?$|^\*$")
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
            "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade" => {
                Err(Misread::instead("belongs to one connection, not to a message").help("remove it"))
            }
            "idempotency-key" | "traceparent" | "tracestate" => {
                Err(Misread::instead("is set by Fanlight for each delivery").help("remove it"))
            }
            text if text.starts_with("webhook-") || text.starts_with("fanlight-") => {
                Err(Misread::instead("is set by Fanlight for each delivery").help("remove it"))
            }
            _ => Ok(name),
        }
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
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

impl Form for PathBuf {
    const NAME: &'static str = "a file";

    fn allowed() -> String {
        "a file; a relative path starts at the working directory".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        if text.is_empty() { Err(Misread::default()) } else { Ok(Self::from(text)) }
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}
