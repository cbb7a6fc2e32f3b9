//! The layers as one tree in which every value remembers where it came from.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::error::{Error, Origin};

/// What the names of configuration variables start with.
pub(super) const VARIABLE_PREFIX: &str = "NEWEL_";

/// What stands between the levels of a key in the name of a variable.
const LEVEL_SEPARATOR: &str = "__";

pub(super) type Section = BTreeMap<String, Node>;

/// A value and its origin.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Section(Section),
    List(Vec<Node>),
    /// A scalar with the type that the file gave it.
    Scalar(toml::Value),
    /// The text of an environment variable, which has the type that its key asks for.
    Text(String),
}

impl Node {
    pub(super) fn from_toml(value: toml::Value, origin: &Origin) -> Self {
        let node = |value| Self::from_toml(value, origin);
        let value = match value {
            toml::Value::Table(table) => {
                Value::Section(table.into_iter().map(|(key, value)| (key, node(value))).collect())
            }
            toml::Value::Array(items) => Value::List(items.into_iter().map(node).collect()),
            scalar => Value::Scalar(scalar),
        };
        Self { value, origin: origin.clone() }
    }
}

/// All layers merged so far.
#[derive(Debug, Default)]
pub(super) struct Tree {
    root: Section,
}

impl Tree {
    pub(super) fn into_root(self) -> Node {
        Node { value: Value::Section(self.root), origin: Origin::Defaults }
    }

    /// Puts a TOML document over the tree: sections merge, everything else replaces.
    pub(super) fn overlay_table(&mut self, table: toml::Table, origin: &Origin) {
        let upper = table.into_iter().map(|(key, value)| (key, Node::from_toml(value, origin)));
        merge(&mut self.root, upper);
    }

    /// Puts the configuration variables among `variables` over the tree.
    pub(super) fn overlay_environment(
        &mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), Error> {
        // Sorted, so that which of two conflicting variables is reported doesn't depend on the environment's order.
        let settings: BTreeMap<String, OsString> = variables
            .into_iter()
            .filter_map(|(name, text)| Some((name.into_string().ok()?, text)))
            .filter(|(name, _)| is_setting(name))
            .collect();
        for (name, text) in settings {
            let origin = Origin::Variable(name.as_str().into());
            let path = key_path(&name);
            let text = text.into_string().map_err(|_| refused(&path, &origin, "is not valid UTF-8"))?;
            self.set(&path, text, &origin)?;
        }
        Ok(())
    }

    fn set(&mut self, path: &[String], text: String, origin: &Origin) -> Result<(), Error> {
        let Some((name, sections)) = path.split_last() else { return Ok(()) };
        let mut section = &mut self.root;
        for (depth, key) in sections.iter().enumerate() {
            let empty = || Node { value: Value::Section(Section::new()), origin: origin.clone() };
            let Value::Section(inner) = &mut section.entry(key.clone()).or_insert_with(empty).value else {
                let problem = format!("`{}` is a value, not a section", sections[..=depth].join("."));
                return Err(refused(path, origin, &problem));
            };
            section = inner;
        }
        section.insert(name.clone(), Node { value: Value::Text(text), origin: origin.clone() });
        Ok(())
    }
}

fn merge(lower: &mut Section, upper: impl IntoIterator<Item = (String, Node)>) {
    for (key, node) in upper {
        match (lower.get_mut(&key).map(|below| &mut below.value), node) {
            (Some(Value::Section(below)), Node { value: Value::Section(above), .. }) => merge(below, above),
            (_, node) => {
                lower.insert(key, node);
            }
        }
    }
}

fn is_setting(name: &str) -> bool {
    name.strip_prefix(VARIABLE_PREFIX).is_some_and(|rest| rest.contains(LEVEL_SEPARATOR))
}

fn key_path(name: &str) -> Vec<String> {
    let rest = name.strip_prefix(VARIABLE_PREFIX).unwrap_or(name);
    rest.split(LEVEL_SEPARATOR).map(str::to_lowercase).collect()
}

fn refused(path: &[String], origin: &Origin, problem: &str) -> Error {
    Error::Value { key: path.join("."), origin: origin.clone(), problem: problem.to_owned() }
}

/// Reads a list or section written as TOML in a variable.
pub(super) fn parse_inline(text: &str, origin: &Origin) -> Result<Value, String> {
    let mut table =
        format!("value = {text}").parse::<toml::Table>().map_err(|error| error.message().to_owned())?;
    // More than one key means that the text broke out of its value.
    match (table.remove("value"), table.is_empty()) {
        (Some(value), true) => Ok(Node::from_toml(value, origin).value),
        _ => Err("expected one TOML value".to_owned()),
    }
}

/// The items of a list written as `a,b,c`.
pub(super) fn split_list(text: &str, origin: &Origin) -> Vec<Node> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| Node { value: Value::Text(item.to_owned()), origin: origin.clone() }).collect()
}
