//! A YAML text as a tree of values that know their place, before anything is expected of it.

mod layers;
mod resolve;

pub(crate) use layers::{ALTERNATIVES, SHORT};

use super::interpolate::Origin;
use super::yaml::{self, NotYaml, Yaml, bytes};
use serde_saphyr::Spanned;
use std::ops::Range;

/// The whole file.
pub(crate) struct Tree {
    text: String,
    nodes: Vec<Node>,
}

/// Names a value in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Place {
    /// The place as a number, for the way through serde.
    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    /// Back from [`Place::number`].
    pub(crate) const fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// One value, or one key of a mapping.
struct Node {
    value: Value,
    at: Range<usize>,
    parent: Option<Place>,
    step: Step,
    stem: Stem,
}

/// Where a value was written.
enum Stem {
    /// In the file.
    File,
    /// In a preset; its bytes are those of the `uses` that names it.
    Preset {
        /// As it may be shown.
        shown: String,
    },
}

/// The text that values are taken from.
#[derive(Clone)]
struct Source<'s> {
    text: &'s str,
    /// Of a preset: the bytes of the `uses` that names it.
    uses: Option<Range<usize>>,
}

/// The way from a parent to a value.
enum Step {
    Root,
    Key(String),
    Item(usize),
}

/// What stands at a place.
pub(crate) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Text, or a number or a word that YAML takes for another type, as it was written.
    Scalar(Scalar),
    /// A key of a mapping. References are not replaced in it.
    Key(String),
    /// A list.
    List(Vec<Place>),
    /// Keys and values, in order.
    Map(Vec<(Place, Place)>),
    /// Something whose problem has been reported.
    Broken,
}

/// A scalar.
#[derive(Debug)]
pub(crate) struct Scalar {
    /// With references replaced.
    pub text: String,
    /// Whether it may be shown.
    pub origin: Origin,
    /// What YAML takes it for: "a text", "a number", "true or false".
    pub kind: &'static str,
}

impl Tree {
    /// Reads the text. Duplicate keys and references are looked at later, by [`Tree::resolve`].
    pub(crate) fn read(text: &str) -> Result<Self, NotYaml> {
        let yaml = yaml::read(text)?;
        let mut tree = Self { text: text.to_owned(), nodes: Vec::new() };
        tree.add(yaml, &Source { text, uses: None }, None, Step::Root);
        Ok(tree)
    }

    /// The place of the whole.
    pub(crate) const ROOT: Place = Place(0);

    /// What stands at a place.
    pub(crate) fn value(&self, place: Place) -> &Value {
        self.node(place).map_or(&Value::Broken, |node| &node.value)
    }

    /// The scalar at a place, if it is one.
    pub(crate) fn scalar(&self, place: Place) -> Option<&Scalar> {
        match self.value(place) {
            Value::Scalar(scalar) => Some(scalar),
            Value::Null | Value::Key(_) | Value::List(_) | Value::Map(_) | Value::Broken => None,
        }
    }

    /// The key at a place, if it is one.
    pub(crate) fn key(&self, place: Place) -> Option<&str> {
        match self.value(place) {
            Value::Key(name) => Some(name),
            Value::Null | Value::Scalar(_) | Value::List(_) | Value::Map(_) | Value::Broken => None,
        }
    }

    /// The bytes of a place.
    pub(crate) fn at(&self, place: Place) -> Range<usize> {
        self.node(place).map_or(0..0, |node| node.at.clone())
    }

    /// The text as it stands in the file, with quotes and references.
    pub(crate) fn written(&self, place: Place) -> &str {
        match self.node(place).map(|node| &node.stem) {
            Some(Stem::Preset { shown }) => shown,
            Some(Stem::File) | None => self.text.get(self.at(place)).unwrap_or_default(),
        }
    }

    /// The text as people may see it: references to what came from outside stand there instead of what they gave.
    pub(crate) fn shown(&self, place: Place) -> &str {
        match self.scalar(place) {
            Some(Scalar { text, origin: Origin::Written, .. }) => text,
            Some(_) | None => self.written(place).trim_matches(['"', '\'']),
        }
    }

    /// Whether it stands in the file's `defaults`.
    pub(crate) fn is_default(&self, place: Place) -> bool {
        !self.is_preset(place) && self.path(place).starts_with("defaults.")
    }

    /// Whether it stands in a preset.
    pub(crate) fn is_preset(&self, place: Place) -> bool {
        self.node(place).is_some_and(|node| matches!(node.stem, Stem::Preset { .. }))
    }

    /// The entry of a mapping.
    pub(crate) fn entry(&self, map: Place, name: &str) -> Option<(Place, Place)> {
        self.entries(map).iter().find(|(key, _)| self.key(*key) == Some(name)).copied()
    }

    /// The entries of a mapping; of anything else, none.
    pub(crate) fn entries(&self, map: Place) -> &[(Place, Place)] {
        match self.value(map) {
            Value::Map(entries) => entries,
            Value::Null | Value::Scalar(_) | Value::Key(_) | Value::List(_) | Value::Broken => &[],
        }
    }

    /// The path of a place, such as `routes.signup.to[1]`.
    pub(crate) fn path(&self, place: Place) -> String {
        let mut steps = Vec::new();
        let mut next = self.node(place);
        while let Some(node) = next {
            steps.push(&node.step);
            next = node.parent.and_then(|parent| self.node(parent));
        }
        steps.into_iter().rev().fold(String::new(), |path, step| match step {
            Step::Root => path,
            Step::Key(key) if path.is_empty() => key.clone(),
            Step::Key(key) => format!("{path}.{key}"),
            Step::Item(index) => format!("{path}[{index}]"),
        })
    }

    /// The bytes of a part of a scalar's text, if that part stands in the file as it is; else those of the whole scalar.
    pub(crate) fn part(&self, place: Place, part: Range<usize>) -> Range<usize> {
        let whole = self.at(place);
        if self.is_preset(place) {
            return whole;
        }
        let found = self.scalar(place).and_then(|scalar| locate(self.written(place), &scalar.text, part));
        found.map_or(whole.clone(), |part| whole.start + part.start..whole.start + part.end)
    }

    fn node(&self, place: Place) -> Option<&Node> {
        self.nodes.get(place.0 as usize)
    }

    fn add(&mut self, yaml: Spanned<Yaml>, from: &Source<'_>, parent: Option<Place>, step: Step) -> Place {
        let at = bytes(&yaml.defined, from.text);
        let written = || from.text.get(at.clone()).unwrap_or_default().to_owned();
        // Parents stand before their children, so that a place is known before what is below it.
        let place = self.push(Value::Null, from, at.clone(), parent, step);
        let value = match yaml.value {
            Yaml::Null => Value::Null,
            Yaml::Bool => Value::plain(written(), "true or false"),
            Yaml::Number => Value::plain(written(), "a number"),
            Yaml::Text(text) => Value::plain(text, "a text"),
            Yaml::List(items) => {
                let items = items.into_iter().enumerate();
                let add = |(index, item)| self.add(item, from, Some(place), Step::Item(index));
                Value::List(items.map(add).collect())
            }
            Yaml::Map(entries) => {
                let entries = entries.into_iter();
                Value::Map(entries.map(|(key, value)| self.add_entry(key, value, from, place)).collect())
            }
        };
        self.set(place, value);
        place
    }

    fn add_entry(
        &mut self,
        key: Spanned<Yaml>,
        value: Spanned<Yaml>,
        from: &Source<'_>,
        map: Place,
    ) -> (Place, Place) {
        let at = bytes(&key.defined, from.text);
        let name = match key.value {
            Yaml::Text(text) => text,
            Yaml::Null | Yaml::Bool | Yaml::Number | Yaml::List(_) | Yaml::Map(_) => {
                from.text.get(at.clone()).unwrap_or_default().to_owned()
            }
        };
        let step = Step::Key(name.clone());
        let place = self.push(Value::Key(name.clone()), from, at, Some(map), step);
        (place, self.add(value, from, Some(map), Step::Key(name)))
    }

    fn push(
        &mut self,
        value: Value,
        from: &Source<'_>,
        at: Range<usize>,
        parent: Option<Place>,
        step: Step,
    ) -> Place {
        let place = Place(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        let (at, stem) = match &from.uses {
            None => (at, Stem::File),
            Some(uses) => {
                let shown = from.text.get(at).unwrap_or_default().to_owned();
                (uses.clone(), Stem::Preset { shown })
            }
        };
        self.nodes.push(Node { value, at, parent, step, stem });
        place
    }

    fn set(&mut self, place: Place, value: Value) {
        if let Some(node) = self.nodes.get_mut(place.0 as usize) {
            node.value = value;
        }
    }
}

impl Value {
    fn plain(text: String, kind: &'static str) -> Self {
        Self::Scalar(Scalar { text, origin: Origin::Written, kind })
    }

    /// What it is, for a message that says what was expected instead.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(scalar) => scalar.kind,
            Self::Key(_) => "a key",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
            Self::Broken => "a value that could not be read",
        }
    }
}

/// Where a part of a scalar's text stands in the scalar as written, if it stands there unchanged.
fn locate(written: &str, text: &str, part: Range<usize>) -> Option<Range<usize>> {
    let (before, wanted) = (text.get(..part.start)?, text.get(part)?);
    // Block scalars lose their indentation line by line, so the line is found first and then its part.
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next()?.len();
    let (text_line, wanted) = (text.split('\n').nth(line)?, wanted.split('\n').next()?);
    let written_line = written.split('\n').nth(line)?;
    let line_start = written.split('\n').take(line).map(|line| line.len() + 1).sum::<usize>();
    let start = line_start + written_line.find(text_line)? + column;
    Some(start..start + wanted.len())
}
