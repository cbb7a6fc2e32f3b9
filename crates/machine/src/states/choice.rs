//! Choice: the first rule that applies leads on.

use std::cmp::Ordering;

use newel_asl::error;
use newel_asl::plan::{
    Choice, Condition, Expression, Operand, Query, QueryLanguage, State, Test, Transition, TypeTest,
};
use newel_asl::timestamp::Moment;
use newel_value::{Number, Value};

use crate::eval::{Data, EvalResult, Miss, Scope};
use crate::execution::FramePath;
use crate::fault::{EvalError, StateError};
use crate::turn::{Runner, Step};

impl Runner<'_, '_> {
    pub(super) fn choose(&mut self, path: &FramePath, state: &State, choice: &Choice) -> Step {
        let effective = self.effective_input(path, state)?;
        let matched = self.evaluate(path, effective.value(), |scope| {
            for rule in &choice.rules {
                if holds(scope, &rule.condition)? {
                    return Ok(Some(rule));
                }
            }
            Ok(None)
        })?;
        let (next, assign, output) = match (matched, &choice.default) {
            (Some(rule), _) => (&rule.next, &rule.assign, &rule.output),
            (None, Some(default)) => (default, &state.assign, &state.output),
            (None, None) => {
                return Err(StateError::new(
                    error::NO_CHOICE_MATCHED,
                    format!(
                        "No choices matched and no default state was specified in the Choice state '{}'",
                        state.name
                    ),
                ));
            }
        };
        let data = Data::input(effective.value());
        let (assigned, output) = match state.language {
            QueryLanguage::JsonPath => {
                let assigned = self.assigned(path, assign.as_ref(), data)?;
                (assigned, self.after_output_path(path, state, effective.clone())?)
            }
            QueryLanguage::Jsonata => {
                let fields = (assign.as_ref(), output.as_ref());
                self.assigned_and_output(path, fields, data, effective.clone())?
            }
        };
        self.leave(path, output, &assigned, &Transition::Next(next.clone()))
    }
}

fn holds(scope: &Scope<'_>, condition: &Condition) -> EvalResult<bool> {
    match condition {
        Condition::And(all) => {
            for one in all {
                if !holds(scope, one)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Condition::Or(any) => {
            for one in any {
                if holds(scope, one)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Condition::Not(one) => Ok(!holds(scope, one)?),
        Condition::Test { variable, test } => passes(scope, variable, test),
        Condition::Constant(holds) => Ok(*holds),
        Condition::Jsonata(jsonata) => scope.jsonata_bool(jsonata),
    }
}

fn passes(scope: &Scope<'_>, variable: &Expression, test: &Test) -> EvalResult<bool> {
    let found = match scope.query(&variable.query) {
        Ok(value) => Some(value),
        Err(Miss::Path(_)) => None,
        // An undefined variable is as absent as a path that finds nothing.
        Err(Miss::Other(_)) if matches!(variable.query, Query::Variable(..)) => None,
        Err(Miss::Other(failure)) => return Err(failure),
    };
    let Some(value) = found else {
        return match test {
            Test::Is(TypeTest::Present, expected) => Ok(!expected),
            Test::Is(..)
            | Test::String(..)
            | Test::Matches(_)
            | Test::Numeric(..)
            | Test::Boolean(_)
            | Test::Timestamp(..) => Err(absent(variable)),
        };
    };
    Ok(match test {
        Test::Is(kind, expected) => is(*kind, &value) == *expected,
        Test::Matches(pattern) => value.as_str().is_some_and(|text| wildcard(pattern, text)),
        Test::String(comparison, operand) => {
            let right = operand_value(scope, operand, |text| Value::from(text.clone()))?;
            match (value.as_str(), right.as_str()) {
                (Some(left), Some(right)) => comparison.holds(java_order(left, right)),
                _ => false,
            }
        }
        Test::Numeric(comparison, operand) => {
            let right = operand_value(scope, operand, |number| Value::from(number.clone()))?;
            match (value.as_number(), right.as_number()) {
                (Some(left), Some(right)) => number_order(left, right).is_some_and(|o| comparison.holds(o)),
                _ => false,
            }
        }
        Test::Boolean(operand) => {
            let right = operand_value(scope, operand, |bool| Value::from(*bool))?;
            value.as_bool().is_some() && value.as_bool() == right.as_bool()
        }
        Test::Timestamp(comparison, operand) => {
            let right = match operand {
                Operand::Literal(at) => Some(*at),
                Operand::Path(_) => timestamp(&operand_value(scope, operand, |_| Value::Null)?),
            };
            match (timestamp(&value), right) {
                (Some(left), Some(right)) => comparison.holds(left.cmp(&right)),
                _ => false,
            }
        }
    })
}

fn absent(variable: &Expression) -> EvalError {
    EvalError::runtime(format!(
        "Invalid path '{}': The choice state's condition path references an invalid value.",
        variable.source
    ))
}

fn operand_value<T>(
    scope: &Scope<'_>,
    operand: &Operand<T>,
    literal: impl Fn(&T) -> Value,
) -> EvalResult<Value> {
    match operand {
        Operand::Literal(value) => Ok(literal(value)),
        Operand::Path(expression) => scope.query(&expression.query).map_err(|miss| match miss {
            Miss::Path(_) => absent(expression),
            Miss::Other(failure) => failure,
        }),
    }
}

fn timestamp(value: &Value) -> Option<Moment> {
    value.as_str().and_then(Moment::parse)
}

fn is(kind: TypeTest, value: &Value) -> bool {
    match kind {
        TypeTest::Boolean => matches!(value, Value::Bool(_)),
        TypeTest::Null => value.is_null(),
        TypeTest::Numeric => matches!(value, Value::Number(_)),
        TypeTest::Present => true,
        TypeTest::String => matches!(value, Value::String(_)),
        TypeTest::Timestamp => timestamp(value).is_some(),
    }
}

/// Numbers by value; exactly where both are integers, else as doubles.
fn number_order(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64().partial_cmp(&right.as_f64()),
    }
}

/// Java's `compareTo`: by UTF-16 units, which orders characters beyond the basic plane before some within it.
fn java_order(left: &str, right: &str) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        return left.cmp(right);
    }
    left.encode_utf16().cmp(right.encode_utf16())
}

/// Whether a text matches a pattern in which `*` stands for any characters and `\\*` for an asterisk. Linear in the
/// product of the lengths at worst: on a mismatch only the latest `*` takes one character more.
fn wildcard(pattern: &str, text: &str) -> bool {
    #[derive(PartialEq)]
    enum Token {
        Any,
        Char(char),
    }
    let mut tokens = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '*' => Token::Any,
            '\\' => Token::Char(chars.next().unwrap_or('\\')),
            _ => Token::Char(c),
        });
    }
    let text: Vec<char> = text.chars().collect();
    let (mut t, mut p) = (0, 0);
    let mut latest: Option<(usize, usize)> = None;
    while t < text.len() {
        match tokens.get(p) {
            Some(Token::Char(c)) if *c == text[t] => (t, p) = (t + 1, p + 1),
            Some(Token::Any) => {
                latest = Some((p, t));
                p += 1;
            }
            _ => match latest {
                Some((star, from)) => {
                    latest = Some((star, from + 1));
                    (t, p) = (from + 1, star + 1);
                }
                None => return false,
            },
        }
    }
    tokens[p..].iter().all(|token| *token == Token::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match() {
        for (pattern, text, expect) in [
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("*.log", "x.log.log", true),
            ("log-*.txt", "log-2026.txt", true),
            ("a\\*c", "a*c", true),
            ("a\\*c", "abc", false),
            ("", "", true),
            ("", "a", false),
            ("**a", "bca", true),
        ] {
            assert_eq!(wildcard(pattern, text), expect, "{pattern} ~ {text}");
        }
        assert!(!wildcard(&"a*".repeat(500), &"a".repeat(400)));
    }

    #[test]
    fn strings_order_as_java_orders_them() {
        assert_eq!(java_order("\u{FFFF}", "\u{10000}"), Ordering::Greater);
        assert_eq!(java_order("Zebra", "apple"), Ordering::Less);
    }
}
