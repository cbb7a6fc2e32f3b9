//! Who gets what, and when.

use std::sync::Arc;

use newel_engine::{Dispatch, DispatchKind, Dispatcher as _};
use newel_proto::worker::v1::session_request::Message as Request;
use newel_proto::worker::v1::session_response::Message as Answer;

use super::engine::hub;
use super::fixture::{dispatch, payload, submits, task};
use super::peer::{Peer, hello, settle, submitted};
use crate::Options;

#[tokio::test(start_paused = true)]
async fn credit_is_kept_to_in_count_and_bytes() {
    let (hub, engine) = hub(Options::default());
    engine.start(submits(0..10));
    let mut peer = Peer::greet(&hub, hello("batch", "w", 3, 250, &[])).await.unwrap();
    assert_eq!(peer.dispatches().await, "0S 1S", "two of 100 bytes each");
    peer.credit(0, 50).await;
    assert_eq!(peer.dispatches().await, "2S");
    peer.credit(0, 1_000).await;
    assert_eq!(peer.dispatches().await, "", "three was the count");
    peer.credit(2, 0).await;
    assert_eq!(peer.dispatches().await, "3S 4S");
    assert_eq!(hub.stats()[0].queued, 5);
    assert_eq!(hub.stats()[0].outstanding, 10);
}

#[tokio::test(start_paused = true)]
async fn what_is_larger_than_all_credit_goes_alone() {
    let (hub, engine) = hub(Options::default());
    let large =
        |n| Arc::new(Dispatch { parameters: Some(payload(900)), ..dispatch(n, DispatchKind::Submit) });
    engine.start(vec![submits([0]).remove(0), large(1), large(2), submits([3]).remove(0)]);
    let mut peer = Peer::greet(&hub, hello("batch", "w", 9, 500, &[])).await.unwrap();
    assert_eq!(peer.dispatches().await, "0S", "the next needs all the credit, and nobody overtakes it");
    peer.credit(1, 100).await;
    assert_eq!(peer.dispatches().await, "1S");
    peer.credit(1, 899).await;
    assert_eq!(peer.dispatches().await, "");
    peer.credit(0, 1).await;
    assert_eq!(peer.dispatches().await, "2S");
    peer.credit(1, 900).await;
    assert_eq!(peer.dispatches().await, "3S");
}

#[tokio::test(start_paused = true)]
async fn watches_and_cancels_need_no_credit() {
    let (hub, engine) = hub(Options::default());
    engine.start(submits(0..3));
    hub.dispatch(vec![
        Arc::new(dispatch(7, DispatchKind::Watch)),
        Arc::new(dispatch(8, DispatchKind::Cancel)),
    ]);
    let mut peer = Peer::greet(&hub, hello("batch", "w", 0, 0, &[])).await.unwrap();
    assert_eq!(peer.dispatches().await, "7W 8C");
    let mut other = Peer::greet(&hub, hello("glue", "w", 9, 9_000, &[])).await.unwrap();
    assert_eq!(other.dispatches().await, "", "another family's");
}

#[tokio::test(start_paused = true)]
async fn two_sessions_share_evenly() {
    let (hub, engine) = hub(Options::default());
    let mut a = Peer::connect(&hub, "a").await;
    let mut b = Peer::connect(&hub, "b").await;
    engine.start(submits(0..10));
    assert_eq!(a.dispatches().await, "0S 2S 4S 6S 8S");
    assert_eq!(b.dispatches().await, "1S 3S 5S 7S 9S");
    hub.dispatch((20..26).map(|n| Arc::new(dispatch(n, DispatchKind::Watch))).collect());
    assert_eq!(a.dispatches().await, "20W 22W 24W");
    assert_eq!(b.dispatches().await, "21W 23W 25W");
    // Whoever submitted watches, whatever the balance.
    for n in [1, 3] {
        b.report(&task(n), submitted("j")).await;
    }
    assert_eq!(b.dispatches().await, "1W 3W");
    assert_eq!(a.dispatches().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_long_queue_keeps_keys_only_and_reads_bodies_when_they_can_go() {
    const COUNT: u64 = 10_000;
    let options = Options { queued_body_bytes: 100 << 10, ..Options::default() };
    let (hub, engine) = hub(options.clone());
    engine.start(submits(0..COUNT));
    let stats = &hub.stats()[0];
    assert_eq!(stats.queued, 10_000);
    assert!(stats.queued_body_bytes <= options.queued_body_bytes, "{stats:?}");
    assert_eq!(engine.bodies_read(), 0, "nobody can take them");

    let mut peer = Peer::greet(&hub, hello("batch", "w", 100, 1 << 20, &[])).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < COUNT as usize {
        let Answer::Dispatches(batch) = peer.answer().await.unwrap() else { continue };
        let numbers = batch.dispatches.iter().map(|dispatch| dispatch.task.as_ref().unwrap().entry);
        seen.extend(numbers);
        let stats = &hub.stats()[0];
        let ahead = options.body_reads * 1_000;
        assert!(stats.queued_body_bytes <= options.queued_body_bytes + ahead, "{stats:?}");
        peer.credit(batch.dispatches.len() as u32, 100 * batch.dispatches.len() as u64).await;
    }
    assert!(seen.into_iter().eq(0..COUNT), "in order of arrival, each once");
    assert!(engine.bodies_read() > 9_000, "{}", engine.bodies_read());
    assert_eq!(hub.stats()[0].queued_body_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn reading_a_body_goes_on_until_the_engine_can_tell() {
    let (hub, engine) = hub(Options { queued_body_bytes: 0, ..Options::default() });
    engine.start(submits(0..3));
    hub.dispatch(vec![Arc::new(dispatch(9, DispatchKind::Watch))]);
    engine.fail(8);
    let mut peer = Peer::connect(&hub, "w").await;
    let mut found = String::new();
    while found.matches('S').count() < 3 {
        found = format!("{found} {}", peer.dispatches().await);
    }
    // 9 isn't open in the engine: nothing is due for it.
    assert!(!found.contains('W'), "{found}");
    settle().await;
    assert_eq!(hub.stats()[0].outstanding, 3);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_read_from_delays_no_other() {
    let options = Options { session_messages: 1, session_outbox: 10, ..Options::default() };
    let (hub, engine) = hub(options);
    let mut slow = Peer::connect(&hub, "slow").await;
    let mut quick = Peer::connect(&hub, "quick").await;
    let mut taken = 0;
    for round in 0..100 {
        engine.start(submits(round * 10..round * 10 + 10));
        taken += quick.dispatches().await.split_whitespace().count();
    }
    // One batch in the channel, one on its way into it, ten in the outbox.
    assert!(taken >= 1_000 - 10 - 2 * 10, "{taken}");
    let mut late = 0;
    while taken + late < 1_000 {
        late += slow.dispatches().await.split_whitespace().count();
    }
}

#[tokio::test(start_paused = true)]
async fn a_draining_worker_gets_nothing_new_and_its_watches_move_when_it_goes() {
    let (hub, engine) = hub(Options::default());
    let mut a = Peer::connect(&hub, "a").await;
    engine.start(submits(0..2));
    assert_eq!(a.dispatches().await, "0S 1S");
    a.report(&task(0), submitted("j")).await;
    assert_eq!(a.dispatches().await, "0W");
    a.send(Request::Draining(Default::default())).await;
    settle().await;
    engine.start(submits([2]));
    assert_eq!(a.dispatches().await, "");
    let mut b = Peer::connect(&hub, "b").await;
    assert_eq!(b.dispatches().await, "2S");
    // A cancel of what it has is its own to do; the watch of what it submits now isn't.
    engine.cancel(&task(0));
    assert_eq!(a.dispatches().await, "0C");
    a.report(&task(1), submitted("k")).await;
    assert_eq!(b.dispatches().await, "1W");
    drop(a);
    assert_eq!(b.dispatches().await, "0C", "at once: it said that it goes");
}
