//! AWS CodeBuild: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-codebuild.html>.

use crate::descriptor::{
    Action, Cancel, Describe, Ending, Family, Idempotency, Ids, Job, JobResult, Source, call, cancelled,
};

pub(super) const FAMILY: Family = Family {
    service: "codebuild",
    family: "codebuild",
    api: "codebuild",
    error_prefix: "CodeBuild",
    base_exception: "AWSCodeBuildException",
    display_name: "AWSCodeBuild",
    actions: &[
        starts("startBuild", "StartBuild").waits(BUILD),
        call("stopBuild", "StopBuild").natural(),
        call("batchDeleteBuilds", "BatchDeleteBuilds").natural(),
        call("batchGetReports", "BatchGetReports").natural(),
        starts("startBuildBatch", "StartBuildBatch").waits(BUILD_BATCH),
        call("stopBuildBatch", "StopBuildBatch").natural(),
        starts("retryBuildBatch", "RetryBuildBatch"),
        call("deleteBuildBatch", "DeleteBuildBatch").natural(),
    ],
};

/// An action with CodeBuild's token, which the service remembers for five minutes. We trust it for four.
const fn starts(name: &'static str, operation: &'static str) -> Action {
    let token = Idempotency::Token { member: "idempotencyToken", max_len: 64, lasts_seconds: Some(240) };
    Action { idempotency: token, ..call(name, operation) }
}

const BUILD: Job = job(
    Source::Answer("/build/id"),
    described("BatchGetBuilds", "/builds").told_by(
        "aws.codebuild",
        "CodeBuild Build State Change",
        "/build-id",
    ),
    cancelled("StopBuild", "id"),
    JobResult::wrapped("Build", "Build"),
    "/buildStatus",
);

const BUILD_BATCH: Job = job(
    Source::Answer("/buildBatch/id"),
    described("BatchGetBuildBatches", "/buildBatches"),
    cancelled("StopBuildBatch", "id"),
    JobResult::wrapped("BuildBatch", "BuildBatch"),
    "/buildBatchStatus",
);

const fn described(operation: &'static str, jobs: &'static str) -> Describe {
    Describe {
        operation,
        scope: None,
        ids: Ids::Many("ids", 100),
        jobs,
        id: Some("id"),
        missing: &[],
        event: None,
    }
}

const fn job(id: Source, describe: Describe, cancel: Cancel, result: JobResult, status: &'static str) -> Job {
    let ending = Ending::of(status, &["SUCCEEDED"], &["FAILED", "FAULT", "TIMED_OUT", "STOPPED"]);
    Job { id, scope: None, describe, several: None, cancel: Some(cancel), result, ending }
}
