//! Intrinsic function calls, parsed.

use std::ops::RangeInclusive;

use newel_value::{Number, Str};

use crate::plan::Query;

/// A parsed call. Its argument count has been checked against [`Function::arity`].
#[derive(Clone, Debug)]
pub struct Call {
    /// Which function.
    pub function: Function,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// The text that it was written as.
    pub source: Str,
}

/// An argument of a call.
#[derive(Clone, Debug)]
pub enum Argument {
    /// A quoted string, unescaped. The template of `States.Format` keeps its `\\`, `\{` and `\}`, for only the function
    /// can tell an escaped brace from a placeholder's.
    String(Str),
    /// A number.
    Number(Number),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A path, or a nested call.
    Query(Query),
}

/// The intrinsic functions
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// `States.Format`
    Format,
    /// `States.StringToJson`
    StringToJson,
    /// `States.JsonToString`
    JsonToString,
    /// `States.Array`
    Array,
    /// `States.ArrayPartition`
    ArrayPartition,
    /// `States.ArrayContains`
    ArrayContains,
    /// `States.ArrayRange`
    ArrayRange,
    /// `States.ArrayGetItem`
    ArrayGetItem,
    /// `States.ArrayLength`
    ArrayLength,
    /// `States.ArrayUnique`
    ArrayUnique,
    /// `States.Base64Encode`
    Base64Encode,
    /// `States.Base64Decode`
    Base64Decode,
    /// `States.Hash`
    Hash,
    /// `States.JsonMerge`
    JsonMerge,
    /// `States.MathRandom`
    MathRandom,
    /// `States.MathAdd`
    MathAdd,
    /// `States.StringSplit`
    StringSplit,
    /// `States.UUID`
    Uuid,
}

impl Function {
    /// Every function with its name and the least and greatest number of its arguments.
    const ALL: [(Self, &'static str, usize, usize); 18] = [
        (Self::Format, "States.Format", 1, usize::MAX),
        (Self::StringToJson, "States.StringToJson", 1, 1),
        (Self::JsonToString, "States.JsonToString", 1, 1),
        (Self::Array, "States.Array", 0, usize::MAX),
        (Self::ArrayPartition, "States.ArrayPartition", 2, 2),
        (Self::ArrayContains, "States.ArrayContains", 2, 2),
        (Self::ArrayRange, "States.ArrayRange", 3, 3),
        (Self::ArrayGetItem, "States.ArrayGetItem", 2, 2),
        (Self::ArrayLength, "States.ArrayLength", 1, 1),
        (Self::ArrayUnique, "States.ArrayUnique", 1, 1),
        (Self::Base64Encode, "States.Base64Encode", 1, 1),
        (Self::Base64Decode, "States.Base64Decode", 1, 1),
        (Self::Hash, "States.Hash", 2, 2),
        (Self::JsonMerge, "States.JsonMerge", 3, 3),
        (Self::MathRandom, "States.MathRandom", 2, 3),
        (Self::MathAdd, "States.MathAdd", 2, 2),
        (Self::StringSplit, "States.StringSplit", 2, 2),
        (Self::Uuid, "States.UUID", 0, 0),
    ];

    const fn row(self) -> &'static (Self, &'static str, usize, usize) {
        &Self::ALL[self as usize]
    }

    /// The function of that name. Case matters.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// The name as it is written: `States.Format`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().1
    }

    /// How many arguments it takes.
    #[must_use]
    pub const fn arity(self) -> RangeInclusive<usize> {
        let row = self.row();
        row.2..=row.3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_functions() {
        for row in Function::ALL {
            assert_eq!(row.0.name(), row.1);
            assert_eq!(Function::parse(row.1), Some(row.0));
            assert_eq!(row.0.arity(), row.2..=row.3);
        }
        assert_eq!(Function::parse("States.uuid"), None);
    }
}
