//! JSONata as Step Functions evaluates it: the language of JSONata 2.0.6 without `$eval` and with the functions that AWS
//! adds, over [`newel_value::Value`]. No clock, no randomness and no I/O: what changes comes in through a [`World`].
//!
//! Where to start: [`Expression::parse`], [`Expression::evaluate`], [`Bindings`] for variables, [`Budget`] for bounds.
//!
//! ```
//! # use newel_jsonata::{Bindings, Budget, Expression, Outcome, World};
//! # use newel_value::Value;
//! struct Fixed;
//! impl World for Fixed {
//!     fn now_millis(&mut self) -> i64 { 0 }
//!     fn random(&mut self) -> f64 { 0.5 }
//!     fn uuid(&mut self) -> String { "2d931510-d99f-494a-8c67-87feb05e1594".to_owned() }
//! }
//! let expression = Expression::parse("$sum(orders.(price * quantity))")?;
//! let input = Value::parse(r#"{"orders":[{"price":2,"quantity":3},{"price":4,"quantity":1}]}"#)?;
//! let outcome = expression.evaluate(Some(&input), &Bindings::new(), &mut Budget::default(), &mut Fixed)?;
//! assert!(matches!(outcome, Outcome::Value(total) if total == Value::from(10)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Grammar
//!
//! ```text
//! expression = operand { operator }                  by precedence, strongest first:
//! operator   = '[' [ expression ] ']' | '(' [ argument { ',' argument } ] ')' | '@' variable | '#' variable      80
//!            | '.' expression                                                                                     75
//!            | '{' [ pair { ',' pair } ] '}'                                                                      70
//!            | ('*' | '/' | '%') expression                                                                       60
//!            | ('+' | '-' | '&') expression                                                                       50
//!            | ('=' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | '~>') expression | '^' '(' term { ',' term } ')'    40
//!            | 'and' expression                                                                                   30
//!            | 'or' expression                                                                                    25
//!            | '?' expression [ ':' expression ]                                                                  20
//!            | ':=' expression                                  after a variable; binds to the right              10
//! operand    = name | '`' … '`' | variable | string | number | 'true' | 'false' | 'null' | regex
//!            | '*' | '**' | '%' | '-' expression | '(' [ expression { ';' expression } ] ')'
//!            | '[' [ item { ',' item } ] ']' | '{' [ pair { ',' pair } ] '}' | '|' expression '|' expression [ ',' expression ] '|'
//!            | ('function' | 'λ') '(' [ variable { ',' variable } ] ')' [ signature ] '{' expression '}'
//! argument   = expression | '?'          item = expression [ '..' expression ]
//! pair       = expression ':' expression term = [ '<' | '>' ] expression
//! ```
//!
//! # Where it differs from the reference implementation
//!
//! * A number that passes through keeps its digits; arithmetic is in doubles, and what is whole prints as an integer.
//! * Text is Unicode, not UTF-16: half a surrogate pair becomes U+FFFD, and `$split(s, "")` gives characters.
//! * Regular expressions match in linear time: look-around and back-references are refused when the expression is parsed.
//! * An object's members stay in the order they were made, also where their names are numbers.
//! * Infinity and NaN are no JSON. As the outcome they are the error `D1001`, inside an outcome `null`.
//! * `| … | … |` changes a copy; nothing is ever shared that changes.
//! * Faults of a caller that JavaScript meets as a `TypeError` have JSONata's code for them.
//!
//! # Invariants
//! * JNA-1: no text makes parsing panic or overflow the stack, and no expression and value evaluating or dropping what it made.
//! * JNA-2: evaluating ends within its [`Budget`]; work and memory are charged before they are spent.
//! * JNA-3: the same expression, input, bindings and [`World`] give the same outcome.

mod bindings;
mod budget;
mod context;
mod error;
mod eval;
mod expression;
mod function;
mod functions;
mod item;
mod lexer;
mod matcher;
mod node;
mod parse;
mod picture;
mod resolve;
mod signature;
mod syntax;
mod text;

pub use bindings::Bindings;
pub use budget::Budget;
pub use error::{EvalError, ParseError};
pub use expression::{Expression, Outcome, Reference, World, is_function_name};

/// How many bytes the source of an expression may have.
pub const MAX_SOURCE: usize = 1 << 20;

/// How many operands, operators and constructors an expression may have.
pub const MAX_NODES: usize = 50_000;

/// How deep an expression may nest.
pub const MAX_NESTING: usize = 200;

/// How many regular expressions an expression may have.
pub const MAX_PATTERNS: usize = 64;
