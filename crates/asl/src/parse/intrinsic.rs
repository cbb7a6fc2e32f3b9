//! Calls of intrinsic functions
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html>).
//!
//! ```text
//! call     = name '(' [ argument { ',' argument } ] ')'
//! argument = string | number | 'true' | 'false' | 'null' | path | call
//! string   = "'" { character | escape } "'"            escape = \' | \\ | \{ | \}
//! ```
//! Blanks may stand around arguments and behind the call.

use newel_value::Value;

use super::query;
use crate::intrinsic::{Argument, Call, Function};
use crate::plan::Query;

/// How deep calls may be nested.
const MAX_NESTED_CALLS: usize = 10;

/// The call that a text is, if it is one.
pub(super) fn parse(text: &str) -> Option<Call> {
    let mut parser = Parser { rest: text };
    let call = parser.call(1)?;
    parser.skip_blanks();
    parser.rest.is_empty().then_some(call)
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: char) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes that many bytes, which must end at a character's end.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    fn call(&mut self, level: usize) -> Option<Call> {
        if level > MAX_NESTED_CALLS {
            return None;
        }
        let text = self.rest;
        let name = self.take(self.rest.find('(')?);
        let function = Function::parse(name)?;
        self.eat('(');
        let mut arguments = Vec::new();
        self.skip_blanks();
        if !self.eat(')') {
            loop {
                self.skip_blanks();
                arguments.push(self.argument(function, arguments.is_empty(), level)?);
                self.skip_blanks();
                if self.eat(')') {
                    break;
                }
                if !self.eat(',') {
                    return None;
                }
            }
        }
        let source = text[..text.len() - self.rest.len()].into();
        function.arity().contains(&arguments.len()).then_some(Call { function, arguments, source })
    }

    fn argument(&mut self, function: Function, first: bool, level: usize) -> Option<Argument> {
        match self.rest.chars().next()? {
            '\'' => self.string(function == Function::Format && first),
            '$' => query::path(self.path()?).map(Argument::Query),
            'S' => self.call(level + 1).map(|call| Argument::Query(Query::Intrinsic(Box::new(call)))),
            _ => self.literal(),
        }
    }

    /// A number, `true`, `false` or `null`, spelled as in JSON.
    fn literal(&mut self) -> Option<Argument> {
        let end = self.rest.find([',', ')'])?;
        match Value::parse(self.take(end).trim_end()).ok()? {
            Value::Number(number) => Some(Argument::Number(number)),
            Value::Bool(bool) => Some(Argument::Bool(bool)),
            Value::Null => Some(Argument::Null),
            Value::String(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A string in single quotes. A template keeps the escapes that its function must see; an escape there is none of
    /// stands for itself.
    fn string(&mut self, template: bool) -> Option<Argument> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        loop {
            match characters.next()? {
                (end, '\'') => {
                    self.take(end + 1);
                    return Some(Argument::String(text.into()));
                }
                (_, '\\') => match characters.next()?.1 {
                    '\'' => text.push('\''),
                    c @ ('\\' | '{' | '}') if !template => text.push(c),
                    c => text.extend(['\\', c]),
                },
                (_, c) => text.push(c),
            }
        }
    }

    /// The text of a path: up to the comma or parenthesis that ends the argument, over those in its brackets, its own
    /// parentheses and its strings.
    fn path(&mut self) -> Option<&'a str> {
        let mut depth = 0_usize;
        let mut quote = None;
        let mut escaped = false;
        for (at, c) in self.rest.char_indices() {
            match (quote, c) {
                _ if escaped => escaped = false,
                (Some(_), '\\') => escaped = true,
                (Some(open), c) if c == open => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') => quote = Some(c),
                (None, '(' | '[') => depth += 1,
                (None, ',' | ')') if depth == 0 => return Some(self.take(at).trim_end()),
                (None, ')' | ']') => depth = depth.checked_sub(1)?,
                (None, _) => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call written out again: strings in double quotes with JSON's escapes, no blanks.
    fn shown(call: &Call) -> String {
        let arguments: Vec<String> = call.arguments.iter().map(shown_argument).collect();
        format!("{}({})", call.function.name(), arguments.join(","))
    }

    fn shown_argument(argument: &Argument) -> String {
        match argument {
            Argument::String(text) => Value::from(text.clone()).to_json(),
            Argument::Number(number) => Value::from(number.clone()).to_json(),
            Argument::Bool(bool) => bool.to_string(),
            Argument::Null => "null".to_owned(),
            Argument::Query(Query::Input(path)) => path.as_str().to_owned(),
            Argument::Query(Query::Context(path)) => format!("${}", path.as_str()),
            Argument::Query(Query::Variable(name, path)) => format!("{name}:{}", path.as_str()),
            Argument::Query(Query::Intrinsic(call)) => shown(call),
        }
    }

    #[test]
    fn calls_are_read_whole() {
        for (text, expect) in [
            ("States.UUID()", "States.UUID()"),
            ("States.UUID( ) ", "States.UUID()"),
            ("States.Array()", "States.Array()"),
            (
                "States.Array(1, -2.50 , true,false,null, 'a,b)', $.a)",
                r#"States.Array(1,-2.50,true,false,null,"a,b)",$.a)"#,
            ),
            (r"States.Array('it\'s \{\}\\ \n')", r#"States.Array("it's {}\\ \\n")"#),
            (r"States.Format('\{\}{}\'\\', $.x)", r#"States.Format("\\{\\}{}'\\\\",$.x)"#),
            (r"States.Format('{}', '\{')", r#"States.Format("{}","{")"#),
            (
                "States.ArrayLength($.a[?(@.b == 'x,)' && @.c > 1)])",
                "States.ArrayLength($.a[?(@.b == 'x,)' && @.c > 1)])",
            ),
            ("States.MathAdd($.a['x\\'y'][0], $$.b)", "States.MathAdd($.a['x\\'y'][0],$$.b)"),
            ("States.StringSplit($v.a, '\n')", "States.StringSplit(v:$.a,\"\\n\")"),
            ("States.ArrayLength($.a.concat($.b, $.c))", "States.ArrayLength($.a.concat($.b, $.c))"),
            ("States.Array(States.Array(States.UUID()))", "States.Array(States.Array(States.UUID()))"),
        ] {
            assert_eq!(parse(text).map(|call| shown(&call)).as_deref(), Some(expect), "{text}");
        }
    }

    #[test]
    fn what_is_no_call_is_refused() {
        for text in [
            "",
            "States.UUID",
            "States.uuid()",
            "states.UUID()",
            "States.Nope()",
            "States.UUID(1)",
            "States.MathAdd(1)",
            "States.MathAdd(1,2,3)",
            "States.MathAdd(1,)",
            "States.MathAdd(1 2)",
            "States.MathAdd(1,2) x",
            "States.MathAdd(1,2",
            "States.MathAdd(01,2)",
            "States.Array(\"a\")",
            "States.Array('a)",
            "States.Array('a\\",
            "States.Array($.a[)",
            "States.Array($.a",
            "States.Array(a)",
            "States.Array([1])",
            "(",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn calls_nest_ten_deep() {
        let nested = |levels: usize| format!("{}{}", "States.Array(".repeat(levels), ")".repeat(levels));
        assert!(parse(&nested(10)).is_some());
        assert!(parse(&nested(11)).is_none());
        assert!(parse(&nested(100_000)).is_none());
    }
}
