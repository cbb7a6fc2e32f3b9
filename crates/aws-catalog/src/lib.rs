//! The models of all AWS services, packed small, and what Step Functions makes of them: its names for services, members
//! and errors, and the way between a user's JSON and the JSON on the wire.
//!
//! Where to start: [`Catalog`] opens the packed file, [`Service`] answers for one service, [`naming`] has the rules,
//! [`to_wire`], [`from_wire`] and [`check_template`] walk JSON along a shape.
//!
//! The file is packed from the botocore wheel by `newel-catalog-pack` (feature `pack`); it is a build artefact and never
//! part of the sources. Feature `embed` puts it into the program.
//!
//! Invariants:
//! * CAT-1: nothing a user or a service sends makes this crate panic, whatever the shape.
//! * CAT-2: map keys and documents are data: they pass unchanged in both directions.
//! * CAT-3: a damaged file is an error, never a wrong answer: frames carry checksums, references are checked.

pub mod archive;
mod catalog;
mod error;
mod locate;
pub mod model;
pub mod naming;
#[cfg(feature = "pack")]
pub mod pack;
mod service;
mod translate;

pub use catalog::Catalog;
pub use error::Error;
pub use model::{Operation, ServiceModel, Shape, ShapeId, ShapeKind};
pub use service::Service;
pub use translate::{
    Dialect, Fault, ResultRules, TemplateSyntax, check_result, check_template, from_wire, rewrite_timestamp,
    to_wire,
};
