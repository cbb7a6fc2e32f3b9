//! Express executions that are waited for: nothing is stored, so what is left is the way of a request through Newel.

use super::passes;
use crate::api::{Api, start};
use crate::server::{Program, Server, directory};
use crate::{Setup, load, report};

const COUNT: u64 = 200_000;
/// Requests that come before the measured ones, for code and caches to be warm.
const WARMUP: u64 = 2_000;
const OPERATION: &str = "StartSyncExecution";
/// The least part of the empty server's rate.
const LEAST: f64 = 0.5;

pub(crate) async fn run(setup: &Setup) -> anyhow::Result<()> {
    let count = setup.count.unwrap_or(COUNT);
    report::heading(&format!("{count} Express executions of 3 Pass states, waited for"));
    let data = directory(setup)?;
    let server = Server::newel(setup, Program::Orchestrator, data.path()).await?;
    let machine = Api::connect(server.http).await?.create_typed("express", "EXPRESS", &passes(3)).await?;
    let body = start(&machine, "{}");
    load::requests(&server, setup.connections, WARMUP, OPERATION, &body).await?;
    let newel = load::requests(&server, setup.connections, count, OPERATION, &body).await?;
    server.kill().await?;
    let empty = load::empty_of(setup.connections, count, OPERATION, &body).await?;
    report::beside(&newel, &empty);
    let part = newel.per_second() / empty.per_second();
    println!("{:.0} % of the empty handler's rate; at least {:.0} % is wanted", 100.0 * part, 100.0 * LEAST);
    Ok(())
}
