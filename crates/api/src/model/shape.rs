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
    /// An array of so many of these.
    Bounded {
        /// What each is; the name is what AWS calls the structure where a message repeats the array.
        member: (&'static str, &'static Self),
        /// At least.
        min: usize,
        /// At most.
        max: usize,
    },
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
    /// What else it must be like.
    pub(crate) pattern: Option<&'static Pattern>,
    /// Only one of these, unless empty.
    pub(crate) values: &'static [&'static str],
    /// Never repeated in a message.
    pub(crate) sensitive: bool,
}

/// A regular expression of the API's model.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// As the model, and so a message, has it.
    pub(crate) text: &'static str,
    /// Whether a string is like it.
    pub(crate) fits: fn(&str) -> bool,
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
        Self { min, max: Max::Characters(max), pattern: None, values: &[], sensitive: false }
    }

    /// A string that is never repeated.
    pub(crate) const fn sensitive(min: usize, max: Max) -> Self {
        Self { min, max, pattern: None, values: &[], sensitive: true }
    }

    /// One of these strings.
    pub(crate) const fn one_of(values: &'static [&'static str]) -> Self {
        Self { min: 0, max: Max::Unchecked, pattern: None, values, sensitive: false }
    }
}
