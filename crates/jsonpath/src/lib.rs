//! JSONPath as Step Functions evaluates it: the dialect of Jayway JsonPath 2.4.0 (the Java library behind AWS's
//! service, whose error texts its users see), with the one departure AWS makes, over [`newel_value::Value`].
//!
//! Where to start: [`JsonPath`] reads, [`ReferencePath`] writes (ResultPath), [`Budget`] bounds the work.
//!
//! # Grammar
//!
//! ```text
//! path      = '$' { segment }                     the first segment begins with '.' or '['
//! segment   = '.' name | '.' function | '.' '*' | '[' '*' ']'
//!           | '..' (name | '*' | bracket)         every node below, the current one included, in document order
//!           | bracket
//! bracket   = '[' string { ',' string } ']'       one name is definite; several last build an object, else branch
//!           | '[' integer { ',' integer } ']'     negative counts from the end
//!           | '[' [integer] ':' [integer] ']'     at least one bound; a third part (a step) is ignored, as in Jayway
//!           | '[?(' or ')]'
//! function  = name '(' [ argument { ',' argument } ] ')'
//!             min max avg sum stddev concat length size append; any other name fails when evaluated
//! argument  = path | '@' { segment } | JSON
//! or        = and { '||' and }
//! and       = term { '&&' term }
//! term      = '!' term | '(' or ')' | [ '!' ] operand [ operator operand ]
//! operand   = ('$' | '@') { segment } | string | number | true | false | null | JSON array or object | '/' regex '/' flags
//! operator  = == === != !== < <= > >= =~ in nin subsetof all contains size empty type matches
//! ```
//!
//! A dotted name ends at `.`, `[`, `(` or a blank; inside a filter also at a comparison sign, `)`, `&&` and `||`. Regular
//! expressions match the whole text, in linear time, and are compiled when the path is (no look-around, no back-references).
//!
//! # Definite and indefinite paths
//!
//! A path is definite when every segment names one node. A definite path gives that node's value, or
//! [`QueryError::NoResults`] in Jayway's words. An indefinite path gives an array of what it found. AWS's departure: where
//! Jayway fails an indefinite path for a missing property (`$.items[*]` on `{}`), AWS gives `[]`. Jayway's other failures
//! (`$[1:5]` on an object) fail there too.
//!
//! # Invariants
//! * JP-1: no input makes parsing or evaluating panic or overflow the stack: a path has at most [`MAX_SEGMENTS`] segments,
//!   [`MAX_NESTING`] levels and [`MAX_PATTERNS`] regular expressions; recursion follows the path and never the document.
//! * JP-2: evaluating ends within its [`Budget`].

mod ast;
mod budget;
#[cfg(test)]
mod conformance;
mod error;
mod eval;
mod filter;
mod function;
mod literal;
mod operand;
mod parse;
mod parse_filter;
mod path;
mod reference;

pub use budget::Budget;
pub use error::{NotFound, ParseError, ParseErrorKind, QueryError};
pub use path::JsonPath;
pub use reference::{ReferencePath, ReferencePathError, SetError};

/// How many segments a path may have, those of the paths in its filters and arguments included.
pub const MAX_SEGMENTS: usize = 512;

/// How many regular expressions a path may have.
pub const MAX_PATTERNS: usize = 16;

/// How deep filters, parentheses, function arguments and JSON literals may nest in a path.
pub const MAX_NESTING: usize = 32;
