//! Real gRPC over loopback.

use std::sync::Arc;
use std::time::{Duration, Instant};

use newel_proto::worker::v1 as wire;
use newel_proto::worker::v1::session_request::Message as Request;
use newel_proto::worker::v1::session_response::Message as Answer;
use newel_proto::worker::v1::worker_service_client::WorkerServiceClient;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status, Streaming};

use super::engine::hub;
use super::fixture::{submits, task};
use super::peer::{hello, inline};
use crate::{Hub, Options};

/// Far beyond what anything here takes.
const DEADLINE: Duration = Duration::from_secs(60);

fn bearer(metadata: &MetadataMap) -> Result<Option<String>, Status> {
    match metadata.get("authorization").and_then(|value| value.to_str().ok()) {
        Some("Bearer batch-token") => Ok(Some("batch".to_owned())),
        Some("Bearer glue-token") => Ok(Some("glue".to_owned())),
        _ => Err(Status::unauthenticated("no token")),
    }
}

async fn serve(hub: &Arc<Hub>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let service = hub.service(Arc::new(bearer));
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

type Session = (mpsc::Sender<wire::SessionRequest>, Streaming<wire::SessionResponse>);

async fn connect(address: &str, token: &str, hello: wire::Hello) -> Result<Session, Status> {
    let mut client = WorkerServiceClient::connect(address.to_owned()).await.unwrap();
    let (requests, outbound) = mpsc::channel(64);
    requests.send(wire::SessionRequest { message: Some(Request::Hello(hello)) }).await.unwrap();
    let mut request = tonic::Request::new(ReceiverStream::new(outbound));
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let mut answers = client.session(request).await?.into_inner();
    match next(&mut answers).await? {
        Answer::Welcome(_) => Ok((requests, answers)),
        other => panic!("{other:?}"),
    }
}

async fn next(answers: &mut Streaming<wire::SessionResponse>) -> Result<Answer, Status> {
    let answer = timeout(DEADLINE, answers.message()).await.expect("nothing comes")?;
    Ok(answer.and_then(|answer| answer.message).expect("the stream ended well"))
}

#[tokio::test]
async fn a_session_needs_its_familys_token() {
    let (hub, engine) = hub(Options::default());
    let address = serve(&hub).await;
    for (token, family, expect) in [
        ("no-token", "batch", Code::Unauthenticated),
        ("glue-token", "batch", Code::PermissionDenied),
        ("batch-token", "batch", Code::Ok),
    ] {
        let opened = connect(&address, token, hello(family, "w", 1, 1, &[])).await;
        assert_eq!(opened.err().map_or(Code::Ok, |status| status.code()), expect, "{token}");
    }
    engine.start(submits([0]));
    let (requests, mut answers) =
        connect(&address, "glue-token", hello("glue", "g", 1, 1, &[])).await.unwrap();
    let batch = wire::ReportBatch { reports: vec![done(0)] };
    requests.send(wire::SessionRequest { message: Some(Request::Reports(batch)) }).await.unwrap();
    assert_eq!(next(&mut answers).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(engine.reports(), []);
}

fn done(n: u64) -> wire::Report {
    let output = Some(inline("1"));
    let outcome = wire::report::Outcome::Succeeded(wire::Succeeded { output });
    wire::Report { task: Some(crate::wire::task_to_wire(&task(n))), outcome: Some(outcome), exchange: None }
}

/// A worker that does nothing and reports at once, until it has `count` acknowledgements.
async fn work(address: String, worker: &str, count: usize) {
    let (requests, mut answers) =
        connect(&address, "batch-token", hello("batch", worker, 256, 1 << 20, &[])).await.unwrap();
    let mut acknowledged = 0;
    while acknowledged < count {
        match next(&mut answers).await.unwrap() {
            Answer::Acks(batch) => acknowledged += batch.acks.len(),
            Answer::Dispatches(batch) => {
                let count = batch.dispatches.len() as u32;
                let numbers = batch.dispatches.iter().map(|dispatch| dispatch.task.as_ref().unwrap().entry);
                let reports = numbers.map(done).collect();
                let credit = wire::Credit { count, bytes: 100 * u64::from(count) };
                for message in [Request::Reports(wire::ReportBatch { reports }), Request::Credit(credit)] {
                    requests.send(wire::SessionRequest { message: Some(message) }).await.unwrap();
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_round_trips_take_no_time() {
    const COUNT: u64 = 10_000;
    let (hub, engine) = hub(Options::default());
    let address = serve(&hub).await;
    let begun = Instant::now();
    for n in 0..COUNT / 100 {
        engine.start(submits(n * 100..n * 100 + 100));
    }
    work(address, "w", COUNT as usize).await;
    // On an idle machine it is a fifth of a second; the bound catches what grows with the square of the queue.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(engine.open_tasks(), []);
    assert_eq!(hub.stats()[0].outstanding, 0);
}

#[tokio::test]
async fn a_stopping_hub_ends_its_sessions() {
    let (hub, _engine) = hub(Options::default());
    let address = serve(&hub).await;
    let (_requests, mut answers) =
        connect(&address, "batch-token", hello("batch", "w", 1, 1, &[])).await.unwrap();
    hub.shutdown();
    assert_eq!(next(&mut answers).await.unwrap_err().code(), Code::Unavailable);
    let refused = connect(&address, "batch-token", hello("batch", "w", 1, 1, &[])).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unavailable);
}
