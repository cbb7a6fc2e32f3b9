//! What can be set.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Section `[nested]`: tasks that call Step Functions itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Calls that are made at once; a long poll for an activity's task is one. Default 256.
    pub calls: usize,
    /// Orders whose parameters are kept in memory while they wait; those of others are read again. Default 1,024.
    pub bodies: usize,
    /// By account: the roles of other accounts that its tasks may name in `Credentials`, and so act for the role's account.
    /// Default: none. A role of the task's own account needs no entry.
    pub trusted_roles: BTreeMap<String, Vec<String>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { calls: 256, bodies: 1_024, trusted_roles: BTreeMap::new() }
    }
}

impl Options {
    pub(crate) fn trusts(&self, account: &str, role: &str) -> bool {
        self.trusted_roles.get(account).is_some_and(|roles| roles.iter().any(|known| known == role))
    }
}
