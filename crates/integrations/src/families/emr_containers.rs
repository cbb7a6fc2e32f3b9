//! Amazon EMR on EKS: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-emr-eks.html>.

use crate::descriptor::{
    Action, Ending, Family, Job, JobResult, Several, Source, Sweep, call, cancelled, one,
};

pub(super) const FAMILY: Family = Family {
    service: "emr-containers",
    family: super::EMR,
    api: "emrcontainers",
    error_prefix: "EMRContainers",
    base_exception: "AmazonEMRContainersException",
    display_name: "AmazonEMRContainers",
    actions: &[
        call("createVirtualCluster", "CreateVirtualCluster").token("clientToken", 64),
        DELETE_CLUSTER,
        START_JOB_RUN,
    ],
};

const MISSING: &[&str] = &["ResourceNotFoundException"];

const DELETE_CLUSTER: Action = call("deleteVirtualCluster", "DeleteVirtualCluster").waits(Job {
    id: Source::Request("/id"),
    scope: None,
    describe: one("DescribeVirtualCluster", "id", "/virtualCluster", MISSING),
    several: None,
    cancel: None,
    result: JobResult::wrapped("VirtualCluster", "VirtualCluster"),
    ending: Ending::of("/state", &["TERMINATED"], &["ARRESTED"]).or_gone(),
});

const START_JOB_RUN: Action = call("startJobRun", "StartJobRun").token("clientToken", 64).waits(Job {
    id: Source::Answer("/id"),
    scope: Some(Source::Request("/virtualClusterId")),
    describe: one("DescribeJobRun", "id", "/jobRun", MISSING).within("virtualClusterId").told_by(
        "aws.emr-containers",
        "EMR Job Run State Change",
        "/id",
    ),
    several: Some(Several::Sweep(Sweep {
        operation: "ListJobRuns",
        scope: Some("virtualClusterId"),
        states: Some(("states", &["PENDING", "SUBMITTED", "RUNNING", "CANCEL_PENDING"])),
        newest_first: None,
        page_size: "maxResults",
        max_page: 100,
        next: ("nextToken", "nextToken"),
        jobs: "/jobRuns",
        id: "id",
        summaries: true,
    })),
    cancel: Some(cancelled("CancelJobRun", "id").within("virtualClusterId")),
    result: JobResult::wrapped("JobRun", "JobRun"),
    ending: Ending::of("/state", &["COMPLETED"], &["FAILED", "CANCELLED"]),
});
