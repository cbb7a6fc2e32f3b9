//! Sessions that are lost, come back, are refused.

use std::sync::Arc;

use newel_engine::{Dispatch, DispatchKind, Dispatcher as _, Report};
use newel_proto::worker::v1 as wire;
use newel_proto::worker::v1::session_request::Message as Request;
use newel_proto::worker::v1::session_response::Message as Answer;
use tokio::time::{Duration, Instant, sleep};
use tonic::Code;

use super::engine::hub;
use super::fixture::{dispatch, submits, task};
use super::peer::{Peer, cancelled, hello, settle, submitted, succeeded};
use crate::Options;

const GRACE: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn what_a_lost_session_had_goes_to_another_and_submits_become_reconciles() {
    let (hub, engine) = hub(Options::default());
    let mut a = Peer::connect(&hub, "a").await;
    engine.start(submits(0..4));
    assert_eq!(a.dispatches().await, "0S 1S 2S 3S");
    a.report(&task(1), submitted("j")).await;
    engine.cancel(&task(2));
    assert_eq!(a.dispatches().await, "2C 1W");
    drop(a);
    let mut b = Peer::connect(&hub, "b").await;
    assert_eq!(b.dispatches().await, "", "its worker may come back");
    sleep(GRACE).await;
    assert_eq!(b.dispatches().await, "2C 1W 0R 3R");
    drop(b);
    sleep(GRACE).await;
    let mut c = Peer::connect(&hub, "c").await;
    assert_eq!(c.dispatches().await, "2C 1W 0R 3R", "in the same order, and nothing is a submit again");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_stays_a_submit() {
    let (hub, engine) = hub(Options { session_messages: 1, ..Options::default() });
    let a = Peer::connect(&hub, "a").await;
    // The first batch fills the channel, the second waits to get in, the third stays in the outbox.
    for n in 0..3 {
        engine.start(submits([n]));
        settle().await;
    }
    drop(a);
    settle().await;
    let mut b = Peer::connect(&hub, "b").await;
    assert_eq!(b.dispatches().await, "2S");
    sleep(GRACE).await;
    assert_eq!(b.dispatches().await, "0R 1R");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_comes_back_keeps_what_it_holds() {
    let (hub, engine) = hub(Options::default());
    let mut a = Peer::connect(&hub, "a").await;
    engine.start(submits(0..3));
    a.report(&task(0), submitted("j")).await;
    assert_eq!(a.dispatches().await, "0S 1S 2S 0W");
    drop(a);
    settle().await;
    let held = [task(0), task(1)];
    let mut a = Peer::greet(&hub, hello("batch", "a", 9, 9_000, &held)).await.unwrap();
    assert_eq!(a.keep, held);
    assert_eq!(a.dispatches().await, "2R", "what it doesn't hold it never got, or lost");
    a.report(&task(1), succeeded()).await;
    assert_eq!(a.acks().await, "1");
    drop(a);
    sleep(GRACE).await;
    let mut b = Peer::connect(&hub, "b").await;
    assert_eq!(b.dispatches().await, "0W 2R");
    // Too late: it is somebody else's.
    let a = Peer::greet(&hub, hello("batch", "a", 9, 9_000, &held)).await.unwrap();
    assert_eq!(a.keep, [task(1)], "0 is under watch elsewhere; nothing is known of 1");
}

#[tokio::test(start_paused = true)]
async fn a_second_session_of_a_worker_ends_the_first() {
    let (hub, engine) = hub(Options::default());
    let mut first = Peer::connect(&hub, "a").await;
    engine.start(submits(0..2));
    assert_eq!(first.dispatches().await, "0S 1S");
    let mut second = Peer::greet(&hub, hello("batch", "a", 9, 9_000, &[task(1)])).await.unwrap();
    assert_eq!(first.answer().await.unwrap_err().code(), Code::Aborted);
    assert_eq!(second.dispatches().await, "0R");
    assert_eq!(hub.stats()[0].sessions, 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_what_workers_hold_stays_with_them() {
    let (hub, engine) = hub(Options::default());
    engine.recall(&submits(0..3));
    let mut watched = dispatch(3, DispatchKind::Watch);
    watched.external_ref = Some("j".into());
    engine.recall(&[Arc::new(watched)]);
    let held = [task(0), task(3), task(99)];
    let mut a = Peer::greet(&hub, hello("batch", "a", 9, 9_000, &held)).await.unwrap();
    assert_eq!(a.keep, held, "nobody knows better yet");
    engine.recover();
    assert_eq!(a.dispatches().await, "1R 2R 3W", "0 will be reported anyway");
    a.report(&task(0), submitted("k")).await;
    assert_eq!(a.acks().await, "0");
    sleep(Duration::from_secs(31)).await;
    assert_eq!(a.acks().await, "99x", "the engine knows nothing of it");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_what_was_never_sent_needs_no_worker() {
    let (hub, engine) = hub(Options::default());
    engine.start(submits(0..2));
    engine.fail(3);
    engine.cancel(&task(0));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(engine.open_tasks(), [task(1)]);
    let mut a = Peer::connect(&hub, "a").await;
    assert_eq!(a.dispatches().await, "1S");
    assert_eq!(hub.stats()[0].outstanding, 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_outlives_sessions_and_the_engines_forgetting() {
    let (hub, engine) = hub(Options { reconnect_grace_millis: 0, ..Options::default() });
    let mut a = Peer::connect(&hub, "a").await;
    engine.start(submits(0..2));
    assert_eq!(a.dispatches().await, "0S 1S");
    engine.cancel(&task(0));
    hub.forget(&[task(0), task(1)]);
    assert_eq!(a.dispatches().await, "0C");
    a.report(&task(0), succeeded()).await;
    assert_eq!(a.acks().await, "0!");
    drop(a);
    let mut b = Peer::connect(&hub, "b").await;
    assert_eq!(b.dispatches().await, "0C", "and 1 is forgotten");
    b.report(&task(0), cancelled()).await;
    assert_eq!(b.acks().await, "0");
    assert_eq!(hub.stats()[0].outstanding, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_is_dropped_and_gives_its_credit_back_if_it_was_not_sent() {
    let (hub, engine) = hub(Options { session_messages: 1, ..Options::default() });
    let mut a = Peer::greet(&hub, hello("batch", "a", 3, 9_000, &[])).await.unwrap();
    for n in 0..3 {
        engine.start(submits([n]));
        settle().await;
    }
    // The third is in the outbox.
    engine.end(&task(2));
    engine.end(&task(0));
    engine.start(submits([3]));
    let mut found = Vec::new();
    for answer in a.arrived().await {
        match answer {
            Answer::Dispatches(batch) => {
                found.extend(batch.dispatches.iter().map(|d| d.task.as_ref().unwrap().entry))
            }
            Answer::Drops(batch) => found.extend(batch.tasks.iter().map(|task| 100 + task.entry)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(found, [0, 1, 100, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_callback_is_settled_once_submitted() {
    let (hub, engine) = hub(Options::default());
    let mut a = Peer::connect(&hub, "a").await;
    let resource = "arn:aws:states:::ecs:runTask.waitForTaskToken".into();
    engine.start(vec![Arc::new(Dispatch { resource, ..dispatch(0, DispatchKind::Submit) })]);
    assert_eq!(a.dispatches().await, "0S");
    a.report(&task(0), submitted("j")).await;
    assert_eq!(a.acks().await, "0");
    assert_eq!(hub.stats()[0].outstanding, 0);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_session_hears_that_it_is_alive() {
    let (hub, _engine) = hub(Options { keepalive_millis: 2_000, ..Options::default() });
    let mut a = Peer::connect(&hub, "a").await;
    for _ in 0..3 {
        let before = Instant::now();
        let Answer::Acks(batch) = a.answer().await.unwrap() else { panic!() };
        assert!(batch.acks.is_empty());
        assert!(before.elapsed() >= Duration::from_millis(1_990), "{:?}", before.elapsed());
        assert!(before.elapsed() <= Duration::from_millis(2_010), "{:?}", before.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_are_refused_or_ended_for_what_they_do() {
    let (hub, _engine) = hub(Options { sessions: 1, ..Options::default() });
    let refused = Peer::greet(&hub, hello("", "a", 1, 1, &[])).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let mut a = Peer::connect(&hub, "a").await;
    let refused = Peer::greet(&hub, hello("batch", "b", 1, 1, &[])).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    a.send(Request::Hello(hello("batch", "a", 1, 1, &[]))).await;
    assert_eq!(a.answer().await.unwrap_err().code(), Code::InvalidArgument);
    settle().await;
    let mut a = Peer::connect(&hub, "a").await;
    hub.shutdown();
    assert_eq!(a.answer().await.unwrap_err().code(), Code::Unavailable);
    let refused = Peer::greet(&hub, hello("batch", "a", 1, 1, &[])).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_task_of_a_family_that_has_no_worker_fails_at_once() {
    let (hub, engine) = hub(Options { families: vec!["glue".to_owned()], ..Options::default() });
    engine.start(submits([0]));
    settle().await;
    let [(refused, Report::Failed { error, cause })] = &engine.reports()[..] else {
        panic!("{:?}", engine.reports())
    };
    assert_eq!((refused, &**error), (&task(0), "States.TaskFailed"));
    assert!(cause.contains("the family 'batch' has none"), "{cause}");
    // One that has come all the same is served.
    let mut a = Peer::connect(&hub, "a").await;
    engine.start(submits([1]));
    assert_eq!(a.dispatches().await, "1S");
}

fn bringing(service: &str, worker: &str) -> wire::Hello {
    let resource = wire::ResourceRegistration {
        service: service.into(),
        action: "render".into(),
        patterns: vec![wire::TaskPattern::RequestResponse.into()],
        ..wire::ResourceRegistration::default()
    };
    wire::Hello { registrations: vec![resource], ..hello("batch", worker, 9, 9_000, &[]) }
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_resources_are_refused_has_no_session() {
    let (hub, engine) = hub(Options::default());
    let refused = Peer::greet(&hub, bringing("batch", "a")).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "'batch' is a name of AWS's"));
    assert!(hub.stats().is_empty(), "{:?}", hub.stats());
    engine.fail(1);
    let refused = Peer::greet(&hub, bringing("acme", "a")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "it is to try again");
    assert!(Peer::greet(&hub, bringing("acme", "a")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn tasks_of_a_family_that_registered_resources_wait_for_its_worker() {
    let (hub, engine) = hub(Options { families: vec!["glue".to_owned()], ..Options::default() });
    drop(Peer::greet(&hub, bringing("acme", "a")).await.unwrap());
    settle().await;
    assert_eq!(hub.families().iter().map(|known| known.workers).collect::<Vec<_>>(), [0]);
    engine.start(submits([0]));
    settle().await;
    assert!(engine.reports().is_empty(), "{:?}", engine.reports());
    assert_eq!(hub.families()[0].queued, 1);
    let mut a = Peer::greet(&hub, bringing("acme", "a")).await.unwrap();
    assert_eq!(a.dispatches().await, "0S");
}
