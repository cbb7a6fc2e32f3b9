//! Workflows that only the engine works at, each as large as a small one of its kind gets.

use serde_json::{Value, json};

use crate::api::{Api, start};
use crate::server::{Program, Server, directory};
use crate::{Setup, load, report};

/// A workflow to run many times.
#[derive(Debug)]
pub(crate) struct Workload {
    name: &'static str,
    what: &'static str,
    /// How often, unless told otherwise.
    count: u64,
    /// States that one execution enters.
    states: u64,
    definition: fn() -> Value,
    input: fn() -> String,
}

/// 100 times around a Choice.
pub(crate) const CHOICE: Workload = Workload {
    name: "choice",
    what: "a loop of 100 iterations (Choice and Pass with an intrinsic)",
    count: 1_000,
    states: 202,
    definition: || {
        json!({"StartAt": "More", "States": {
            "More": {"Type": "Choice", "Default": "Done", "Choices": [
                {"Variable": "$.n", "NumericLessThan": 100, "Next": "Step"}]},
            "Step": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "More"},
            "Done": {"Type": "Succeed"}}})
    },
    input: || r#"{"n":0}"#.to_owned(),
};

/// 1,000 iterations of an inline Map.
pub(crate) const MAP: Workload = Workload {
    name: "map",
    what: "an inline Map of 1,000 items",
    count: 100,
    states: 1_001,
    definition: || {
        let processor = json!({"StartAt": "Item", "States": {"Item": {"Type": "Pass", "End": true}}});
        json!({"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemProcessor": processor, "End": true}}})
    },
    input: || json!((0..1_000).collect::<Vec<u32>>()).to_string(),
};

pub(crate) async fn run(setup: &Setup, workload: &Workload) -> anyhow::Result<()> {
    let count = setup.count.unwrap_or(workload.count);
    report::heading(&format!("{count} executions of {}", workload.what));
    let data = directory(setup)?;
    let server = Server::newel(setup, Program::Dev, data.path()).await?;
    let machine = Api::connect(server.http).await?.create(workload.name, &(workload.definition)()).await?;
    let input = (workload.input)();
    load::executions(&server, setup.connections, count.div_ceil(20), &machine, &input).await?;

    let newel = load::executions(&server, setup.connections, count, &machine, &input).await?;
    let empty = load::empty(setup.connections, count, &start(&machine, &input)).await?;
    report::beside(&newel, &empty);
    let states = workload.states as f64;
    println!(
        "{:.0} states a second, {:.1} µs of the server's processors each; {} MiB resident afterwards",
        newel.per_second() * states,
        newel.cpu_micros() / states,
        server.resident_mib()?
    );
    server.kill().await
}
