//! What is known of well-known APIs: settings that a target may build on.

use super::yaml::{self, Yaml};
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One preset.
pub struct Preset {
    /// What `uses` calls it.
    pub name: &'static str,
    /// What it is for.
    pub title: String,
    /// Where the vendor says so.
    pub sources: Vec<Source>,
    /// What differs from account to account.
    pub with: BTreeMap<String, Variable>,
    /// The whole file.
    pub text: &'static str,
    pub(super) target: Spanned<Yaml>,
}

/// A page of the vendor's public documentation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its address.
    pub url: String,
    /// When it was read.
    pub checked: String,
    /// What was taken from it.
    pub says: String,
}

/// What a target says itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// What it is.
    pub means: String,
    /// What it is when the target does not say it.
    pub default: Option<String>,
    /// Whether nobody may see it.
    #[serde(default)]
    pub secret: bool,
}

/// A preset as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    title: String,
    sources: Vec<Source>,
    #[serde(default)]
    with: BTreeMap<String, Variable>,
    target: Spanned<Yaml>,
}

/// All of them, by name. They are part of the program, and a test reads each.
static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let read = |(name, text): &(&'static str, &'static str)| {
        let Written { title, sources, with, target } = yaml::read_as(text).ok()?;
        Some(Preset { name, title, sources, with, text, target })
    };
    connectors::presets::ALL.iter().filter_map(read).collect()
});

impl Preset {
    /// All of them, by name.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &PRESETS
    }

    /// The one of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|preset| preset.name == name)
    }
}

impl Variable {
    /// How it is written.
    pub(super) fn example(&self, name: &str) -> String {
        if self.secret {
            format!("with: {{ {name}: \"${{NAME}}\" }}")
        } else {
            format!("with: {{ {name}: … }}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_read_and_says_where_it_is_from() {
        assert_eq!(Preset::all().len(), connectors::presets::ALL.len());
        for preset in Preset::all() {
            assert!(!preset.sources.is_empty(), "{}", preset.name);
            for source in &preset.sources {
                assert!(source.url.starts_with("https://"), "{}: {}", preset.name, source.url);
                assert!(source.checked.starts_with("20"), "{}: {}", preset.name, source.checked);
            }
            for name in preset.with.keys() {
                assert!(preset.text.contains(&format!("${{{name}}}")), "{}: {name} is not used", preset.name);
            }
        }
    }
}
