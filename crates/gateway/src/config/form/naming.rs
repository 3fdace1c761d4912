//! The forms of names and places: names, addresses, folders, files, event types.

use super::{Form, Misread, text_like};
use crate::config::event_type::TypePattern;
use crate::config::settings::StoreLocation;
use contract::Name;
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use std::path::PathBuf;

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
            Some(("sqlite", path)) => Ok(match path.strip_suffix("?sync=off") {
                Some(path) => Self::Unsynced(PathBuf::from(path)),
                None => Self::Sqlite(PathBuf::from(path)),
            }),
            Some(_) | None => Err(Misread::default()),
        }
    }

    fn schema() -> Json {
        text_like("^(sqlite:.+|memory:?)$")
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
