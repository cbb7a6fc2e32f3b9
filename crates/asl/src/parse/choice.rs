//! The Choice state.

use newel_value::Str;

use super::jsonata::Sees;
use super::node::Node;
use super::{Compiler, MAX_NESTING};
use crate::plan::{Choice, ChoiceRule, Comparison, Condition, Operand, Test, TypeTest};

/// The fields of which a rule has exactly one. AWS names `Condition` here in JSONPath too.
const SELECTORS: [&str; 5] = ["And", "Or", "Not", "Variable", "Condition"];

/// What an operator compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Is(TypeTest),
    Matches,
    Compare(Domain, Comparison, Side),
}

/// The type of an operator's operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Domain {
    String,
    Numeric,
    Boolean,
    Timestamp,
}

/// Where an operator's right side comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Literal,
    Path,
}

/// Every operator by its name.
const OPERATORS: [(&str, Operator); 39] = {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    use Domain::{Boolean, Numeric, String, Timestamp};
    use Operator::{Compare, Is, Matches};
    use Side::{Literal, Path};
    [
        ("StringEquals", Compare(String, Equal, Literal)),
        ("StringEqualsPath", Compare(String, Equal, Path)),
        ("StringLessThan", Compare(String, Less, Literal)),
        ("StringLessThanPath", Compare(String, Less, Path)),
        ("StringGreaterThan", Compare(String, Greater, Literal)),
        ("StringGreaterThanPath", Compare(String, Greater, Path)),
        ("StringLessThanEquals", Compare(String, LessOrEqual, Literal)),
        ("StringLessThanEqualsPath", Compare(String, LessOrEqual, Path)),
        ("StringGreaterThanEquals", Compare(String, GreaterOrEqual, Literal)),
        ("StringGreaterThanEqualsPath", Compare(String, GreaterOrEqual, Path)),
        ("StringMatches", Matches),
        ("NumericEquals", Compare(Numeric, Equal, Literal)),
        ("NumericEqualsPath", Compare(Numeric, Equal, Path)),
        ("NumericLessThan", Compare(Numeric, Less, Literal)),
        ("NumericLessThanPath", Compare(Numeric, Less, Path)),
        ("NumericGreaterThan", Compare(Numeric, Greater, Literal)),
        ("NumericGreaterThanPath", Compare(Numeric, Greater, Path)),
        ("NumericLessThanEquals", Compare(Numeric, LessOrEqual, Literal)),
        ("NumericLessThanEqualsPath", Compare(Numeric, LessOrEqual, Path)),
        ("NumericGreaterThanEquals", Compare(Numeric, GreaterOrEqual, Literal)),
        ("NumericGreaterThanEqualsPath", Compare(Numeric, GreaterOrEqual, Path)),
        ("BooleanEquals", Compare(Boolean, Equal, Literal)),
        ("BooleanEqualsPath", Compare(Boolean, Equal, Path)),
        ("TimestampEquals", Compare(Timestamp, Equal, Literal)),
        ("TimestampEqualsPath", Compare(Timestamp, Equal, Path)),
        ("TimestampLessThan", Compare(Timestamp, Less, Literal)),
        ("TimestampLessThanPath", Compare(Timestamp, Less, Path)),
        ("TimestampGreaterThan", Compare(Timestamp, Greater, Literal)),
        ("TimestampGreaterThanPath", Compare(Timestamp, Greater, Path)),
        ("TimestampLessThanEquals", Compare(Timestamp, LessOrEqual, Literal)),
        ("TimestampLessThanEqualsPath", Compare(Timestamp, LessOrEqual, Path)),
        ("TimestampGreaterThanEquals", Compare(Timestamp, GreaterOrEqual, Literal)),
        ("TimestampGreaterThanEqualsPath", Compare(Timestamp, GreaterOrEqual, Path)),
        ("IsNull", Is(TypeTest::Null)),
        ("IsPresent", Is(TypeTest::Present)),
        ("IsNumeric", Is(TypeTest::Numeric)),
        ("IsString", Is(TypeTest::String)),
        ("IsBoolean", Is(TypeTest::Boolean)),
        ("IsTimestamp", Is(TypeTest::Timestamp)),
    ]
};

impl Compiler<'_> {
    pub(super) fn choice(&mut self, node: &Node<'_>) -> Option<Choice> {
        let default = self.string(node, "Default");
        if !self.required(node, &["Choices"]) {
            return None;
        }
        let written = self.nonempty_array(node, "Choices")?;
        let mut rules = Vec::with_capacity(written.len());
        for (index, value) in written.iter().enumerate() {
            let rule = self.node(value, node.at_index("Choices", index));
            rules.extend(rule.and_then(|rule| self.rule(&rule)));
        }
        if let Some(default) = &default {
            self.target(default, node.at("Default"));
        }
        (rules.len() == written.len()).then_some(Choice { rules, default })
    }

    fn rule(&mut self, node: &Node<'_>) -> Option<ChoiceRule> {
        let condition = self.condition(node, 0);
        let assign = self.assign(node, Sees::Input);
        let output = self.output(node, Sees::Input);
        let next = self.string(node, "Next");
        if !self.required(node, &["Next"]) {
            return None;
        }
        let next = next?;
        self.target(&next, node.at("Next"));
        Some(ChoiceRule { condition: condition?, next, assign, output })
    }

    /// A rule's condition; `depth` is 0 for the rule itself, which alone leads somewhere.
    fn condition(&mut self, node: &Node<'_>, depth: usize) -> Option<Condition> {
        if depth > MAX_NESTING {
            self.too_deep("Choice rules", node.location.clone());
            return None;
        }
        self.comment(node);
        let selected: Vec<&str> = SELECTORS.into_iter().filter(|field| node.has(field)).collect();
        let [selector] = selected[..] else {
            let fields = SELECTORS.join(", ");
            self.fault_in(node, format!("The object must have only one of the following fields, [{fields}]"));
            return None;
        };
        let mut known = vec!["Comment", selector];
        if depth == 0 {
            known.extend(["Next", "Assign", "Output"]);
            if node.has("Output") && !self.is_jsonata() {
                self.only_in_jsonata(node, "Output");
            }
        }
        if selector == "Variable" {
            known.extend(OPERATORS.iter().map(|(name, _)| *name));
        }
        self.known_fields(node, &[&known]);
        if self.is_jsonata() && selector != "Condition" {
            self.only_in_json_path(node, selector);
            return None;
        }
        match selector {
            "And" => self.conditions(node, selector, depth).map(Condition::And),
            "Or" => self.conditions(node, selector, depth).map(Condition::Or),
            "Not" => {
                let inner = self.object(node, selector)?;
                self.condition(&inner, depth + 1).map(|inner| Condition::Not(Box::new(inner)))
            }
            "Variable" => self.test(node),
            _ if self.is_jsonata() => self.jsonata_condition(node),
            _ => {
                self.only_in_jsonata(node, selector);
                None
            }
        }
    }

    fn conditions(&mut self, node: &Node<'_>, field: &str, depth: usize) -> Option<Vec<Condition>> {
        let written = self.nonempty_array(node, field)?;
        let mut conditions = Vec::with_capacity(written.len());
        for (index, value) in written.iter().enumerate() {
            let inner = self.node(value, node.at_index(field, index));
            conditions.extend(inner.and_then(|inner| self.condition(&inner, depth + 1)));
        }
        (conditions.len() == written.len()).then_some(conditions)
    }

    fn test(&mut self, node: &Node<'_>) -> Option<Condition> {
        let variable = self.reference(node, "Variable");
        let present: Vec<&(&str, Operator)> = OPERATORS.iter().filter(|(name, _)| node.has(name)).collect();
        let [(name, operator)] = present[..] else {
            let fields = if present.is_empty() { &OPERATORS.each_ref()[..] } else { &present[..] };
            let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
            self.exactly_one(node, &names);
            return None;
        };
        let test = self.operator(node, name, *operator);
        Some(Condition::Test { variable: variable?, test: test? })
    }

    fn operator(&mut self, node: &Node<'_>, name: &str, operator: Operator) -> Option<Test> {
        match operator {
            Operator::Is(test) => self.boolean(node, name).map(|expected| Test::Is(test, expected)),
            Operator::Matches => self.string(node, name).map(Test::Matches),
            Operator::Compare(domain, comparison, side) => match domain {
                Domain::String => self
                    .operand(node, name, side, Self::string)
                    .map(|operand| Test::String(comparison, operand)),
                Domain::Numeric => self
                    .operand(node, name, side, Self::number)
                    .map(|operand| Test::Numeric(comparison, operand)),
                Domain::Boolean => self.operand(node, name, side, Self::boolean).map(Test::Boolean),
                Domain::Timestamp => self
                    .operand(node, name, side, |compiler, node, name| {
                        let text: Str = compiler.string(node, name)?;
                        compiler.timestamp(&text, || node.at(name))
                    })
                    .map(|operand| Test::Timestamp(comparison, operand)),
            },
        }
    }

    fn operand<T>(
        &mut self,
        node: &Node<'_>,
        name: &str,
        side: Side,
        literal: impl FnOnce(&mut Self, &Node<'_>, &str) -> Option<T>,
    ) -> Option<Operand<T>> {
        match side {
            Side::Literal => literal(self, node, name).map(Operand::Literal),
            Side::Path => self.reference(node, name).map(Operand::Path),
        }
    }
}
