//! Amazon SageMaker AI: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html>.

use newel_asl::catalog::Pattern;
use newel_value::{Object, Value};

use crate::descriptor::{
    Action, Describe, Ending, Family, Idempotency, Job, JobEvent, JobResult, Source, call, cancelled, one,
};

pub(super) const FAMILY: Family = Family {
    service: "sagemaker",
    family: "sagemaker",
    api: "sagemaker",
    error_prefix: "SageMaker",
    base_exception: "AmazonSageMakerException",
    display_name: "AmazonSageMaker",
    actions: &[
        starts("createTrainingJob", "CreateTrainingJob").waits(job(
            Source::Request("/TrainingJobName"),
            ("DescribeTrainingJob", "StopTrainingJob", "TrainingJobName"),
            "DescribeTrainingJobResponse",
            "/TrainingJobStatus",
            event("SageMaker Training Job State Change", "/TrainingJobName"),
        )),
        starts("createTransformJob", "CreateTransformJob").waits(job(
            Source::Request("/TransformJobName"),
            ("DescribeTransformJob", "StopTransformJob", "TransformJobName"),
            "DescribeTransformJobResponse",
            "/TransformJobStatus",
            event("SageMaker Transform Job State Change", "/TransformJobName"),
        )),
        starts("createProcessingJob", "CreateProcessingJob").waits(job(
            Source::Request("/ProcessingJobName"),
            ("DescribeProcessingJob", "StopProcessingJob", "ProcessingJobName"),
            "DescribeProcessingJobResponse",
            "/ProcessingJobStatus",
            event("SageMaker Processing Job State Change", "/ProcessingJobName"),
        )),
        starts("createHyperParameterTuningJob", "CreateHyperParameterTuningJob").waits(job(
            Source::Request("/HyperParameterTuningJobName"),
            ("DescribeHyperParameterTuningJob", "StopHyperParameterTuningJob", "HyperParameterTuningJobName"),
            "DescribeHyperParameterTuningJobResponse",
            "/HyperParameterTuningJobStatus",
            event("SageMaker HyperParameter Tuning Job State Change", "/HyperParameterTuningJobName"),
        )),
        starts("createLabelingJob", "CreateLabelingJob").waits(job(
            Source::Request("/LabelingJobName"),
            ("DescribeLabelingJob", "StopLabelingJob", "LabelingJobName"),
            "DescribeLabelingJobResponse",
            "/LabelingJobStatus",
            // Its events name workers' tasks too, and the documentation doesn't say how to tell them.
            None,
        )),
        call("createEndpoint", "CreateEndpoint"),
        call("createEndpointConfig", "CreateEndpointConfig"),
        call("createModel", "CreateModel"),
        call("updateEndpoint", "UpdateEndpoint"),
    ],
};

/// What SageMaker answers when it doesn't know a job: the model's error, and in practice a validation error.
const MISSING: &[&str] = &["ResourceNotFound", "ValidationException"];

/// An action that starts a job under the name that the user gives it.
const fn starts(name: &'static str, operation: &'static str) -> Action {
    let named = Idempotency::Name { created: "/CreationTime" };
    Action { idempotency: named, ..call(name, operation).completed(add_managed_by) }
}

/// The event about a job, and where its name is.
const fn event(detail_type: &'static str, id: &'static str) -> Option<JobEvent> {
    Some(JobEvent { source: "aws.sagemaker", detail_type, id })
}

/// A job that the operations to describe and to stop it take by this member.
const fn job(
    id: Source,
    (describe, stop, name): (&'static str, &'static str, &'static str),
    shape: &'static str,
    status: &'static str,
    event: Option<JobEvent>,
) -> Job {
    Job {
        id,
        scope: None,
        describe: Describe { event, ..one(describe, name, "", MISSING) },
        several: None,
        cancel: Some(cancelled(stop, name)),
        result: JobResult::bare(shape),
        ending: Ending::of(status, &["Completed"], &["Failed", "Stopped"]),
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
