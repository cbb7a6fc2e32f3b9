//! CloudFormation's functions, as far as they can be worked out without AWS.
//!
//! What a function stands for is known if it leads to parameters, pseudo parameters, mappings and conditions, to the state
//! machines, versions, aliases and activities of the template itself, or to what the user gives by `--value`. All else is an error
//! that says where it stands and how to give a value.

use std::collections::HashMap;

use super::node::{Fault, Kind, Node, Place};

/// How deep functions may refer to each other, as conditions do.
const DEEPEST: usize = 100;

/// What functions are worked out from.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// Values of `Ref`s, and of `Fn::GetAtt`s as `Resource.Attribute`: pseudo parameters, parameters, resources of the template,
    /// and what the user gives.
    pub(crate) values: HashMap<String, Node>,
    pub(crate) mappings: Option<Node>,
    pub(crate) conditions: Option<Node>,
}

/// A property that isn't there: `!Ref AWS::NoValue`.
const NO_VALUE: &str = "AWS::NoValue";

impl Scope {
    /// The node with all functions worked out.
    pub(crate) fn resolve(&self, node: &Node) -> Result<Node, Fault> {
        self.at(node, 0)
    }

    /// Whether a condition holds.
    pub(crate) fn condition(&self, name: &str, place: Place) -> Result<bool, Fault> {
        self.named_condition(name, place, 0)
    }

    fn at(&self, node: &Node, depth: usize) -> Result<Node, Fault> {
        if depth > DEEPEST {
            return Err(Fault::new(node.place, "functions refer to each other too deeply"));
        }
        if let Some((name, argument)) = node.only_member()
            && (name == "Ref" || name.starts_with("Fn::"))
        {
            return self.call(name, argument, node.place, depth + 1);
        }
        let kind = match &node.kind {
            Kind::List(items) => {
                let items = items.iter().filter(|item| !is_no_value(item)).map(|item| self.at(item, depth));
                Kind::List(items.collect::<Result<_, _>>()?)
            }
            Kind::Map(members) => {
                let mut resolved = Vec::with_capacity(members.len());
                for (name, member) in members {
                    let member = self.at(member, depth)?;
                    if !is_no_value(&member) {
                        resolved.push((name.clone(), member));
                    }
                }
                Kind::Map(resolved)
            }
            scalar => scalar.clone(),
        };
        Ok(Node { kind, place: node.place })
    }

    fn call(&self, name: &str, argument: &Node, place: Place, depth: usize) -> Result<Node, Fault> {
        let wrong = |how: &str| Fault::new(place, format!("{name} takes {how}"));
        match name {
            "Ref" => self.reference(argument.as_text().ok_or_else(|| wrong("a name"))?, place),
            "Fn::GetAtt" => {
                let argument = self.at(argument, depth)?;
                let path = match argument.as_text() {
                    Some(text) => text.to_owned(),
                    None => self.texts(&argument, depth)?.join("."),
                };
                self.value(&path, place)
            }
            "Fn::Sub" => self.substitute(argument, place, depth),
            "Fn::Join" => {
                let [separator, list] = argument.items() else { return Err(wrong("a separator and a list")) };
                let separator = separator.as_text().ok_or_else(|| wrong("a separator and a list"))?;
                Ok(Node::text(self.texts(&self.at(list, depth)?, depth)?.join(separator), place))
            }
            "Fn::Split" => {
                let [separator, text] = argument.items() else { return Err(wrong("a separator and a text")) };
                let (separator, text) = (separator.as_text(), self.scalar(text, depth)?);
                let separator =
                    separator.filter(|s| !s.is_empty()).ok_or_else(|| wrong("a separator and a text"))?;
                let parts = text.split(separator).map(|part| Node::text(part, place)).collect();
                Ok(Node { kind: Kind::List(parts), place })
            }
            "Fn::Select" => {
                let [index, list] = argument.items() else { return Err(wrong("an index and a list")) };
                let index: usize =
                    self.scalar(index, depth)?.parse().map_err(|_| wrong("an index and a list"))?;
                let list = self.at(list, depth)?;
                list.items().get(index).cloned().ok_or_else(|| wrong("an index that the list has"))
            }
            "Fn::FindInMap" => {
                let keys = self.texts(argument, depth)?;
                let [map, first, second] = keys.as_slice() else {
                    return Err(wrong("a mapping and two keys"));
                };
                let found = self.mappings.as_ref().and_then(|all| all.get(map)?.get(first)?.get(second));
                found
                    .cloned()
                    .ok_or_else(|| Fault::new(place, format!("Mappings has no {map}.{first}.{second}")))
            }
            "Fn::If" => {
                let [condition, yes, no] = argument.items() else {
                    return Err(wrong("a condition and two values"));
                };
                let condition = condition.as_text().ok_or_else(|| wrong("a condition and two values"))?;
                let holds = self.named_condition(condition, place, depth)?;
                self.at(if holds { yes } else { no }, depth)
            }
            _ => Err(Fault::new(
                place,
                format!(
                    "{name} can't be worked out without AWS; write what it stands for, or a parameter (--parameter)"
                ),
            )),
        }
    }

    /// `Fn::Sub`: `${Name}` and `${Resource.Attribute}` in a text, `${!Literally}`, and names that only it has.
    fn substitute(&self, argument: &Node, place: Place, depth: usize) -> Result<Node, Fault> {
        let wrong = || Fault::new(place, "Fn::Sub takes a text, or a text and a map");
        let (text, own) = match argument.items() {
            [] => (argument.as_text().ok_or_else(wrong)?, None),
            [text, own] => (text.as_text().ok_or_else(wrong)?, Some(self.at(own, depth)?)),
            _ => return Err(wrong()),
        };
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, behind)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, after)) = behind.split_once('}') else {
                out.push_str("${");
                rest = behind;
                continue;
            };
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str(&format!("${{{literal}}}"));
            } else {
                let own = own.as_ref().and_then(|own| own.get(name.trim()));
                let value = match own {
                    Some(value) => value.clone(),
                    None => self.reference(name.trim(), place)?,
                };
                let text = value.scalar();
                out.push_str(&text.ok_or_else(|| Fault::new(place, format!("${{{name}}} isn't a text")))?);
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(Node::text(out, place))
    }

    fn reference(&self, name: &str, place: Place) -> Result<Node, Fault> {
        if name == NO_VALUE {
            return Ok(Node {
                kind: Kind::Map(vec![("Ref".to_owned(), Node::text(NO_VALUE, place))]),
                place,
            });
        }
        self.value(name, place)
    }

    fn value(&self, path: &str, place: Place) -> Result<Node, Fault> {
        let found = self.values.get(path).map(|node| Node { place, ..node.clone() });
        found.ok_or_else(|| {
            let how = format!("{path} is not known here: give what it stands for by --value '{path}=…'");
            Fault::new(place, how)
        })
    }

    fn scalar(&self, node: &Node, depth: usize) -> Result<String, Fault> {
        let node = self.at(node, depth)?;
        node.scalar().ok_or_else(|| Fault::new(node.place, "a text is needed here"))
    }

    fn texts(&self, list: &Node, depth: usize) -> Result<Vec<String>, Fault> {
        list.items().iter().map(|item| self.scalar(item, depth)).collect()
    }

    fn named_condition(&self, name: &str, place: Place, depth: usize) -> Result<bool, Fault> {
        let condition = self.conditions.as_ref().and_then(|conditions| conditions.get(name));
        let condition = condition.ok_or_else(|| Fault::new(place, format!("Conditions has no {name}")))?;
        self.holds(condition, depth + 1)
    }

    fn holds(&self, condition: &Node, depth: usize) -> Result<bool, Fault> {
        let place = condition.place;
        if depth > DEEPEST {
            return Err(Fault::new(place, "conditions refer to each other"));
        }
        let inner = |node: &Node| self.holds(node, depth + 1);
        match condition.only_member() {
            Some(("Condition", name)) => {
                self.named_condition(name.as_text().unwrap_or_default(), place, depth)
            }
            Some(("Fn::Equals", argument)) if argument.items().len() == 2 => {
                let sides = self.texts(argument, depth)?;
                Ok(sides[0] == sides[1])
            }
            Some(("Fn::Not", argument)) if argument.items().len() == 1 => Ok(!inner(&argument.items()[0])?),
            Some(("Fn::And", argument)) => {
                argument.items().iter().try_fold(true, |all, item| Ok(inner(item)? && all))
            }
            Some(("Fn::Or", argument)) => {
                argument.items().iter().try_fold(false, |any, item| Ok(inner(item)? || any))
            }
            _ => Err(Fault::new(place, "a condition is Fn::Equals, Fn::Not, Fn::And, Fn::Or or Condition")),
        }
    }
}

fn is_no_value(node: &Node) -> bool {
    node.only_member().is_some_and(|(name, node)| name == "Ref" && node.as_text() == Some(NO_VALUE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        let yaml = "\
mappings: {Roles: {test: {arn: arn:role}}}
conditions:
  IsTest: !Equals [!Ref Stage, test]
  IsOther: !Not [!Condition IsTest]
  Both: !And [!Condition IsTest, !Condition IsOther]
  Either: !Or [!Condition IsTest, !Condition IsOther]
  Round: !Condition Round
";
        let node = Node::parse(yaml).unwrap();
        let text = |text: &str| Node::text(text, Place::default());
        Scope {
            values: [
                ("Stage", "test"),
                ("AWS::Region", "us-east-1"),
                ("Flow.Arn", "arn:flow"),
                ("Flow", "arn:flow"),
            ]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), text(value)))
            .collect(),
            mappings: node.get("mappings").cloned(),
            conditions: node.get("conditions").cloned(),
        }
    }

    #[test]
    fn functions_are_worked_out() {
        for (yaml, expect) in [
            ("!Ref Stage", r#""test""#),
            ("!GetAtt Flow.Arn", r#""arn:flow""#),
            (
                "!Sub 'a-${Stage}-${Flow.Arn}-${!Left}-${AWS::Region}-$x'",
                r#""a-test-arn:flow-${Left}-us-east-1-$x""#,
            ),
            ("!Sub ['${Own}/${Stage}', {Own: !Ref Flow}]", r#""arn:flow/test""#),
            ("!Join ['-', [a, 1, !Ref Stage]]", r#""a-1-test""#),
            ("!Select [1, !Split [':', !Ref Flow]]", r#""flow""#),
            ("!FindInMap [Roles, !Ref Stage, arn]", r#""arn:role""#),
            ("!If [IsTest, yes, no]", r#""yes""#),
            ("!If [Both, 1, 2]", "2"),
            ("!If [Either, 1, 2]", "1"),
            (
                "{a: !If [IsOther, 1, !Ref 'AWS::NoValue'], b: [!Ref Stage, !Ref AWS::NoValue]}",
                r#"{"b":["test"]}"#,
            ),
            ("{Ref: Stage, other: 1}", r#"{"Ref":"Stage","other":1}"#),
        ] {
            let node = scope().resolve(&Node::parse(yaml).unwrap());
            assert_eq!(node.map(|node| node.to_value().to_json()), Ok(expect.to_owned()), "{yaml}");
        }
    }

    #[test]
    fn what_is_not_known_is_told_with_the_way_out() {
        for (yaml, place, expect) in [
            ("a: !Ref Table", (1, 4), "--value 'Table=…'"),
            ("a:\n  b: !GetAtt Role.Arn", (2, 6), "--value 'Role.Arn=…'"),
            ("a: !Sub 'x${Role.Arn}'", (1, 4), "--value 'Role.Arn=…'"),
            ("a: !ImportValue x", (1, 4), "can't be worked out without AWS"),
            ("a: !FindInMap [Roles, prod, arn]", (1, 4), "Mappings has no Roles.prod.arn"),
            ("a: !If [None, 1, 2]", (1, 4), "Conditions has no None"),
            ("a: !If [Round, 1, 2]", (0, 0), "refer to each other"),
            ("a: !Select [9, [1]]", (1, 4), "takes an index that the list has"),
        ] {
            let fault = scope().resolve(&Node::parse(yaml).unwrap()).unwrap_err();
            assert!(fault.message.contains(expect), "{yaml}: {}", fault.message);
            if place.0 > 0 {
                assert_eq!((fault.place.line, fault.place.column), place, "{yaml}");
            }
        }
    }
}
