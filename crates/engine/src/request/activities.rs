//! Activities: what can be asked, and what is answered.

use std::fmt;

use newel_asl::timestamp::Timestamp;
use newel_value::{Payload, Str, Value};

use super::{Tag, Tenant};

/// `CreateActivity`
#[derive(Clone, Debug)]
pub struct CreateActivity {
    /// Whose.
    pub tenant: Tenant,
    /// Its name.
    pub name: Str,
    /// Tags.
    pub tags: Vec<Tag>,
    /// `encryptionConfiguration`; `None` where the caller said nothing.
    pub encryption: Option<Value>,
}

/// An activity.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// Its ARN.
    pub arn: Str,
    /// Its name.
    pub name: Str,
    /// When it was created.
    pub created_at: Timestamp,
    /// `encryptionConfiguration` as it was created with; it never changes.
    pub encryption: Option<Value>,
}

/// `GetActivityTask`
#[derive(Clone, Debug)]
pub struct GetActivityTask {
    /// Whose.
    pub tenant: Tenant,
    /// The activity.
    pub activity_arn: Str,
    /// What the worker calls itself: `ActivityStarted` tells it.
    pub worker_name: Option<Str>,
}

/// A task that a worker has got.
#[derive(Clone, PartialEq)]
pub struct ActivityTask {
    /// The token that SendTaskSuccess and its like take.
    pub token: Str,
    /// What the state gives its worker.
    pub input: Payload,
}

impl fmt::Debug for ActivityTask {
    /// Without the token, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityTask").field("input", &self.input).finish_non_exhaustive()
    }
}
