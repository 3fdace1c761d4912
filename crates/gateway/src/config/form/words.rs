//! Forms that are one of a few words.

use super::super::suggest::nearest;
use super::{Form, Misread};
use crate::config::settings::{LogFormat, LogLevel, Switch};
use contract::line::Priority;

use connectors::http::auth::ClientAuth;
use connectors::http::form::{Encoding, Lists};
use engine::policy::order;
use serde_json::{Value as Json, json};

/// A type whose values are a few words.
pub(crate) trait Word: Copy + 'static {
    /// What it is called, with its article.
    const NAME: &'static str;
    /// Every word.
    const ALL: &'static [(&'static str, Self)];
}

impl<T: Word> Form for T {
    const NAME: &'static str = <T as Word>::NAME;

    fn allowed() -> String {
        let words: Vec<&str> = T::ALL.iter().map(|(word, _)| *word).collect();
        format!("one of {}", words.join(", "))
    }

    fn read(text: &str) -> Result<Self, Misread> {
        let known = T::ALL.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        known.ok_or_else(|| match nearest(text, T::ALL.iter().map(|(word, _)| *word)) {
            Some(near) => {
                Misread::default().help(format!("did you mean `{near}`? It is {}", Self::allowed()))
            }
            None => Misread::default(),
        })
    }

    fn schema() -> Json {
        let words: Vec<&str> = T::ALL.iter().map(|(word, _)| *word).collect();
        json!({ "type": "string", "anyOf": [{ "enum": words }, { "pattern": r"\$\{" }] })
    }
}

impl Word for LogLevel {
    const NAME: &'static str = "a log level";
    const ALL: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

impl Word for LogFormat {
    const NAME: &'static str = "a log format";
    const ALL: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("text", Self::Text), ("json", Self::Json)];
}

impl Word for Priority {
    const NAME: &'static str = "a priority";
    const ALL: &'static [(&'static str, Self)] =
        &[("high", Self::High), ("normal", Self::Normal), ("low", Self::Low)];
}

impl Word for order::Policy {
    const NAME: &'static str = "block, skip or park";
    const ALL: &'static [(&'static str, Self)] =
        &[("block", Self::Block), ("skip", Self::Skip), ("park", Self::Park)];
}

impl Word for ClientAuth {
    const NAME: &'static str = "basic or post";
    const ALL: &'static [(&'static str, Self)] = &[("basic", Self::Basic), ("post", Self::Post)];
}

impl Word for Encoding {
    const NAME: &'static str = "plain, form or form-repeat";
    const ALL: &'static [(&'static str, Self)] = &[
        ("plain", Self::Plain),
        ("form", Self::Form(Lists::Numbered)),
        ("form-repeat", Self::Form(Lists::Repeated)),
    ];
}

impl Word for Switch {
    const NAME: &'static str = "on or off";
    const ALL: &'static [(&'static str, Self)] = &[("on", Self::On), ("off", Self::Off)];
}
