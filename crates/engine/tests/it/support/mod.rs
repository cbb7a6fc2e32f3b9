//! What the tests share.

mod catalog;
mod env;
mod fixture;

pub(crate) use catalog::TestCatalog;
pub(crate) use env::{Life, SimEnv};
pub(crate) use fixture::{
    Fixture, Seen, corrupt_execution, corrupt_frames, corrupt_outbox, eventually, json, machine_arn, outbox,
    pass, tenant,
};
