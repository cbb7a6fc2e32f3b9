//! A distributed Map of ten thousand items, and one of ten times as many: what a child costs, and whether memory stays flat.

use std::time::Duration;

use serde_json::json;

use crate::api::{Api, text};
use crate::server::{Program, Server, Usage, directory};
use crate::{Setup, report};

const COUNT: u64 = 100_000;
/// The smaller run has so many times fewer items.
const SMALLER: u64 = 10;
/// How much more memory the larger run may hold, in MiB beyond the smaller one's.
const MOST_MORE_MIB: u64 = 128;
/// How often the server is looked at.
const EVERY: Duration = Duration::from_millis(250);

pub(crate) async fn run(setup: &Setup) -> anyhow::Result<()> {
    let count = setup.count.unwrap_or(COUNT).max(SMALLER);
    report::heading(&format!(
        "a distributed Map of {} items, then of {count}, each item a Pass state",
        count / SMALLER
    ));
    let data = directory(setup)?;
    let server = Server::newel(setup, Program::Dev, data.path()).await?;
    let definition = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "MaxConcurrency": 1_000,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}});
    let machine = Api::connect(server.http).await?.create("maprun", &definition).await?;
    println!("| items | children a second | server CPU each | resident, most | resident after |");
    println!("|---|---|---|---|---|");
    let mut most = Vec::new();
    for items in [count / SMALLER, count] {
        most.push(row(&server, &machine, items).await?);
    }
    if let [smaller, larger] = most[..] {
        println!("\nten times the items held {} MiB more", larger.saturating_sub(smaller));
        anyhow::ensure!(larger < smaller + MOST_MORE_MIB, "memory grows with the items");
    }
    server.kill().await
}

/// One run of so many items: prints it and gives the most that was resident, in MiB.
async fn row(server: &Server, machine: &str, items: u64) -> anyhow::Result<u64> {
    let mut api = Api::connect(server.http).await?;
    let input = format!("[{}]", vec!["0"; usize::try_from(items)?].join(","));
    let usage = Usage::begin(&server.process)?;
    let started = api.ask("StartExecution", &json!({"stateMachineArn": machine, "input": input})).await?;
    let execution = text(&started, "executionArn")?;
    let mut most = server.resident_mib()?;
    loop {
        tokio::time::sleep(EVERY).await;
        most = most.max(server.resident_mib()?);
        match api.status(&execution).await?.as_str() {
            "RUNNING" => {}
            "SUCCEEDED" => break,
            other => anyhow::bail!("the execution is {other}"),
        }
    }
    let (wall, cpu) = usage.end(&server.process)?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let number = items as f64;
    println!(
        "| {items} | {:.0} | {:.0} µs | {most} MiB | {} MiB |",
        number / wall.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / number,
        server.resident_mib()?
    );
    Ok(most)
}
