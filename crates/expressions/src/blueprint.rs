//! All that a target makes of a message: its body by jq, its path and headers by templates.

use crate::program::Program;
use crate::responses;
use crate::runner::Runner;
use crate::seen;
use crate::template::Template;
use bytes::Bytes;
use contract::Promise;
use contract::expression::{Expression, Fault};
use contract::message::Headers;
use contract::mould::{Head, Mould, Original, Reading, Responses};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// No expression begins with this: what does is the JSON of a blueprint with templates. Of a body alone the text is the expression.
const TEMPLATED: char = '\u{2}';

/// What a target makes of a message.
#[derive(Clone, Debug, Default)]
pub struct Blueprint {
    /// The body; none: byte for byte.
    pub body: Option<Program>,
    /// Path and query; none: as configured.
    pub path: Option<Template>,
    /// Headers, by name in lower case.
    pub headers: Vec<(String, Template)>,
}

/// A blueprint as text. Goes to disk: fields are only ever added, with a default.
#[derive(Serialize, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Pinned {
    body: Option<String>,
    path: Option<String>,
    headers: Vec<(String, String)>,
}

impl Blueprint {
    /// Whether a message is sent as it is, to where the configuration says.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.body.is_none() && self.path.is_none() && self.headers.is_empty()
    }

    /// Its templates.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.path.iter().chain(self.headers.iter().map(|(_, template)| template))
    }

    /// What it reads of the answers of other deliveries.
    #[must_use]
    pub fn reading(&self) -> Reading {
        let body = self.body.as_ref().map(|body| body.reading().clone()).unwrap_or_default();
        self.templates().fold(body, |reading, template| reading.and(&template.reading()))
    }

    /// The whole as one text, to be kept.
    #[must_use]
    pub fn text(&self) -> String {
        let body = self.body.as_ref().map(|body| body.text().to_owned());
        if self.templates().next().is_none() {
            return body.unwrap_or_default();
        }
        let text = |template: &Template| template.text().to_owned();
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        let pinned = Pinned { body, path: self.path.as_ref().map(text), headers };
        // Plain texts: they always have a JSON form.
        format!("{TEMPLATED}{}", serde_json::to_string(&pinned).unwrap_or_default())
    }

    /// Back from the text that was kept; none when it cannot be compiled any more.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let Some(json) = text.strip_prefix(TEMPLATED) else {
            return Some(Self { body: Some(Program::compile(text).ok()?), ..Self::default() });
        };
        let pinned: Pinned = serde_json::from_str(json).ok()?;
        let body = pinned.body.map(|body| Program::compile(&body)).transpose().ok()?;
        let path = pinned.path.map(|path| Template::path(&path)).transpose().ok()?;
        let headers =
            pinned.headers.into_iter().map(|(name, value)| Some((name, Template::header(&value).ok()?)));
        Some(Self { body, path, headers: headers.collect::<Option<_>>()? })
    }
}

impl Runner {
    /// A blueprint, to be run by this runner.
    #[must_use]
    pub fn mould(&self, blueprint: Blueprint) -> Arc<dyn Mould> {
        let body = blueprint.body.clone().map(|body| self.expression(body));
        Arc::new(Bound { reading: blueprint.reading(), blueprint, body })
    }
}

/// A blueprint and what runs it.
struct Bound {
    blueprint: Blueprint,
    reading: Reading,
    body: Option<Arc<dyn Expression>>,
}

impl Mould for Bound {
    fn body(&self, of: Bytes, responses: &Responses) -> Promise<'_, Result<Option<Bytes>, Fault>> {
        let reads = self.blueprint.body.as_ref().is_some_and(|body| !body.reading().is_empty());
        let input = if reads { responses::input(&of, responses).map(Bytes::from) } else { Ok(of) };
        Box::pin(async move {
            match &self.body {
                Some(body) => body.evaluate(input?).await.map(Some),
                None => Ok(None),
            }
        })
    }

    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn head(&self, of: &Original<'_>) -> Result<Head, Fault> {
        let Blueprint { body, path, headers } = &self.blueprint;
        if self.blueprint.templates().next().is_none() {
            return Ok(Head::default());
        }
        // An edit is what is sent. Where an expression makes that, it has another form than what templates were written for.
        let content = match (body, of.edit) {
            (None, Some(edit)) => &edit.body,
            (Some(_), _) | (None, None) => &of.message.body,
        };
        let asks = |name| self.blueprint.templates().any(|template| template.asks(name));
        let responses = asks(responses::NAME).then_some(of.responses);
        let seen = seen::value(of, asks("body").then_some(content), responses)?;
        let path = path.as_ref().map(|path| path.render_path(&seen)).transpose()?;
        let mut made = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            made.push((name.as_str(), value.render_header(name, &seen)?));
        }
        let pairs = made.iter().map(|(name, value)| (*name, value.as_bytes()));
        Ok(Head { path, headers: Headers::from_pairs(pairs) })
    }
}
