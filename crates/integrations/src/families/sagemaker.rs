//! Amazon SageMaker AI: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html>.

use newel_asl::catalog::Pattern;
use newel_value::{Object, Value};

use crate::descriptor::{Describe, Ending, Family, Job, JobEvent, JobResult, Source, call, cancelled, one};

/// The action that starts a job of a kind, under the name that the user gives it. All that there is of a kind is called for
/// it: operations, members, shapes. `event` is the detail type of the service's events about its jobs, if they tell of one.
macro_rules! starts {
    ($kind:literal, $event:expr) => {
        call(concat!("create", $kind), concat!("Create", $kind))
            .completed(add_managed_by)
            .named("/CreationTime")
            .waits(Job {
                id: Source::Request(concat!("/", $kind, "Name")),
                scope: None,
                describe: Describe {
                    event: event($event, concat!("/", $kind, "Name")),
                    ..one(concat!("Describe", $kind), concat!($kind, "Name"), "", MISSING)
                },
                several: None,
                cancel: Some(cancelled(concat!("Stop", $kind), concat!($kind, "Name"))),
                result: JobResult::bare(concat!("Describe", $kind, "Response")),
                ending: Ending::of(concat!("/", $kind, "Status"), &["Completed"], &["Failed", "Stopped"]),
            })
    };
}

pub(super) const FAMILY: Family = Family {
    service: "sagemaker",
    family: "sagemaker",
    api: "sagemaker",
    error_prefix: "SageMaker",
    base_exception: "AmazonSageMakerException",
    display_name: "AmazonSageMaker",
    actions: &[
        starts!("TrainingJob", Some("SageMaker Training Job State Change")),
        starts!("TransformJob", Some("SageMaker Transform Job State Change")),
        starts!("ProcessingJob", Some("SageMaker Processing Job State Change")),
        starts!("HyperParameterTuningJob", Some("SageMaker HyperParameter Tuning Job State Change")),
        // Its events name workers' tasks too, and the documentation doesn't say how to tell them.
        starts!("LabelingJob", None),
        call("createEndpoint", "CreateEndpoint"),
        call("createEndpointConfig", "CreateEndpointConfig"),
        call("createModel", "CreateModel"),
        call("updateEndpoint", "UpdateEndpoint"),
    ],
};

/// What SageMaker answers when it doesn't know a job: the model's error, and in practice a validation error.
const MISSING: &[&str] = &["ResourceNotFound", "ValidationException"];

/// The event about a job, and where its name is.
const fn event(detail_type: Option<&'static str>, id: &'static str) -> Option<JobEvent> {
    match detail_type {
        Some(detail_type) => Some(JobEvent { source: "aws.sagemaker", detail_type, id }),
        None => None,
    }
}

/// Adds the tag by which `.sync` jobs are known.
fn add_managed_by(pattern: Pattern, parameters: Value) -> Value {
    let Value::Object(object) = &parameters else { return parameters };
    let tags = match object.get("Tags") {
        None | Some(Value::Null) => &[],
        Some(Value::Array(tags)) => tags.as_slice(),
        Some(_) => return parameters,
    };
    if !matches!(pattern, Pattern::Job(_)) {
        return parameters;
    }
    let added: Object =
        [("Key", "MANAGED_BY_AWS"), ("Value", "STARTED_BY_STEP_FUNCTIONS")].into_iter().collect();
    let tags: Value = tags.iter().cloned().chain([added.into()]).collect();
    let mut parameters = object.to_builder();
    parameters.insert("Tags", tags);
    parameters.build().into()
}
