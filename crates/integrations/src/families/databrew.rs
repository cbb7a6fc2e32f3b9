//! AWS Glue DataBrew: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-databrew.html>.

use crate::descriptor::{
    Action, Ending, Family, Job, JobResult, Several, Source, Sweep, call, cancelled, one,
};

pub(super) const FAMILY: Family = Family {
    service: "databrew",
    family: "databrew",
    api: "databrew",
    error_prefix: "DataBrew",
    base_exception: "AWSGlueDataBrewException",
    display_name: "AWSGlueDataBrew",
    actions: &[START_JOB_RUN],
};

const START_JOB_RUN: Action = call("startJobRun", "StartJobRun").waits(Job {
    id: Source::Answer("/RunId"),
    scope: Some(Source::Request("/Name")),
    describe: one("DescribeJobRun", "RunId", "", &["ResourceNotFoundException"]).within("Name").told_by(
        "aws.databrew",
        "DataBrew Job State Change",
        "/jobRunId",
    ),
    several: Some(Several::Sweep(Sweep {
        operation: "ListJobRuns",
        scope: Some("Name"),
        states: None,
        newest_first: None,
        page_size: "MaxResults",
        max_page: 100,
        next: ("NextToken", "NextToken"),
        jobs: "/JobRuns",
        id: "RunId",
        summaries: true,
    })),
    cancel: Some(cancelled("StopJobRun", "RunId").within("Name")),
    result: JobResult::bare("DescribeJobRunResponse"),
    ending: Ending::of("/State", &["SUCCEEDED"], &["FAILED", "STOPPED", "TIMEOUT"]),
});
