//! Writes JSON objects straight into a buffer: no tree is built for what is only written.

use crate::{Number, Value, write_string};

/// An object that is being written. Names must need no escapes: they are those of an API, never a user's.
#[derive(Debug)]
pub struct Members<'a> {
    out: &'a mut String,
    empty: bool,
}

/// Appends an object.
pub fn object(out: &mut String, write: impl FnOnce(&mut Members<'_>)) {
    out.push('{');
    write(&mut Members { out, empty: true });
    out.push('}');
}

impl Members<'_> {
    fn name(&mut self, name: &str) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
        self.out
    }

    /// A string.
    pub fn text(&mut self, name: &str, value: &str) {
        write_string(value, self.name(name));
    }

    /// A string, if there is one.
    pub fn optional(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.text(name, value.as_ref());
        }
    }

    /// A boolean.
    pub fn flag(&mut self, name: &str, value: bool) {
        self.name(name).push_str(if value { "true" } else { "false" });
    }

    /// A whole number.
    pub fn number(&mut self, name: &str, value: u64) {
        self.name(name).push_str(itoa::Buffer::new().format(value));
    }

    /// A number; `null` for one that JSON doesn't have.
    pub fn float(&mut self, name: &str, value: f64) {
        let value = Number::from_f64_as_integer(value).map_or(Value::Null, Value::from);
        value.write_json(self.name(name));
    }

    /// `null`
    pub fn null(&mut self, name: &str) {
        self.name(name).push_str("null");
    }

    /// Whatever JSON `write` appends.
    pub fn written(&mut self, name: &str, write: impl FnOnce(&mut String)) {
        write(self.name(name));
    }

    /// A tree.
    pub fn value(&mut self, name: &str, value: &Value) {
        value.write_json(self.name(name));
    }

    /// An object.
    pub fn object(&mut self, name: &str, write: impl FnOnce(&mut Members<'_>)) {
        object(self.name(name), write);
    }

    /// An array, each item written by `write`.
    pub fn array<T>(&mut self, name: &str, items: &[T], write: impl Fn(&T, &mut String)) {
        let out = self.name(name);
        out.push('[');
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            write(item, out);
        }
        out.push(']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_separated_and_escaped() {
        let mut out = String::new();
        object(&mut out, |m| {
            m.text("a", "\"");
            m.optional("b", None::<&str>);
            m.object("c", |_| {});
            m.array("d", &[1, 2], |i, out| out.push_str(&i.to_string()));
            m.flag("e", true);
            m.null("f");
            m.written("g", |out| out.push_str("1.5"));
        });
        assert_eq!(out, r#"{"a":"\"","c":{},"d":[1,2],"e":true,"f":null,"g":1.5}"#);
    }
}
