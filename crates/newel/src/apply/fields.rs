//! Reading members: each by its name, of its type, and none left over.

use super::node::{Fault, Kind, Node, Place};

/// The members of a map that are being read. Those that nobody asks for are found at the end.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    node: &'a Node,
    taken: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The members of a map; of what isn't there or null, none.
    pub(crate) fn of(node: &'a Node) -> Result<Self, Fault> {
        match node.kind {
            Kind::Map(_) | Kind::Null => Ok(Self { node, taken: Vec::new() }),
            _ => Err(Fault::new(node.place, "a map is needed here")),
        }
    }

    pub(crate) fn place(&self) -> Place {
        self.node.place
    }

    pub(crate) fn take(&mut self, name: &'static str) -> Option<&'a Node> {
        self.taken.push(name);
        self.node.get(name).filter(|node| !node.is_null())
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, Fault> {
        let wrong = |node: &Node| Fault::new(node.place, format!("{name} must be a text"));
        self.take(name).map(|node| node.scalar().ok_or_else(|| wrong(node))).transpose()
    }

    pub(crate) fn needed(&mut self, name: &'static str) -> Result<String, Fault> {
        let missing = || Fault::new(self.node.place, format!("{name} is missing"));
        let missing = missing();
        self.text(name)?.ok_or(missing)
    }

    pub(crate) fn flag(&mut self, name: &'static str) -> Result<Option<bool>, Fault> {
        let Some(node) = self.take(name) else { return Ok(None) };
        match node.scalar().as_deref() {
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            _ => Err(Fault::new(node.place, format!("{name} must be true or false"))),
        }
    }

    pub(crate) fn number<N: std::str::FromStr>(&mut self, name: &'static str) -> Result<Option<N>, Fault> {
        let Some(node) = self.take(name) else { return Ok(None) };
        let number = node.scalar().and_then(|text| text.parse().ok());
        number.map(Some).ok_or_else(|| Fault::new(node.place, format!("{name} must be a whole number")))
    }

    /// Name and text of each member of a map.
    pub(crate) fn texts(&mut self, name: &'static str) -> Result<Vec<(String, String)>, Fault> {
        let Some(node) = self.take(name) else { return Ok(Vec::new()) };
        Self::of(node)?;
        let text = |(name, node): &(String, Node)| match node.scalar() {
            Some(text) => Ok((name.clone(), text)),
            None => Err(Fault::new(node.place, format!("{name} must be a text"))),
        };
        node.members().iter().map(text).collect()
    }

    /// The names of the members that nobody asked for.
    pub(crate) fn left(&self) -> impl Iterator<Item = (&'a str, &'a Node)> {
        self.node
            .members()
            .iter()
            .filter(|(name, _)| !self.taken.contains(&name.as_str()))
            .map(|(n, v)| (n.as_str(), v))
    }

    /// Refuses members that nobody asked for.
    pub(crate) fn end(self) -> Result<(), Fault> {
        match self.left().next() {
            None => Ok(()),
            Some((name, node)) => {
                let known = self.taken.join(", ");
                Err(Fault::new(node.place, format!("{name} isn't known here; what is: {known}")))
            }
        }
    }
}
