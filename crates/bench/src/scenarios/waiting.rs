//! Many executions that wait: what they hold, and whether anybody notices them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::api::Api;
use crate::server::{Program, Server, directory};
use crate::worker::{self, Answer};
use crate::{Setup, load, report};

const COUNT: u64 = 100_000;
const PARTS: u64 = 10;
/// What so many may hold, and how soon a server is to be ready again after a kill.
const MOST_MIB: u64 = 600;
const MOST_READY: Duration = Duration::from_secs(2);
/// How much more processor time a start may cost beside those that wait. The rate is printed and not judged: it is the
/// disk's as well.
const MOST_COST: f64 = 1.25;

/// What the executions wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// A moment far away.
    Time,
    /// An answer with their task's token, which nobody gives.
    Token,
}

impl On {
    const fn name(self) -> &'static str {
        match self {
            Self::Time => "in a Wait state",
            Self::Token => "waiting for their task tokens",
        }
    }

    fn state(self) -> Value {
        match self {
            Self::Time => json!({"Type": "Wait", "Timestamp": "2090-01-01T00:00:00Z", "End": true}),
            Self::Token => {
                json!({"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.waitForTaskToken",
                "Parameters": {"TaskDefinition": "t", "Group.$": "$$.Task.Token"}, "End": true})
            }
        }
    }
}

/// A server, and the worker that it needs to have anything wait for a token.
#[derive(Debug)]
struct Running {
    server: Server,
    worker: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Running {
    async fn start(setup: &Setup, on: On, data: &Path) -> anyhow::Result<Self> {
        if on == On::Time {
            return Ok(Self { server: Server::newel(setup, Program::Dev, data).await?, worker: None });
        }
        let server = Server::newel(setup, Program::Orchestrator, data).await?;
        let grpc = server.grpc.context("the orchestrator has no gRPC port")?;
        Ok(Self { server, worker: Some(worker::serve(grpc, Answer::Submitted).await?) })
    }

    async fn kill(self) -> anyhow::Result<()> {
        if let Some(worker) = self.worker {
            worker.abort();
        }
        self.server.kill().await
    }
}

pub(crate) async fn run(setup: &Setup, on: On) -> anyhow::Result<()> {
    let part = (setup.count.unwrap_or(COUNT) / PARTS).max(1);
    report::heading(&format!("{} executions {}", part * PARTS, on.name()));
    let data = directory(setup)?;
    let running = Running::start(setup, on, data.path()).await?;
    let definition = json!({"StartAt": "Wait", "States": {"Wait": on.state()}});
    let machine = Api::connect(running.server.http).await?.create("waiting", &definition).await?;
    println!("| waiting before | starts a second | server CPU each | resident after |");
    println!("|---|---|---|---|");
    let mut rows = Vec::new();
    for number in 0..PARTS {
        rows.push(row(setup, &running.server, part, &machine, &(number * part).to_string()).await?);
    }
    let resident = running.server.resident_mib()?;
    anyhow::ensure!(resident < MOST_MIB, "{resident} MiB are held, and {MOST_MIB} may be");
    running.kill().await?;
    let begun = Instant::now();
    let running = Running::start(setup, on, data.path()).await?;
    let ready = begun.elapsed();
    let after = row(setup, &running.server, part, &machine, "all, after kill -9").await?;
    let first = rows.first().copied().unwrap_or(after);
    println!(
        "\nready {:.2} s after kill -9; starts a second then: {:.2} times those of the first {part}, at {:.2} times their cost",
        ready.as_secs_f64(),
        after.rate / first.rate,
        after.cpu / first.cpu
    );
    anyhow::ensure!(ready < MOST_READY, "ready after {ready:?}, and {MOST_READY:?} is the most");
    anyhow::ensure!(
        after.cpu < first.cpu * MOST_COST,
        "a start costs {MOST_COST} times what the first did, or more"
    );
    running.kill().await
}

/// What starts came to.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Starts a second.
    rate: f64,
    /// Microseconds of the server's processors for each.
    cpu: f64,
}

/// Starts some more, and prints and gives the row.
async fn row(setup: &Setup, server: &Server, count: u64, machine: &str, before: &str) -> anyhow::Result<Row> {
    let outcome = load::starts(server, setup.connections, count, machine, "{}").await?;
    let (rate, cpu) = (outcome.per_second(), outcome.cpu_micros());
    println!("| {before} | {rate:.0} | {cpu:.0} µs | {} MiB |", server.resident_mib()?);
    Ok(Row { rate, cpu })
}
