//! Content types: which bodies a route takes.

/// Types that a route takes: `application/json`, `text/*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentTypes(Vec<MediaRange>);

/// One type, or all subtypes of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaRange {
    kind: Box<str>,
    subtype: Option<Box<str>>,
}

/// A text that is no content type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAMediaRange {
    /// No slash.
    #[error("there is no `/`")]
    NoSlash,
    /// `; charset=…` or the like.
    #[error("parameters such as `charset` are not compared")]
    Parameter,
    /// Characters that a type does not have.
    #[error("it has characters that a content type does not have")]
    Character,
}

impl MediaRange {
    /// Reads `type/subtype` or `type/*`.
    ///
    /// # Errors
    /// [`NotAMediaRange`] says what is wrong.
    pub fn try_new(text: &str) -> Result<Self, NotAMediaRange> {
        if text.contains(';') {
            return Err(NotAMediaRange::Parameter);
        }
        let (kind, subtype) = text.split_once('/').ok_or(NotAMediaRange::NoSlash)?;
        let token = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&^_.+-".contains(c))
        };
        if !token(kind) || !(token(subtype) || subtype == "*") {
            return Err(NotAMediaRange::Character);
        }
        let subtype = (subtype != "*").then(|| subtype.to_ascii_lowercase().into());
        Ok(Self { kind: kind.to_ascii_lowercase().into(), subtype })
    }
}

impl ContentTypes {
    /// From a list of at least one.
    #[must_use]
    pub fn new(ranges: Vec<MediaRange>) -> Self {
        Self(ranges)
    }

    /// Whether a `content-type` header's value is among them; its parameters are not compared.
    #[must_use]
    pub fn allow(&self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let Some((kind, subtype)) = essence.split_once('/') else { return false };
        self.0.iter().any(|range| {
            range.kind.eq_ignore_ascii_case(kind)
                && range.subtype.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(subtype))
        })
    }
}

impl std::fmt::Display for ContentTypes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}/{}", range.kind, range.subtype.as_deref().unwrap_or("*"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_compared_without_case_and_parameters() {
        let types = ContentTypes::new(
            ["application/json", "Text/*"].iter().map(|text| MediaRange::try_new(text).unwrap()).collect(),
        );
        assert_eq!(types.to_string(), "application/json, text/*");
        for (text, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/csv", true),
            ("application/xml", false),
            ("application", false),
            ("", false),
        ] {
            assert_eq!(types.allow(text), expected, "{text}");
        }
    }

    #[test]
    fn a_wrong_type_says_what_is_wrong() {
        for (text, error) in [
            ("json", "there is no `/`"),
            ("application/", "it has characters that a content type does not have"),
            ("*/*", "it has characters that a content type does not have"),
            ("a b/c", "it has characters that a content type does not have"),
            ("text/plain; charset=utf-8", "parameters such as `charset` are not compared"),
        ] {
            assert_eq!(MediaRange::try_new(text).unwrap_err().to_string(), error, "{text}");
        }
    }
}
