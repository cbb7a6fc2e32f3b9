//! What the language asks about Task resources.
//!
//! The language knows that a Task names a resource by ARN; which resources exist, which patterns and parameters they
//! take and what is added to their parameters is knowledge of the `integrations` crate, which implements
//! [`ResourceCatalog`]. So a definition is checked, and its parameters are completed, without this crate knowing AWS.

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
}
