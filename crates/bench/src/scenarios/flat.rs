//! Whether the hundred-thousandth execution costs what the first did, and whether anything grows.

use super::passes;
use crate::api::Api;
use crate::server::{Program, Server, directory};
use crate::{Setup, load, report};

const COUNT: u64 = 100_000;
const PARTS: u64 = 10;
/// How much more the last part may cost than the first did.
const MOST: f64 = 1.5;

pub(crate) async fn run(setup: &Setup) -> anyhow::Result<()> {
    let part = (setup.count.unwrap_or(COUNT) / PARTS).max(1);
    report::heading(&format!("{} executions of 5 Pass states, {part} at a time", part * PARTS));
    let data = directory(setup)?;
    let server = Server::newel(setup, Program::Dev, data.path()).await?;
    let machine = Api::connect(server.http).await?.create("flat", &passes(5)).await?;
    println!("| executions before | a second | server CPU each | p99 | resident |");
    println!("|---|---|---|---|---|");
    let mut costs = Vec::new();
    for number in 0..PARTS {
        let outcome = load::executions(&server, setup.connections, part, &machine, "{}").await?;
        println!(
            "| {} | {:.0} | {:.0} µs | {} | {} MiB |",
            number * part,
            outcome.per_second(),
            outcome.cpu_micros(),
            report::millis(outcome.latencies.at(0.99)),
            server.resident_mib()?
        );
        costs.push(outcome.cpu_micros());
    }
    if let (Some(first), Some(last)) = (costs.first(), costs.last()) {
        println!("\nthe last {part} cost {:.2} times what the first did", last / first);
        anyhow::ensure!(last < &(first * MOST), "the cost of an execution grows");
    }
    server.kill().await
}
