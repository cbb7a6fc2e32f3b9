//! The fake as Rust tests use it: started in the test's own runtime, steered by its methods, called over plain HTTP.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use newel_aws_fake::{Fake, FaultKind, FaultRule, JobQuery, Limits, ScriptRule, Selector, Service, Step};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

/// One request over a connection of its own: status and body.
async fn post(
    fake: &Fake,
    service: &str,
    path: &str,
    target: &str,
    body: &Value,
) -> std::io::Result<(u16, Value)> {
    let body = body.to_string();
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: fake\r\nConnection: close\r\nX-Amz-Target: {target}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=111111111111/20260101/us-east-1/{service}/aws4_request, Signature=0\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(fake.address()).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(ErrorKind::UnexpectedEof)?;
    let status =
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(ErrorKind::InvalidData)?;
    Ok((status, serde_json::from_str(body)?))
}

async fn submit(fake: &Fake, name: &str) -> std::io::Result<(u16, Value)> {
    let request = json!({"jobName": name, "jobQueue": "q", "jobDefinition": "d"});
    post(fake, "batch", "/v1/submitjob", "", &request).await
}

fn batch(operation: &str) -> Selector {
    Selector { service: Some(Service::Batch), operation: Some(operation.to_owned()), ..Selector::default() }
}

#[tokio::test]
async fn a_scripted_job_follows_the_frozen_clock() {
    let fake = Fake::start().await.unwrap();
    fake.freeze(true);
    let steps = vec![Step::new("RUNNING", 0.0), Step::new("FAILED", 30.0).with("statusReason", "told to")];
    fake.add_scripts(vec![ScriptRule::new(
        Selector { service: Some(Service::Batch), ..Selector::default() },
        steps,
    )])
    .unwrap();
    let (status, submitted) = submit(&fake, "job").await.unwrap();
    assert_eq!(status, 200);
    let ids = json!({"jobs": [submitted["jobId"]]});
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (_, described) = post(&fake, "batch", "/v1/describejobs", "", &ids).await.unwrap();
        seen.push((described["jobs"][0]["status"].clone(), described["jobs"][0]["statusReason"].clone()));
        fake.advance(Duration::from_secs(30));
    }
    assert_eq!(seen, [(json!("RUNNING"), Value::Null), (json!("FAILED"), json!("told to"))]);
    let [job] = &fake.jobs(&JobQuery::default()).jobs[..] else { panic!("one job was submitted") };
    assert_eq!((job.account.as_str(), job.status.as_str()), ("111111111111", "FAILED"));
    assert_eq!(job.ended_at.unwrap() - job.created_at, 30_000);
}

#[tokio::test]
async fn a_lost_answer_resets_the_connection_and_keeps_the_job() {
    let fake = Fake::start().await.unwrap();
    fake.add_faults(vec![FaultRule::new(batch("SubmitJob"), FaultKind::LostAnswer).times(1)]).unwrap();
    let error = submit(&fake, "lost").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(submit(&fake, "next").await.unwrap().0, 200);
    assert_eq!(fake.jobs(&JobQuery::default()).jobs.len(), 2);
    let calls = fake.calls();
    assert_eq!((calls[0].calls, calls[0].faults, calls[0].errors), (2, 1, 0));
}

#[tokio::test]
async fn past_its_limits_a_fake_refuses() {
    let limits = Limits { jobs: 2, rules: 1, ..Limits::default() };
    let fake = Fake::bind(SocketAddr::from((LOOPBACK, 0)), limits).await.unwrap();
    assert_eq!(submit(&fake, "one").await.unwrap().0, 200);
    let tasks = json!({"taskDefinition": "d", "count": 2});
    let run_task = "AmazonEC2ContainerServiceV20141113.RunTask";
    assert_eq!(post(&fake, "ecs", "/", run_task, &tasks).await.unwrap().0, 400);
    assert_eq!(submit(&fake, "two").await.unwrap().0, 200);
    assert_eq!(submit(&fake, "three").await.unwrap().0, 400);
    let throttle = FaultRule::new(Selector::default(), FaultKind::Throttle);
    assert!(fake.add_faults(vec![throttle.clone(), throttle]).is_err());
    fake.reset();
    assert_eq!(submit(&fake, "four").await.unwrap().0, 200);
}

#[tokio::test]
async fn only_loopback_is_served_and_shutting_down_frees_the_port() {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    assert_eq!(Fake::bind(everywhere, Limits::default()).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    let fake = Fake::start().await.unwrap();
    let address = fake.address();
    fake.shut_down().await.unwrap();
    Fake::bind(address, Limits::default()).await.unwrap();
}
