//! What a target's settings come to, one by one, and where each comes from.

use super::environment::Environment;
use super::interpolate::Origin;
use super::reference::{below, schema};
use super::report::Report;
use super::tree::{ALTERNATIVES, Place, SHORT, Tree, Value};
use super::{Config, open, read};
use http::header::{AUTHORIZATION, COOKIE};
use serde::Serialize;
use serde_json::Value as Json;
use std::path::Path;

/// What stands in place of a secret.
const COVERED: &str = "***";

/// One setting of a target.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its path, such as `retry.jitter`.
    pub key: String,
    /// As it stands where it comes from; never a secret.
    pub value: String,
    /// In which layer it stands.
    pub layer: Layer,
    /// Where: `fanlight.yaml:12:5`, or the name of the preset; nothing for what is built in.
    pub from: Option<String>,
}

/// Which of the layers says a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// The target itself.
    Target,
    /// `defaults` of the file.
    Defaults,
    /// Another key of the file, which holds for all targets.
    File,
    /// The preset.
    Preset,
    /// Nobody: it is built in.
    Builtin,
}

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
pub enum Unexplained {
    /// The configuration cannot be used.
    #[error(transparent)]
    Refused(#[from] Report),
    /// It has no such target.
    #[error("the configuration has no target `{name}`; its targets are: {}", targets.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        targets: Vec<String>,
    },
}

/// Every setting of a target of a configuration file.
///
/// # Errors
/// [`Unexplained`]
pub fn explain(path: &Path, name: &str, env: &dyn Environment) -> Result<Vec<Setting>, Unexplained> {
    let (file, text) = open(path, env)?;
    let (tree, config) = read(&text, &file, env)?;
    let target = tree.entry(Tree::ROOT, "targets").and_then(|(_, targets)| tree.entry(targets, name));
    let Some((_, target)) = target else { return Err(unknown(name, &config)) };
    let root = schema();
    let preset = tree.entry(target, "uses").and_then(|(_, uses)| Some(tree.scalar(uses)?.text.clone()));
    let mut explainer =
        Explainer { tree: &tree, root: &root, report: &config.warnings, file, preset, settings: Vec::new() };
    if let Some((_, section)) = root.pointer("/properties/targets").and_then(|targets| below(&root, targets))
    {
        explainer.mapping("", Some(target), section);
        if tree.entry(target, "proxy").is_none() {
            explainer.proxy(section);
        }
    }
    Ok(explainer.settings)
}

fn unknown(name: &str, config: &Config) -> Unexplained {
    let targets = config.targets.iter().map(|target| target.name.to_string()).collect();
    Unexplained::Unknown { name: name.to_owned(), targets }
}

struct Explainer<'a> {
    tree: &'a Tree,
    root: &'a Json,
    report: &'a Report,
    file: String,
    preset: Option<String>,
    settings: Vec<Setting>,
}

impl Explainer<'_> {
    /// The keys of a mapping, in the order of the reference. `place` is none where all of it is built in.
    fn mapping(&mut self, path: &str, place: Option<Place>, section: &Json) {
        let own = path.rsplit('.').next().unwrap_or_default();
        let rivals = ALTERNATIVES.iter().find(|(name, _)| *name == own).map_or(&[][..], |(_, words)| *words);
        let said = |key: &str| {
            let (_, value) = self.tree.entry(place?, key)?;
            (!matches!(self.tree.value(value), Value::Null)).then_some(value)
        };
        let decided = rivals.iter().any(|rival| said(rival).is_some());
        let properties = section.get("properties").and_then(Json::as_object).into_iter().flatten();
        let keys: Vec<_> = properties.map(|(key, property)| (key, property, said(key))).collect();
        for (key, property, value) in keys {
            let rival = rivals.contains(&key.as_str());
            let path = join(path, key);
            match value {
                // Its effects are shown where they are.
                Some(_) if path == "with" => {}
                Some(value) => self.said(&path, value, property),
                None if rival && (decided || property.get("default").is_none()) => {}
                None => self.built_in(&path, property),
            }
        }
    }

    /// The way out of the whole file is that of each target that has none of its own.
    fn proxy(&mut self, section: &Json) {
        let proxy = self.tree.entry(Tree::ROOT, "proxy");
        if let (Some((_, place)), Some(property)) = (proxy, section.pointer("/properties/proxy")) {
            self.said("proxy", place, property);
        }
    }

    fn said(&mut self, path: &str, place: Place, property: &Json) {
        let inner = below(self.root, property).map(|(_, section)| section);
        match (self.tree.value(place), inner) {
            (Value::Map(entries), inner) => {
                match inner.filter(|_| property.get("additionalProperties").is_none()) {
                    Some(section) => self.mapping(path, Some(place), section),
                    // People choose these names.
                    None => {
                        for (key, value) in entries {
                            let name = self.tree.key(*key).unwrap_or_default();
                            let secret = path == "headers" && is_secret_header(name);
                            self.row(join(path, name), *value, secret);
                        }
                    }
                }
            }
            (_, inner) => {
                let short = SHORT.iter().find(|(name, _)| *name == path);
                let text = self.tree.scalar(place).map(|scalar| scalar.text.as_str()).unwrap_or_default();
                match (short, inner) {
                    (Some((_, part)), Some(section)) if text != "none" => {
                        self.row(join(path, part), place, false);
                        self.others(path, section, part);
                    }
                    (None, Some(section)) if text == "on" || text == "adaptive" => {
                        self.row(path.to_owned(), place, false);
                        self.others(path, section, "");
                    }
                    (_, _) => self.row(path.to_owned(), place, is_secret(property)),
                }
            }
        }
    }

    fn built_in(&mut self, path: &str, property: &Json) {
        let inner = below(self.root, property).map(|(_, section)| section);
        let short = SHORT.iter().find(|(name, _)| *name == path).map(|(_, part)| *part);
        match (property.get("default"), inner) {
            (Some(default), Some(section)) => {
                let key = short.map_or_else(|| path.to_owned(), |part| join(path, part));
                self.default(key, default);
                if short.is_some() || default == "on" {
                    self.others(path, section, short.unwrap_or_default());
                }
            }
            (Some(default), None) => self.default(path.to_owned(), default),
            // A mapping that holds although nobody writes it has defaults and asks for nothing.
            (None, Some(section)) if property.get("$ref").is_some() && section.get("required").is_none() => {
                self.mapping(path, None, section);
            }
            (None, _) => {}
        }
    }

    /// What is built in beside one key.
    fn others(&mut self, path: &str, section: &Json, but: &str) {
        let properties = section.get("properties").and_then(Json::as_object).into_iter().flatten();
        for (key, property) in properties.filter(|(key, _)| *key != but) {
            self.built_in(&join(path, key), property);
        }
    }

    fn default(&mut self, key: String, value: &Json) {
        let value = super::reference::plain(value);
        self.settings.push(Setting { key, value, layer: Layer::Builtin, from: None });
    }

    fn row(&mut self, key: String, place: Place, secret: bool) {
        let value = self.value(place, secret);
        let (layer, from) = if self.tree.is_preset(place) {
            (Layer::Preset, self.preset.clone())
        } else {
            let layer = match self.tree.path(place).split('.').next() {
                Some("targets") => Layer::Target,
                Some("defaults") => Layer::Defaults,
                Some(_) | None => Layer::File,
            };
            let (line, column) = self.report.place(self.tree.at(place).start).unwrap_or_default();
            (layer, Some(format!("{}:{line}:{column}", self.file)))
        };
        self.settings.push(Setting { key, value, layer, from });
    }

    fn value(&self, place: Place, secret: bool) -> String {
        match self.tree.value(place) {
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.value(*item, secret)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Scalar(scalar) if secret && scalar.origin == Origin::Written => COVERED.to_owned(),
            Value::Scalar(_) => self.tree.shown(place).to_owned(),
            Value::Null | Value::Key(_) | Value::Map(_) | Value::Broken => String::new(),
        }
    }
}

/// Whether what the schema says of a key makes it a secret.
fn is_secret(property: &Json) -> bool {
    let title = property.get("title").and_then(Json::as_str).unwrap_or_default();
    title.contains("a secret") || title.contains("a signing key")
}

fn is_secret_header(name: &str) -> bool {
    [AUTHORIZATION, COOKIE].iter().any(|secret| secret.as_str().eq_ignore_ascii_case(name))
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
