//! Names that people give to tenants, routes and targets.

use crate::limits;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, LazyLock};

/// A short name: 1 to 64 characters of `a-z A-Z 0-9 _ - .`, not starting with `.` or `-`. Cheap to clone.
///
/// ```
/// use contract::Name;
/// assert_eq!(Name::try_new("crm").unwrap().as_str(), "crm");
/// assert!(Name::try_new("two words").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

/// A text that cannot be a [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no name: use 1 to {max} characters of a-z A-Z 0-9 _ - . and begin with a letter, a digit or _", max = limits::NAME_CHARS_MAX)]
pub struct NotAName {
    text: String,
}

impl Name {
    /// Checks the text once; after that a `Name` is trusted.
    ///
    /// # Errors
    /// [`NotAName`] when the text is empty, too long or has other characters.
    pub fn try_new(text: &str) -> Result<Self, NotAName> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let begins = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        if begins && text.len() <= limits::NAME_CHARS_MAX && text.chars().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(NotAName { text: text.chars().take(80).collect() })
        }
    }

    /// The tenant of an installation that knows only one.
    #[must_use]
    pub fn default_tenant() -> Self {
        static DEFAULT: LazyLock<Name> = LazyLock::new(|| Name("default".into()));
        DEFAULT.clone()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = NotAName;
    fn try_from(text: String) -> Result<Self, NotAName> {
        Self::try_new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().to_owned()
    }
}
