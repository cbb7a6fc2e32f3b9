//! The variables that an expression finds set.

use std::sync::Arc;

use newel_value::{Str, Value};
use rustc_hash::FxHashMap;

/// Variables by name, without the `$`. Cloning copies the names set here and shares those below.
///
/// A variable hides a function of the language that has its name.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    own: FxHashMap<Str, Value>,
    below: Option<Arc<Self>>,
}

impl Bindings {
    /// No variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Variables on top of others, which they hide.
    #[must_use]
    pub fn over(below: Arc<Self>) -> Self {
        Self { own: FxHashMap::default(), below: Some(below) }
    }

    /// Sets a variable.
    pub fn insert(&mut self, name: impl Into<Str>, value: Value) {
        self.own.insert(name.into(), value);
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let mut layer = self;
        loop {
            if let Some(value) = layer.own.get(name) {
                return Some(value);
            }
            layer = layer.below.as_deref()?;
        }
    }
}

impl<K: Into<Str>> FromIterator<(K, Value)> for Bindings {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(variables: I) -> Self {
        let own = variables.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Self { own, below: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_layers_hide_lower_ones() {
        let below = Arc::new(Bindings::from_iter([("a", Value::from(1)), ("b", Value::from(2))]));
        let mut top = Bindings::over(below);
        top.insert("a", Value::from(3));
        assert_eq!(top.get("a"), Some(&Value::from(3)));
        assert_eq!(top.get("b"), Some(&Value::from(2)));
        assert_eq!(top.get("c"), None);
    }
}
