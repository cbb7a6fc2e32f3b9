//! Every integration with a job, from its start call to its end, over a service that answers as told: what is sent, what
//! the state sees, and how throttles, failures and cancels come out.

use std::sync::Arc;

use crate::cases::{CASES, Case, Lost, Success};
use crate::scripted::{Answer, World, attempt, json};
use newel_value::Value;
use newel_worker::{
    Adapter as _, CallFailure, ExternalRef, JobState, Pattern, Reconciled, Submission, WatchKey,
};

/// The submission of a case's job.
async fn submitted(world: &World, case: &Case) -> (newel_worker::Attempt, ExternalRef, Value) {
    let attempt = attempt(case.resource, Pattern::Job, case.parameters);
    world.script([Answer::of(case.answer)]);
    match world.adapter(case.resource).await.submit(&attempt).await {
        Submission::Started(started) => (attempt, started.external_ref, started.output.value().clone()),
        other => panic!("{}: {other:?}", case.resource),
    }
}

async fn state(
    world: &World,
    case: &Case,
    job: &ExternalRef,
    answer: Answer,
) -> Result<JobState, CallFailure> {
    let adapter = world.adapter(case.resource).await;
    let attempt = attempt(case.resource, Pattern::Job, case.parameters);
    let watch = WatchKey {
        identity: attempt.identity.clone(),
        resource: Arc::clone(&attempt.resource),
        group: adapter.describe_group(job),
    };
    world.script([answer]);
    adapter.describe(&watch, std::slice::from_ref(job)).await.map(|mut states| states.remove(0))
}

#[tokio::test]
async fn start_calls_are_those_of_the_service() {
    for case in CASES {
        let world = World::new();
        let (attempt, job, output) = submitted(&world, case).await;
        assert_eq!(world.sent(&attempt), [case.start], "{}", case.resource);
        assert_eq!(job.as_str(), case.job, "{}", case.resource);
        let without_metadata: newel_value::Object = output
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| !name.starts_with("Sdk"))
            .map(|(name, value)| (Arc::clone(name), value.clone()))
            .collect();
        assert_eq!(
            Value::from(without_metadata).to_json(),
            json(case.submitted).to_json(),
            "{}",
            case.resource
        );
        assert!(output.get("SdkResponseMetadata").is_some(), "{}", case.resource);
    }
}

#[tokio::test]
async fn jobs_are_watched_through_throttles_to_their_ends() {
    for case in CASES {
        let world = World::new();
        let (attempt, job, _) = submitted(&world, case).await;
        world.forget_sent();
        let running = state(&world, case, &job, Answer::of(case.running)).await;
        assert_eq!(running, Ok(JobState::Running), "{}", case.resource);
        assert_eq!(world.sent(&attempt), [case.describe], "{}", case.resource);

        let throttled = state(&world, case, &job, Answer::Throttled).await;
        assert_eq!(throttled, Err(CallFailure::Throttled), "{}", case.resource);

        let succeeded = state(&world, case, &job, case.succeeded()).await.unwrap();
        let JobState::Succeeded(result) = succeeded else { panic!("{}: {succeeded:?}", case.resource) };
        assert_eq!(result.value().to_json(), json(case.result).to_json(), "{}", case.resource);

        for failed in case.failed {
            let state = state(&world, case, &job, Answer::of(failed)).await.unwrap();
            let JobState::Failed(failure) = state else { panic!("{} {failed}: {state:?}", case.resource) };
            assert_eq!(failure.error, "States.TaskFailed");
            assert!(Value::parse(&failure.cause).is_ok(), "{}: {}", case.resource, failure.cause);
        }
    }
}

#[tokio::test]
async fn jobs_are_cancelled_where_the_service_has_a_call_for_it() {
    for case in CASES {
        let world = World::new();
        let (attempt, job, _) = submitted(&world, case).await;
        world.forget_sent();
        world.script([Answer::of("{}")]);
        assert_eq!(world.adapter(case.resource).await.cancel(&attempt, &job).await, Ok(()));
        assert_eq!(world.sent(&attempt), case.cancel.into_iter().collect::<Vec<_>>(), "{}", case.resource);
    }
}

#[tokio::test]
async fn a_cancel_that_is_refused_goes_by_what_the_job_says() {
    for case in CASES.iter().filter(|case| case.cancel.is_some() && !case.failed.is_empty()) {
        let world = World::new();
        let (attempt, job, _) = submitted(&world, case).await;
        let adapter = world.adapter(case.resource).await;
        world.script([Answer::Refused("ConflictException"), Answer::of(case.failed[0])]);
        assert_eq!(adapter.cancel(&attempt, &job).await, Ok(()), "{}: it is over", case.resource);
        world.script([Answer::Refused("ConflictException"), Answer::of(case.running)]);
        let cancelled = adapter.cancel(&attempt, &job).await;
        assert!(matches!(cancelled, Err(CallFailure::Refused(_))), "{}: {cancelled:?}", case.resource);
    }
}

#[tokio::test]
async fn a_job_that_is_gone_is_missing_unless_that_was_wanted() {
    for case in CASES {
        let world = World::new();
        let (_, job, _) = submitted(&world, case).await;
        let Some(code) = case.missing else { continue };
        let gone = state(&world, case, &job, Answer::Refused(code)).await.unwrap();
        let wanted = matches!(case.success, Success::Gone(_)) || case.resource.contains(":delete");
        assert_eq!(matches!(gone, JobState::Succeeded(_)), wanted, "{}: {gone:?}", case.resource);
        assert_eq!(matches!(gone, JobState::Missing), !wanted, "{}: {gone:?}", case.resource);
        let other = state(&world, case, &job, Answer::Refused("AccessDeniedException")).await;
        assert!(matches!(other, Err(CallFailure::Refused(_))), "{}: {other:?}", case.resource);
    }
}

#[tokio::test]
async fn a_lost_answer_is_made_up_for_as_the_service_allows() {
    for case in CASES {
        let world = World::new();
        let attempt = attempt(case.resource, Pattern::Job, case.parameters);
        let adapter = world.adapter(case.resource).await;
        world.script([Answer::Lost]);
        let submission = adapter.submit(&attempt).await;
        assert!(matches!(submission, Submission::Unknown { .. }), "{}: {submission:?}", case.resource);
        world.script([case.looked_for()]);
        let found = adapter.reconcile(&attempt).await;
        let as_expected = match case.lost {
            Lost::Repeated | Lost::Described => {
                matches!(&found, Reconciled::Adopted(started) if started.external_ref.as_str() == case.job)
            }
            Lost::Natural => matches!(found, Reconciled::NotStarted),
            Lost::Unknown => matches!(found, Reconciled::Unknown { .. }),
        };
        assert!(as_expected, "{}: {found:?}", case.resource);
    }
}

#[tokio::test]
async fn a_token_that_the_service_has_forgotten_is_not_tried_again() {
    let case = CASES.iter().find(|case| case.resource == "codebuild:startBuild").unwrap();
    let world = World::new();
    let mut attempt = attempt(case.resource, Pattern::Job, case.parameters);
    attempt.scheduled_at -= std::time::Duration::from_secs(290);
    let found = world.adapter(case.resource).await.reconcile(&attempt).await;
    assert!(matches!(found, Reconciled::Unknown { .. }), "{found:?}");
    assert!(world.sent(&attempt).is_empty());
}

#[tokio::test]
async fn a_job_of_the_same_name_from_before_is_anothers() {
    let case = CASES.iter().find(|case| case.resource == "sagemaker:createTrainingJob").unwrap();
    let world = World::new();
    let attempt = attempt(case.resource, Pattern::Job, case.parameters);
    world.script([Answer::of(
        r#"{"TrainingJobName":"t","CreationTime":1600000000,"TrainingJobStatus":"InProgress"}"#,
    )]);
    let found = world.adapter(case.resource).await.reconcile(&attempt).await;
    assert!(matches!(found, Reconciled::NotStarted), "{found:?}");
}
