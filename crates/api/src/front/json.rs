//! Writes JSON objects straight into a buffer: no tree is built for an answer.

use newel_asl::Timestamp;
use newel_value::{Number, Value, write_string};

/// An object that is being written. Names are the API's own and need no escapes.
#[derive(Debug)]
pub(super) struct Members<'a> {
    out: &'a mut String,
    empty: bool,
}

/// Appends an object.
pub(super) fn object(out: &mut String, write: impl FnOnce(&mut Members<'_>)) {
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

    pub(super) fn text(&mut self, name: &str, value: &str) {
        write_string(value, self.name(name));
    }

    pub(super) fn optional(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.text(name, value.as_ref());
        }
    }

    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.name(name).push_str(if value { "true" } else { "false" });
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.name(name).push_str(itoa::Buffer::new().format(value));
    }

    /// A number that is written with a fraction even where it has none; one that JSON can't hold is 0.
    pub(super) fn float(&mut self, name: &str, value: f64) {
        let number = Number::from_f64(value).unwrap_or_else(|| 0.into());
        Value::from(number).write_json(self.name(name));
    }

    pub(super) fn instant(&mut self, name: &str, at: Timestamp) {
        write_instant(at, self.name(name));
    }

    pub(super) fn value(&mut self, name: &str, value: &Value) {
        value.write_json(self.name(name));
    }

    pub(super) fn object(&mut self, name: &str, write: impl FnOnce(&mut Members<'_>)) {
        object(self.name(name), write);
    }

    pub(super) fn array<T>(&mut self, name: &str, items: &[T], write: impl Fn(&T, &mut String)) {
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

/// Seconds since the epoch with three decimals.
fn write_instant(at: Timestamp, out: &mut String) {
    let millis = at.as_millis();
    if millis < 0 {
        out.push('-');
    }
    let millis = millis.unsigned_abs();
    out.push_str(itoa::Buffer::new().format(millis / 1_000));
    let fraction = millis % 1_000;
    out.push('.');
    for divisor in [100, 10, 1] {
        // A digit is below ten.
        out.push(char::from(b'0' + u8::try_from(fraction / divisor % 10).unwrap_or(0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_seconds_with_milliseconds() {
        for (millis, text) in
            [(0, "0.000"), (1_700_000_000_123, "1700000000.123"), (5, "0.005"), (-1_250, "-1.250")]
        {
            let mut out = String::new();
            write_instant(Timestamp::from_millis(millis), &mut out);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn members_are_separated_and_escaped() {
        let mut out = String::new();
        object(&mut out, |m| {
            m.text("a", "\"");
            m.optional("b", None::<&str>);
            m.object("c", |_| {});
            m.array("d", &[1, 2], |i, out| out.push_str(&i.to_string()));
            m.flag("e", true);
        });
        assert_eq!(out, r#"{"a":"\"","c":{},"d":[1,2],"e":true}"#);
    }
}
