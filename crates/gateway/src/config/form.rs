//! What a text in the configuration can mean: each form reads its own notation and says what is allowed.

mod jq;
mod naming;
mod network;
mod pace;
mod preset;
mod quantity;
mod request;
mod secret;
mod url;
mod words;

pub(crate) use super::settings::DedupeBy;
pub(crate) use network::{Reach, Way};
pub(crate) use pace::{Calls, Pace};
pub(crate) use preset::{Behind, Code, Idempotency, Known};
pub(crate) use quantity::{Count, Factor, Share};
pub(crate) use request::{Accept, HeaderText, Statuses};
pub(crate) use secret::{AwsWord, OAuthScope, Plain};
pub(crate) use url::Url;

use serde_json::{Value as Json, json};
use std::ops::Range;

/// A value that is written as one text, number or word.
pub(crate) trait Form: Sized {
    /// What it is called, with its article: "a duration".
    const NAME: &'static str;
    /// Whether a message may show the text.
    const QUOTE: Quote = Quote::IfShort;

    /// What is allowed, for the help of a message.
    fn allowed() -> String;

    /// Reads the text.
    fn read(text: &str) -> Result<Self, Misread>;

    /// What an editor may check: JSON Schema keywords. A reference `${…}` must stay allowed.
    fn schema() -> Json;
}

/// What to do about a template.
pub(crate) const SEEN: &str = "a template sees `body`, `headers`, `params`, `message` and `delivery`: {{ body.id }}, {{ headers['x-tenant'] }}";
/// Whether a message about a wrong text may show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quote {
    /// It helps to see it.
    IfShort,
    /// It is a secret wherever it stands; so no reason quotes it, and each may be told.
    Never,
}

/// Why a text is not of a form.
#[derive(Debug, Default)]
pub(crate) struct Misread {
    /// What the text is or does instead of "is not a duration".
    pub instead: Option<&'static str>,
    /// The reason, behind a colon; empty where there is nothing to add.
    pub why: String,
    /// What to do, instead of what is allowed.
    pub help: Option<String>,
    /// The part of the text that is wrong.
    pub part: Option<Range<usize>>,
}

impl Misread {
    fn new(why: impl std::fmt::Display) -> Self {
        Self { why: why.to_string(), ..Self::default() }
    }

    fn instead(predicate: &'static str) -> Self {
        Self { instead: Some(predicate), ..Self::default() }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// The schema of a text of this pattern, or one with a reference.
fn text_like(pattern: &str) -> Json {
    json!({ "type": "string", "pattern": format!(r"({pattern})|\$\{{") })
}

/// The schema of a number, or a text with a reference.
fn number_like(number: Json) -> Json {
    json!({ "anyOf": [number, { "type": "string", "pattern": r"\$\{" }] })
}
