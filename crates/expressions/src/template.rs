//! Templates of a URL's path and query, and of a header's value: compiled once, bounded in steps and output.
//!
//! `{{ body.id }}` in a path or query is percent-encoded to the last `/`, so that no message can lead a call to another place; `| path`
//! leaves `/`, and `| safe` takes the text as it is. What is `null`, a list or a mapping is an error, as is whatever is not there.

use crate::program::CompileError;
use crate::responses;
use contract::expression::Fault;
use contract::mould::{Path, Reading};
use contract::part::Reads;
use contract::{limits, params};
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

/// What a template sees. Names below `message` and `delivery` are fixed; the others depend on the message.
const KNOWN: &[&str] = &["body", "headers", "params", "message", "delivery", responses::NAME];
const KNOWN_BELOW: &[(&str, &[&str])] =
    &[("message", &["id", "route", "received"]), ("delivery", &["id", "target"])];
/// What could take much memory or says nothing in one line.
const UNWANTED: &[&str] = &["indent", "format", "pprint", "e", "escape"];

const PATH: &str = "path";
const QUERY: &str = "query";
const HEADER: &str = "header";

/// A template. Cheap to clone.
#[derive(Clone)]
pub struct Template(Arc<Parts>);

struct Parts {
    text: String,
    names: BTreeSet<String>,
    environment: Environment<'static>,
}

impl Template {
    /// Whether a text is a template, and not what is sent as it is.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.contains("{{") || text.contains("{%")
    }

    /// Compiles the path and query of a URL: it begins with `/`. The first `?` outside of `{{ }}` begins the query.
    ///
    /// # Errors
    /// [`CompileError`]
    pub fn path(text: &str) -> Result<Self, CompileError> {
        if !text.starts_with('/') {
            return Err(wrong("only what follows the host can be a template: it begins with `/`", Some(0)));
        }
        match question_mark(text) {
            Some(at) => {
                let (path, query) = text.split_at(at);
                Self::compile(text, &[(PATH, path, 0), (QUERY, query.get(1..).unwrap_or_default(), at + 1)])
            }
            None => Self::compile(text, &[(PATH, text, 0)]),
        }
    }

    /// Compiles the value of a header.
    ///
    /// # Errors
    /// [`CompileError`]
    pub fn header(text: &str) -> Result<Self, CompileError> {
        Self::compile(text, &[(HEADER, text, 0)])
    }

    /// The text that was compiled.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Whether it asks for this: `body`, `params` or `params.id`.
    #[must_use]
    pub fn asks(&self, name: &str) -> bool {
        self.0
            .names
            .iter()
            .any(|asked| asked == name || asked.split_once('.').is_some_and(|(first, _)| first == name))
    }

    /// What it asks for below `params`.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.0.names.iter().filter_map(|name| name.strip_prefix("params."))
    }

    /// What it reads of the answers of other deliveries.
    #[must_use]
    pub fn reading(&self) -> Reading {
        let mut reading = Reading::default();
        if self.asks(responses::NAME) {
            blocks(self.text()).for_each(|block| read_in(block, &mut reading));
        }
        reading
    }

    fn compile(text: &str, parts: &[(&'static str, &str, usize)]) -> Result<Self, CompileError> {
        if text.len() > limits::TEMPLATE_BYTES_MAX {
            let message =
                format!("a template may have {} bytes, this has {}", limits::TEMPLATE_BYTES_MAX, text.len());
            return Err(wrong(&message, Some(limits::TEMPLATE_BYTES_MAX)));
        }
        let mut environment = environment();
        let mut names = BTreeSet::new();
        for (name, source, start) in parts {
            let added = environment.add_template_owned(*name, (*source).to_owned());
            added.map_err(|error| syntax(&error, source, *start))?;
            let compiled = environment.get_template(name).map_err(|error| syntax(&error, source, *start))?;
            names.extend(compiled.undeclared_variables(true));
            trial(&compiled).map_err(|error| syntax(&error, source, *start))?;
        }
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_formatter(write);
        for name in &names {
            known(name).map_err(|message| wrong(&message, text.find(name.as_str())))?;
        }
        Ok(Self(Arc::new(Parts { text: text.to_owned(), names, environment })))
    }

    /// The path that it gives.
    pub(crate) fn render_path(&self, seen: &Value) -> Result<Path, Fault> {
        let fault = |detail: String| Fault::Template { place: "url".to_owned(), detail };
        let mut path = self.render(PATH, seen).map_err(fault)?;
        if self.0.environment.get_template(QUERY).is_ok() {
            path.push('?');
            path.push_str(&self.render(QUERY, seen).map_err(fault)?);
        }
        Path::try_new(&path).map_err(|not| fault(format!("it gives `{}`: {not}", short(&path))))
    }

    /// The value that it gives to a header.
    pub(crate) fn render_header(&self, name: &str, seen: &Value) -> Result<String, Fault> {
        let fault = |detail: String| Fault::Template { place: format!("headers.{name}"), detail };
        let value = self.render(HEADER, seen).map_err(fault)?;
        let value = value.trim();
        if value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
            return Ok(value.to_owned());
        }
        Err(fault("it gives a line break or other characters that a header cannot carry".to_owned()))
    }

    fn render(&self, name: &str, seen: &Value) -> Result<String, String> {
        let template = self.0.environment.get_template(name).map_err(|error| words(&error, ""))?;
        let mut out = Bounded(Vec::new());
        template.render_captured_to(seen, &mut out).map_err(|error| words(&error, template.source()))?;
        String::from_utf8(out.0).map_err(|error| error.to_string())
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Template").field(&self.text()).finish()
    }
}

/// Output that cannot grow without end.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > limits::RENDERED_BYTES_MAX {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Finds filters, tests and functions that there are not: they are looked up only when they are reached.
fn trial(template: &minijinja::Template<'_, '_>) -> Result<(), Error> {
    match template.render(()) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction
            ) =>
        {
            Err(error)
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// For a trial, in which nothing is there and nothing is written.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_formatter(|_, _, _| Ok(()));
    environment.set_fuel(Some(limits::TEMPLATE_FUEL));
    environment.set_debug(false);
    environment.set_auto_escape_callback(|name| match name {
        PATH => AutoEscape::Custom(PATH.into()),
        QUERY => AutoEscape::Custom(QUERY.into()),
        _ => AutoEscape::None,
    });
    for name in UNWANTED {
        environment.remove_filter(name);
    }
    for name in ["range", "dict", "namespace", "debug"] {
        environment.remove_global(name);
    }
    environment.add_filter(PATH, |text: String| {
        let mut out = String::with_capacity(text.len());
        params::encode(&text, "/", &mut out);
        Value::from_safe_string(out)
    });
    environment
}

/// Writes what stands in `{{ }}`.
fn write(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = match value.kind() {
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => return Err(unfit("a value is null")),
        // As JSON writes it.
        ValueKind::Bool => value.is_true().to_string(),
        ValueKind::Number | ValueKind::String => value.to_string(),
        ValueKind::Bytes
        | ValueKind::Seq
        | ValueKind::Map
        | ValueKind::Iterable
        | ValueKind::Plain
        | ValueKind::Invalid
        | _ => return Err(unfit("a value is a list or a mapping: take one value out of it")),
    };
    let place = if let AutoEscape::Custom(place) = state.auto_escape() { place.as_ref() } else { HEADER };
    if place == PATH && text.is_empty() {
        return Err(unfit("a piece of the path is empty"));
    }
    if place == HEADER || value.is_safe() {
        return out.write_str(&text).map_err(Error::from);
    }
    let mut encoded = String::with_capacity(text.len());
    params::encode(&text, "", &mut encoded);
    out.write_str(&encoded).map_err(Error::from)
}

fn unfit(detail: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail)
}

/// Whether a template can see this; else, what it can see.
fn known(name: &str) -> Result<(), String> {
    let (first, below) = name.split_once('.').map_or((name, None), |(first, below)| (first, Some(below)));
    if !KNOWN.contains(&first) {
        return Err(format!("there is no `{first}`: a template sees {}", KNOWN.join(", ")));
    }
    let fixed = KNOWN_BELOW.iter().find(|(name, _)| *name == first).map(|(_, below)| *below);
    match (fixed, below) {
        (Some(fixed), Some(below)) if !fixed.contains(&below) => {
            Err(format!("there is no `{name}`: `{first}` has {}", fixed.join(", ")))
        }
        _ => Ok(()),
    }
}

/// What stands between the braces of `{{ }}` and `{% %}`.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = ["{{", "{%"].iter().filter_map(|open| rest.find(open)).min()?;
        let (open, inside) = rest.get(start..)?.split_at_checked(2)?;
        let end = inside.find(if open == "{{" { "}}" } else { "%}" }).unwrap_or(inside.len());
        rest = inside.get(end..).unwrap_or_default();
        inside.get(..end)
    })
}

/// `responses.crm.body`, `responses['crm'].body` and the like; what is written otherwise may be any of them.
fn read_in(block: &str, reading: &mut Reading) {
    let mut rest = block;
    while let Some(at) = rest.find(responses::NAME) {
        let (before, behind) = rest.split_at(at + responses::NAME.len());
        let is_part_of_a_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '\'' | '"');
        let starts = !before.strip_suffix(responses::NAME).unwrap_or_default().ends_with(is_part_of_a_name);
        rest = behind;
        if !starts || behind.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        match step(behind) {
            Some((target, behind)) => {
                let field = step(behind).map(|(field, _)| field);
                reading.add(Some(target), responses::field(field));
            }
            None => reading.add(None, Reads::Body),
        }
    }
}

/// The next name on a path, as `.name` or `['name']`, and what is behind it.
fn step(path: &str) -> Option<(&str, &str)> {
    let path = path.trim_start();
    if let Some(path) = path.strip_prefix('.') {
        let end = path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
        return path.split_at_checked(end).filter(|(name, _)| !name.is_empty());
    }
    let path = path.strip_prefix('[')?.trim_start();
    let quote = path.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (name, behind) = path.get(1..)?.split_once(quote)?;
    Some((name, behind.trim_start().strip_prefix(']')?))
}

/// The first `?` that is not inside of `{{ }}` or `{% %}`.
fn question_mark(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let mark = rest.find('?')?;
        let open = ["{{", "{%"].iter().filter_map(|open| rest.find(open)).min();
        match open.filter(|open| *open < mark) {
            None => return Some(at + mark),
            Some(open) => {
                let close = if rest.get(open..)?.starts_with("{{") { "}}" } else { "%}" };
                at += open + rest.get(open..)?.find(close)? + close.len();
            }
        }
    }
}

fn syntax(error: &Error, source: &str, start: usize) -> CompileError {
    wrong(&words(error, source), error.range().map(|range| start + range.start))
}

/// Without names and lines of templates, which are made up here.
fn words(error: &Error, text: &str) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    match (error.kind(), error.detail().map(str::to_owned).or(source)) {
        (ErrorKind::OutOfFuel, _) => format!("it takes more than {} steps", limits::TEMPLATE_FUEL),
        (ErrorKind::UndefinedError, detail) => {
            let place = error.range().and_then(|range| text.get(range));
            let what = place.map_or_else(|| detail.unwrap_or_default(), |place| format!("`{place}`"));
            format!("{what} is not there")
        }
        (ErrorKind::WriteFailure, _) => format!("it gives more than {} bytes", limits::RENDERED_BYTES_MAX),
        (ErrorKind::InvalidOperation | ErrorKind::SyntaxError, Some(detail)) => detail,
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    }
}

fn wrong(message: &str, offset: Option<usize>) -> CompileError {
    CompileError { message: message.to_owned(), offset }
}

/// As much of a text as fits into a message.
fn short(text: &str) -> String {
    text.chars().take(200).collect()
}
