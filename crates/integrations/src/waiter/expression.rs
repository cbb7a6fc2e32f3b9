//! Expressions of waiters: the part of JMESPath that the models use. Paths with flattening (`A[].B`) and filters
//! (`A[?B == 'c']`), literals, `length`, comparisons, `!`, `&&` and `||`.
//! <https://jmespath.org/specification.html>

use std::cmp::Ordering;

use newel_value::{Str, Value};

/// Nothing nests deeper: models are files that come from elsewhere.
const MAX_DEPTH: usize = 32;

/// An expression, ready to be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Literal(Value),
    Path(Vec<Step>),
    Length(Box<Self>),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Compare(Box<Self>, Operator, Box<Self>),
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// A member.
    Field(Str),
    /// `[]`: the elements, and those of elements that are lists themselves; what follows is about each.
    Flatten,
    /// `[?…]`: the elements of which that is true; what follows is about each.
    Filter(Expression),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// What of it isn't understood.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text, depth: 0 };
        let parsed = parser.or()?;
        match parser.rest.trim_start() {
            "" => Ok(parsed),
            rest => Err(format!("{rest:?} isn't understood in {text:?}")),
        }
    }

    /// What it comes to in a value; null where there is nothing.
    pub(super) fn of(&self, value: &Value) -> Value {
        match self {
            Self::Literal(literal) => literal.clone(),
            Self::Path(steps) => walk(steps, value),
            Self::Length(of) => match of.of(value) {
                Value::Array(items) => count(items.len()),
                Value::Object(members) => count(members.len()),
                Value::String(text) => count(text.chars().count()),
                Value::Null | Value::Bool(_) | Value::Number(_) => Value::Null,
            },
            Self::Not(of) => (!is_true(&of.of(value))).into(),
            Self::And(a, b) => match a.of(value) {
                left if is_true(&left) => b.of(value),
                left => left,
            },
            Self::Or(a, b) => match a.of(value) {
                left if is_true(&left) => left,
                _ => b.of(value),
            },
            Self::Compare(a, operator, b) => operator.compare(&a.of(value), &b.of(value)),
        }
    }
}

fn count(length: usize) -> Value {
    i64::try_from(length).unwrap_or(i64::MAX).into()
}

/// What JMESPath takes for true: everything but nothing.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Number(_) => true,
    }
}

fn walk(steps: &[Step], value: &Value) -> Value {
    let Some((step, rest)) = steps.split_first() else { return value.clone() };
    let elements: Vec<Value> = match (step, value) {
        (Step::Field(name), _) => return value.get(name).map_or(Value::Null, |inner| walk(rest, inner)),
        (Step::Flatten, Value::Array(items)) => items.iter().flat_map(spread).cloned().collect(),
        (Step::Filter(wanted), Value::Array(items)) => {
            items.iter().filter(|item| is_true(&wanted.of(item))).cloned().collect()
        }
        _ => return Value::Null,
    };
    // What follows is about each element, until the next flattening takes all of them together again.
    let until = rest.iter().position(|step| *step == Step::Flatten).unwrap_or(rest.len());
    let (each, together) = rest.split_at(until);
    let found = elements.iter().map(|element| walk(each, element)).filter(|found| !found.is_null());
    walk(together, &found.collect())
}

fn spread(item: &Value) -> &[Value] {
    item.as_array().unwrap_or(std::slice::from_ref(item))
}

impl Operator {
    fn compare(self, a: &Value, b: &Value) -> Value {
        let order = a.as_number().zip(b.as_number()).and_then(|(a, b)| a.as_f64().partial_cmp(&b.as_f64()));
        let equal = order.map_or_else(|| a == b, |order| order == Ordering::Equal);
        let ordered = match self {
            Self::Equal => return equal.into(),
            Self::Unequal => return (!equal).into(),
            // Only numbers have an order.
            Self::Less => order.map(Ordering::is_lt),
            Self::AtMost => order.map(Ordering::is_le),
            Self::More => order.map(Ordering::is_gt),
            Self::AtLeast => order.map(Ordering::is_ge),
        };
        ordered.map_or(Value::Null, Value::from)
    }
}

/// A parser by descent, one function a level of precedence.
struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.eat(token) { Ok(()) } else { Err(format!("{token:?} is missing before {:?}", self.rest)) }
    }

    fn or(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("it nests too deeply".to_owned());
        }
        let mut left = self.and()?;
        while self.eat("||") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, String> {
        let mut left = self.comparison()?;
        while self.eat("&&") {
            left = Expression::And(Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expression, String> {
        const OPERATORS: [(&str, Operator); 6] = [
            ("==", Operator::Equal),
            ("!=", Operator::Unequal),
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("<", Operator::Less),
            (">", Operator::More),
        ];
        let left = self.operand()?;
        match OPERATORS.into_iter().find(|(token, _)| self.eat(token)) {
            Some((_, operator)) => {
                Ok(Expression::Compare(Box::new(left), operator, Box::new(self.operand()?)))
            }
            None => Ok(left),
        }
    }

    fn operand(&mut self) -> Result<Expression, String> {
        let mut negations = 0;
        while !self.rest.trim_start().starts_with("!=") && self.eat("!") {
            negations += 1;
        }
        let operand = self.atom()?;
        Ok(match negations % 2 {
            0 if negations == 0 => operand,
            0 => Expression::Not(Box::new(Expression::Not(Box::new(operand)))),
            _ => Expression::Not(Box::new(operand)),
        })
    }

    fn atom(&mut self) -> Result<Expression, String> {
        if self.eat("(") {
            let inner = self.or()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.eat("'") {
            return Ok(Expression::Literal(self.until('\'')?.into()));
        }
        if self.eat("`") {
            let literal = self.until('`')?;
            return Value::parse(literal).map(Expression::Literal).map_err(|error| error.to_string());
        }
        let name = self.identifier()?;
        if name == "length" && self.eat("(") {
            let of = self.or()?;
            self.expect(")")?;
            return Ok(Expression::Length(Box::new(of)));
        }
        self.path(name)
    }

    fn path(&mut self, first: &str) -> Result<Expression, String> {
        let mut steps = vec![Step::Field(first.into())];
        loop {
            if self.eat(".") {
                steps.push(Step::Field(self.identifier()?.into()));
            } else if self.eat("[]") {
                steps.push(Step::Flatten);
            } else if self.eat("[?") {
                steps.push(Step::Filter(self.or()?));
                self.expect("]")?;
            } else {
                return Ok(Expression::Path(steps));
            }
        }
    }

    fn until(&mut self, end: char) -> Result<&'a str, String> {
        let (text, rest) = self.rest.split_once(end).ok_or_else(|| format!("{end} is missing"))?;
        self.rest = rest;
        Ok(text)
    }

    fn identifier(&mut self) -> Result<&'a str, String> {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(format!("a name is missing before {rest:?}"));
        }
        self.rest = rest;
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, value: &str, expect: &str) {
        let parsed = Expression::parse(expression).unwrap();
        let found = parsed.of(&Value::parse(value).unwrap());
        assert_eq!(found, Value::parse(expect).unwrap(), "{expression} of {value}");
    }

    #[test]
    fn paths_and_projections() {
        check("a.b", r#"{"a": {"b": 1}}"#, "1");
        check("a.b", r#"{"a": [1]}"#, "null");
        check("a[].b", r#"{"a": [{"b": 1}, {"c": 2}, {"b": null}, {"b": 3}]}"#, "[1, 3]");
        check("a[].b[].c", r#"{"a": [{"b": [{"c": 1}, {"c": 2}]}, {"b": [{"c": 3}]}]}"#, "[1, 2, 3]");
        check("a[].b[].c.d", r#"{"a": [{"b": [{"c": {"d": "x"}}]}]}"#, r#"["x"]"#);
        check("a[]", r#"{"a": [[1, 2], 3]}"#, "[1, 2, 3]");
        check("a[]", r#"{"a": {}}"#, "null");
        check("a[?b == 'x'].c", r#"{"a": [{"b": "x", "c": 1}, {"b": "y", "c": 2}]}"#, "[1]");
    }

    #[test]
    fn operators() {
        check("length(a[]) > `0`", r#"{"a": [1]}"#, "true");
        check("length(a[]) > `0`", r#"{"a": []}"#, "false");
        check("length(a) == `0`", "{}", "false");
        check("a != 'x' && a != 'y'", r#"{"a": "z"}"#, "true");
        check("a != 'x' && a != 'y'", r#"{"a": "y"}"#, "false");
        check("a == 'x' || b == `2`", r#"{"b": 2}"#, "true");
        check("!(a == `1`)", r#"{"a": 1}"#, "false");
        check("!!a", r#"{"a": 1}"#, "true");
        check("a > 'x'", r#"{"a": 1}"#, "null");
        check("a >= `1` && a <= `1`", r#"{"a": 1}"#, "true");
        let stable = "length(s[?!(length(d) == `1` && r == w)]) == `0`";
        check(stable, r#"{"s": [{"d": [1], "r": 2, "w": 2}]}"#, "true");
        check(stable, r#"{"s": [{"d": [1], "r": 1, "w": 2}]}"#, "false");
        check(stable, r#"{"s": [{"d": [1, 2], "r": 2, "w": 2}]}"#, "false");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let deep = format!("{}a{}", "(".repeat(1_000), ")".repeat(1_000));
        for text in
            ["", "a.", "a b", "a[0]", "a[*].b", "sum(a)", "'a", "`{`", "a[?b", "(a", "1a", "a &&", &deep]
        {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
