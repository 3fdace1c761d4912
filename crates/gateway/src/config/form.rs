//! What a text in the configuration can mean: each form reads its own notation and says what is allowed.

mod forms;
mod jq;
mod url;
mod words;

pub(crate) use forms::{Accept, Count, Factor, Share, Statuses};

use std::ops::Range;

/// A value that is written as one text, number or word.
pub(crate) trait Form: Sized {
    /// What it is called, with its article: "a duration".
    const NAME: &'static str;

    /// What is allowed, for the help of a message.
    fn allowed() -> String;

    /// Reads the text.
    fn read(text: &str) -> Result<Self, Misread>;

    /// What an editor may check: JSON Schema keywords. A reference `${…}` must stay allowed.
    fn schema() -> serde_json::Value;
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
