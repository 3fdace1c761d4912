//! Path patterns: which request paths a route takes, and which of two patterns is the more specific one.
//!
//! A pattern is a path whose segments may be `{name}` (exactly one segment that is not empty) and whose last segment may
//! be `{*name}` (everything that follows, at least one character). Segments are compared as they were sent, before percent-decoding;
//! what a parameter captured is decoded, and if that gives no UTF-8 text the path does not match.

mod routes;

pub use routes::{Clash, Lookup, Methods, Overlap, Routes};

use std::borrow::Cow;

/// The longest pattern.
pub const PATTERN_BYTES_MAX: usize = 1024;

/// A path pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    segments: Box<[Segment]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Exact(Box<str>),
    Param(Box<str>),
    Rest(Box<str>),
}

/// What a pattern captured: names and decoded values, in order of the path.
pub type Params<'r, 'p> = Vec<(&'r str, Cow<'p, str>)>;

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPattern {
    /// It does not begin with a slash.
    #[error("a path begins with `/`")]
    NoSlash,
    /// Two slashes in a row.
    #[error("it has an empty segment (`//`)")]
    Empty,
    /// A dot segment, which clients remove before they send.
    #[error("it has a `.` or `..` segment, which no client sends")]
    Dots,
    /// A character that a path does not have, or a wrong percent escape.
    #[error("the segment `{segment}` has characters that a path does not have; percent-encode them")]
    Character {
        /// The segment.
        segment: String,
    },
    /// Braces that are not a whole segment, or a name that is none.
    #[error("`{segment}` is no parameter: a whole segment is `{{name}}` or, at the end, `{{*name}}`")]
    Param {
        /// The segment.
        segment: String,
    },
    /// A wildcard before the end.
    #[error("the wildcard `{segment}` is not at the end")]
    RestNotLast {
        /// The segment.
        segment: String,
    },
    /// One name for two parameters.
    #[error("the parameter `{name}` stands there twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// More than [`PATTERN_BYTES_MAX`].
    #[error("it is longer than {PATTERN_BYTES_MAX} bytes")]
    TooLong,
}

impl Pattern {
    /// Reads a pattern such as `/orders/{id}/{*rest}`.
    ///
    /// # Errors
    /// [`NotAPattern`] says what is wrong with it.
    pub fn try_new(text: &str) -> Result<Self, NotAPattern> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(NotAPattern::TooLong);
        }
        let path = text.strip_prefix('/').ok_or(NotAPattern::NoSlash)?;
        let texts: Vec<&str> = path.split('/').collect();
        let last = texts.len() - 1;
        let mut segments: Vec<Segment> = Vec::with_capacity(texts.len());
        for (index, text) in texts.into_iter().enumerate() {
            let segment = Segment::try_new(text)?;
            match &segment {
                Segment::Exact(exact) if exact.is_empty() && index != last => return Err(NotAPattern::Empty),
                Segment::Rest(_) if index != last => {
                    return Err(NotAPattern::RestNotLast { segment: text.to_owned() });
                }
                Segment::Exact(_) | Segment::Rest(_) | Segment::Param(_) => {}
            }
            if let Some(name) = segment.name().filter(|name| segments.iter().any(|s| s.name() == Some(name)))
            {
                return Err(NotAPattern::Twice { name: name.to_owned() });
            }
            segments.push(segment);
        }
        Ok(Self { segments: segments.into() })
    }

    /// The path itself, if the pattern has no parameter.
    #[must_use]
    pub fn literal(&self) -> Option<String> {
        self.segments.iter().all(|segment| segment.name().is_none()).then(|| self.to_string())
    }

    /// The first segment, if it is no parameter.
    #[must_use]
    pub fn first(&self) -> Option<&str> {
        match self.segments.first() {
            Some(Segment::Exact(text)) => Some(text),
            Some(Segment::Param(_) | Segment::Rest(_)) | None => None,
        }
    }

    /// The names of its parameters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(Segment::name)
    }

    /// What the parameters capture of a path; none if the path does not match.
    #[must_use]
    pub fn capture<'r, 'p>(&'r self, path: &'p str) -> Option<Params<'r, 'p>> {
        let mut params = Vec::new();
        let mut rest = Some(path.strip_prefix('/')?);
        for segment in &self.segments {
            let remaining = rest?;
            let (head, tail) = match remaining.split_once('/') {
                Some((head, tail)) => (head, Some(tail)),
                None => (remaining, None),
            };
            rest = tail;
            match segment {
                Segment::Exact(text) if **text == *head => {}
                Segment::Exact(_) => return None,
                Segment::Param(_) if head.is_empty() => return None,
                Segment::Param(name) => params.push((&**name, decode(head)?)),
                Segment::Rest(_) if remaining.is_empty() => return None,
                Segment::Rest(name) => {
                    params.push((&**name, decode(remaining)?));
                    return Some(params);
                }
            }
        }
        rest.is_none().then_some(params)
    }

    /// Whether a path matches, without capturing anything.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.capture(path).is_some()
    }
}

impl Segment {
    fn try_new(text: &str) -> Result<Self, NotAPattern> {
        if text == "." || text == ".." {
            return Err(NotAPattern::Dots);
        }
        if let Some(inner) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            let name = inner.strip_prefix('*').unwrap_or(inner);
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(plain) {
                return Err(NotAPattern::Param { segment: text.to_owned() });
            }
            return Ok(if inner.starts_with('*') {
                Self::Rest(name.into())
            } else {
                Self::Param(name.into())
            });
        }
        if text.contains(['{', '}']) {
            return Err(NotAPattern::Param { segment: text.to_owned() });
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@%".contains(c);
        if !text.chars().all(plain) || decode(text).is_none() {
            return Err(NotAPattern::Character { segment: text.to_owned() });
        }
        Ok(Self::Exact(text.into()))
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Exact(_) => None,
            Self::Param(name) | Self::Rest(name) => Some(name),
        }
    }

    /// Lower is more specific.
    fn rank(&self) -> u8 {
        match self {
            Self::Exact(_) => 0,
            Self::Param(_) => 1,
            Self::Rest(_) => 2,
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.segments.iter().try_for_each(|segment| match segment {
            Segment::Exact(text) => write!(f, "/{text}"),
            Segment::Param(name) => write!(f, "/{{{name}}}"),
            Segment::Rest(name) => write!(f, "/{{*{name}}}"),
        })
    }
}

/// Undoes percent-encoding; none when an escape is wrong or the result is no UTF-8.
/// Whether every percent escape of a path is whole, and what they stand for is UTF-8.
#[must_use]
pub fn is_encoded(path: &str) -> bool {
    decode(path).is_some()
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(if byte == b'%' { digit(bytes.next())? << 4 | digit(bytes.next())? } else { byte });
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests;
