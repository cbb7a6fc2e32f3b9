//! Many executions that wait: what they hold, and whether anybody notices them.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::api::Api;
use crate::server::{Program, Server, directory};
use crate::worker::{self, Answer};
use crate::{Setup, load, report};

const COUNT: u64 = 100_000;
const PARTS: u64 = 10;

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
    let mut rates = Vec::new();
    for number in 0..PARTS {
        rates.push(row(setup, &running.server, part, &machine, &(number * part).to_string()).await?);
    }
    running.kill().await?;
    let begun = Instant::now();
    let running = Running::start(setup, on, data.path()).await?;
    let ready = begun.elapsed();
    let after = row(setup, &running.server, part, &machine, "all, after kill -9").await?;
    let first = rates.first().copied().unwrap_or(after);
    println!(
        "\nready {:.2} s after kill -9; starts a second then: {:.2} times those of the first {part}",
        ready.as_secs_f64(),
        after / first
    );
    running.kill().await
}

/// Starts some more and prints a row; gives the rate.
async fn row(setup: &Setup, server: &Server, count: u64, machine: &str, before: &str) -> anyhow::Result<f64> {
    let outcome = load::starts(server, setup.connections, count, machine, "{}").await?;
    let (rate, cpu) = (outcome.per_second(), outcome.cpu_micros());
    println!("| {before} | {rate:.0} | {cpu:.0} µs | {} MiB |", server.resident_mib()?);
    Ok(rate)
}
