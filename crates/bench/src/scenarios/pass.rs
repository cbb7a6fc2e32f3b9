//! Executions of five Pass states through the HTTP API, and a crash in the midst of more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::passes;
use crate::api::{Api, start};
use crate::server::{Program, Server, directory};
use crate::{Setup, load, report};

const COUNT: u64 = 50_000;
/// What a release build is to do on two cores with the loader on them.
const LEAST_PER_SECOND: f64 = 3_000.0;
/// One batch of the engine is one commit of the database and one sync of its log; checkpoints' syncs are apart.
const BATCHES: &str = "newel_engine_batches_total";
/// How many executions are seen complete before the kill.
const WITNESSED: u64 = 2_000;
const WITNESS_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) async fn run(setup: &Setup) -> anyhow::Result<()> {
    let count = setup.count.unwrap_or(COUNT);
    report::heading(&format!("{count} executions of 5 Pass states"));
    let data = directory(setup)?;
    let server = Server::newel(setup, Program::Dev, data.path()).await?;
    let machine = Api::connect(server.http).await?.create("pass", &passes(5)).await?;
    load::executions(&server, setup.connections, count / 20, &machine, "{}").await?;

    let before = server.counter(BATCHES).await?;
    let newel = load::executions(&server, setup.connections, count, &machine, "{}").await?;
    let after = server.counter(BATCHES).await?;
    let empty = load::empty(setup.connections, count, &start(&machine, "{}")).await?;
    report::beside(&newel, &empty);
    let rate = newel.per_second();
    anyhow::ensure!(
        rate >= LEAST_PER_SECOND,
        "{rate:.0} executions a second, and {LEAST_PER_SECOND} are the least"
    );
    match before.zip(after) {
        Some((before, after)) => {
            let syncs = (after - before).max(1);
            println!("{syncs} syncs, {:.1} executions each", count as f64 / syncs as f64);
        }
        None => println!("the server doesn't count its syncs as {BATCHES}"),
    }
    println!("{} MiB resident afterwards", server.resident_mib()?);
    crash(setup, server, data.path(), &machine).await
}

/// kill -9 under load: whatever was acknowledged is there, and whatever was seen complete is complete.
async fn crash(setup: &Setup, server: Server, data: &std::path::Path, machine: &str) -> anyhow::Result<()> {
    let succeeded = Arc::new(AtomicU64::new(0));
    let witness = load::witness(server.http, setup.connections, machine, Arc::clone(&succeeded));
    let killer = async {
        let deadline = Instant::now() + WITNESS_TIMEOUT;
        while succeeded.load(Ordering::Relaxed) < WITNESSED {
            anyhow::ensure!(Instant::now() < deadline, "only {succeeded:?} executions were seen complete");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill().await
    };
    let (seen, killed) = tokio::join!(witness, killer);
    let seen = seen?;
    killed?;

    let begun = Instant::now();
    let server = Server::newel(setup, Program::Dev, data).await?;
    let ready = begun.elapsed();
    let mut api = Api::connect(server.http).await?;
    for execution in &seen.succeeded {
        let status = api.status(execution).await?;
        anyhow::ensure!(status == "SUCCEEDED", "{execution} was seen SUCCEEDED and is {status}");
    }
    for execution in &seen.started {
        api.status(execution).await?;
    }
    println!(
        "kill -9 under load: ready again after {:.2} s; all {} acknowledged starts are there, all {} seen complete are \
         complete",
        ready.as_secs_f64(),
        seen.started.len(),
        seen.succeeded.len()
    );
    server.kill().await
}
