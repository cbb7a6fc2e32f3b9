//! The loader: connections that each send the next request as soon as the last is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::api::{Api, start, target, text};
use crate::server::{Process, Server, Usage};

/// How often it is asked whether everything is done.
const LOOK: Duration = Duration::from_millis(5);
/// How long what was started may take to finish after the last start.
const FINISH_TIMEOUT: Duration = Duration::from_secs(300);
/// Requests to the empty server, at least: processor time is counted in hundredths of a second.
const ENOUGH: u64 = 20_000;

/// The operation that most scenarios load.
const START: &str = "StartExecution";
/// What Newel's requests are signed for.
const STATES: &str = "states";

/// How long calls took, in order.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// The latency that this part of the calls stayed below.
    pub(crate) fn at(&self, part: f64) -> Duration {
        let place = (part * self.0.len() as f64) as usize;
        self.0.get(place.min(self.0.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// What a load did and cost.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) count: u64,
    /// Until the last call was answered and, of executions, the last one was closed.
    pub(crate) took: Duration,
    /// The server's processor time.
    pub(crate) cpu: Duration,
    pub(crate) latencies: Latencies,
}

impl Outcome {
    pub(crate) fn per_second(&self) -> f64 {
        self.count as f64 / self.took.as_secs_f64()
    }

    pub(crate) fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.count as f64
    }
}

/// Sends `count` requests with the same body.
async fn send(
    (address, service): (SocketAddr, &'static str),
    connections: usize,
    count: u64,
    target: &str,
    body: &Bytes,
) -> anyhow::Result<Latencies> {
    let next = Arc::new(AtomicU64::new(0));
    let target: Arc<str> = target.into();
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (next, target, body) = (Arc::clone(&next), Arc::clone(&target), body.clone());
        tasks.spawn(async move {
            let mut api = Api::connect_to(address, service).await?;
            let mut took = Vec::new();
            while next.fetch_add(1, Ordering::Relaxed) < count {
                let begun = Instant::now();
                let (status, answer) = api.aws_json(&target, body.clone()).await?;
                took.push(begun.elapsed());
                anyhow::ensure!(status.is_success(), "{status} {}", String::from_utf8_lossy(&answer));
            }
            Ok(took)
        });
    }
    let mut all = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    while let Some(done) = tasks.join_next().await {
        all.append(&mut done??);
    }
    Ok(Latencies::new(all))
}

/// Loads the empty server, with enough requests to tell what one costs.
pub(crate) async fn empty(connections: usize, count: u64, body: &Bytes) -> anyhow::Result<Outcome> {
    empty_of(connections, count, START, body).await
}

/// As [`empty`], for another operation's answers.
pub(crate) async fn empty_of(
    connections: usize,
    count: u64,
    operation: &'static str,
    body: &Bytes,
) -> anyhow::Result<Outcome> {
    let server = Server::empty(operation).await?;
    let outcome = requests(&server, connections, count.max(ENOUGH), operation, body).await?;
    server.kill().await?;
    Ok(outcome)
}

/// Sends requests, whose answers are all there is to wait for.
pub(crate) async fn requests(
    server: &Server,
    connections: usize,
    count: u64,
    operation: &'static str,
    body: &Bytes,
) -> anyhow::Result<Outcome> {
    let of = (server.http, &server.process, STATES);
    requests_to(of, connections, count, &target(operation), body).await
}

/// As [`requests`], to any process and the service that it is, by the name it is signed for: `target` is an `X-Amz-Target`.
pub(crate) async fn requests_to(
    (address, process, service): (SocketAddr, &Process, &'static str),
    connections: usize,
    count: u64,
    target: &str,
    body: &Bytes,
) -> anyhow::Result<Outcome> {
    let usage = Usage::begin(process)?;
    let latencies = send((address, service), connections, count, target, body).await?;
    let (took, cpu) = usage.end(process)?;
    Ok(Outcome { count, took, cpu, latencies })
}

/// Starts executions without caring for their ends.
pub(crate) async fn starts(
    server: &Server,
    connections: usize,
    count: u64,
    machine: &str,
    input: &str,
) -> anyhow::Result<Outcome> {
    requests(server, connections, count, START, &start(machine, input)).await
}

/// Starts executions and waits until none is open; fails if one didn't succeed.
pub(crate) async fn executions(
    server: &Server,
    connections: usize,
    count: u64,
    machine: &str,
    input: &str,
) -> anyhow::Result<Outcome> {
    let usage = Usage::begin(&server.process)?;
    let latencies =
        send((server.http, STATES), connections, count, &target(START), &start(machine, input)).await?;
    let mut api = Api::connect(server.http).await?;
    let finished = async {
        while api.any(machine, "RUNNING").await? {
            tokio::time::sleep(LOOK).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(FINISH_TIMEOUT, finished).await??;
    let (took, cpu) = usage.end(&server.process)?;
    for status in ["FAILED", "TIMED_OUT", "ABORTED"] {
        anyhow::ensure!(!api.any(machine, status).await?, "an execution of {machine} is {status}");
    }
    Ok(Outcome { count, took, cpu, latencies })
}

/// What a client knows of a server that was killed while it worked.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    /// Executions whose start was acknowledged.
    pub(crate) started: Vec<String>,
    /// Those of them that were seen succeeded.
    pub(crate) succeeded: Vec<String>,
}

/// Starts executions and looks at each, until the connection breaks.
pub(crate) async fn witness(
    address: SocketAddr,
    connections: usize,
    machine: &str,
    succeeded: Arc<AtomicU64>,
) -> anyhow::Result<Witness> {
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (succeeded, input) = (Arc::clone(&succeeded), json!({"stateMachineArn": machine, "input": "{}"}));
        tasks.spawn(async move {
            let mut seen = Witness::default();
            // Any error is the end that was meant.
            let _: anyhow::Result<()> = watch(address, &input, &mut seen, &succeeded).await;
            seen
        });
    }
    let mut all = Witness::default();
    while let Some(done) = tasks.join_next().await {
        let mut seen = done?;
        all.started.append(&mut seen.started);
        all.succeeded.append(&mut seen.succeeded);
    }
    Ok(all)
}

async fn watch(
    address: SocketAddr,
    input: &Value,
    seen: &mut Witness,
    succeeded: &AtomicU64,
) -> anyhow::Result<()> {
    let mut api = Api::connect(address).await?;
    loop {
        let execution = text(&api.ask("StartExecution", input).await?, "executionArn")?;
        seen.started.push(execution.clone());
        if api.status(&execution).await? == "SUCCEEDED" {
            seen.succeeded.push(execution);
            succeeded.fetch_add(1, Ordering::Relaxed);
        }
    }
}
