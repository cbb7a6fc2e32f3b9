//! Amazon Bedrock: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-bedrock.html>.

use crate::descriptor::{Action, Ending, Family, Job, JobResult, Source, Stored, call, cancelled, one};

const BEDROCK: &str = "bedrock";

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
    actions: &[call("invokeModel", "InvokeModel")
        .callback()
        .json(&["Body"])
        .stored(Stored { payload: "Body", media_type: "ContentType" })],
};

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
