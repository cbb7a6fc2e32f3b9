//! A worker's session, spoken by an orchestrator made for the test.

#![expect(clippy::unwrap_used, reason = "a test that can't go on panics")]

mod orchestrator;
mod scripted;

use std::sync::Arc;
use std::time::Duration;

use newel_proto::worker::v1 as wire;
use newel_runtime::Shutdown;
use newel_worker::{Options, PollOptions, Submission};
use orchestrator::{Orchestrator, ack, dispatch, payload_text, task};
use scripted::{Scripted, started};

/// A worker under test; dropping it abandons it.
struct Worker {
    shutdown: Shutdown,
    task: tokio::task::JoinHandle<Result<(), newel_worker::Error>>,
}

fn options(orchestrator: &Orchestrator) -> Options {
    Options {
        orchestrators: vec![format!("http://{}", orchestrator.address())],
        worker_id: "w-1".to_owned(),
        submit_credits: 4,
        report_repeat_seconds: 1,
        drain_seconds: 5,
        poll: PollOptions { young_millis: 20, old_millis: 20, ..PollOptions::default() },
        ..Options::default()
    }
}

fn work(options: Options, adapter: &Arc<Scripted>) -> Worker {
    let shutdown = Shutdown::manual();
    let adapter: Arc<Scripted> = Arc::clone(adapter);
    let task = tokio::spawn(newel_worker::run(options, adapter, shutdown.clone()));
    Worker { shutdown, task }
}

#[tokio::test]
async fn a_job_goes_from_submit_to_its_result() {
    let mut orchestrator = Orchestrator::start().await;
    let adapter = Scripted::new();
    let _worker = work(options(&orchestrator), &adapter);
    let hello = orchestrator.welcome(&[]).await;
    assert_eq!((&*hello.family, &*hello.worker_id), ("scripted", "w-1"));
    assert_eq!(hello.resources, ["states:::scripted:"]);
    assert_eq!(hello.credit.unwrap().count, 4);

    orchestrator.dispatch(dispatch(1, wire::DispatchKind::Submit)).await;
    let submitted = orchestrator.submitted(1).await;
    assert_eq!(submitted.external_ref, "job-1");
    assert_eq!(adapter.watched(), 0, "nothing is watched before the submission is durable");
    orchestrator.acknowledge(ack(1, wire::ReportKind::Submitted, false)).await;
    adapter.finish("job-1", "{\"done\":true}");
    let succeeded = orchestrator.succeeded(1).await;
    assert_eq!(succeeded, "{\"done\":true}");
    assert_eq!(adapter.submits(), 1);
}

#[tokio::test]
async fn an_exchange_goes_with_the_end_of_an_attempt_that_asks_for_it() {
    let mut orchestrator = Orchestrator::start().await;
    let adapter = Scripted::new();
    adapter.echo();
    let _worker = work(options(&orchestrator), &adapter);
    orchestrator.welcome(&[]).await;
    let call = |entry| wire::Dispatch {
        resource: "arn:aws:states:::scripted:call".into(),
        ..dispatch(entry, wire::DispatchKind::Submit)
    };
    let exchange = |report: &wire::Report| report.exchange.as_ref().map(|told| payload_text(Some(told)));
    orchestrator.dispatch(call(1)).await;
    assert_eq!(exchange(&orchestrator.report().await), None);
    orchestrator.acknowledge(ack(1, wire::ReportKind::Succeeded, false)).await;

    orchestrator.dispatch(wire::Dispatch { trace_http: true, ..call(2) }).await;
    let first = orchestrator.report().await;
    assert_eq!(first.task, Some(task(2)));
    let text = exchange(&first).unwrap();
    assert!(text.contains("https://api.test/") && !text.contains("secret"), "{text}");
    assert_eq!(orchestrator.report().await, first, "it is repeated with its exchange");
    orchestrator.acknowledge(ack(2, wire::ReportKind::Succeeded, false)).await;

    adapter.next(Submission::Failed(newel_worker::Failure::new("E", "C")));
    orchestrator.dispatch(wire::Dispatch { trace_http: true, reveal_secrets: true, ..call(3) }).await;
    let mut failed = orchestrator.report().await;
    while failed.task != Some(task(3)) {
        failed = orchestrator.report().await;
    }
    assert!(exchange(&failed).unwrap().contains("key=secret"));
}

#[tokio::test]
async fn a_redelivered_submit_is_answered_and_not_repeated() {
    let mut orchestrator = Orchestrator::start().await;
    let adapter = Scripted::new();
    let _worker = work(options(&orchestrator), &adapter);
    orchestrator.welcome(&[]).await;
    for _ in 0..3 {
        orchestrator.dispatch(dispatch(1, wire::DispatchKind::Submit)).await;
        orchestrator.submitted(1).await;
    }
    orchestrator.dispatch(dispatch(1, wire::DispatchKind::Reconcile)).await;
    orchestrator.submitted(1).await;
    assert_eq!(adapter.submits(), 1);
    assert_eq!(adapter.reconciles(), 0);
}

#[tokio::test]
async fn a_report_is_repeated_until_it_is_acknowledged_over_reconnects_too() {
    let mut orchestrator = Orchestrator::start().await;
    let adapter = Scripted::new();
    adapter.next(Submission::Finished(newel_value::Payload::from_checked_text("1")));
    let _worker = work(options(&orchestrator), &adapter);
    orchestrator.welcome(&[]).await;
    orchestrator.dispatch(dispatch(1, wire::DispatchKind::Submit)).await;
    assert_eq!(orchestrator.succeeded(1).await, "1");
    assert_eq!(orchestrator.succeeded(1).await, "1", "repeated after a second");

    orchestrator.disconnect();
    let hello = orchestrator.welcome(&[1]).await;
    assert_eq!(hello.held, [task(1)]);
    assert_eq!(orchestrator.succeeded(1).await, "1");
    orchestrator.acknowledge(ack(1, wire::ReportKind::Succeeded, false)).await;

    orchestrator.disconnect();
    let hello = orchestrator.welcome(&[]).await;
    assert!(hello.held.is_empty(), "what is settled is not held");
    assert_eq!(adapter.submits(), 1);
}

#[tokio::test]
async fn what_the_orchestrator_does_not_keep_is_let_go() {
    let mut orchestrator = Orchestrator::start().await;
    let adapter = Scripted::new();
    let _worker = work(options(&orchestrator), &adapter);
    orchestrator.welcome(&[]).await;
    for entry in [1, 2] {
        let mut watch = dispatch(entry, wire::DispatchKind::Watch);
        watch.external_ref = format!("job-{entry}");
        watch.parameters = None;
        orchestrator.dispatch(watch).await;
    }
    adapter.until(|state| state.described.contains("job-1") && state.described.contains("job-2")).await;
    orchestrator.disconnect();
    let mut held = orchestrator.welcome(&[2]).await.held;
    held.sort_by_key(|task| task.entry);
    assert_eq!(held, [task(1), task(2)]);
    adapter.finish("job-1", "1");
    adapter.finish("job-2", "2");
    assert_eq!(orchestrator.succeeded(2).await, "2");
    orchestrator.acknowledge(ack(2, wire::ReportKind::Succeeded, false)).await;
    orchestrator.dispatch(dispatch(3, wire::DispatchKind::Submit)).await;
    let report = orchestrator.report().await;
    assert_eq!(report.task, Some(task(3)), "nothing more of the first: {report:?}");
}

#[tokio::test]
async fn an_unknown_outcome_is_looked_into_and_never_repeated_blindly() {
    let mut orchestrator = Orchestrator::start().await;
    let adapter = Scripted::new();
    let unknown = || Submission::Unknown { answer: None, cause: "reset".to_owned() };
    let _worker = work(options(&orchestrator), &adapter);
    orchestrator.welcome(&[]).await;

    adapter.next(unknown());
    adapter.next_look(newel_worker::Reconciled::Adopted(started("found")));
    orchestrator.dispatch(dispatch(1, wire::DispatchKind::Submit)).await;
    assert_eq!(orchestrator.submitted(1).await.external_ref, "found");
    assert_eq!((adapter.submits(), adapter.reconciles()), (1, 1));

    adapter.next(unknown());
    adapter.next_look(newel_worker::Reconciled::Unknown { cause: "no marker".to_owned() });
    orchestrator.dispatch(dispatch(2, wire::DispatchKind::Submit)).await;
    assert_eq!(orchestrator.failed(2).await.error, "Scripted.SdkClientException");
    assert_eq!(adapter.submits(), 2);

    adapter.next(unknown());
    adapter.next_look(newel_worker::Reconciled::NotStarted);
    orchestrator.dispatch(dispatch(3, wire::DispatchKind::Submit)).await;
    assert_eq!(orchestrator.submitted(3).await.external_ref, "job-3");
    assert_eq!(adapter.submits(), 4, "what certainly had no effect is submitted again");
}

#[tokio::test]
async fn what_was_given_away_or_cancelled_during_a_look_is_not_submitted_again() {
    let mut orchestrator = Orchestrator::start().await;
    let adapter = Scripted::new();
    let later = || newel_worker::Reconciled::Later { cause: "throttled".to_owned() };
    let lost = || Submission::Unknown { answer: None, cause: "reset".to_owned() };
    let _worker = work(options(&orchestrator), &adapter);
    orchestrator.welcome(&[]).await;

    adapter.next(lost());
    (0..2).for_each(|_| adapter.next_look(later()));
    orchestrator.dispatch(dispatch(1, wire::DispatchKind::Submit)).await;
    adapter.until(|state| state.reconciles == 1).await;
    orchestrator.disconnect();
    orchestrator.welcome(&[]).await;
    adapter.until(|state| state.reconciles == 3).await;

    adapter.next(lost());
    (0..2).for_each(|_| adapter.next_look(later()));
    orchestrator.dispatch(dispatch(2, wire::DispatchKind::Submit)).await;
    adapter.until(|state| state.reconciles == 4).await;
    orchestrator.dispatch(dispatch(2, wire::DispatchKind::Cancel)).await;
    orchestrator.cancelled(2).await;
    assert_eq!(adapter.submits(), 2, "each was submitted once");
}

#[tokio::test]
async fn a_cancel_is_repeated_until_it_is_confirmed() {
    let mut orchestrator = Orchestrator::start().await;
    let adapter = Scripted::new();
    let _worker = work(options(&orchestrator), &adapter);
    orchestrator.welcome(&[]).await;
    orchestrator.dispatch(dispatch(1, wire::DispatchKind::Submit)).await;
    orchestrator.submitted(1).await;
    orchestrator.acknowledge(ack(1, wire::ReportKind::Submitted, false)).await;
    adapter.refuse_cancels(2);
    orchestrator.dispatch(dispatch(1, wire::DispatchKind::Cancel)).await;
    // That the attempt is over may be said while its job is being stopped: the stopping goes on.
    orchestrator.drop_task(1).await;
    orchestrator.cancelled(1).await;
    assert_eq!(adapter.cancels(), ["job-1", "job-1", "job-1"]);
    orchestrator.acknowledge(ack(1, wire::ReportKind::Cancelled, false)).await;
}

#[tokio::test]
async fn long_payloads_travel_in_chunks_both_ways() {
    let mut orchestrator = Orchestrator::start().await;
    let adapter = Scripted::new();
    let _worker = work(options(&orchestrator), &adapter);
    orchestrator.welcome(&[]).await;
    let long = format!("\"{}\"", "x".repeat(4 << 20));
    adapter.echo();
    orchestrator.dispatch_with(dispatch(1, wire::DispatchKind::Submit), &long).await;
    assert!(orchestrator.succeeded(1).await == long, "the payload came back whole");
    orchestrator.dispatch_with(dispatch(2, wire::DispatchKind::Submit), "{").await;
    assert_eq!(orchestrator.failed(2).await.error, "States.Runtime");
}

#[tokio::test]
async fn credit_bounds_what_is_under_way_and_comes_back() {
    let mut orchestrator = Orchestrator::start().await;
    let adapter = Scripted::new();
    let _worker = work(options(&orchestrator), &adapter);
    orchestrator.welcome(&[]).await;
    adapter.hold();
    for entry in 1..=4 {
        orchestrator.dispatch(dispatch(entry, wire::DispatchKind::Submit)).await;
    }
    adapter.until(|state| state.submits == 4).await;
    orchestrator.dispatch(dispatch(5, wire::DispatchKind::Submit)).await;
    // More than the credit is a breach: the session ends, and what is under way isn't lost.
    let hello = orchestrator.welcome(&[1, 2, 3, 4]).await;
    assert_eq!((hello.held.len(), hello.credit.unwrap().count), (4, 0));
    adapter.release();
    let mut credit = 0;
    while credit < 4 {
        credit += orchestrator.credit().await;
    }
    assert_eq!(adapter.submits(), 4);
}

#[tokio::test]
async fn a_stopping_worker_finishes_what_is_under_way() {
    let mut orchestrator = Orchestrator::start().await;
    let adapter = Scripted::new();
    let worker = work(options(&orchestrator), &adapter);
    orchestrator.welcome(&[]).await;
    adapter.hold();
    orchestrator.dispatch(dispatch(1, wire::DispatchKind::Submit)).await;
    adapter.until(|state| state.submits == 1).await;
    worker.shutdown.request();
    orchestrator.draining().await;
    orchestrator.dispatch(dispatch(2, wire::DispatchKind::Submit)).await;
    adapter.release();
    orchestrator.submitted(1).await;
    orchestrator.acknowledge(ack(1, wire::ReportKind::Submitted, false)).await;
    tokio::time::timeout(Duration::from_secs(10), worker.task).await.unwrap().unwrap().unwrap();
    assert_eq!(adapter.submits(), 1, "nothing was begun while stopping");
}

#[tokio::test]
async fn the_token_is_presented_and_health_follows_the_sessions() {
    let mut orchestrator = Orchestrator::start().await;
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "secret-1\n").unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = Options { token_file: Some(token), health_address: Some(port), ..options(&orchestrator) };
    let adapter = Scripted::new();
    let _worker = work(options, &adapter);
    orchestrator.welcome(&[]).await;
    assert_eq!(orchestrator.authorization().as_deref(), Some("Bearer secret-1"));
    orchestrator::until_serving(port, "").await;
    orchestrator::until_serving(port, newel_worker::READY).await;
}

#[tokio::test]
async fn told_replicas_get_sessions_of_their_own() {
    let mut first = Orchestrator::start().await;
    let mut second = Orchestrator::start().await;
    let adapter = Scripted::new();
    let _worker = work(options(&first), &adapter);
    let replicas = [first.address().to_string(), second.address().to_string()];
    first.welcome_with(&[], &replicas).await;
    second.welcome_with(&[], &replicas).await;
    second.dispatch(dispatch(1, wire::DispatchKind::Submit)).await;
    let submitted = second.submitted(1).await;
    assert_eq!(payload_text(submitted.output.as_ref()), "{}");
}
