//! Event types: which published events a route takes.

/// Which event types a route takes: `com.example.signup`, `com.example.*`, or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypePattern {
    prefix: String,
    open: bool,
}

impl TypePattern {
    /// Reads a pattern: a `*` may stand at the end only. None when it stands elsewhere or the text is empty.
    #[must_use]
    pub fn try_new(text: &str) -> Option<Self> {
        let (prefix, open) = match text.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (text, false),
        };
        (!text.is_empty() && !prefix.contains('*')).then(|| Self { prefix: prefix.to_owned(), open })
    }

    /// Whether the route takes this type.
    #[must_use]
    pub fn matches(&self, kind: &str) -> bool {
        if self.open { kind.starts_with(&self.prefix) } else { kind == self.prefix }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_pattern_is_exact_or_open_at_its_end() {
        let matches = |pattern: &str, kind: &str| {
            TypePattern::try_new(pattern).is_some_and(|pattern| pattern.matches(kind))
        };
        assert!(matches("a.b", "a.b") && !matches("a.b", "a.b.c"));
        assert!(matches("a.*", "a.b.c") && !matches("a.*", "b"));
        assert!(matches("*", "anything"));
        assert!(TypePattern::try_new("a.*.b").is_none() && TypePattern::try_new("").is_none());
    }
}
