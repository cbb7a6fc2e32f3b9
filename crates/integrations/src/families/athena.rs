//! Amazon Athena: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-athena.html>.

use crate::descriptor::{
    Action, Describe, Ending, Family, Ids, Job, JobResult, Several, Source, call, cancelled, one,
};

pub(super) const FAMILY: Family = Family {
    service: "athena",
    family: "athena",
    api: "athena",
    error_prefix: "Athena",
    base_exception: "AmazonAthenaException",
    display_name: "AmazonAthena",
    actions: &[
        START_QUERY,
        call("stopQueryExecution", "StopQueryExecution").natural(),
        call("getQueryExecution", "GetQueryExecution").natural(),
        call("getQueryResults", "GetQueryResults").natural(),
    ],
};

/// What Athena answers when it doesn't know a query: the request holds nothing else that could be wrong.
const MISSING: &[&str] = &["InvalidRequestException"];

const START_QUERY: Action =
    call("startQueryExecution", "StartQueryExecution").token("ClientRequestToken", 128).waits(Job {
        id: Source::Answer("/QueryExecutionId"),
        scope: None,
        describe: one("GetQueryExecution", "QueryExecutionId", "/QueryExecution", MISSING).told_by(
            "aws.athena",
            "Athena Query State Change",
            "/queryExecutionId",
        ),
        several: Some(Several::Batch(Describe {
            operation: "BatchGetQueryExecution",
            scope: None,
            ids: Ids::Many("QueryExecutionIds", 50),
            jobs: "/QueryExecutions",
            id: Some("QueryExecutionId"),
            missing: &[],
            event: None,
        })),
        cancel: Some(cancelled("StopQueryExecution", "QueryExecutionId")),
        result: JobResult::wrapped("QueryExecution", "QueryExecution"),
        ending: Ending::of("/Status/State", &["SUCCEEDED"], &["FAILED", "CANCELLED"]),
    });
