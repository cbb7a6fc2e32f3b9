//! The server itself: pages for operators, bounds, shutdown.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use newel_api::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};

use crate::client::{Api, bind, options};

#[tokio::test]
async fn operators_see_health_readiness_and_metrics() {
    let api = Api::start().await;
    assert_eq!(api.get("/healthz").await.status, 200);
    assert_eq!(api.get("/readyz").await.status, 200);
    api.engine.set_ready(false);
    assert_eq!(api.get("/readyz").await.status, 503);
    assert_eq!(api.get("/healthz").await.status, 200);
    let metrics = api.get("/metrics").await;
    assert_eq!(
        (metrics.status, metrics.headers["content-type"].to_str().unwrap().split(';').next()),
        (200, Some("text/plain"))
    );
    assert_eq!(api.get("/").await.status, 404);
    assert_eq!(api.get("/else").await.status, 404);
}

#[tokio::test]
async fn grpc_health_of_the_services_follows_the_engine_and_the_process_lives() {
    let api = Api::start().await;
    let mut health = HealthClient::new(api.channel().await);
    for (ready, services) in [(true, ServingStatus::Serving), (false, ServingStatus::NotServing)] {
        api.engine.set_ready(ready);
        let deadline = Instant::now() + Duration::from_secs(10);
        for (service, expect) in [("newel.v1.WorkflowsService", services), ("", ServingStatus::Serving)] {
            loop {
                let request = HealthCheckRequest { service: service.to_owned() };
                let status = health.check(request).await.map(|answer| answer.into_inner().status());
                if matches!(&status, Ok(status) if *status == expect) {
                    break;
                }
                assert!(Instant::now() < deadline, "{service}: {status:?}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let api = Api::start().await;
    let (one, two) = (api.call("ListStateMachines", "{}").await, api.call("ListStateMachines", "x").await);
    let (one, two) = (&one.headers["x-amzn-requestid"], &two.headers["x-amzn-requestid"]);
    assert!(one != two && one.len() == 36);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let mut options = options();
    options.limits.request_bytes = 1_000;
    let api = Api::with(options).await;
    let refused = api.refused("ListStateMachines", &format!("{{\"a\":\"{}\"}}", "x".repeat(1_000))).await;
    assert_eq!(refused.0, 413);
    assert_eq!(refused.1, "RequestEntityTooLargeException");
    let refused = api.refused("ListStateMachines", &"x".repeat(4_000_000)).await;
    assert_eq!(refused.0, 413, "one that sends on is answered too");
    api.ok("ListStateMachines", &format!("{{\"a\":\"{}\"}}", "x".repeat(900))).await;
}

#[tokio::test]
async fn a_body_without_a_length_is_counted_as_it_comes() {
    let mut options = options();
    options.limits.request_bytes = 100;
    let api = Api::with(options).await;
    let mut stream = TcpStream::connect(api.http).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: a\r\nx-amz-target: AWSStepFunctions.ListStateMachines\r\n\
                transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(format!("c8\r\n{}\r\n0\r\n\r\n", "x".repeat(200)).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn headers_are_bounded() {
    let api = Api::start().await;
    let mut stream = TcpStream::connect(api.http).await.unwrap();
    let many: String = (0..200).map(|i| format!("x-{i}: 1\r\n")).collect();
    stream.write_all(format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{many}\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn an_engine_that_hangs_costs_a_bounded_time() {
    let mut options = options();
    options.bounds.call_seconds = 1;
    let api = Api::with(options).await;
    api.engine.hangs.store(true, Ordering::SeqCst);
    let refused = api.refused("SendTaskHeartbeat", r#"{"taskToken":"t"}"#).await;
    assert_eq!((refused.0, &*refused.1), (408, "RequestTimeoutException"));
}

#[tokio::test]
async fn a_shutdown_ends_idle_connections_and_frees_the_ports() {
    let api = Api::start().await;
    api.ok("ListStateMachines", "{}").await;
    let _idle = TcpStream::connect(api.http).await.unwrap();
    let (http, begun) = (api.http, Instant::now());
    api.stop().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(9), "an idle connection held the shutdown up");
    assert!(TcpStream::connect(http).await.is_err());
}

#[tokio::test]
async fn a_port_that_others_can_reach_needs_credentials() {
    let engine = std::sync::Arc::default();
    let mut exposed = options();
    exposed.http = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(bind(exposed, &engine).await, Err(Error::Exposed(_))));
    let mut exposed = options();
    exposed.grpc = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(bind(exposed, &engine).await, Err(Error::Exposed(_))));
}

#[tokio::test]
async fn a_port_that_is_taken_is_told() {
    let api = Api::start().await;
    let mut taken = options();
    taken.http = api.http;
    assert!(matches!(bind(taken, &api.engine).await, Err(Error::Listen { .. })));
}
