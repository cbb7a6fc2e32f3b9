//! Pictures: how numbers and dates look, in the language of XPath's `format-number`, `format-integer` and `format-dateTime`.

pub(crate) mod calendar;
pub(crate) mod datetime;
pub(crate) mod integer;
pub(crate) mod number;
pub(crate) mod words;
