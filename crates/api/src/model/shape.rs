//! How a shape is told.

/// A member of a structure.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether it must be there.
    pub(crate) required: bool,
    /// What it is.
    pub(crate) shape: &'static Shape,
}

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Shape {
    /// A string.
    Text(Text),
    /// A whole number from `min` to `max`.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A number from `min` to `max`.
    Float {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// `true` or `false`.
    Boolean,
    /// An array of these.
    List(&'static Self),
    /// An object with these members, and others that nobody looks at.
    Structure(&'static [Member]),
}

/// What a string may be.
#[derive(Debug)]
pub(crate) struct Text {
    /// Characters at least.
    pub(crate) min: usize,
    /// At most.
    pub(crate) max: Max,
    /// Only ASCII; AWS's pattern `\p{ASCII}*`.
    pub(crate) ascii: bool,
    /// Only one of these, unless empty.
    pub(crate) values: &'static [&'static str],
    /// Never repeated in a message.
    pub(crate) sensitive: bool,
}

/// How long a string may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Max {
    /// That many characters.
    Characters(usize),
    /// As many bytes as the limit for definitions says.
    Definition,
    /// As many bytes as the limit for payloads says.
    Payload,
    /// Any length: the operation checks it, with an exception of its own.
    Unchecked,
}

impl Text {
    /// A string of that many characters.
    pub(crate) const fn sized(min: usize, max: usize) -> Self {
        Self { min, max: Max::Characters(max), ascii: false, values: &[], sensitive: false }
    }

    /// A string that is never repeated.
    pub(crate) const fn sensitive(min: usize, max: Max) -> Self {
        Self { min, max, ascii: false, values: &[], sensitive: true }
    }

    /// One of these strings.
    pub(crate) const fn one_of(values: &'static [&'static str]) -> Self {
        Self { min: 0, max: Max::Unchecked, ascii: false, values, sensitive: false }
    }
}
