//! Reads an expression: precedence climbing over the tokens.

use std::sync::Arc;

use newel_value::{Str, Value};

use crate::lexer::{Lexer, Token};
use crate::node::Op;
use crate::signature::Signature;
use crate::syntax::{Raw, RawKind};
use crate::{MAX_NESTING, MAX_NODES, MAX_SOURCE, ParseError};

/// How strongly an operator binds what stands left of it.
fn binding(token: &Token) -> u8 {
    let Token::Operator(operator) = token else { return 0 };
    match *operator {
        "[" | "(" | "@" | "#" => 80,
        "." => 75,
        "{" => 70,
        "*" | "/" | "%" => 60,
        "+" | "-" | "&" => 50,
        "=" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "~>" | "^" => 40,
        "and" => 30,
        "or" => 25,
        "?" => 20,
        ":=" => 10,
        _ => 0,
    }
}

fn chained(operator: &str) -> Option<Op> {
    Some(match operator {
        "+" => Op::Add,
        "-" => Op::Subtract,
        "*" => Op::Multiply,
        "/" => Op::Divide,
        "%" => Op::Modulo,
        "=" => Op::Equal,
        "!=" => Op::NotEqual,
        "<" => Op::Less,
        "<=" => Op::LessEqual,
        ">" => Op::Greater,
        ">=" => Op::GreaterEqual,
        "&" => Op::Concat,
        "and" => Op::And,
        "or" => Op::Or,
        "in" => Op::In,
        _ => return None,
    })
}

pub(crate) fn parse(source: &str) -> Result<Raw, ParseError> {
    if source.len() > MAX_SOURCE {
        return Err(too_large(format!("its source is longer than {MAX_SOURCE} bytes"), 0));
    }
    let mut parser =
        Parser { lexer: Lexer::new(source), token: Token::End, position: 0, nesting: 0, nodes: 0 };
    parser.advance(false)?;
    let expression = parser.expression(0)?;
    if parser.token != Token::End {
        return Err(ParseError::new("S0201").at(parser.position).with_token(parser.spelled()));
    }
    Ok(expression)
}

fn too_large(why: String, position: u32) -> ParseError {
    ParseError::new("S0501").at(position).with("message", Some(why.into()))
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token,
    /// Where the token ends.
    position: u32,
    nesting: usize,
    nodes: usize,
}

impl Parser<'_> {
    fn advance(&mut self, after_operand: bool) -> Result<(), ParseError> {
        self.token = self.lexer.next(after_operand)?;
        self.position = u32::try_from(self.lexer.position()).unwrap_or(u32::MAX);
        if matches!(self.token, Token::Operator("!" | "~")) {
            return Err(ParseError::new("S0204").at(self.position).with_token(self.spelled()));
        }
        Ok(())
    }

    fn is(&self, operator: &str) -> bool {
        matches!(self.token, Token::Operator(op) if op == operator)
    }

    /// Takes the operator if it is next.
    fn take(&mut self, operator: &str) -> Result<bool, ParseError> {
        let found = self.is(operator);
        if found {
            self.advance(false)?;
        }
        Ok(found)
    }

    fn expect(&mut self, operator: &'static str, after_operand: bool) -> Result<(), ParseError> {
        if self.is(operator) {
            return self.advance(after_operand);
        }
        let code = if self.token == Token::End { "S0203" } else { "S0202" };
        Err(ParseError::new(code)
            .at(self.position)
            .with_token(self.spelled())
            .with_value(Some(Value::from(operator))))
    }

    /// The token as messages name it.
    fn spelled(&self) -> Str {
        match &self.token {
            Token::Operator(operator) => (*operator).into(),
            Token::Name(text) | Token::Variable(text) | Token::String(text) => Arc::clone(text),
            Token::Number(number) => number.to_string().into(),
            Token::True => "true".into(),
            Token::False => "false".into(),
            Token::Null => "null".into(),
            Token::Regex { pattern, .. } => Arc::clone(pattern),
            Token::End => "(end)".into(),
        }
    }

    /// A node over `parts`, whose depth it adds to.
    fn node(&mut self, kind: RawKind, position: u32, depth: u16) -> Result<Raw, ParseError> {
        self.nodes += 1;
        let depth = depth + 1;
        if usize::from(depth) > MAX_NESTING {
            return Err(too_large(format!("it nests deeper than {MAX_NESTING} levels"), position));
        }
        if self.nodes > MAX_NODES {
            return Err(too_large(format!("it has more than {MAX_NODES} parts"), position));
        }
        Ok(Raw { kind, position, keep_array: false, depth })
    }

    fn expression(&mut self, binding_right: u8) -> Result<Raw, ParseError> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(too_large(format!("it nests deeper than {MAX_NESTING} levels"), self.position));
        }
        let mut left = self.operand()?;
        while binding_right < binding(&self.token) {
            let Token::Operator(operator) = self.token else { break };
            let position = self.position;
            self.advance(false)?;
            left = self.infix(left, operator, position)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<Raw, ParseError> {
        let position = self.position;
        let token = std::mem::replace(&mut self.token, Token::End);
        if token == Token::End {
            return self.node(RawKind::End, position, 0);
        }
        let spelled = if let Token::Operator(operator) = &token { *operator } else { "" };
        self.advance(true)?;
        let kind = match token {
            Token::Name(name) => RawKind::Name(name),
            Token::Variable(name) => RawKind::Variable(name),
            Token::String(text) => RawKind::String(text),
            Token::Number(number) => RawKind::Number(number),
            Token::True => RawKind::Value(true.into()),
            Token::False => RawKind::Value(false.into()),
            Token::Null => RawKind::Value(Value::Null),
            Token::Regex { pattern, flags } => RawKind::Regex { pattern, flags },
            Token::Operator(word @ ("and" | "or" | "in")) => RawKind::Word(word),
            Token::Operator("*") => RawKind::Wildcard,
            Token::Operator("**") => RawKind::Descendant,
            Token::Operator("%") => RawKind::Parent,
            Token::Operator("-") => {
                let operand = self.expression(70)?;
                let depth = operand.depth;
                return self.node(RawKind::Negate(Box::new(operand)), position, depth);
            }
            Token::Operator("(") => return self.block(position),
            Token::Operator("[") => return self.array(position),
            Token::Operator("{") => {
                let pairs = self.pairs()?;
                let depth = pairs_depth(&pairs);
                return self.node(RawKind::Object(pairs), position, depth);
            }
            Token::Operator("|") => return self.transform(position),
            Token::Operator(_) | Token::End => {
                return Err(ParseError::new("S0211").at(position).with_token(spelled));
            }
        };
        self.node(kind, position, 0)
    }

    fn block(&mut self, position: u32) -> Result<Raw, ParseError> {
        let mut items = Vec::new();
        while !self.is(")") {
            items.push(self.expression(0)?);
            if !self.take(";")? {
                break;
            }
        }
        self.expect(")", true)?;
        let depth = depth_of(&items);
        self.node(RawKind::Block(items), position, depth)
    }

    fn array(&mut self, position: u32) -> Result<Raw, ParseError> {
        let mut items = Vec::new();
        if !self.is("]") {
            loop {
                let mut item = self.expression(0)?;
                let range_at = self.position;
                if self.take("..")? {
                    let end = self.expression(0)?;
                    let depth = item.depth.max(end.depth);
                    item = self.node(RawKind::Range(Box::new(item), Box::new(end)), range_at, depth)?;
                }
                items.push(item);
                if !self.take(",")? {
                    break;
                }
            }
        }
        self.expect("]", true)?;
        let depth = depth_of(&items);
        self.node(RawKind::Array(items), position, depth)
    }

    /// The rest of an object after its opening brace.
    fn pairs(&mut self) -> Result<Vec<(Raw, Raw)>, ParseError> {
        let mut pairs = Vec::new();
        if !self.is("}") {
            loop {
                let name = self.expression(0)?;
                self.expect(":", false)?;
                pairs.push((name, self.expression(0)?));
                if !self.take(",")? {
                    break;
                }
            }
        }
        self.expect("}", true)?;
        Ok(pairs)
    }

    fn transform(&mut self, position: u32) -> Result<Raw, ParseError> {
        let pattern = Box::new(self.expression(0)?);
        self.expect("|", false)?;
        let update = Box::new(self.expression(0)?);
        let delete = if self.take(",")? { Some(Box::new(self.expression(0)?)) } else { None };
        self.expect("|", false)?;
        let depth = pattern.depth.max(update.depth).max(delete.as_ref().map_or(0, |d| d.depth));
        self.node(RawKind::Transform { pattern, update, delete }, position, depth)
    }

    fn infix(&mut self, left: Raw, operator: &'static str, position: u32) -> Result<Raw, ParseError> {
        if let Some(op) = chained(operator) {
            return self.chain(left, op, position);
        }
        match operator {
            "." => self.dot(left, position),
            "[" => self.filter(left, position),
            "(" => self.call(left, position),
            "{" => {
                let pairs = self.pairs()?;
                let depth = left.depth.max(pairs_depth(&pairs));
                self.node(RawKind::Group(Box::new(left), pairs), position, depth)
            }
            "^" => self.sort(left, position),
            "@" | "#" => {
                let variable = self.expression(80)?;
                let RawKind::Variable(name) = variable.kind else {
                    return Err(ParseError::new("S0214").at(variable.position).with_token(operator));
                };
                let depth = left.depth;
                let left = Box::new(left);
                let kind =
                    if operator == "@" { RawKind::Focus(left, name) } else { RawKind::Index(left, name) };
                self.node(kind, position, depth)
            }
            ":=" => {
                let RawKind::Variable(name) = left.kind else {
                    let error = ParseError::new("S0212").at(left.position);
                    return Err(match written(&left) {
                        Some(token) => error.with_token(token),
                        None => error,
                    });
                };
                let value = self.expression(9)?;
                let depth = value.depth;
                self.node(RawKind::Bind(name, Box::new(value)), position, depth)
            }
            "?" => {
                let then = self.expression(0)?;
                let otherwise = if self.take(":")? { Some(Box::new(self.expression(0)?)) } else { None };
                let depth = left.depth.max(then.depth).max(otherwise.as_ref().map_or(0, |other| other.depth));
                self.node(RawKind::Condition(Box::new(left), Box::new(then), otherwise), position, depth)
            }
            _ => {
                let right = self.expression(40)?;
                let depth = left.depth.max(right.depth);
                self.node(RawKind::Apply(Box::new(left), Box::new(right)), position, depth)
            }
        }
    }

    /// Adds an operator to the chain on its left if they bind alike, so that a long sum is no deep tree.
    fn chain(&mut self, mut left: Raw, op: Op, position: u32) -> Result<Raw, ParseError> {
        let strength = binding(&Token::Operator(op.name()));
        let right = self.expression(strength)?;
        let depth = right.depth;
        if let RawKind::Chain(_, rest) = &mut left.kind
            && !left.keep_array
            && rest.first().is_some_and(|(first, ..)| binding(&Token::Operator(first.name())) == strength)
        {
            rest.push((op, position, right));
            let grown = self.node(RawKind::End, position, depth)?;
            left.depth = left.depth.max(grown.depth);
            return Ok(left);
        }
        let depth = left.depth.max(depth);
        self.node(RawKind::Chain(Box::new(left), vec![(op, position, right)]), position, depth)
    }

    fn dot(&mut self, mut left: Raw, position: u32) -> Result<Raw, ParseError> {
        let right = self.expression(75)?;
        let depth = right.depth;
        if let RawKind::Dots(steps) = &mut left.kind
            && !left.keep_array
        {
            steps.push(right);
            let grown = self.node(RawKind::End, position, depth)?;
            left.depth = left.depth.max(grown.depth);
            return Ok(left);
        }
        let depth = left.depth.max(depth);
        self.node(RawKind::Dots(vec![left, right]), position, depth)
    }

    fn filter(&mut self, mut left: Raw, position: u32) -> Result<Raw, ParseError> {
        if self.is("]") {
            let step = if let RawKind::Filters(step, _) = &mut left.kind { step } else { &mut left };
            step.keep_array = true;
            self.advance(false)?;
            return Ok(left);
        }
        let predicate = self.expression(0)?;
        self.expect("]", true)?;
        let depth = predicate.depth;
        if let RawKind::Filters(_, predicates) = &mut left.kind {
            predicates.push((position, predicate));
            let grown = self.node(RawKind::End, position, depth)?;
            left.depth = left.depth.max(grown.depth);
            return Ok(left);
        }
        let depth = left.depth.max(depth);
        self.node(RawKind::Filters(Box::new(left), vec![(position, predicate)]), position, depth)
    }

    fn sort(&mut self, left: Raw, position: u32) -> Result<Raw, ParseError> {
        self.expect("(", false)?;
        let mut terms = Vec::new();
        loop {
            let descending = self.is(">");
            if descending || self.is("<") {
                self.advance(false)?;
            }
            terms.push((descending, self.expression(0)?));
            if !self.take(",")? {
                break;
            }
        }
        self.expect(")", false)?;
        let depth = terms.iter().map(|(_, term)| term.depth).fold(left.depth, u16::max);
        self.node(RawKind::Sort(Box::new(left), terms), position, depth)
    }

    fn call(&mut self, left: Raw, position: u32) -> Result<Raw, ParseError> {
        let mut arguments = Vec::new();
        if !self.is(")") {
            loop {
                if self.take("?")? {
                    arguments.push(None);
                } else {
                    arguments.push(Some(self.expression(0)?));
                }
                if !self.take(",")? {
                    break;
                }
            }
        }
        self.expect(")", true)?;
        if matches!(&left.kind, RawKind::Name(name) if matches!(&**name, "function" | "λ")) {
            return self.lambda(arguments, position);
        }
        let depth = arguments.iter().flatten().map(|argument| argument.depth).fold(left.depth, u16::max);
        self.node(RawKind::Call(Box::new(left), arguments), position, depth)
    }

    fn lambda(&mut self, arguments: Vec<Option<Raw>>, position: u32) -> Result<Raw, ParseError> {
        let mut parameters = Vec::with_capacity(arguments.len());
        for (index, argument) in arguments.into_iter().enumerate() {
            let at = argument.as_ref().map_or(position, |argument| argument.position);
            match argument {
                Some(Raw { kind: RawKind::Variable(name), .. }) => parameters.push(name),
                other => {
                    let token = other.as_ref().and_then(written).unwrap_or_else(|| "?".into());
                    let number = i64::try_from(index + 1).unwrap_or(i64::MAX);
                    return Err(ParseError::new("S0208")
                        .at(at)
                        .with_token(token)
                        .with_value(Some(number.into())));
                }
            }
        }
        let signature = if self.is("<") { Some(self.signature()?) } else { None };
        self.expect("{", false)?;
        let body = self.expression(0)?;
        self.expect("}", false)?;
        let depth = body.depth;
        let kind = RawKind::Lambda { parameters, signature, body: Box::new(body) };
        self.node(kind, position, depth)
    }

    fn signature(&mut self) -> Result<Signature, ParseError> {
        let start = self.position;
        let mut text = String::from("<");
        let mut depth = 1;
        while depth > 0 && !self.is("{") && self.token != Token::End {
            self.advance(false)?;
            match self.token {
                Token::Operator(">") => depth -= 1,
                Token::Operator("<") => depth += 1,
                _ => {}
            }
            text.push_str(&self.spelled());
        }
        self.expect(">", false)?;
        Signature::parse(&text, start)
    }
}

/// How a leaf was written, as messages name it.
fn written(raw: &Raw) -> Option<Str> {
    match &raw.kind {
        RawKind::Name(text) | RawKind::Variable(text) | RawKind::String(text) => Some(Arc::clone(text)),
        RawKind::Number(number) => Some(number.to_string().into()),
        RawKind::Value(value) => Some(value.to_string().into()),
        RawKind::Word(word) => Some((*word).into()),
        RawKind::Wildcard => Some("*".into()),
        RawKind::Descendant => Some("**".into()),
        RawKind::Parent => Some("%".into()),
        _ => None,
    }
}

fn depth_of(items: &[Raw]) -> u16 {
    items.iter().map(|item| item.depth).max().unwrap_or(0)
}

fn pairs_depth(pairs: &[(Raw, Raw)]) -> u16 {
    pairs.iter().map(|(name, value)| name.depth.max(value.depth)).max().unwrap_or(0)
}
