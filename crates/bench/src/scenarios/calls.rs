//! Calls of AWS: the whole way of a Task state from the API over the orchestrator and one worker, a process of its own, to a
//! service that answers at once, and back. Beside it the loader calls that service itself.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use serde_json::json;
use tokio::process::Command;

use crate::api::{Api, start};
use crate::load::Outcome;
use crate::server::{Process, Program, Server, directory};
use crate::{Setup, load, report};

const COUNT: u64 = 50_000;
/// Requests that come before the measured ones.
const WARMUP: u64 = 2_000;
const OPERATION: &str = "StartSyncExecution";
/// How long the fake may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(5);
const TABLE: &str = "orders";
const SERVICE: &str = "dynamodb";

pub(crate) async fn run(setup: &Setup) -> anyhow::Result<()> {
    let count = setup.count.unwrap_or(COUNT);
    report::heading(&format!("{count} calls of DynamoDB's GetItem, by one worker"));
    let data = directory(setup)?;
    let fake = Fake::start(setup, data.path()).await?;
    let server = Server::newel(setup, Program::Orchestrator, data.path()).await?;
    let worker = Process::start(worker(setup, data.path(), &server, &fake)?)?;

    let parameters = json!({"TableName": TABLE, "Key": {"id": {"S": "a"}}});
    let state = json!({"Type": "Task", "Resource": "arn:aws:states:::dynamodb:getItem", "Parameters": parameters, "End": true});
    let definition = json!({"StartAt": "Call", "States": {"Call": state}});
    let machine = Api::connect(server.http).await?.create_typed("calls", "EXPRESS", &definition).await?;
    let body = start(&machine, "{}");
    load::requests(&server, setup.connections, WARMUP, OPERATION, &body).await?;

    let before = worker.cpu()?;
    let newel = load::requests(&server, setup.connections, count, OPERATION, &body).await?;
    let spent = worker.cpu()?.saturating_sub(before);
    server.kill().await?;
    worker.kill().await?;
    let of = (fake.address, &fake.process, SERVICE);
    let direct = load::requests_to(of, setup.connections, count, &target("GetItem"), &get()).await?;
    rows(&newel, spent, &direct);
    fake.process.kill().await
}

/// The `X-Amz-Target` of an operation of DynamoDB.
fn target(operation: &str) -> String {
    format!("DynamoDB_20120810.{operation}")
}

fn get() -> Bytes {
    json!({"TableName": TABLE, "Key": {"id": {"S": "a"}}}).to_string().into()
}

fn rows(newel: &Outcome, worker: Duration, direct: &Outcome) {
    let p99 = |outcome: &Outcome| report::millis(outcome.latencies.at(0.99));
    println!("| | a second | p99 | CPU each |");
    println!("|---|---|---|---|");
    let (rate, each) = (newel.per_second(), newel.cpu_micros());
    let own = worker.as_secs_f64() * 1e6 / newel.count as f64;
    println!(
        "| executions of one Task, by one worker | {rate:.0} | {} | orchestrator {each:.0} µs, worker {own:.0} µs |",
        p99(newel)
    );
    let (rate, each) = (direct.per_second(), direct.cpu_micros());
    println!("| the loader itself, with unsigned calls | {rate:.0} | {} | fake {each:.0} µs |", p99(direct));
    println!();
}

/// The scripted fake, a process of its own.
struct Fake {
    process: Process,
    address: SocketAddr,
}

impl Fake {
    async fn start(setup: &Setup, directory: &Path) -> anyhow::Result<Self> {
        let program = setup.newel.with_file_name("newel-aws-fake");
        anyhow::ensure!(program.is_file(), "{} isn't there: build it", program.display());
        let file = directory.join("fake-port");
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0", "--port-file"]).arg(&file);
        let process = Process::start(command)?;
        let port = tokio::time::timeout(START_TIMEOUT, listening(&file))
            .await
            .context("the fake doesn't listen")??;
        let table = json!({
            "TableName": TABLE,
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        });
        let item = json!({"TableName": TABLE, "Item": {"id": {"S": "a"}, "total": {"N": "12.5"}, "note": {"S": "x".repeat(400)}}});
        let address = ([127, 0, 0, 1], port).into();
        let mut api = Api::connect_to(address, SERVICE).await?;
        for (operation, input) in [("CreateTable", table), ("PutItem", item)] {
            let (status, answer) = api.aws_json(&target(operation), input.to_string().into()).await?;
            anyhow::ensure!(
                status.is_success(),
                "{operation}: {status} {}",
                String::from_utf8_lossy(&answer)
            );
        }
        Ok(Self { process, address })
    }
}

async fn listening(file: &Path) -> anyhow::Result<u16> {
    loop {
        if let Ok(text) = std::fs::read_to_string(file)
            && let Some(port) = text.strip_suffix('\n')
        {
            return Ok(port.parse()?);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The worker's command line, with a configuration in `directory`.
fn worker(setup: &Setup, directory: &Path, server: &Server, fake: &Fake) -> anyhow::Result<Command> {
    let grpc = server.grpc.context("the orchestrator has no gRPC port")?;
    let file = directory.join("worker.toml");
    let aws = fake.address;
    std::fs::write(
        &file,
        format!(
            "[worker]\norchestrators = [\"http://{grpc}\"]\n\
             [worker.aws]\nendpoint_url = \"http://{aws}\"\ndev_account_credentials = true\n"
        ),
    )?;
    let mut command = Command::new(&setup.newel);
    command.args(["worker", "dynamodb", "--config"]).arg(&file);
    command.env("NEWEL_TELEMETRY__LOG_FILTER", "warn").env("AWS_EC2_METADATA_DISABLED", "true");
    Ok(command)
}
