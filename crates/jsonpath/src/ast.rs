//! The compiled form of a path.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use newel_value::{Number, Str, Value};
use regex::Regex;

/// Where a path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// `$`: the whole document.
    Document,
    /// `@`: the item a filter looks at.
    Item,
}

/// A path: a root and the way down from it.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) root: Root,
    pub(crate) segments: Vec<Segment>,
    /// The first segment that may name several nodes; the number of segments when there is none.
    pub(crate) first_indefinite: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Segment {
    /// One or more member names, and the quote they were written in.
    Names { names: Vec<Str>, quote: char },
    /// One or more array positions.
    Indexes(Vec<i32>),
    /// A range of array positions; at least one bound is there.
    Slice { from: Option<i32>, to: Option<i32> },
    /// Every member or element.
    Wildcard,
    /// `..`: applies the next segment to every node below. Never last, and never before a function.
    Descend,
    /// `[?(…)]`
    Filter(Predicate),
    /// `.name(…)`
    Function(Call),
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: Str,
    pub(crate) arguments: Vec<Argument>,
    /// Whether the arguments were written in parentheses, not made from the path before the function.
    pub(crate) written: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Argument {
    Path(Path),
    Json(Value),
}

#[derive(Clone, Debug)]
pub(crate) enum Predicate {
    Or(Vec<Predicate>),
    And(Vec<Predicate>),
    Not(Box<Predicate>),
    Exists { path: Path, expected: bool },
    Compare { left: Operand, operator: Operator, right: Operand },
}

#[derive(Clone, Debug)]
pub(crate) enum Operand {
    Path(Path),
    Null,
    Bool(bool),
    Number(Number),
    String(Str),
    Json(Value),
    Pattern(Arc<Pattern>),
}

/// A regular expression that matches whole texts.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) regex: Regex,
    /// How many times slower than a small one it may be.
    pub(crate) weight: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    SameTypeEqual,
    NotSameTypeEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    SubsetOf,
    Contains,
    Size,
    Empty,
    /// `all`, `type` and `matches`, whose right-hand sides Jayway can't take from a path's text: they select nothing.
    Unsatisfiable,
}

impl Operator {
    const TABLE: &[(&str, Self)] = &[
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("===", Self::SameTypeEqual),
        ("!==", Self::NotSameTypeEqual),
        ("<", Self::Less),
        ("<=", Self::LessOrEqual),
        (">", Self::Greater),
        (">=", Self::GreaterOrEqual),
        ("=~", Self::Matches),
        ("in", Self::In),
        ("nin", Self::NotIn),
        ("subsetof", Self::SubsetOf),
        ("contains", Self::Contains),
        ("size", Self::Size),
        ("empty", Self::Empty),
        ("all", Self::Unsatisfiable),
        ("type", Self::Unsatisfiable),
        ("matches", Self::Unsatisfiable),
    ];

    /// The operator of that spelling; the case of words doesn't matter.
    pub(crate) fn named(spelling: &str) -> Option<Self> {
        Self::TABLE
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(spelling))
            .map(|(_, operator)| *operator)
    }
}

impl Path {
    pub(crate) fn new(root: Root, segments: Vec<Segment>) -> Self {
        let last = segments.len().saturating_sub(1);
        let first_indefinite = segments
            .iter()
            .enumerate()
            .position(|(i, s)| !s.is_definite(i == last))
            .unwrap_or(segments.len());
        Self { root, segments, first_indefinite }
    }

    pub(crate) fn is_definite(&self) -> bool {
        self.first_indefinite == self.segments.len()
    }

    /// Whether what leads to segment `at` names one node.
    pub(crate) fn is_definite_up_to(&self, at: usize) -> bool {
        at <= self.first_indefinite
    }

    pub(crate) fn is_last(&self, at: usize) -> bool {
        at + 1 == self.segments.len()
    }

    /// Whether one node of the document may be found more than once.
    pub(crate) fn may_repeat(&self) -> bool {
        self.segments.iter().any(|segment| match segment {
            Segment::Descend | Segment::Function(_) => true,
            Segment::Indexes(indexes) => indexes.len() > 1,
            Segment::Names { names, .. } => names.len() > 1,
            Segment::Slice { .. } | Segment::Wildcard | Segment::Filter(_) => false,
        })
    }

    /// The path to the node before segment `end`, as Jayway names it in "missing" errors: always single quotes.
    pub(crate) fn location(&self, end: usize) -> String {
        let mut out = String::from(self.root.sign());
        for segment in self.segments.iter().take(end) {
            match segment {
                Segment::Names { names, .. } => write_names(&mut out, names, '\''),
                // A function leaves the location where it was.
                Segment::Function(_) => {}
                other => push(&mut out, other),
            }
        }
        out
    }

    /// The segments from `start` on, in Jayway's canonical spelling.
    pub(crate) fn tail(&self, start: usize) -> String {
        let mut out = String::new();
        for segment in self.segments.iter().skip(start) {
            push(&mut out, segment);
        }
        out
    }
}

fn push(out: &mut String, segment: &Segment) {
    // Writing to a String can't fail.
    let _ = write!(out, "{segment}");
}

fn write_names(out: &mut String, names: &[Str], quote: char) {
    push(out, &Segment::Names { names: names.to_vec(), quote });
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.root.sign())?;
        self.segments.iter().try_for_each(|segment| segment.fmt(f))
    }
}

impl Root {
    const fn sign(self) -> &'static str {
        match self {
            Self::Document => "$",
            Self::Item => "@",
        }
    }
}

impl Segment {
    fn is_definite(&self, last: bool) -> bool {
        match self {
            // Several names at the end are merged into one object.
            Self::Names { names, .. } => names.len() == 1 || last,
            Self::Indexes(indexes) => indexes.len() == 1,
            Self::Function(_) => true,
            Self::Slice { .. } | Self::Wildcard | Self::Descend | Self::Filter(_) => false,
        }
    }
}

/// Jayway's canonical spelling.
impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Names { names, quote } => {
                bracketed(f, names.iter().map(|name| format!("{quote}{name}{quote}")))
            }
            Self::Indexes(indexes) => bracketed(f, indexes.iter().map(i32::to_string)),
            Self::Slice { from, to } => {
                let text = |bound: &Option<i32>| bound.map(|n| n.to_string()).unwrap_or_default();
                write!(f, "[{}:{}]", text(from), text(to))
            }
            Self::Wildcard => f.write_str("[*]"),
            Self::Descend => f.write_str(".."),
            Self::Filter(_) => f.write_str("[?]"),
            Self::Function(call) => {
                let arguments = if call.written && !call.arguments.is_empty() { "..." } else { "" };
                write!(f, ".{}({arguments})", call.name)
            }
        }
    }
}

fn bracketed(f: &mut fmt::Formatter<'_>, items: impl Iterator<Item = String>) -> fmt::Result {
    f.write_char('[')?;
    for (i, item) in items.enumerate() {
        if i > 0 {
            f.write_char(',')?;
        }
        f.write_str(&item)?;
    }
    f.write_char(']')
}
