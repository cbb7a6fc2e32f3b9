//! What the language asks about Task resources.
//!
//! The language knows that a Task names a resource by ARN; which resources exist, which patterns and parameters they
//! take and what is added to their parameters is knowledge of the `integrations` crate, which implements
//! [`ResourceCatalog`]. So a definition is checked, and its parameters are completed, without this crate knowing AWS.

use std::fmt;
use std::sync::Arc;

use newel_value::{Str, Value};

/// How a Task state waits for its resource
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Pattern {
    /// Call the API and go on with its answer.
    RequestResponse,
    /// `.sync` (1) or `.sync:2` (2): start a job and go on when it has ended.
    Job(u8),
    /// `.waitForTaskToken`: call the API and go on when the token comes back.
    Callback,
}

/// A Task resource that the catalog recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The ARN as the definition has it.
    pub arn: Str,
    /// The worker family that serves it: `batch`, `ecs`, `glue`, `dynamodb` …
    pub family: Str,
    /// `resourceType` of the history events: `batch`, `aws-sdk:s3` …
    pub resource_type: Str,
    /// `resource` of the history events: the action with its pattern's suffix, `submitJob.sync`.
    pub action: Str,
    /// How the state waits.
    pub pattern: Pattern,
    /// Whether the state may run in an Express workflow.
    pub express: bool,
}

/// One fault of a Task's resource or parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceFault {
    /// Where, as a JSON pointer below the Task state: `/Resource`, `/Parameters/JobName`.
    pub pointer: String,
    /// What is wrong, in AWS's words without the location.
    pub message: String,
}

/// What is known of an execution when a task's parameters are completed.
#[derive(Clone, Copy, Debug)]
pub struct TaskOrigin<'a> {
    /// The execution's ARN.
    pub execution_arn: &'a str,
    /// The state machine's unqualified ARN.
    pub state_machine_arn: &'a str,
    /// The execution's account, 12 digits.
    pub account: &'a str,
    /// The execution's region.
    pub region: &'a str,
}

/// How a mocked result is compared with what the API is known to answer
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_MockInput.html>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// What has to be there is there, and what is there is as the API's model says.
    #[default]
    Strict,
    /// What is there is as the API's model says.
    Present,
    /// Not at all.
    None,
}

/// A Task resource that a worker brings along: `arn:aws:states:::<service>:<action>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The name before the action, `acme`; all of its actions are of one family.
    pub service: Str,
    /// The action: `render`.
    pub action: Str,
    /// The worker family that carries it out.
    pub family: Str,
    /// How states may wait for it; at least one.
    pub patterns: Vec<Pattern>,
    /// What its parameters have to be, a JSON Schema as text; empty if any object will do.
    pub schema: Str,
}

/// Why a resource can't be registered. Its text is for whoever writes or runs the worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationRefusal {
    /// It can't be registered by anybody.
    Invalid(String),
    /// The name is another's.
    Taken(String),
    /// There are too many already.
    TooMany(String),
}

impl fmt::Display for RegistrationRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Invalid(why) | Self::Taken(why) | Self::TooMany(why)) = self;
        f.write_str(why)
    }
}

/// The part of a catalog that workers add to. It holds in memory what somebody else keeps; whoever changes it does so one
/// change at a time.
pub trait ResourceRegistry: Send + Sync {
    /// Whether these may be registered together, in addition to what is known.
    ///
    /// # Errors
    /// Why not, of the first that may not.
    fn check(&self, registrations: &[Registration]) -> Result<(), RegistrationRefusal>;

    /// Makes a resource known, in place of an earlier registration of it.
    ///
    /// # Errors
    /// [`RegistrationRefusal::Invalid`] for one that can't be read; nothing is changed then.
    fn put(&self, registration: Registration) -> Result<(), RegistrationRefusal>;

    /// Makes a resource known only to definitions that were accepted when it was registered ([`ResourceCatalog::for_accepted`]).
    fn retire(&self, service: &str, action: &str);

    /// Forgets a resource altogether.
    fn forget(&self, service: &str, action: &str);

    /// Whether a family has registered something, retired or not: what names it may still run.
    fn is_of_family(&self, family: &str) -> bool;

    /// All that are registered, by name.
    fn registered(&self) -> Vec<Registration>;

    /// All that were retired and not forgotten, by name.
    fn retired(&self) -> Vec<Registration>;
}

/// Knowledge of the Task resources that exist.
pub trait ResourceCatalog: Send + Sync {
    /// The resource an ARN names.
    ///
    /// # Errors
    /// The fault that AWS reports at `/Resource` when it doesn't recognise the ARN.
    fn resolve(&self, arn: &str) -> Result<Resource, ResourceFault>;

    /// The faults of a Task's parameter template: unknown members, and required ones that are missing. Members whose
    /// value or presence only the run time can tell (`"X.$"`, a whole-payload path, a JSONata expression) are not
    /// faults. `field` is `Parameters` or `Arguments`.
    fn check_template(&self, resource: &Resource, field: &str, template: &Value) -> Vec<ResourceFault>;

    /// The parameters a task attempt is scheduled with, as `TaskScheduled` shows them: what the template gave, plus
    /// the members that Step Functions itself adds.
    ///
    /// # Errors
    /// The reasons AWS puts in brackets in `The Parameters '…' could not be used to start the Task: […]`.
    fn prepare(
        &self,
        resource: &Resource,
        parameters: Value,
        origin: TaskOrigin<'_>,
    ) -> Result<Value, Vec<String>>;

    /// Whether a mocked result could be the resource's. Members that no model knows are no fault.
    ///
    /// # Errors
    /// What is wrong with the first member that couldn't, in AWS's words: `Field 'StatusCode' must be a number`.
    fn check_result(
        &self,
        _resource: &Resource,
        _result: &Value,
        _validation: FieldValidation,
    ) -> Result<(), String> {
        Ok(())
    }

    /// The part that workers add to, if there is one.
    fn registry(&self) -> Option<&dyn ResourceRegistry> {
        None
    }

    /// The catalog for compiling again what was accepted earlier, where that differs: what workers registered may have
    /// been retired or have got another schema since, and what runs must go on.
    fn for_accepted(&self) -> Option<Arc<dyn ResourceCatalog>> {
        None
    }
}
