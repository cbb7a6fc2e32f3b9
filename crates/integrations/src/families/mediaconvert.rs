//! AWS Elemental MediaConvert: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-mediaconvert.html>.

use newel_asl::catalog::Pattern;
use newel_value::Value;

use crate::descriptor::{
    Action, Ending, Family, Job, JobResult, Several, Source, Sweep, call, cancelled, one,
};

pub(super) const FAMILY: Family = Family {
    service: "mediaconvert",
    family: "mediaconvert",
    api: "mediaconvert",
    error_prefix: "MediaConvert",
    base_exception: "AWSMediaConvertException",
    display_name: "AWSMediaConvert",
    actions: &[CREATE_JOB],
};

const CREATE_JOB: Action =
    call("createJob", "CreateJob").token("clientRequestToken", 64).completed(add_managed_by).waits(Job {
        id: Source::Answer("/job/id"),
        scope: None,
        describe: one("GetJob", "Id", "/job", &["NotFoundException"]).told_by(
            "aws.mediaconvert",
            "MediaConvert Job State Change",
            "/jobId",
        ),
        several: Some(Several::Sweep(Sweep {
            operation: "ListJobs",
            scope: None,
            states: None,
            newest_first: Some(("Order", "DESCENDING")),
            page_size: "MaxResults",
            max_page: 20,
            next: ("NextToken", "nextToken"),
            jobs: "/jobs",
            id: "id",
            summaries: false,
        })),
        cancel: Some(cancelled("CancelJob", "Id")),
        result: JobResult::wrapped("Job", "Job"),
        ending: Ending::of("/status", &["COMPLETE"], &["ERROR", "CANCELED"]),
    });

/// Adds the tag by which `.sync` jobs are known.
fn add_managed_by(pattern: Pattern, parameters: Value) -> Value {
    let Value::Object(object) = &parameters else { return parameters };
    let tags = match object.get("Tags") {
        None | Some(Value::Null) => newel_value::Object::default(),
        Some(Value::Object(tags)) => tags.clone(),
        Some(_) => return parameters,
    };
    if !matches!(pattern, Pattern::Job(_)) {
        return parameters;
    }
    let mut tags = tags.to_builder();
    tags.insert("ManagedByService", "AWSStepFunctions");
    let mut parameters = object.to_builder();
    parameters.insert("Tags", tags.build());
    parameters.build().into()
}
