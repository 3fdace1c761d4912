//! Reads a tree into the raw configuration; goes on after each problem, so that all are found in one run.

use super::field::{EITHER, LIST, PLACE, WRITTEN};
use super::findings::Findings;
use super::suggest::nearest;
use super::tree::{Place, Tree, Value};
use serde::de::{DeserializeSeed, Deserializer, Expected, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use std::cell::RefCell;
use std::fmt;

/// Values of one list, and entries of one mapping of names. The checks compare each with each.
const ENTRIES_MAX: usize = 1000;

/// Reads the value at a place.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'t> {
    tree: &'t Tree,
    findings: &'t RefCell<&'t mut Findings>,
    place: Place,
}

/// The problem has been put into the findings.
#[derive(Debug)]
pub(crate) struct Reported;

impl<'t> Reader<'t> {
    /// Reads the whole tree.
    pub(crate) fn new(tree: &'t Tree, findings: &'t RefCell<&'t mut Findings>) -> Self {
        Self { tree, findings, place: Tree::ROOT }
    }

    fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    fn mismatch(self, expected: &str) -> Reported {
        let value = self.tree.value(self.place);
        if !matches!(value, Value::Broken) {
            let message = format!("expected {expected}, found {}", value.kind());
            let help = match value {
                Value::Map(_) if expected != LIST => {
                    Some("put quotes around a text that contains { } or `: `".to_owned())
                }
                Value::Null
                | Value::Scalar(_)
                | Value::Key(_)
                | Value::List(_)
                | Value::Map(_)
                | Value::Broken => None,
            };
            self.findings.borrow_mut().error_at(self.tree, self.place, message, help);
        }
        Reported
    }

    fn bounded(self, entries: usize) -> Result<(), Reported> {
        if entries <= ENTRIES_MAX {
            return Ok(());
        }
        let message = format!("there are more than {ENTRIES_MAX} entries");
        self.findings.borrow_mut().error_at(self.tree, self.place, message, None);
        Err(Reported)
    }

    fn unknown_key(self, key: Place, name: &str, known: &[&str]) {
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        let message = format!("unknown key `{name}`");
        self.findings.borrow_mut().error_at(self.tree, key, message, Some(help));
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Reported;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Reported> {
        let expected: &dyn Expected = &visitor;
        Err(self.mismatch(&expected.to_string()))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Reported> {
        match self.tree.value(self.place) {
            _ if name == PLACE => visitor.visit_u32(self.place.number()),
            Value::Scalar(_) | Value::Key(_) if name == WRITTEN || name == EITHER => {
                visitor.visit_u32(self.place.number())
            }
            Value::Map(_) if name == EITHER => visitor.visit_newtype_struct(self),
            Value::Null
            | Value::Scalar(_)
            | Value::Key(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Broken => self.deserialize_any(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Reported> {
        match self.tree.value(self.place) {
            Value::List(items) => {
                self.bounded(items.len())?;
                visitor.visit_seq(Items { reader: self, own: Some(self.place), rest: items.iter() })
            }
            Value::Scalar(_) => {
                visitor.visit_seq(Items { reader: self, own: Some(self.place), rest: [self.place].iter() })
            }
            Value::Null | Value::Key(_) | Value::Map(_) | Value::Broken => self.deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Reported> {
        match self.tree.value(self.place) {
            Value::Map(entries) => {
                self.bounded(entries.len())?;
                visitor.visit_map(Pairs { reader: self, rest: entries.iter(), value: None, known: None })
            }
            Value::Null | Value::Scalar(_) | Value::Key(_) | Value::List(_) | Value::Broken => {
                self.deserialize_any(visitor)
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Reported> {
        let entries: &[(Place, Place)] = match self.tree.value(self.place) {
            Value::Map(entries) => entries,
            Value::Null => &[],
            Value::Scalar(_) | Value::Key(_) | Value::List(_) | Value::Broken => {
                return Err(self.mismatch("a mapping"));
            }
        };
        visitor.visit_map(Pairs { reader: self, rest: entries.iter(), value: None, known: Some(known) })
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Reported> {
        match self.tree.value(self.place) {
            Value::Key(name) => visitor.visit_str(name),
            Value::Null | Value::Scalar(_) | Value::List(_) | Value::Map(_) | Value::Broken => {
                self.deserialize_any(visitor)
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        tuple tuple_struct enum ignored_any
    }
}

/// The place of a list, then its items.
struct Items<'t, 'i> {
    reader: Reader<'t>,
    own: Option<Place>,
    rest: std::slice::Iter<'i, Place>,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Reported;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Reported> {
        let place = self.own.take().or_else(|| self.rest.next().copied());
        place.map(|place| seed.deserialize(self.reader.at(place))).transpose()
    }
}

/// The entries of a mapping.
struct Pairs<'t> {
    reader: Reader<'t>,
    rest: std::slice::Iter<'t, (Place, Place)>,
    value: Option<Place>,
    /// The keys that there are; none where people choose them.
    known: Option<&'static [&'static str]>,
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = Reported;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Reported> {
        for (key, value) in self.rest.by_ref() {
            let tree = self.reader.tree;
            if let (Some(known), Value::Key(name)) = (self.known, tree.value(*key)) {
                if !known.contains(&name.as_str()) {
                    self.reader.unknown_key(*key, name, known);
                    continue;
                }
                // `key:` with nothing behind it is the same as no key: the default.
                if matches!(tree.value(*value), Value::Null) {
                    continue;
                }
            }
            self.value = Some(*value);
            return seed.deserialize(self.reader.at(*key)).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Reported> {
        seed.deserialize(self.reader.at(self.value.take().ok_or(Reported)?))
    }
}

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the problem has been reported")
    }
}

impl std::error::Error for Reported {}

impl serde::de::Error for Reported {
    /// Only derived code would come here, for unknown, missing or repeated keys: the reader hands it none of these.
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}
