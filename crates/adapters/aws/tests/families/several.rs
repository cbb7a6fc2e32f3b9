//! Several jobs in one call, wherever their service has one, and what becomes of those that it doesn't show or tells too
//! little of.

use std::sync::Arc;

use newel_worker::{Adapter as _, Attempt, ExternalRef, JobState, Pattern, WatchKey};

use crate::cases::CASES;
use crate::scripted::{Answer, World, attempt};

/// Three jobs of one group: `a` runs, `b` is unknown to the service, `c` has succeeded.
struct Jobs {
    resource: &'static str,
    scope: &'static str,
    /// Jobs that one look covers.
    limit: usize,
    /// The call about all.
    call: &'static str,
    /// Its answer: `a` and `c`, where it shows what is over.
    answer: &'static str,
    /// The call about one, its id as `ID`.
    single: &'static str,
    /// Its answer about a job that runs, and one that has succeeded.
    running: &'static str,
    succeeded: &'static str,
    /// Whether the call about all tells all of `c`.
    whole: bool,
    missing: &'static str,
}

const JOBS: &[Jobs] = &[
    Jobs {
        resource: "athena:startQueryExecution",
        scope: "",
        limit: 50,
        call: r#"athena.BatchGetQueryExecution {"QueryExecutionIds":["a","b","c"]}"#,
        answer: r#"{"QueryExecutions":[{"QueryExecutionId":"c","Status":{"State":"SUCCEEDED"}},
            {"QueryExecutionId":"a","Status":{"State":"RUNNING"}}],"UnprocessedQueryExecutionIds":[{"QueryExecutionId":"b"}]}"#,
        single: r#"athena.GetQueryExecution {"QueryExecutionId":"ID"}"#,
        running: r#"{"QueryExecution":{"QueryExecutionId":"a","Status":{"State":"RUNNING"}}}"#,
        succeeded: r#"{"QueryExecution":{"QueryExecutionId":"c","Status":{"State":"SUCCEEDED"}}}"#,
        whole: true,
        missing: "InvalidRequestException",
    },
    Jobs {
        resource: "elasticmapreduce:addStep",
        scope: "j-1",
        limit: 10,
        call: r#"emr.ListSteps {"ClusterId":"j-1","StepIds":["a","b","c"]}"#,
        answer: r#"{"Steps":[{"Id":"c","Status":{"State":"COMPLETED"}},{"Id":"a","Status":{"State":"RUNNING"}}]}"#,
        single: r#"emr.DescribeStep {"ClusterId":"j-1","StepId":"ID"}"#,
        running: r#"{"Step":{"Id":"a","Status":{"State":"RUNNING"}}}"#,
        succeeded: r#"{"Step":{"Id":"c","Status":{"State":"COMPLETED"}}}"#,
        whole: false,
        missing: "InvalidRequestException",
    },
    Jobs {
        resource: "emr-containers:startJobRun",
        scope: "v",
        limit: 100,
        call: r#"emrcontainers.ListJobRuns {"virtualClusterId":"v","states":["PENDING","SUBMITTED","RUNNING","CANCEL_PENDING"],"maxResults":100}"#,
        answer: r#"{"jobRuns":[{"id":"z","state":"RUNNING"},{"id":"a","state":"RUNNING"}]}"#,
        single: r#"emrcontainers.DescribeJobRun {"virtualClusterId":"v","id":"ID"}"#,
        running: r#"{"jobRun":{"id":"a","state":"RUNNING"}}"#,
        succeeded: r#"{"jobRun":{"id":"c","state":"COMPLETED"}}"#,
        whole: false,
        missing: "ResourceNotFoundException",
    },
    Jobs {
        resource: "emr-serverless:startJobRun",
        scope: "p",
        limit: 50,
        call: r#"emrserverless.ListJobRuns {"applicationId":"p","states":["SUBMITTED","PENDING","SCHEDULED","RUNNING","CANCELLING","QUEUED"],"maxResults":50}"#,
        answer: r#"{"jobRuns":[{"id":"a","state":"SCHEDULED"}]}"#,
        single: r#"emrserverless.GetJobRun {"applicationId":"p","jobRunId":"ID"}"#,
        running: r#"{"jobRun":{"jobRunId":"a","state":"RUNNING"}}"#,
        succeeded: r#"{"jobRun":{"jobRunId":"c","state":"SUCCESS"}}"#,
        whole: false,
        missing: "ResourceNotFoundException",
    },
    Jobs {
        resource: "databrew:startJobRun",
        scope: "my job",
        limit: 100,
        call: r#"databrew.ListJobRuns {"Name":"my job","MaxResults":100}"#,
        answer: r#"{"JobRuns":[{"RunId":"c","State":"SUCCEEDED"},{"RunId":"a","State":"RUNNING"}]}"#,
        single: r#"databrew.DescribeJobRun {"Name":"my job","RunId":"ID"}"#,
        running: r#"{"RunId":"a","State":"RUNNING"}"#,
        succeeded: r#"{"RunId":"c","State":"SUCCEEDED"}"#,
        whole: false,
        missing: "ResourceNotFoundException",
    },
    Jobs {
        resource: "mediaconvert:createJob",
        scope: "",
        limit: 20,
        call: r#"mediaconvert.ListJobs {"Order":"DESCENDING","MaxResults":20}"#,
        answer: r#"{"jobs":[{"id":"c","status":"COMPLETE"},{"id":"a","status":"PROGRESSING"}]}"#,
        single: r#"mediaconvert.GetJob {"Id":"ID"}"#,
        running: r#"{"job":{"id":"a","status":"PROGRESSING"}}"#,
        succeeded: r#"{"job":{"id":"c","status":"COMPLETE"}}"#,
        whole: true,
        missing: "NotFoundException",
    },
];

impl Jobs {
    /// What a look at the three finds while the service answers so, and what it asked.
    async fn looked(&self, answers: impl IntoIterator<Item = Answer>) -> (Vec<JobState>, Vec<String>) {
        let case = CASES.iter().find(|case| case.resource == self.resource).expect("a case of the resource");
        let world = World::new();
        let adapter = world.adapter(self.resource).await;
        let attempt: Attempt = attempt(self.resource, Pattern::Job, case.parameters);
        assert_eq!(adapter.describe_limit(&attempt.resource), self.limit, "{}", self.resource);
        let jobs = ["a", "b", "c"].map(|id| ExternalRef::new(format!("{id} {}", self.scope).trim_end()));
        let watch = WatchKey {
            identity: attempt.identity.clone(),
            resource: Arc::clone(&attempt.resource),
            group: adapter.describe_group(&jobs[0]),
        };
        world.script(answers);
        let states = adapter.describe(&watch, &jobs).await;
        (states.unwrap_or_else(|failure| panic!("{}: {failure:?}", self.resource)), world.sent(&attempt))
    }

    fn single(&self, id: &str) -> String {
        self.single.replace("ID", id)
    }
}

#[tokio::test]
async fn several_jobs_are_one_call_and_one_more_for_each_that_it_tells_too_little_of() {
    for jobs in JOBS {
        let told = if jobs.whole { None } else { Some(Answer::of(jobs.succeeded)) };
        let answers = [Answer::of(jobs.answer), Answer::Refused(jobs.missing)].into_iter().chain(told);
        let (states, sent) = jobs.looked(answers).await;
        let [JobState::Running, JobState::Missing, JobState::Succeeded(_)] = &states[..] else {
            panic!("{}: {states:?}", jobs.resource)
        };
        let mut expected = vec![jobs.call.to_owned(), jobs.single("b")];
        if !jobs.whole {
            expected.push(jobs.single("c"));
        }
        assert_eq!(sent, expected);
    }
}

#[tokio::test]
async fn who_may_not_ask_for_several_asks_for_each() {
    for jobs in JOBS {
        let (states, sent) = jobs
            .looked([
                Answer::Refused("AccessDeniedException"),
                Answer::of(jobs.running),
                Answer::Refused(jobs.missing),
                Answer::of(jobs.succeeded),
            ])
            .await;
        assert!(
            matches!(&states[..], [JobState::Running, JobState::Missing, JobState::Succeeded(_)]),
            "{}: {states:?}",
            jobs.resource
        );
        assert_eq!(sent, [jobs.call.to_owned(), jobs.single("a"), jobs.single("b"), jobs.single("c")]);
    }
}
