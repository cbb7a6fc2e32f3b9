//! Encryption of what is stored, by envelopes: a record is sealed under a data key, and the data key is kept beside it,
//! wrapped by a master key. Master keys stand in a file that this crate reads and never writes.
//!
//! A sealed record tells which master key opens it, so nothing else has to be stored. Its encryption context (AWS's
//! `aws:states:stateMachineArn`) and its place (whose record of what it is) are authenticated: a record that is moved elsewhere
//! doesn't open.
//!
//! It must not know: what is in a record, the store, or who asks.
//!
//! Invariants:
//! * VLT-1: a data key seals in one process only and numbers what it seals, so no nonce is used twice under a key.
//! * VLT-2: a data key is used without a look at its master key for a limited time only: the reuse period.
//! * VLT-3: no key is ever shown: not in errors, logs or debug output.

mod envelope;
mod fault;
mod keyring;
mod vault;

pub use fault::{Fault, KeyState, KeysFileError};
pub use keyring::Owner;
pub use vault::{Options, Sealing, Vault};
