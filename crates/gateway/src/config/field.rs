//! The pieces that the raw configuration is made of: fields, written values, lists and mappings of names.

use super::form::Form;
use super::tree::Place;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// What the reader understands as "the place of a scalar, please".
pub(crate) const WRITTEN: &str = "fanlight::Written";
/// What a list is called.
pub(crate) const LIST: &str = "a list";
/// What the reader understands as "a scalar's place, or a whole mapping".
pub(crate) const EITHER: &str = "fanlight::Either";

/// What the reader understands as "the place of this value, whatever it is".
pub(crate) const PLACE: &str = "fanlight::Place";

/// A key that may be absent. What could not be read has been reported and is `Bad`, so that the checks go on without it.
#[derive(Debug, Default)]
pub(crate) enum Field<T> {
    #[default]
    Absent,
    Bad,
    Good(T),
}

/// A value of form `T`, not yet read.
pub(crate) struct Written<T> {
    pub source: Source,
    form: PhantomData<fn() -> T>,
}

/// Where a written value is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// In the file.
    File(Place),
    /// Nowhere: the default.
    Default(&'static str),
}

/// A key with one written value.
pub(crate) type One<T> = Field<Written<T>>;

/// A list of written values; a single value is a list of one.
#[derive(Debug)]
pub(crate) struct Several<T> {
    /// Where the list stands; none for a default.
    pub place: Option<Place>,
    pub items: Vec<One<T>>,
}

/// A mapping whose keys are names that people choose.
#[derive(Debug)]
pub(crate) struct Entries<K, T>(pub Vec<(Written<K>, Field<T>)>);

/// One value, or a mapping that says more.
#[derive(Debug)]
pub(crate) enum Either<T, S> {
    Short(Written<T>),
    Long(S),
}

impl<T> Field<T> {
    pub(crate) fn good(&self) -> Option<&T> {
        match self {
            Self::Good(value) => Some(value),
            Self::Absent | Self::Bad => None,
        }
    }
}

impl<T: Default> Field<T> {
    /// The value; what is absent or bad counts as all defaults.
    pub(crate) fn or_default(self) -> T {
        match self {
            Self::Good(value) => value,
            Self::Absent | Self::Bad => T::default(),
        }
    }
}

impl<T> Written<T> {
    const fn new(source: Source) -> Self {
        Self { source, form: PhantomData }
    }

    pub(crate) const fn default(text: &'static str) -> One<T> {
        Field::Good(Self::new(Source::Default(text)))
    }

    /// Where it stands in the file; none for a default.
    pub(crate) fn place(&self) -> Option<Place> {
        match self.source {
            Source::File(place) => Some(place),
            Source::Default(_) => None,
        }
    }
}

impl<T> Several<T> {
    pub(crate) fn default(texts: &[&'static str]) -> Field<Self> {
        Field::Good(Self { place: None, items: texts.iter().map(|text| Written::default(text)).collect() })
    }
}

impl<T, S> Either<T, S> {
    pub(crate) const fn default(text: &'static str) -> Self {
        Self::Short(Written::new(Source::Default(text)))
    }
}

impl<T> fmt::Debug for Written<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The reader has put every error into the findings before it returns one.
        Ok(T::deserialize(deserializer).map_or(Self::Bad, Self::Good))
    }
}

/// Takes the place that the reader hands out.
struct AnyPlace(&'static str);

impl Visitor<'_> for AnyPlace {
    type Value = Place;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_u32<E: serde::de::Error>(self, place: u32) -> Result<Place, E> {
        Ok(Place::from_number(place))
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(PLACE, AnyPlace("a value"))
    }
}

impl<'de, T: Form> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let place = deserializer.deserialize_newtype_struct(WRITTEN, AnyPlace(T::NAME))?;
        Ok(Self::new(Source::File(place)))
    }
}

impl<'de, T: Form> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: Form> Visitor<'de> for Items<T> {
            type Value = Several<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(LIST)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Several<T>, A::Error> {
                // The reader gives the list's own place before its items.
                let place = access.next_element()?;
                let mut items = Vec::new();
                while let Some(item) = access.next_element()? {
                    items.push(item);
                }
                Ok(Several { place, items })
            }
        }
        deserializer.deserialize_seq(Items(PhantomData))
    }
}

impl<'de, K: Form, T: Deserialize<'de>> Deserialize<'de> for Entries<K, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<K, T>(PhantomData<(K, T)>);
        impl<'de, K: Form, T: Deserialize<'de>> Visitor<'de> for Pairs<K, T> {
            type Value = Entries<K, T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Entries<K, T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = access.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Pairs(PhantomData))
    }
}

impl<'de, T: Form, S: Deserialize<'de>> Deserialize<'de> for Either<T, S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Both<T, S>(PhantomData<(T, S)>);
        impl<'de, T: Form, S: Deserialize<'de>> Visitor<'de> for Both<T, S> {
            type Value = Either<T, S>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} or a mapping", T::NAME)
            }
            fn visit_u32<E: serde::de::Error>(self, place: u32) -> Result<Self::Value, E> {
                Ok(Either::Short(Written::new(Source::File(Place::from_number(place)))))
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(self, long: D) -> Result<Self::Value, D::Error> {
                S::deserialize(long).map(Either::Long)
            }
        }
        deserializer.deserialize_newtype_struct(EITHER, Both(PhantomData))
    }
}

// Only defaults are ever serialised: they become the `default` of the schema.

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.good().serialize(serializer)
    }
}

impl<T> Serialize for Written<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.source {
            Source::File(_) => serializer.serialize_none(),
            Source::Default(text) => match text.parse::<u64>() {
                Ok(number) => serializer.serialize_u64(number),
                Err(_) => serializer.serialize_str(text),
            },
        }
    }
}

impl<T> Serialize for Several<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.items.serialize(serializer)
    }
}

impl<K, T> Serialize for Entries<K, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

impl<T, L> Serialize for Either<T, L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Short(value) => value.serialize(serializer),
            Self::Long(_) => serializer.serialize_none(),
        }
    }
}

macro_rules! inline_schema {
    ($name:literal, [$($generics:tt)*], $type:ty, $generator:ident => $schema:expr) => {
        impl<$($generics)*> JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

inline_schema!("Field", [T: JsonSchema], Field<T>, generator => generator.subschema_for::<T>());
inline_schema!("Written", [T: Form], Written<T>, _generator => {
    let mut schema = Schema::try_from(T::schema()).unwrap_or_default();
    schema.insert("title".to_owned(), Json::from(T::NAME));
    schema
});
inline_schema!("Several", [T: Form], Several<T>, generator => {
    let item = generator.subschema_for::<Written<T>>();
    json_schema!({ "title": format!("a list: {}", T::NAME), "anyOf": [{ "type": "array", "items": item }, item] })
});
inline_schema!("Entries", [K: Form, T: JsonSchema], Entries<K, T>, generator => {
    let value = generator.subschema_for::<T>();
    json_schema!({ "title": "a mapping", "type": "object", "additionalProperties": value })
});
inline_schema!("Either", [T: Form, S: JsonSchema], Either<T, S>, generator => {
    let (short, long) = (generator.subschema_for::<Written<T>>(), generator.subschema_for::<S>());
    json_schema!({ "title": format!("{} or a mapping", T::NAME), "anyOf": [short, long] })
});
