//! Versions and aliases of state machines: what can be asked, and what is answered.

use newel_asl::timestamp::Timestamp;
use newel_value::Str;

use super::Tenant;

/// `PublishStateMachineVersion`
#[derive(Clone, Debug)]
pub struct PublishVersion {
    /// Whose.
    pub tenant: Tenant,
    /// The state machine's unqualified ARN.
    pub state_machine_arn: Str,
    /// The revision that the caller believes to be the latest; any if it says nothing.
    pub revision_id: Option<Str>,
    /// The version's description, up to 256 characters.
    pub description: Option<Str>,
}

/// A published version, as it is answered and listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedVersion {
    /// Its ARN: the state machine's with its number.
    pub arn: Str,
    /// When it was published.
    pub created_at: Timestamp,
}

/// Where an alias sends executions.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Route {
    /// A version's ARN.
    pub version_arn: Str,
    /// How many of a hundred executions run it, 0 to 100.
    pub weight: u8,
}

/// `CreateStateMachineAlias`. The state machine is that of the routes.
#[derive(Clone, Debug)]
pub struct CreateAlias {
    /// Whose.
    pub tenant: Tenant,
    /// Its name, 1 to 80 characters, not only digits.
    pub name: Str,
    /// Its description, up to 256 characters.
    pub description: Option<Str>,
    /// One or two versions of one state machine.
    pub routing: Vec<Route>,
}

/// `UpdateStateMachineAlias`: at least one of the optional members is set (the caller has checked).
#[derive(Clone, Debug)]
pub struct UpdateAlias {
    /// Whose.
    pub tenant: Tenant,
    /// Which.
    pub arn: Str,
    /// Its new description.
    pub description: Option<Str>,
    /// Its new routes.
    pub routing: Option<Vec<Route>>,
}

/// An alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// Its ARN: the state machine's with its name.
    pub arn: Str,
    /// Its name.
    pub name: Str,
    /// Its description.
    pub description: Option<Str>,
    /// Where it sends executions.
    pub routing: Vec<Route>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An alias as it is answered and listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasItem {
    /// Its ARN.
    pub arn: Str,
    /// When it was created.
    pub created_at: Timestamp,
}
