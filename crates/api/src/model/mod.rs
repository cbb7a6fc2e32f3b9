//! The shapes of requests: one table that both doors check against.

mod check;
mod input;
mod operation;
mod shape;

pub(crate) use check::check;
pub(crate) use input::Input;
pub(crate) use operation::Operation;
pub(crate) use shape::{Max, Member, Pattern, Shape, Text};
