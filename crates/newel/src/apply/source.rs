//! Definitions: read from files, in either language, with their substitutions.

use std::path::{Path, PathBuf};

use newel_value::Value;

use super::node::{Fault, Node, Place};

/// Where an error is, for people: the file, the place in it, and what it is about.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a Path,
}

impl Source<'_> {
    /// The fault as it is shown.
    pub(crate) fn told(&self, about: &str, fault: &Fault) -> String {
        let about = if about.is_empty() { String::new() } else { format!("{about}: ") };
        format!("{}:{}: {about}{}", self.file.display(), fault.place, fault.message)
    }

    /// A path that the file names, as seen from where the file is.
    pub(crate) fn beside(&self, path: &str) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(path)
    }
}

/// A definition's text as JSON, from a text in JSON or YAML, with `${name}` replaced.
pub(crate) fn definition(
    text: &str,
    substitutions: &[(String, String)],
    place: Place,
) -> Result<String, Fault> {
    let is_json = text.trim_start().starts_with('{');
    let text = substituted(text, substitutions, is_json);
    if is_json {
        return match Value::parse(&text) {
            Ok(_) => Ok(text),
            Err(error) => Err(Fault::new(place, format!("the definition is no JSON: {error}"))),
        };
    }
    Ok(Node::parse(&text)?.to_value().to_json())
}

/// A text with `${name}` replaced by what the substitutions have for it. In JSON it is escaped, since it stands in a string (or
/// is a number, which has nothing to escape).
pub(crate) fn substituted(text: &str, substitutions: &[(String, String)], is_json: bool) -> String {
    let mut text = text.to_owned();
    for (name, value) in substitutions {
        let mut quoted = String::new();
        newel_value::write_string(value, &mut quoted);
        let value = if is_json { &quoted[1..quoted.len() - 1] } else { value };
        text = text.replace(&format!("${{{name}}}"), value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_json_in_the_end_and_have_their_values() {
        let values = [("T".to_owned(), "a\"b".to_owned()), ("N".to_owned(), "5".to_owned())];
        let check = |text: &str, expect: Result<&str, &str>| {
            let made = definition(text, &values, Place { line: 1, column: 1 }).map_err(|fault| fault.message);
            match (made, expect) {
                (Ok(made), Ok(expect)) => assert_eq!(made, expect),
                (Err(made), Err(expect)) => assert!(made.contains(expect), "{made}"),
                (made, expect) => panic!("{made:?} against {expect:?}"),
            }
        };
        check(r#"{"t": "x${T}", "n": ${N}, "o": "${O}"}"#, Ok(r#"{"t": "xa\"b", "n": 5, "o": "${O}"}"#));
        check(
            "StartAt: A\nStates:\n  A: {Type: Wait, Seconds: ${N}}\n",
            Ok(r#"{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":5}}}"#),
        );
        check(r#"{"t": ${T}}"#, Err("no JSON"));
        check("a: [", Err(""));
    }
}
