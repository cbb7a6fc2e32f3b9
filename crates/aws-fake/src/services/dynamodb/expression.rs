//! The grammar of condition, update and projection expressions, read into trees.

use serde_json::{Map, Value};

/// AWS's bound on an expression's text.
const MAX_TEXT: usize = 4096;
const MAX_DEPTH: usize = 32;

/// A document path: `a.b[0]`, aliases resolved.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path(pub(super) Vec<PathPart>);

/// A step of a [`Path`].
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PathPart {
    Name(String),
    Index(usize),
}

impl Path {
    pub(super) fn first_name(&self) -> Option<&str> {
        match self.0.first() {
            Some(PathPart::Name(name)) => Some(name),
            _ => None,
        }
    }

    pub(super) fn starts_with_name(&self, name: &str) -> bool {
        self.first_name() == Some(name)
    }
}

/// Something with a value.
#[derive(Debug, PartialEq)]
pub(super) enum Operand {
    Path(Path),
    Value(Value),
    Size(Path),
    IfNotExists(Path, Box<Operand>),
    ListAppend(Box<Operand>, Box<Operand>),
    Plus(Box<Operand>, Box<Operand>),
    Minus(Box<Operand>, Box<Operand>),
}

/// The six comparators.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A ConditionExpression.
#[derive(Debug, PartialEq)]
pub(super) enum Condition {
    Compare(Operand, Comparator, Operand),
    Between(Operand, Operand, Operand),
    Exists(Path),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

/// An UpdateExpression.
#[derive(Debug, Default)]
pub(super) struct Update {
    pub(super) set: Vec<(Path, Operand)>,
    pub(super) remove: Vec<Path>,
    pub(super) add: Vec<(Path, Value)>,
}

impl Update {
    /// Every path the update touches.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.set.iter().map(|(path, _)| path).chain(&self.remove).chain(self.add.iter().map(|(path, _)| path))
    }
}

/// The request's `ExpressionAttributeNames` and `ExpressionAttributeValues`.
#[derive(Debug)]
pub(super) struct Names<'a> {
    names: Option<&'a Map<String, Value>>,
    values: Option<&'a Map<String, Value>>,
}

impl<'a> Names<'a> {
    pub(super) fn of(input: &'a Value) -> Self {
        let member = |name: &str| input.get(name).and_then(Value::as_object);
        Self { names: member("ExpressionAttributeNames"), values: member("ExpressionAttributeValues") }
    }

    fn name(&self, token: &str) -> Result<String, String> {
        if !token.starts_with('#') {
            return Ok(token.to_owned());
        }
        let name = self.names.and_then(|names| names.get(token)).and_then(Value::as_str);
        let undefined =
            "An expression attribute name used in the document path is not defined; attribute name:";
        name.map(str::to_owned).ok_or_else(|| format!("{undefined} {token}"))
    }

    fn value(&self, token: &str) -> Result<Value, String> {
        let undefined = "An expression attribute value used in expression is not defined; attribute value:";
        let value = self.values.and_then(|values| values.get(token)).cloned();
        value.ok_or_else(|| format!("{undefined} {token}"))
    }
}

/// Words and punctuation of an expression.
struct Parser<'a> {
    tokens: Vec<&'a str>,
    at: usize,
    depth: usize,
    names: &'a Names<'a>,
}

type Parsed<T> = Result<T, String>;

impl<'a> Parser<'a> {
    fn new(text: &'a str, names: &'a Names<'a>) -> Parsed<Self> {
        if text.len() > MAX_TEXT {
            return Err(format!(
                "Expression size has exceeded the maximum allowed size; expression size: {}",
                text.len()
            ));
        }
        Ok(Self { tokens: tokens(text)?, at: 0, depth: 0, names })
    }

    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).copied()
    }

    fn next(&mut self) -> Parsed<&'a str> {
        let token = self.peek().ok_or("Syntax error; the expression ends early")?;
        self.at += 1;
        Ok(token)
    }

    /// Takes the token if it comes next; keywords are taken in any case.
    fn take(&mut self, token: &str) -> bool {
        let found = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(token));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &str) -> Parsed<()> {
        if self.take(token) { Ok(()) } else { Err(self.syntax_error()) }
    }

    fn syntax_error(&self) -> String {
        format!("Syntax error; token: \"{}\"", self.peek().unwrap_or("<EOF>"))
    }

    fn finish<T>(&self, parsed: T) -> Parsed<T> {
        if self.at == self.tokens.len() { Ok(parsed) } else { Err(self.syntax_error()) }
    }

    /// Runs a rule that can contain itself.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("The expression is nested too deeply".to_owned());
        }
        let parsed = rule(self)?;
        self.depth -= 1;
        Ok(parsed)
    }

    fn path(&mut self) -> Parsed<Path> {
        let first = self.next()?;
        if !first.starts_with(|c: char| c == '#' || c == '_' || c.is_alphabetic()) {
            self.at -= 1;
            return Err(self.syntax_error());
        }
        let mut parts = vec![PathPart::Name(self.names.name(first)?)];
        loop {
            if self.take(".") {
                parts.push(PathPart::Name(self.names.name(self.next()?)?));
            } else if self.take("[") {
                let index = self.next()?.parse().map_err(|_| self.syntax_error())?;
                self.expect("]")?;
                parts.push(PathPart::Index(index));
            } else {
                return Ok(Path(parts));
            }
        }
    }

    fn value(&mut self) -> Parsed<Value> {
        let token = self.next()?;
        if !token.starts_with(':') {
            self.at -= 1;
            return Err(self.syntax_error());
        }
        self.names.value(token)
    }

    /// `name(`: a function rather than an attribute of that name.
    fn take_function(&mut self, name: &str) -> bool {
        let found = self.peek() == Some(name) && self.tokens.get(self.at + 1) == Some(&"(");
        self.at += if found { 2 } else { 0 };
        found
    }

    fn operand(&mut self) -> Parsed<Operand> {
        self.nested(|p| {
            if p.peek().is_some_and(|token| token.starts_with(':')) {
                return Ok(Operand::Value(p.value()?));
            }
            let operand = if p.take_function("size") {
                Operand::Size(p.path()?)
            } else if p.take_function("if_not_exists") {
                let path = p.path()?;
                p.expect(",")?;
                Operand::IfNotExists(path, Box::new(p.operand()?))
            } else if p.take_function("list_append") {
                let first = p.operand()?;
                p.expect(",")?;
                Operand::ListAppend(Box::new(first), Box::new(p.operand()?))
            } else {
                return Ok(Operand::Path(p.path()?));
            };
            p.expect(")")?;
            Ok(operand)
        })
    }

    /// The right side of SET: one operand, or a sum or difference of two.
    fn set_value(&mut self) -> Parsed<Operand> {
        let left = self.operand()?;
        let combine = match self.peek() {
            Some("+") => Operand::Plus,
            Some("-") => Operand::Minus,
            _ => return Ok(left),
        };
        self.at += 1;
        Ok(combine(Box::new(left), Box::new(self.operand()?)))
    }

    fn either(&mut self) -> Parsed<Condition> {
        let mut left = self.both()?;
        while self.take("OR") {
            left = Condition::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Parsed<Condition> {
        let mut left = self.negation()?;
        while self.take("AND") {
            left = Condition::And(Box::new(left), Box::new(self.negation()?));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Parsed<Condition> {
        self.nested(|p| {
            if p.take("NOT") {
                return Ok(Condition::Not(Box::new(p.negation()?)));
            }
            if p.take("(") {
                let condition = p.either()?;
                p.expect(")")?;
                return Ok(condition);
            }
            p.predicate()
        })
    }

    fn predicate(&mut self) -> Parsed<Condition> {
        let condition = if self.take_function("attribute_exists") {
            Condition::Exists(self.path()?)
        } else if self.take_function("attribute_not_exists") {
            Condition::Not(Box::new(Condition::Exists(self.path()?)))
        } else if self.take_function("begins_with") {
            let text = self.operand()?;
            self.expect(",")?;
            Condition::BeginsWith(text, self.operand()?)
        } else if self.take_function("contains") {
            let whole = self.operand()?;
            self.expect(",")?;
            Condition::Contains(whole, self.operand()?)
        } else {
            return self.comparison();
        };
        self.expect(")")?;
        Ok(condition)
    }

    fn comparison(&mut self) -> Parsed<Condition> {
        let left = self.operand()?;
        if self.take("BETWEEN") {
            let low = self.operand()?;
            self.expect("AND")?;
            return Ok(Condition::Between(left, low, self.operand()?));
        }
        let comparator = match self.peek() {
            Some("=") => Comparator::Equal,
            Some("<>") => Comparator::NotEqual,
            Some("<") => Comparator::Less,
            Some("<=") => Comparator::LessOrEqual,
            Some(">") => Comparator::Greater,
            Some(">=") => Comparator::GreaterOrEqual,
            _ => return Err(self.syntax_error()),
        };
        self.at += 1;
        Ok(Condition::Compare(left, comparator, self.operand()?))
    }
}

impl Condition {
    pub(super) fn parse(text: &str, names: &Names<'_>) -> Parsed<Self> {
        let mut parser = Parser::new(text, names)?;
        let condition = parser.either()?;
        parser.finish(condition)
    }
}

impl Update {
    pub(super) fn parse(text: &str, names: &Names<'_>) -> Parsed<Self> {
        let mut p = Parser::new(text, names)?;
        let mut update = Self::default();
        while p.peek().is_some() {
            let clause = p.next()?.to_ascii_uppercase();
            loop {
                match clause.as_str() {
                    "SET" => {
                        let path = p.path()?;
                        p.expect("=")?;
                        update.set.push((path, p.set_value()?));
                    }
                    "REMOVE" => update.remove.push(p.path()?),
                    "ADD" => {
                        let path = p.path()?;
                        update.add.push((path, p.value()?));
                    }
                    other => return Err(format!("Syntax error; token: \"{other}\"")),
                }
                if !p.take(",") {
                    break;
                }
            }
        }
        Ok(update)
    }
}

/// A ProjectionExpression.
pub(super) fn parse_projection(text: &str, names: &Names<'_>) -> Parsed<Vec<Path>> {
    let mut parser = Parser::new(text, names)?;
    let mut paths = vec![parser.path()?];
    while parser.take(",") {
        paths.push(parser.path()?);
    }
    parser.finish(paths)
}

fn tokens(text: &str) -> Parsed<Vec<&str>> {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '#' | ':');
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if ["<>", "<=", ">="].iter().any(|pair| rest.starts_with(pair)) {
            2
        } else if "()[],.=<>+-".contains(first) {
            1
        } else {
            return Err(format!("Syntax error; token: \"{first}\""));
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn malformed_expressions_are_refused() {
        let input =
            json!({"ExpressionAttributeNames": {"#n": "n"}, "ExpressionAttributeValues": {":v": {"S": "v"}}});
        let names = Names::of(&input);
        for bad in [
            "",
            "a",
            "a =",
            "a = :w",
            "#x = :v",
            "(a = :v",
            "a = :v)",
            "a = :v AND",
            "a ! :v",
            "size(a = :v",
            "NOT",
        ] {
            assert!(Condition::parse(bad, &names).is_err(), "{bad}");
        }
        for bad in [
            "SET",
            "SET a",
            "SET a = ",
            "PUT a = :v",
            "ADD a b",
            "SET a = :v,",
            "REMOVE a[x]",
            "SET a = :v REMOVE",
        ] {
            assert!(Update::parse(bad, &names).is_err(), "{bad}");
        }
        assert!(Condition::parse(&format!("{}a = :v{}", "(".repeat(40), ")".repeat(40)), &names).is_err());
        assert!(Condition::parse(&"x".repeat(5000), &names).is_err());
    }

    #[test]
    fn operators_bind_as_documented() {
        let input = json!({"ExpressionAttributeValues": {":v": {"N": "1"}}});
        let names = Names::of(&input);
        let same = |short: &str, explicit: &str| {
            assert_eq!(Condition::parse(short, &names), Condition::parse(explicit, &names), "{short}");
        };
        same("a = :v OR b = :v AND c = :v", "a = :v OR (b = :v AND c = :v)");
        same("NOT a = :v AND b = :v", "(NOT a = :v) AND b = :v");
        same("a = :v and not b = :v", "a = :v AND (NOT (b = :v))");
    }
}
