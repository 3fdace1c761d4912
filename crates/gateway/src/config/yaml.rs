//! A YAML text as values that know their bytes, or what keeps it from being YAML.

use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Error, Location, NonFiniteFloatPolicy, Spanned};
use std::fmt;
use std::ops::Range;

/// Lists and mappings inside each other.
const DEPTH_MAX: usize = 32;
/// Values of one file, aliases counted as often as they are used.
const VALUES_MAX: usize = 100_000;

/// A YAML value with the places of what is inside it.
#[derive(Clone)]
pub(crate) enum Yaml {
    Null,
    Bool,
    Number,
    Text(String),
    List(Vec<Spanned<Yaml>>),
    Map(Vec<(Spanned<Yaml>, Spanned<Yaml>)>),
}

/// Why a text is no YAML, and where that shows.
pub(crate) struct NotYaml {
    pub at: Range<usize>,
    pub message: String,
    pub help: Option<&'static str>,
}

/// Reads a text that holds one document.
pub(crate) fn read(text: &str) -> Result<Spanned<Yaml>, NotYaml> {
    read_as(text).map_err(|error| NotYaml::new(text, &error))
}

/// The same, as something that is made of it.
pub(super) fn read_as<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX, max_nodes: VALUES_MAX },
        // Repeated keys are all handed over, so that all of them can be reported.
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
        emit_comments: false,
    };
    serde_saphyr::from_str_with_options(text, options)
}

/// The bytes that a location covers.
pub(crate) fn bytes(location: &Location, text: &str) -> Range<usize> {
    let span = location.span();
    let offset = span.byte_offset().and_then(|offset| usize::try_from(offset).ok());
    let start = match (offset, usize::try_from(location.line()), usize::try_from(location.column())) {
        (Some(offset), _, _) => offset,
        (None, Ok(line), Ok(column)) if line > 0 => {
            let before = text.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>();
            let rest = text.get(before..).unwrap_or_default();
            before + rest.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum::<usize>()
        }
        (None, _, _) => 0,
    };
    let length = span.byte_len().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let start = start.min(text.len());
    start..start.saturating_add(length).min(text.len())
}

impl NotYaml {
    fn new(text: &str, error: &Error) -> Self {
        if let Error::AliasError { error, .. } = error {
            return Self::new(text, error);
        }
        let at = error.location().map_or(0..0, |location| bytes(&location, text));
        let message = error.to_string();
        let plain = message.split(" at line ").next().unwrap_or(&message);
        let (message, help) = if matches!(error, Error::MultipleDocuments { .. }) {
            (
                "the file holds more than one YAML document".to_owned(),
                Some("remove what follows the second `---`"),
            )
        } else if matches!(error, Error::Budget { .. }) {
            ("the file is nested too deeply or holds too many values for a configuration".to_owned(), None)
        } else if matches!(error, Error::UnknownAnchor { .. }) {
            (
                "there is no anchor of this name above".to_owned(),
                Some("put quotes around a text that begins with *"),
            )
        } else {
            (format!("this is no YAML: {plain}"), help(plain, line(text, at.start)))
        };
        Self { at, message, help }
    }
}

/// What people most often mean where the parser gives up with this message in this line.
fn help(message: &str, line: &str) -> Option<&'static str> {
    if message.contains("tabs disallowed") {
        Some("indent with spaces")
    } else if message.contains("while parsing a flow") && line.matches('{').count() > 1 {
        Some("inside { } and [ ], put quotes around a value that has { } itself, such as \"${NAME}\"")
    } else if message.contains("mapping values are not allowed") {
        Some("put quotes around a value that contains `: `, or check the indentation")
    } else if message.contains("unexpected character") {
        Some("put quotes around a value that begins with one of @ ` % { [ & * ! | > #")
    } else {
        None
    }
}

/// The line that a byte is in.
fn line(text: &str, at: usize) -> &str {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let end = at + after.find('\n').unwrap_or(after.len());
    text.get(start..end).unwrap_or_default()
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(YamlVisitor)
    }
}

struct YamlVisitor;

impl<'de> Visitor<'de> for YamlVisitor {
    type Value = Yaml;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Yaml, E> {
        Ok(Yaml::Bool)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Yaml, E> {
        Ok(Yaml::Number)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Yaml, E> {
        Ok(Yaml::Number)
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<Yaml, E> {
        Ok(Yaml::Number)
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<Yaml, E> {
        Ok(Yaml::Number)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Yaml, E> {
        Ok(Yaml::Number)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Yaml, E> {
        Ok(Yaml::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Yaml, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Yaml::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Yaml, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Yaml::Map(entries))
    }
}
