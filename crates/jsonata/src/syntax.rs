//! What was written, before paths are resolved.

use newel_value::{Str, Value};

use crate::node::Op;
use crate::signature::Signature;

/// An expression as it was written.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) kind: RawKind,
    pub(crate) position: u32,
    pub(crate) keep_array: bool,
    /// How many levels of expressions this has.
    pub(crate) depth: u16,
}

#[derive(Debug)]
pub(crate) enum RawKind {
    Name(Str),
    Variable(Str),
    String(Str),
    Number(f64),
    Value(Value),
    Regex {
        pattern: Str,
        flags: Str,
    },
    /// `and`, `or` or `in` where an operand stands: a field of that name.
    Word(&'static str),
    Wildcard,
    Descendant,
    Parent,
    /// Nothing where an operand should stand.
    End,
    /// `a.b.c`
    Dots(Vec<Raw>),
    /// Operators of one precedence.
    Chain(Box<Raw>, Vec<(Op, u32, Raw)>),
    /// `a[b][c]`
    Filters(Box<Raw>, Vec<(u32, Raw)>),
    Group(Box<Raw>, Vec<(Raw, Raw)>),
    Sort(Box<Raw>, Vec<(bool, Raw)>),
    Bind(Str, Box<Raw>),
    Focus(Box<Raw>, Str),
    Index(Box<Raw>, Str),
    Condition(Box<Raw>, Box<Raw>, Option<Box<Raw>>),
    Apply(Box<Raw>, Box<Raw>),
    Array(Vec<Raw>),
    Range(Box<Raw>, Box<Raw>),
    Object(Vec<(Raw, Raw)>),
    Negate(Box<Raw>),
    Block(Vec<Raw>),
    Call(Box<Raw>, Vec<Option<Raw>>),
    Lambda {
        parameters: Vec<Str>,
        signature: Option<Signature>,
        body: Box<Raw>,
    },
    Transform {
        pattern: Box<Raw>,
        update: Box<Raw>,
        delete: Option<Box<Raw>>,
    },
}
