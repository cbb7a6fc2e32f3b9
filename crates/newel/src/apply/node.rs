//! A YAML or JSON text as a tree that knows where in the text everything stands, and that has CloudFormation's short forms
//! (`!Ref`, `!Sub`, `!GetAtt` …) as the objects they are short for.

use std::collections::{HashMap, HashSet};

use newel_value::{ObjectBuilder, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

/// A place in a file: line and column, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
}

/// What a [`Node`] is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    /// As JSON writes it.
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// In the order of the text.
    Map(Vec<(String, Node)>),
}

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }
}

/// What aliases (`*name`) may make of a text: a few lines of YAML can stand for more than any memory.
const MOST_NODES: usize = 1_000_000;

impl Node {
    /// Reads a text. Nearly all JSON is YAML, apart from tabs, which JSON has between values only.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        if !text.trim_start().starts_with('{') {
            return Reader::new(text).document();
        }
        let spaced = text.replace('\t', " ");
        Reader::new(&spaced).document().or_else(|fault| match Value::parse(text) {
            // Such as an escaped pair of surrogates.
            Ok(value) => Ok(Self::of_json(&value)),
            Err(_) => Err(fault),
        })
    }

    /// A JSON value as a node, all of it at the beginning of its text.
    fn of_json(value: &Value) -> Self {
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(flag) => Kind::Bool(*flag),
            Value::Number(number) => Kind::Number(number.to_string()),
            Value::String(text) => Kind::Text(text.to_string()),
            Value::Array(items) => Kind::List(items.iter().map(Self::of_json).collect()),
            Value::Object(members) => Kind::Map(
                members.iter().map(|(name, member)| (name.to_string(), Self::of_json(member))).collect(),
            ),
        };
        Self { kind, place: Place { line: 1, column: 1 } }
    }

    pub(crate) fn text(text: impl Into<String>, place: Place) -> Self {
        Self { kind: Kind::Text(text.into()), place }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(key, _)| key == name).map(|(_, node)| node)
    }

    /// The members of a map; none of anything else.
    pub(crate) fn members(&self) -> &[(String, Self)] {
        match &self.kind {
            Kind::Map(members) => members,
            _ => &[],
        }
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What a scalar says, whatever its type: CloudFormation takes them for each other.
    pub(crate) fn scalar(&self) -> Option<String> {
        match &self.kind {
            Kind::Text(text) | Kind::Number(text) => Some(text.clone()),
            Kind::Bool(flag) => Some(flag.to_string()),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }

    /// A map's only member: how functions are written.
    pub(crate) fn only_member(&self) -> Option<(&str, &Self)> {
        match self.members() {
            [(name, node)] => Some((name, node)),
            _ => None,
        }
    }

    /// The value as JSON has it. A number that JSON can't have is a text.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(flag) => Value::Bool(*flag),
            Kind::Number(text) => Value::parse(text).unwrap_or_else(|_| Value::from(text.as_str())),
            Kind::Text(text) => Value::from(text.as_str()),
            Kind::List(items) => Value::from(items.iter().map(Self::to_value).collect::<Vec<_>>()),
            Kind::Map(members) => {
                let mut object = ObjectBuilder::with_capacity(members.len());
                for (name, node) in members {
                    object.insert(name.as_str(), node.to_value());
                }
                Value::Object(object.build())
            }
        }
    }

    fn count(&self) -> usize {
        let inner: usize = match &self.kind {
            Kind::List(items) => items.iter().map(Self::count).sum(),
            Kind::Map(members) => members.iter().map(|(_, node)| node.count()).sum(),
            _ => 0,
        };
        1 + inner
    }
}

/// Builds nodes from the parser's events.
struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0, depth: 0 }
    }

    fn document(&mut self) -> Result<Node, Fault> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
                (Event::StreamEnd, span) => return Err(Fault::new(place(span), "the file is empty")),
                event => {
                    let node = self.node(event)?;
                    return match (self.next()?, self.next()?) {
                        ((Event::DocumentEnd, _), (Event::StreamEnd, _)) => Ok(node),
                        (_, (_, span)) => Err(Fault::new(place(span), "there is more than one document")),
                    };
                }
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Fault> {
        match self.parser.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let at = error.marker();
                let place = Place { line: at.line(), column: at.col() + 1 };
                Err(Fault::new(place, error.info().to_owned()))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, (event, span): (Event<'a>, Span)) -> Result<Node, Fault> {
        let place = place(span);
        self.depth += 1;
        if self.depth > newel_value::MAX_DEPTH {
            return Err(Fault::new(place, "it is nested too deeply"));
        }
        let (node, anchor) = match event {
            Event::Alias(id) => {
                let node = self
                    .anchors
                    .get(&id)
                    .cloned()
                    .ok_or_else(|| Fault::new(place, "it is part of itself"))?;
                self.nodes += node.count();
                (node, 0)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let kind = scalar(&text, style, tag.as_deref());
                (tagged(Node { kind, place }, tag.as_deref())?, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        event => items.push(self.node(event)?),
                    }
                }
                (tagged(Node { kind: Kind::List(items), place }, tag.as_deref())?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                let members = self.mapping()?;
                (tagged(Node { kind: Kind::Map(members), place }, tag.as_deref())?, anchor)
            }
            _ => return Err(Fault::new(place, "a value is missing")),
        };
        self.depth -= 1;
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(Fault::new(place, "its aliases make it too large"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn mapping(&mut self) -> Result<Vec<(String, Node)>, Fault> {
        let mut members: Vec<(String, Node)> = Vec::new();
        let mut merged_in = HashSet::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Ok(members),
                event => self.node(event)?,
            };
            let Some(name) = key.scalar() else { return Err(Fault::new(key.place, "a key must be a text")) };
            let event = self.next()?;
            let value = self.node(event)?;
            if name == "<<" && key.as_text().is_some() {
                merge(&mut members, &value, &mut merged_in);
            } else if let Some(merged) =
                members.iter_mut().find(|(other, _)| *other == name && merged_in.contains(other))
            {
                // What a map says itself goes before what it takes over.
                merged.1 = value;
            } else if members.iter().any(|(other, _)| *other == name) {
                return Err(Fault::new(key.place, format!("the key {name} is there twice")));
            } else {
                members.push((name, value));
            }
        }
    }
}

/// `<<: *defaults`: the members of another map, or of several, that this one doesn't have.
fn merge(members: &mut Vec<(String, Node)>, value: &Node, merged_in: &mut HashSet<String>) {
    let sources = if value.items().is_empty() { std::slice::from_ref(value) } else { value.items() };
    for (name, node) in sources.iter().flat_map(Node::members) {
        if !members.iter().any(|(other, _)| other == name) {
            members.push((name.clone(), node.clone()));
            merged_in.insert(name.clone());
        }
    }
}

fn place(span: Span) -> Place {
    Place { line: span.start.line(), column: span.start.col() + 1 }
}

/// What a scalar is, by the core schema of YAML 1.2, and `yes` a text therefore.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Kind {
    let is_text = style != ScalarStyle::Plain || tag.is_some();
    match text {
        _ if is_text => Kind::Text(text.to_owned()),
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => {
            let unsigned = text.strip_prefix('+').unwrap_or(text);
            match Value::parse(unsigned) {
                Ok(Value::Number(_)) => Kind::Number(unsigned.to_owned()),
                _ => Kind::Text(text.to_owned()),
            }
        }
    }
}

/// CloudFormation's short forms are the objects they are short for; YAML's own tags have had their effect.
fn tagged(node: Node, tag: Option<&Tag>) -> Result<Node, Fault> {
    let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) else { return Ok(node) };
    let place = node.place;
    let (name, argument) = match tag.suffix.as_str() {
        "Ref" | "Condition" => (tag.suffix.clone(), node),
        "GetAtt" => ("Fn::GetAtt".to_owned(), attribute(node)),
        function => (format!("Fn::{function}"), node),
    };
    if tag.handle != "!" {
        return Err(Fault::new(place, format!("the tag {}{} isn't known", tag.handle, tag.suffix)));
    }
    Ok(Node { kind: Kind::Map(vec![(name, argument)]), place })
}

/// `!GetAtt Resource.Attribute` as the list that the long form has.
fn attribute(node: Node) -> Node {
    let Some((resource, attribute)) = node.as_text().and_then(|text| text.split_once('.')) else {
        return node;
    };
    let items = vec![Node::text(resource, node.place), Node::text(attribute, node.place)];
    Node { kind: Kind::List(items), place: node.place }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        Node::parse(text).unwrap().to_value().to_json()
    }

    #[test]
    fn yaml_and_json_are_read_alike_and_in_order() {
        let yaml =
            "b: 1\na:\n  - x\n  - yes\n  - 1.50\n  - ~\n  - 'true'\n  - true\nc: {}\nd: |\n  two\n  lines\n";
        let expect = r#"{"b":1,"a":["x","yes",1.50,null,"true",true],"c":{},"d":"two\nlines\n"}"#;
        assert_eq!(json(yaml), expect);
        assert_eq!(json(expect), expect);
        assert_eq!(json("{\t\"a\":\t[1,\n2]}"), r#"{"a":[1,2]}"#);
    }

    #[test]
    fn short_forms_are_what_they_are_short_for() {
        for (yaml, expect) in [
            ("!Ref A", r#"{"Ref":"A"}"#),
            ("!Sub 'a${B}'", r#"{"Fn::Sub":"a${B}"}"#),
            ("!GetAtt A.Arn.Part", r#"{"Fn::GetAtt":["A","Arn.Part"]}"#),
            ("!GetAtt [A, Arn]", r#"{"Fn::GetAtt":["A","Arn"]}"#),
            ("!Join [':', [a, !Ref B]]", r#"{"Fn::Join":[":",["a",{"Ref":"B"}]]}"#),
            ("!Sub [x, {y: !Ref z}]", r#"{"Fn::Sub":["x",{"y":{"Ref":"z"}}]}"#),
            ("!Equals [1, 1]", r#"{"Fn::Equals":[1,1]}"#),
            ("!!str 12", r#""12""#),
        ] {
            assert_eq!(json(yaml), expect, "{yaml}");
        }
    }

    #[test]
    fn anchors_are_filled_in_and_can_not_grow_without_end() {
        let yaml = "a: &x {b: 1, c: 2}\nd: *x\ne:\n  c: 3\n  <<: *x";
        assert_eq!(json(yaml), r#"{"a":{"b":1,"c":2},"d":{"b":1,"c":2},"e":{"c":3,"b":1}}"#);
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let before = format!("*a{}, ", level - 1).repeat(10);
            bomb += &format!("a{level}: &a{level} [{}]\n", before.trim_end_matches(", "));
        }
        assert!(Node::parse(&bomb).unwrap_err().message.contains("too large"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, place, message) in [
            ("a: 1\na: 2", (2, 1), "the key a is there twice"),
            ("a: [1", (1, 4), ""),
            ("", (1, 1), "the file is empty"),
            ("a: 1\n---\nb: 2", (2, 1), "more than one document"),
        ] {
            let fault = Node::parse(text).unwrap_err();
            assert!(fault.message.contains(message), "{text}: {fault:?}");
            if !message.is_empty() {
                assert_eq!((fault.place.line, fault.place.column), place, "{text}");
            }
        }
        let node = Node::parse("{\"a\": [1,\n  {\"b\": true}]}").unwrap();
        assert_eq!(node.get("a").unwrap().items()[1].place, Place { line: 2, column: 3 });
        let node = Node::parse("a:\n  b: c\n").unwrap();
        assert_eq!(node.get("a").unwrap().get("b").unwrap().place, Place { line: 2, column: 6 });
    }
}
