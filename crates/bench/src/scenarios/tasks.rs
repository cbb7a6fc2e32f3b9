//! Round trips of tasks: API, engine, dispatch, a worker's session over gRPC, and back.

use serde_json::json;

use crate::api::{Api, start};
use crate::server::{Program, Server, directory};
use crate::worker::{self, Answer};
use crate::{Setup, load, report};

const COUNT: u64 = 20_000;

pub(crate) async fn run(setup: &Setup) -> anyhow::Result<()> {
    let count = setup.count.unwrap_or(COUNT);
    report::heading(&format!("{count} executions of one Task, by a worker that does nothing"));
    let data = directory(setup)?;
    let server = Server::newel(setup, Program::Orchestrator, data.path()).await?;
    let grpc = server.grpc.ok_or_else(|| anyhow::anyhow!("the orchestrator has no gRPC port"))?;
    let session = worker::serve(grpc, Answer::Succeeded).await?;
    let parameters = json!({"TableName": "t", "Key": {"id": {"S": "a"}}});
    let state = json!({"Type": "Task", "Resource": "arn:aws:states:::dynamodb:getItem", "Parameters": parameters, "End": true});
    let definition = json!({"StartAt": "Call", "States": {"Call": state}});
    let machine = Api::connect(server.http).await?.create("task", &definition).await?;
    load::executions(&server, setup.connections, count / 20, &machine, "{}").await?;

    let newel = load::executions(&server, setup.connections, count, &machine, "{}").await?;
    let empty = load::empty(setup.connections, count, &start(&machine, "{}")).await?;
    report::beside(&newel, &empty);
    println!("{} MiB resident afterwards", server.resident_mib()?);
    session.abort();
    server.kill().await
}
