//! Objects: ordered, shared, indexed once they are large.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::{Str, Value};

/// From this many members on, look-ups go through a hash index that is built at the first one.
const INDEX_FROM: usize = 16;

/// A JSON object: members in the order they were written, each name once. Cloning copies a pointer.
#[derive(Clone, Default)]
pub struct Object(Arc<Members>);

#[derive(Default)]
struct Members {
    entries: Vec<(Str, Value)>,
    index: OnceLock<HashMap<Str, usize>>,
}

impl Object {
    /// The member of that name.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.position(key).map(|i| &self.0.entries[i].1)
    }

    /// Whether there is a member of that name.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// The members in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Str, &Value)> + ExactSizeIterator {
        self.0.entries.iter().map(|(k, v)| (k, v))
    }

    /// The names in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Str> {
        self.0.entries.iter().map(|(k, _)| k)
    }

    /// The values in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.0.entries.iter().map(|(_, v)| v)
    }

    /// A builder that starts with these members; the object itself stays as it is.
    #[must_use]
    pub fn to_builder(&self) -> ObjectBuilder {
        let mut builder = ObjectBuilder::with_capacity(self.len() + 1);
        for (key, value) in self.iter() {
            builder.insert(Arc::clone(key), value.clone());
        }
        builder
    }

    fn position(&self, key: &str) -> Option<usize> {
        let entries = &self.0.entries;
        if entries.len() < INDEX_FROM {
            return entries.iter().position(|(k, _)| &**k == key);
        }
        let index = self
            .0
            .index
            .get_or_init(|| entries.iter().enumerate().map(|(i, (k, _))| (Arc::clone(k), i)).collect());
        index.get(key).copied()
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || self.len() == other.len() && self.iter().all(|(k, v)| other.get(k) == Some(v))
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Value::Object(self.clone()), f)
    }
}

impl<K: Into<Str>, V: Into<Value>> FromIterator<(K, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(iter: I) -> Self {
        let mut builder = ObjectBuilder::default();
        for (key, value) in iter {
            builder.insert(key, value);
        }
        builder.build()
    }
}

/// Collects the members of an [`Object`].
#[derive(Default)]
pub struct ObjectBuilder {
    entries: Vec<(Str, Value)>,
    index: HashMap<Str, usize>,
}

impl ObjectBuilder {
    /// A builder with room for that many members.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { entries: Vec::with_capacity(capacity), index: HashMap::new() }
    }

    /// Sets a member. A name that is there already keeps its place and takes the new value (as JSON parsers do).
    pub fn insert(&mut self, key: impl Into<Str>, value: impl Into<Value>) -> &mut Self {
        let (key, value) = (key.into(), value.into());
        match self.position(&key) {
            Some(i) => self.entries[i].1 = value,
            None => {
                if !self.index.is_empty() {
                    self.index.insert(Arc::clone(&key), self.entries.len());
                }
                self.entries.push((key, value));
            }
        }
        self
    }

    /// Sets a member if there is a value for it.
    pub fn insert_some(&mut self, key: impl Into<Str>, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(value) = value {
            self.insert(key, value);
        }
        self
    }

    /// Takes a member out and gives its value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.entries.iter().position(|(k, _)| &**k == key)?;
        self.index.clear();
        Some(self.entries.remove(at).1)
    }

    /// The member of that name so far.
    #[must_use]
    pub fn get(&mut self, key: &str) -> Option<&Value> {
        self.position(key).map(|i| &self.entries[i].1)
    }

    /// The finished object.
    #[must_use]
    pub fn build(self) -> Object {
        Object(Arc::new(Members { entries: self.entries, index: OnceLock::new() }))
    }

    fn position(&mut self, key: &str) -> Option<usize> {
        if self.entries.len() < INDEX_FROM {
            return self.entries.iter().position(|(k, _)| &**k == key);
        }
        if self.index.is_empty() {
            self.index = self.entries.iter().enumerate().map(|(i, (k, _))| (Arc::clone(k), i)).collect();
        }
        self.index.get(key).copied()
    }
}

impl fmt::Debug for ObjectBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries.iter().map(|(k, v)| (k, v))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(n: i64) -> Object {
        (0..n).map(|i| (format!("k{i}"), i)).collect()
    }

    #[test]
    fn small_and_indexed_objects_find_the_same_members() {
        for n in [3, 15, 16, 17, 500] {
            let object = numbered(n);
            assert_eq!(object.len(), usize::try_from(n).unwrap());
            assert_eq!(object.get(&format!("k{}", n - 1)).and_then(Value::as_i64), Some(n - 1));
            assert!(object.get("absent").is_none());
        }
    }

    #[test]
    fn a_repeated_name_keeps_its_place_and_takes_the_last_value() {
        let mut builder = numbered(40).to_builder();
        builder.insert("k3", "new");
        let object = builder.build();
        assert_eq!(object.len(), 40);
        assert_eq!(object.iter().nth(3).map(|(k, v)| (&**k, v.as_str())), Some(("k3", Some("new"))));
    }

    #[test]
    fn removal_keeps_the_rest_reachable() {
        let mut builder = numbered(40).to_builder();
        assert_eq!(builder.get("k39").and_then(Value::as_i64), Some(39));
        builder.remove("k0");
        assert_eq!(builder.get("k39").and_then(Value::as_i64), Some(39));
        assert!(builder.build().get("k0").is_none());
    }
}
