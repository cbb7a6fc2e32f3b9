//! Reads the tree into serde types.
//!
//! A deserializer of our own, because serde tells a deserializer the field names of every struct it asks for: that is
//! all it takes to refuse unknown keys everywhere, with their origin and the names that would have been right, and to
//! read a variable's text as the type that its field has.

use serde::de::value::StringDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::error::{Fault, Origin};
use super::tree::{Node, Section, Value, parse_inline, split_list};

type Result<T> = std::result::Result<T, Fault>;

impl Node {
    /// The section that a struct or map is read from.
    fn into_section(self) -> Result<Section> {
        match self.value {
            Value::Section(section) => Ok(section),
            Value::Text(text) if text.trim_start().starts_with('{') => {
                match parse_inline(&text, &self.origin).map_err(Fault::value)? {
                    Value::Section(section) => Ok(section),
                    _ => Err(Fault::value("expected a section")),
                }
            }
            Value::Text(_) | Value::Scalar(_) | Value::List(_) => Err(Fault::value("expected a section")),
        }
    }

    fn into_list(self) -> Result<Vec<Node>> {
        match self.value {
            Value::List(items) => Ok(items),
            Value::Text(text) if text.trim_start().starts_with('[') => {
                match parse_inline(&text, &self.origin).map_err(Fault::value)? {
                    Value::List(items) => Ok(items),
                    _ => Err(Fault::value("expected a list")),
                }
            }
            Value::Text(text) => Ok(split_list(&text, &self.origin)),
            Value::Section(_) | Value::Scalar(_) => Err(Fault::value("expected a list")),
        }
    }

    fn visit_number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Value::Text(text) = &self.value else { return self.deserialize_any(visitor) };
        let text = text.trim();
        if let Ok(number) = text.parse::<i64>() {
            visitor.visit_i64(number)
        } else if let Ok(number) = text.parse::<u64>() {
            visitor.visit_u64(number)
        } else if let Ok(number) = text.parse::<f64>() {
            visitor.visit_f64(number)
        } else {
            Err(Fault::value(format!("expected a number, not `{text}`")))
        }
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.visit_number(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.value {
            Value::Section(section) => visitor.visit_map(Keys::new(section)),
            Value::List(items) => visitor.visit_seq(Items::new(items)),
            Value::Text(text) => visitor.visit_string(text),
            Value::Scalar(toml::Value::String(text)) => visitor.visit_string(text),
            Value::Scalar(toml::Value::Integer(number)) => visitor.visit_i64(number),
            Value::Scalar(toml::Value::Float(number)) => visitor.visit_f64(number),
            Value::Scalar(toml::Value::Boolean(truth)) => visitor.visit_bool(truth),
            Value::Scalar(other) => visitor.visit_string(other.to_string()),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &self.value {
            Value::Text(text) => match text.trim() {
                "true" => visitor.visit_bool(true),
                "false" => visitor.visit_bool(false),
                other => Err(Fault::value(format!("expected true or false, not `{other}`"))),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &self.value {
            Value::Text(text) if text.is_empty() => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_seq(Items::new(self.into_list()?))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_map(Keys::new(self.into_section()?))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let section = self.into_section()?;
        if let Some((key, node)) = section.iter().find(|(key, _)| !fields.contains(&key.as_str())) {
            return Err(Fault::unknown_key(key, node.origin.clone(), fields));
        }
        visitor.visit_map(Keys::new(section))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let text = match self.value {
            Value::Text(text) | Value::Scalar(toml::Value::String(text)) => text,
            _ => return Err(Fault::value(format!("expected {}", variants.join(" or ")))),
        };
        if !variants.contains(&text.as_str()) {
            return Err(Fault::value(format!("expected {}, not `{text}`", variants.join(" or "))));
        }
        visitor.visit_enum(IntoDeserializer::<Fault>::into_deserializer(text))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// Reads one member of a section or list; a fault in it learns its name and origin here.
fn descend<'de, S: DeserializeSeed<'de>>(key: String, node: Node, seed: S) -> Result<S::Value> {
    let origin: Origin = node.origin.clone();
    seed.deserialize(node).map_err(|fault| fault.under(key, origin))
}

struct Keys {
    members: std::collections::btree_map::IntoIter<String, Node>,
    pending: Option<(String, Node)>,
}

impl Keys {
    fn new(section: Section) -> Self {
        Self { members: section.into_iter(), pending: None }
    }
}

impl<'de> MapAccess<'de> for Keys {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some((key, node)) = self.members.next() else { return Ok(None) };
        let name: StringDeserializer<Fault> = key.clone().into_deserializer();
        self.pending = Some((key, node));
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        match self.pending.take() {
            Some((key, node)) => descend(key, node, seed),
            None => Err(Fault::value("a value was asked for before its key")),
        }
    }
}

struct Items {
    items: std::iter::Enumerate<std::vec::IntoIter<Node>>,
}

impl Items {
    fn new(items: Vec<Node>) -> Self {
        Self { items: items.into_iter().enumerate() }
    }
}

impl<'de> SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        let Some((index, node)) = self.items.next() else { return Ok(None) };
        descend(index.to_string(), node, seed).map(Some)
    }
}
