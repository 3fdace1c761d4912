//! Lays the settings of a target over those of the file's `defaults`, and these over those of its preset.
//!
//! ```text
//!  the target's own keys
//!   over `defaults`          key by key, mapping by mapping; a list or a text takes the place of the other,
//!    over the preset         and a key with nothing behind it brings back what is built in
//!     over what is built in  (`raw`)
//! ```

use super::{Place, Scalar, Source, Stem, Step, Tree, Value};
use crate::config::findings::Findings;
use crate::config::interpolate::Origin;
use crate::config::preset::{Preset, Variable};
use crate::config::suggest::nearest;

/// Keys of a mapping that exclude each other: that of the nearest layer stands.
pub(crate) const ALTERNATIVES: [(&str, &[&str]); 3] = [
    ("auth", &["bearer", "basic", "api_key", "oauth2", "aws"]),
    ("api_key", &["header", "query"]),
    ("retry", &["schedule", "exponential"]),
];

/// Mappings that may be written as one text: what that text is then.
pub(crate) const SHORT: [(&str, &str); 4] =
    [("timeout", "total"), ("rate", "limit"), ("proxy", "url"), ("error_code", "at")];

/// What belongs to one target.
const OWN: [&str; 6] = ["uses", "with", "url", "path", "auth", "undo"];

/// The values of the variables of a target's preset.
struct With<'p> {
    preset: &'p Preset,
    uses: Place,
    given: Vec<Given>,
}

/// What a target says of one variable.
struct Given {
    name: String,
    /// None: what stands there is wrong, and that is reported where it stands.
    value: Option<Scalar>,
    /// As it may be shown.
    shown: String,
}

/// A text of a preset with its variables in their place.
struct Filled<'p> {
    value: Value,
    /// As it may be shown.
    shown: String,
    missing: Vec<(&'p str, &'p Variable)>,
}

impl Tree {
    /// Gives every target what its preset and the file's `defaults` say and it does not.
    pub(crate) fn layer(&mut self, findings: &mut Findings) {
        let defaults = self.defaults(findings);
        let Some((_, targets)) = self.entry(Self::ROOT, "targets") else { return };
        let mut layered = Vec::with_capacity(self.entries(targets).len());
        for (key, target) in self.entries(targets).to_vec() {
            let whole = match self.value(target) {
                Value::Map(_) => self.layered(target, defaults, findings),
                Value::Null | Value::Scalar(_) | Value::Key(_) | Value::List(_) | Value::Broken => target,
            };
            layered.push((key, whole));
        }
        if let Value::Map(_) = self.value(targets) {
            self.set(targets, Value::Map(layered));
        }
    }

    /// The file's `defaults`, less what is no default.
    fn defaults(&mut self, findings: &mut Findings) -> Option<Place> {
        let (_, defaults) = self.entry(Self::ROOT, "defaults")?;
        let (own, common): (Vec<_>, Vec<_>) = self
            .entries(defaults)
            .iter()
            .partition(|(key, _)| self.key(*key).is_some_and(|name| OWN.contains(&name)));
        for (key, _) in own {
            let message = format!("`{}` belongs to one target", self.key(key).unwrap_or_default());
            findings.error_at(self, key, message, Some("write it in each target that needs it".to_owned()));
        }
        if let Value::Map(_) = self.value(defaults) {
            self.set(defaults, Value::Map(common));
        }
        Some(defaults)
    }

    fn layered(&mut self, target: Place, defaults: Option<Place>, findings: &mut Findings) -> Place {
        let uses = self.entry(target, "uses").map(|(_, uses)| uses);
        let preset = uses.and_then(|uses| Some((uses, Preset::find(&self.scalar(uses)?.text)?)));
        let mut whole = target;
        if let Some(defaults) = defaults {
            whole = self.over("", whole, defaults);
        }
        let Some((uses, preset)) = preset else { return whole };
        let from = Source { text: preset.text, uses: Some(self.at(uses)) };
        let lowest = self.add(preset.target.clone(), &from, Some(target), Step::Root);
        whole = self.over("", whole, lowest);
        let with = With { preset, uses, given: self.given(target, preset, findings) };
        self.fill(whole, &with, findings);
        whole
    }

    /// The one layer over the other, both under this key.
    fn over(&mut self, key: &str, upper: Place, lower: Place) -> Place {
        let lower = match (self.value(upper), self.value(lower)) {
            (Value::Map(_), Value::Map(_)) => lower,
            (Value::Map(_), Value::Scalar(_) | Value::List(_)) => match self.long(key, lower) {
                Some(long) => long,
                None => return upper,
            },
            (_, _) => return upper,
        };
        let alternatives = ALTERNATIVES.iter().find(|(name, _)| *name == key).map(|(_, words)| *words);
        let same =
            |one: &str, other: &str| one == other || key == "headers" && one.eq_ignore_ascii_case(other);
        let (own, below) = (self.entries(upper).to_vec(), self.entries(lower).to_vec());
        let mut merged = Vec::with_capacity(own.len() + below.len());
        for (name_at, value) in &own {
            let name = self.key(*name_at).unwrap_or_default().to_owned();
            let other =
                below.iter().find(|(other, _)| self.key(*other).is_some_and(|other| same(other, &name)));
            let value = other.map_or(*value, |(_, other)| self.over(&name, *value, *other));
            merged.push((*name_at, value));
        }
        let excluded = alternatives.filter(|words| {
            own.iter().any(|(name, _)| self.key(*name).is_some_and(|name| words.contains(&name)))
        });
        merged.extend(below.iter().filter(|(name_at, _)| {
            let Some(name) = self.key(*name_at) else { return false };
            let taken = own.iter().any(|(own, _)| self.key(*own).is_some_and(|own| same(own, name)));
            !taken && !excluded.is_some_and(|words| words.contains(&name))
        }));
        self.beside(upper, Value::Map(merged))
    }

    /// What is written as one text, as the mapping that it stands for.
    fn long(&mut self, key: &str, short: Place) -> Option<Place> {
        let (_, part) = SHORT.iter().find(|(name, _)| *name == key)?;
        let name = self.beside(short, Value::Key((*part).to_owned()));
        Some(self.beside(short, Value::Map(vec![(name, short)])))
    }

    /// A value that counts as written where the other is.
    fn beside(&mut self, place: Place, value: Value) -> Place {
        let Some(node) = self.node(place) else { return place };
        let step = match &node.step {
            Step::Root => Step::Root,
            Step::Key(name) => Step::Key(name.clone()),
            Step::Item(index) => Step::Item(*index),
        };
        let stem = match &node.stem {
            Stem::File => Stem::File,
            Stem::Preset { shown } => Stem::Preset { shown: shown.clone() },
        };
        let node = super::Node { value, at: node.at.clone(), parent: node.parent, step, stem };
        let place = Place(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(node);
        place
    }

    /// What a target says of its preset's variables.
    fn given(&self, target: Place, preset: &Preset, findings: &mut Findings) -> Vec<Given> {
        let Some((_, with)) = self.entry(target, "with") else { return Vec::new() };
        let mut given = Vec::new();
        for (key, value) in self.entries(with) {
            let name = self.key(*key).unwrap_or_default();
            if !preset.with.contains_key(name) {
                let names: Vec<&str> = preset.with.keys().map(String::as_str).collect();
                let help = match nearest(name, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if names.is_empty() => "it needs none: remove `with`".to_owned(),
                    None => format!("it takes: {}", names.join(", ")),
                };
                let message = format!("the preset `{}` has no `{name}`", preset.name);
                findings.error_at(self, *key, message, Some(help));
            } else if !matches!(self.value(*value), Value::Null) {
                let copy = |scalar: &Scalar| Scalar { text: scalar.text.clone(), ..*scalar };
                let (value, shown) = (self.scalar(*value).map(copy), self.shown(*value).to_owned());
                given.push(Given { name: name.to_owned(), value, shown });
            }
        }
        given
    }

    /// Puts the variables into what has come from the preset.
    fn fill(&mut self, place: Place, with: &With<'_>, findings: &mut Findings) {
        match self.value(place) {
            Value::Map(entries) => {
                for (_, value) in entries.clone() {
                    self.fill(value, with, findings);
                }
            }
            Value::List(items) => {
                for item in items.clone() {
                    self.fill(item, with, findings);
                }
            }
            Value::Scalar(scalar) if self.is_preset(place) && scalar.text.contains("${") => {
                let filled = with.filled(&scalar.text);
                for (name, variable) in &filled.missing {
                    let (at, path) = (self.at(with.uses), self.path(place));
                    let message = format!("`with.{name}` is missing: {}", variable.means);
                    let example = variable.example(name);
                    let help = format!("the preset `{}` needs it: {example}", with.preset.name);
                    findings.error(at, path, message, Some(help));
                }
                if let Some(node) = self.nodes.get_mut(place.0 as usize) {
                    (node.value, node.stem) = (filled.value, Stem::Preset { shown: filled.shown });
                }
            }
            Value::Null | Value::Scalar(_) | Value::Key(_) | Value::Broken => {}
        }
    }
}

impl<'p> With<'p> {
    /// A text with its variables in their place.
    fn filled(&self, text: &str) -> Filled<'p> {
        let (mut filled, mut shown, mut rest) = (String::new(), String::new(), text);
        let (mut origin, mut missing, mut usable) = (Origin::Written, Vec::new(), true);
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, next)) = after.split_once('}') else { break };
            filled.push_str(before);
            shown.push_str(before);
            rest = next;
            if let Some(given) = self.given.iter().find(|given| given.name == name) {
                shown.push_str(&given.shown);
                match &given.value {
                    Some(Scalar { text, origin: from, .. }) => {
                        filled.push_str(text);
                        if *from == Origin::Outside {
                            origin = Origin::Outside;
                        }
                    }
                    None => usable = false,
                }
            } else if let Some((name, variable)) = self.preset.with.get_key_value(name) {
                match &variable.default {
                    Some(standard) => {
                        filled.push_str(standard);
                        shown.push_str(standard);
                    }
                    None => missing.push((name.as_str(), variable)),
                }
            }
        }
        filled.push_str(rest);
        shown.push_str(rest);
        let value = if missing.is_empty() && usable {
            Value::Scalar(Scalar { text: filled, origin, kind: "a text" })
        } else {
            Value::Broken
        };
        Filled { value, shown, missing }
    }
}
