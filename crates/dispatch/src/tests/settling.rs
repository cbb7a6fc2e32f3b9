//! Reports and their acknowledgements.

use std::sync::Arc;

use newel_engine::{Dispatch, DispatchKind, HttpTrace, Report};
use newel_proto::worker::v1 as wire;
use newel_proto::worker::v1::report::Outcome;
use newel_proto::worker::v1::session_request::Message as Request;
use newel_proto::worker::v1::session_response::Message as Answer;
use tokio::time::{Duration, sleep};
use tonic::Code;

use super::engine::hub;
use super::fixture::{dispatch, payload, submits, task};
use super::peer::{Peer, hello, inline, submitted, succeeded};
use crate::Options;
use crate::wire::CHUNK_BYTES;

#[tokio::test(start_paused = true)]
async fn a_report_is_acknowledged_once_it_is_durable_and_not_before() {
    let (hub, engine) = hub(Options::default());
    let mut a = Peer::connect(&hub, "a").await;
    engine.start(submits(0..2));
    engine.set_durable(false);
    a.report(&task(0), succeeded()).await;
    a.report(&task(0), succeeded()).await;
    assert_eq!(a.acks().await, "");
    engine.set_durable(true);
    assert_eq!(a.acks().await, "0", "a repetition under way has the same answer");
    a.report(&task(0), succeeded()).await;
    assert_eq!(a.acks().await, "0!");
    assert_eq!(engine.reports().len(), 1);
    assert_eq!(hub.stats()[0].outstanding, 1);
    assert_eq!(hub.stats()[0].acknowledged, 2);
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_engine_is_asked_again() {
    let (hub, engine) = hub(Options::default());
    let mut a = Peer::connect(&hub, "a").await;
    engine.start(submits([0]));
    engine.fail(4);
    a.report(&task(0), succeeded()).await;
    assert_eq!(a.acks().await, "");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(a.acks().await, "0");
    assert_eq!(engine.reports().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn reports_of_one_attempt_stay_in_order_and_others_pass_them() {
    let (hub, engine) = hub(Options::default());
    let mut a = Peer::connect(&hub, "a").await;
    engine.start(submits(0..2));
    // The first waits for its repetition, and what follows of the same attempt with it.
    engine.fail(1);
    a.report(&task(0), submitted("j")).await;
    a.report(&task(0), succeeded()).await;
    a.report(&task(1), succeeded()).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(a.acks().await, "1 0 0");
    let kinds: Vec<bool> =
        engine.reports().iter().map(|(_, r)| matches!(r, Report::Submitted { .. })).collect();
    assert_eq!(kinds, [false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn nothing_more_is_read_while_too_much_is_unsettled() {
    let (hub, engine) = hub(Options { session_reports: 2, ..Options::default() });
    let a = Peer::connect(&hub, "a").await;
    engine.start(submits(0..30));
    engine.set_durable(false);
    let reporting = tokio::spawn(async move {
        for n in 0..30 {
            a.report(&task(n), succeeded()).await;
        }
        a
    });
    sleep(Duration::from_secs(10)).await;
    assert!(!reporting.is_finished(), "16 in the channel, one with the reader, two with the engine");
    engine.set_durable(true);
    let mut a = reporting.await.unwrap();
    assert_eq!(a.acks().await.split_whitespace().count(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_report_of_another_familys_attempt_ends_the_session() {
    let (hub, engine) = hub(Options::default());
    engine.start(submits([0]));
    engine.recall(&submits([1]));
    for n in [0, 1] {
        let mut intruder = Peer::greet(&hub, hello("glue", "g", 9, 9_000, &[task(n)])).await.unwrap();
        intruder.report(&task(n), succeeded()).await;
        assert_eq!(intruder.answer().await.unwrap_err().code(), Code::PermissionDenied, "{n}");
    }
    assert_eq!(engine.reports(), []);
    assert_eq!(engine.open_tasks(), [task(0), task(1)]);
    // Its own family may report what was dispatched before the restart, and what nobody waits for is stale.
    let mut a = Peer::connect(&hub, "a").await;
    a.report(&task(1), succeeded()).await;
    a.report(&task(5), succeeded()).await;
    assert_eq!(a.acks().await, "1 5!");
    assert_eq!(engine.reports().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn long_payloads_travel_in_chunks_both_ways() {
    let (hub, engine) = hub(Options::default());
    let mut a = Peer::connect(&hub, "a").await;
    let long = payload(4 << 20);
    let parameters = Some(long.clone());
    engine.start(vec![Arc::new(Dispatch { parameters, ..dispatch(0, DispatchKind::Submit) })]);
    let (mut text, mut named) = (Vec::new(), None);
    while named.is_none() {
        match a.answer().await.unwrap() {
            Answer::Chunk(chunk) => text.extend_from_slice(&chunk.data),
            Answer::Dispatches(batch) => named = batch.dispatches[0].parameters.clone(),
            other => panic!("{other:?}"),
        }
    }
    assert!(text == long.text().as_bytes());

    let source = Some(wire::payload::Source::Chunked(7));
    let mut parts = text.chunks(CHUNK_BYTES).peekable();
    while let Some(part) = parts.next() {
        let (data, last) = (part.to_vec().into(), parts.peek().is_none());
        a.send(Request::Chunk(wire::PayloadChunk { id: 7, data, last })).await;
    }
    let output = Some(wire::Payload { source });
    a.report(&task(0), Outcome::Succeeded(wire::Succeeded { output })).await;
    assert_eq!(a.acks().await, "0");
    assert_eq!(engine.reports(), [(task(0), Report::Succeeded(long))]);
}

#[tokio::test(start_paused = true)]
async fn an_exchange_comes_to_the_engine_before_the_end_it_belongs_to() {
    let (hub, engine) = hub(Options::default());
    let mut a = Peer::connect(&hub, "a").await;
    let trace = Some(HttpTrace { reveal_secrets: false });
    engine.start(vec![Arc::new(Dispatch { trace, ..dispatch(0, DispatchKind::Submit) })]);
    let Answer::Dispatches(batch) = a.answer().await.unwrap() else { panic!("it is dispatched") };
    assert!(batch.dispatches[0].trace_http && !batch.dispatches[0].reveal_secrets);
    let report = wire::Report {
        task: Some(crate::wire::task_to_wire(&task(0))),
        outcome: Some(succeeded()),
        exchange: Some(inline(r#"{"request":{"method":"GET"},"response":{"statusCode":"200"}}"#)),
    };
    a.send(Request::Reports(wire::ReportBatch { reports: vec![report] })).await;
    assert_eq!(a.acks().await, "0");
    let [(noted, exchange)] = &engine.exchanged()[..] else { panic!("there is one") };
    assert_eq!((noted, &*exchange.request.method), (&task(0), "GET"));
    assert_eq!(exchange.response.as_ref().map(|response| &*response.status_code), Some("200"));
}

#[tokio::test(start_paused = true)]
async fn too_much_in_chunks_ends_the_session() {
    let (hub, _engine) = hub(Options { session_chunk_bytes: 1_000, ..Options::default() });
    let mut a = Peer::connect(&hub, "a").await;
    for _ in 0..2 {
        let data = vec![b' '; 600].into();
        a.send(Request::Chunk(wire::PayloadChunk { id: 7, data, last: false })).await;
    }
    assert_eq!(a.answer().await.unwrap_err().code(), Code::ResourceExhausted);
}
