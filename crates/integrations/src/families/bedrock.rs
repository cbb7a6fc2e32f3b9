//! Amazon Bedrock: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-bedrock.html>.

use newel_value::Value;

use crate::descriptor::{Action, Ending, Family, Job, JobResult, Source, Stored, call, cancelled, one};

const BEDROCK: &str = "bedrock";
const JSON: &str = "application/json";

pub(super) const CONTROL: Family = Family {
    service: BEDROCK,
    family: BEDROCK,
    api: "bedrock",
    error_prefix: "Bedrock",
    base_exception: "AmazonBedrockException",
    display_name: "AmazonBedrock",
    actions: &[CUSTOMIZE],
};

pub(super) const RUNTIME: Family = Family {
    service: BEDROCK,
    family: BEDROCK,
    api: "bedrockruntime",
    error_prefix: "Bedrock",
    base_exception: "AmazonBedrockRuntimeException",
    display_name: "AmazonBedrockRuntime",
    actions: &[Action {
        stamp: in_json,
        ..call("invokeModel", "InvokeModel")
            .callback()
            .json(&["Body"])
            .stored(Stored { payload: "Body", media_type: "ContentType" })
    }],
};

/// What goes to a model and comes back is JSON unless the parameters say otherwise. A body that is in S3 has a type there.
fn in_json(_: &str, request: Value) -> Value {
    let Value::Object(object) = &request else { return request };
    let absent = |member: &str| object.get(member).is_none_or(Value::is_null);
    let mut typed = object.to_builder();
    if absent("accept") {
        typed.insert("accept", JSON);
    }
    if absent("contentType") && !absent("body") {
        typed.insert("contentType", JSON);
    }
    typed.build().into()
}

const CUSTOMIZE: Action = call("createModelCustomizationJob", "CreateModelCustomizationJob")
    .token("clientRequestToken", 256)
    .waits(Job {
        id: Source::Answer("/jobArn"),
        scope: None,
        describe: one("GetModelCustomizationJob", "jobIdentifier", "", &["ResourceNotFoundException"])
            .told_by("aws.bedrock", "Model Customization Job State Change", "/jobArn"),
        several: None,
        cancel: Some(cancelled("StopModelCustomizationJob", "jobIdentifier")),
        result: JobResult::bare("GetModelCustomizationJobResponse"),
        ending: Ending::of("/status", &["Completed"], &["Failed", "Stopped"]),
    });
