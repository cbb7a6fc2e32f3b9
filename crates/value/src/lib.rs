//! The one JSON tree of Newel: immutable, shared by reference count, `Send + Sync`, key order kept, numbers exact.
//!
//! Every layer, from the API to the query languages and the store, passes this tree (or a [`Payload`], which is
//! the text as it came with the tree behind it), so that nothing is ever converted between representations.
//!
//! Where to start: [`Value`] for the tree, [`Value::parse`] and [`ParseError`] for reading, [`Payload`] for what
//! flows from state to state.
//!
//! Invariants:
//! * VAL-1: a parsed tree is at most [`MAX_DEPTH`] levels deep, so recursive walks are safe.
//! * VAL-2: printing what was parsed gives the same numbers, digit for digit, and the same key order.

mod number;
mod object;
mod parse;
mod payload;
mod print;
mod value;
mod write;

pub use number::Number;
pub use object::{Object, ObjectBuilder};
pub use parse::{ParseError, ParseErrorKind};
pub use payload::{Measure, Payload};
pub use print::write_string;
pub use value::{Array, Kind, Str, Value};
pub use write::{Members, object};

/// How deep arrays and objects may nest, the same bound as the parser behind AWS's API (Jackson's 1,000 levels).
pub const MAX_DEPTH: usize = 1_000;
