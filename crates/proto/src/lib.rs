//! Messages and services generated from `proto/` at build time.
//!
//! [`v1`] is what clients speak, [`worker`] what workers speak. The documentation of every message is in the `.proto`
//! files and comes along. This crate holds nothing else: conversions live with whoever needs them.

/// `newel.v1`: the Step Functions operations for gRPC clients, and what workers serve.
#[allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated code, documented in proto/")]
pub mod v1 {
    tonic::include_proto!("newel.v1");
}

/// `newel.worker.v1`: the session between an orchestrator and a worker.
pub mod worker {
    /// Version 1.
    #[allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated code, documented in proto/")]
    pub mod v1 {
        tonic::include_proto!("newel.worker.v1");
    }
}

/// The encoded `FileDescriptorSet` of everything here, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/newel.bin"));
