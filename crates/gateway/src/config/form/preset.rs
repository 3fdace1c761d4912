//! The forms of what a target builds on, and of what it says about the body that is sent and the answers to it.

use super::{Form, Misread, SEEN, text_like};
use crate::config::preset::Preset;
use crate::config::suggest::nearest;
use connectors::http::code::Pointer;
use contract::limits::ERROR_CODE_BYTES_MAX;
use expressions::Template;
use http::{HeaderName, Uri};
use serde_json::{Value as Json, json};

/// The name of a preset that there is.
#[derive(Clone, Debug)]
pub(crate) struct Known;

impl Form for Known {
    const NAME: &'static str = "a preset";

    fn allowed() -> String {
        let names: Vec<&str> = Preset::all().iter().map(|preset| preset.name).collect();
        format!("one of {}", names.join(", "))
    }

    fn read(text: &str) -> Result<Self, Misread> {
        if Preset::find(text).is_some() {
            return Ok(Self);
        }
        match nearest(text, Preset::all().iter().map(|preset| preset.name)) {
            Some(near) => Err(Misread::default().help(format!("did you mean `{near}`?"))),
            None => Err(Misread::default()),
        }
    }

    fn schema() -> Json {
        let names: Vec<&str> = Preset::all().iter().map(|preset| preset.name).collect();
        json!({ "type": "string", "anyOf": [{ "enum": names }, { "pattern": r"\$\{" }] })
    }
}

/// What follows the path of a URL.
#[derive(Clone, Debug)]
pub(crate) struct Behind(pub String);

impl Form for Behind {
    const NAME: &'static str = "a path";

    fn allowed() -> String {
        "a path with or without a query, such as /users or /users/{{ body.id }}?notify=true".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        if !text.starts_with('/') {
            return Err(Misread::new("it does not begin with `/`"));
        }
        if text.contains('#') {
            return Err(Misread::new("it has a fragment (`#…`), which is never sent").help("remove it"));
        }
        if Template::is_one(text) {
            Template::path(text).map_err(|error| {
                let part = error.offset.map(|offset| offset..offset + 1);
                Misread { part, ..Misread::new(error) }.help(SEEN)
            })?;
        } else {
            text.parse::<Uri>().map_err(Misread::new)?;
        }
        Ok(Self(text.to_owned()))
    }

    fn schema() -> Json {
        text_like("^/[^#]*$")
    }
}

/// The header of the idempotency key.
#[derive(Clone, Debug)]
pub(crate) struct Idempotency(pub Option<HeaderName>);

impl Form for Idempotency {
    const NAME: &'static str = "a header's name or `none`";

    fn allowed() -> String {
        "a header such as idempotency-key, or none".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        match text {
            "none" => Ok(Self(None)),
            text if text.eq_ignore_ascii_case("idempotency-key") => {
                Ok(Self(HeaderName::from_bytes(b"idempotency-key").ok()))
            }
            text => HeaderName::read(text).map(|name| Self(Some(name))),
        }
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}

impl Form for Pointer {
    const NAME: &'static str = "a JSON pointer";

    fn allowed() -> String {
        "the names on the way, each behind a `/`, such as /error/code or /errors/0/code".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        text.parse().map_err(Misread::new)
    }

    fn schema() -> Json {
        text_like("^/.*$")
    }
}

/// An error code of an API.
#[derive(Clone, Debug)]
pub(crate) struct Code(pub String);

impl Form for Code {
    const NAME: &'static str = "an error code";

    fn allowed() -> String {
        format!(
            "the code as the API writes it, 1 to {ERROR_CODE_BYTES_MAX} bytes on one line, or \"*\" for all others"
        )
    }

    fn read(text: &str) -> Result<Self, Misread> {
        if text.is_empty() || text.len() > ERROR_CODE_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(Misread::default());
        }
        Ok(Self(text.to_owned()))
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}
