//! Amazon EMR Serverless: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-emr-serverless.html>.

use crate::descriptor::{
    Action, Cancel, Ending, Family, Job, JobResult, Several, Source, Sweep, call, cancelled, one,
};

pub(super) const FAMILY: Family = Family {
    service: "emr-serverless",
    family: super::EMR,
    api: "emrserverless",
    error_prefix: "EMRServerless",
    base_exception: "AWSEMRServerlessException",
    display_name: "AWSEMRServerless",
    actions: &[
        CREATE_APPLICATION,
        changes("startApplication", "StartApplication")
            .waits(application(&["STARTED"], Some(cancelled("StopApplication", APPLICATION)))),
        changes("stopApplication", "StopApplication").waits(application(&["STOPPED"], None)),
        Action {
            job: Some(Job {
                ending: Ending::of("/state", &["TERMINATED"], &[]).or_gone(),
                ..application(&[], None)
            }),
            ..changes("deleteApplication", "DeleteApplication")
        },
        START_JOB_RUN,
        CANCEL_JOB_RUN,
    ],
};

const APPLICATION: &str = "applicationId";
const SOURCE: &str = "aws.emr-serverless";
const MISSING: &[&str] = &["ResourceNotFoundException"];

/// The job that an action on an application waits for. Only its end is failure: the state that it is in when the action
/// begins may be any other.
const fn application(succeeded: &'static [&'static str], cancel: Option<Cancel>) -> Job {
    Job {
        id: Source::Request("/applicationId"),
        scope: None,
        describe: one("GetApplication", APPLICATION, "/application", MISSING).told_by(
            SOURCE,
            "EMR Serverless Application State Change",
            "/applicationId",
        ),
        several: None,
        cancel,
        result: JobResult::wrapped("Application", "Application"),
        ending: Ending::of("/state", succeeded, &["TERMINATED"]),
    }
}

/// An action whose API answers nothing; Step Functions says which application it was.
const fn changes(name: &'static str, operation: &'static str) -> Action {
    call(name, operation).natural().gives(&[("ApplicationId", Source::Request("/applicationId"))])
}

const CREATE_APPLICATION: Action =
    call("createApplication", "CreateApplication").token("clientToken", 64).waits(Job {
        id: Source::Answer("/applicationId"),
        // One that starts by itself may be past CREATED when it is looked at.
        ..application(&["CREATED", "STARTING", "STARTED"], Some(cancelled("DeleteApplication", APPLICATION)))
    });

const START_JOB_RUN: Action = call("startJobRun", "StartJobRun").token("clientToken", 64).waits(Job {
    id: Source::Answer("/jobRunId"),
    cancel: Some(cancelled("CancelJobRun", "jobRunId").within(APPLICATION)),
    ending: Ending::of("/state", &["SUCCESS"], &["FAILED", "CANCELLED"]),
    ..JOB_RUN
});

const CANCEL_JOB_RUN: Action = call("cancelJobRun", "CancelJobRun").natural().waits(JOB_RUN);

const JOB_RUN: Job = Job {
    id: Source::Request("/jobRunId"),
    scope: Some(Source::Request("/applicationId")),
    describe: one("GetJobRun", "jobRunId", "/jobRun", MISSING).within(APPLICATION).told_by(
        SOURCE,
        "EMR Serverless Job Run State Change",
        "/jobRunId",
    ),
    several: Some(Several::Sweep(Sweep {
        operation: "ListJobRuns",
        scope: Some(APPLICATION),
        states: Some(("states", &["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "CANCELLING", "QUEUED"])),
        newest_first: None,
        page_size: "maxResults",
        max_page: 50,
        next: ("nextToken", "nextToken"),
        jobs: "/jobRuns",
        id: "id",
        summaries: true,
    })),
    cancel: None,
    result: JobResult::wrapped("JobRun", "JobRun"),
    ending: Ending::of("/state", &["CANCELLED"], &["SUCCESS", "FAILED"]),
};
