//! The Amazon States Language: parse, validate, compile to a plan
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html>).
//!
//! [`compile`] turns a definition's text into a [`plan::Plan`] that an interpreter runs, or into the [`Diagnostics`]
//! that AWS would answer with; [`validate`] tells all it found, warnings too. Beside it live the words the rest of
//! the workspace shares: [`arn`], [`name`], [`error`] (the names of `States.*` errors and how Retry and Catch match
//! them), [`limits`], [`timestamp`], and what passes between a map run and its worker ([`transfer`]).
//!
//! It must not know: how a plan is run, which Task resources exist (it asks a [`ResourceCatalog`]), any I/O, clock or
//! randomness. It never panics on what a user wrote, and bounds what it says and how deep it looks.
//!
//! Start reading at [`plan`] for what comes out, then `parse/mod.rs` for how it is made: one file for each kind of
//! thing a definition has, all reading JSON through `parse/node.rs` and speaking AWS's words through [`diagnostic`].

pub mod arn;
pub mod catalog;
pub mod diagnostic;
pub mod error;
pub mod intrinsic;
pub mod limits;
mod machine_type;
pub mod name;
mod parse;
pub mod plan;
mod references;
pub mod timestamp;
pub mod transfer;

pub use catalog::{FieldValidation, Pattern, Resource, ResourceCatalog, ResourceFault, TaskOrigin};
pub use diagnostic::{Code, Diagnostic, Diagnostics, Severity};
pub use limits::Limits;
pub use machine_type::MachineType;
pub use parse::{LONE_STATE, compile, compile_state, validate};
pub use plan::Plan;
pub use references::variable_references;
pub use timestamp::Timestamp;
