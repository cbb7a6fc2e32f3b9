//! A distributed Map over a CSV file in S3 of ten million rows: what a row costs, and whether memory stays flat.
//!
//! Batches of a thousand rows, of some 75 KB each, as one would make them for so many: a child a row would measure children
//! (`maprun` does), and a batch may have 256 KiB. Each child tells which rows it had, and the files of results are read to see
//! that no row was lost and none came twice.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::api::{Api, text};
use crate::objects::{BUCKET, KEY, Objects};
use crate::server::{Server, Usage, directory};
use crate::{Setup, report};

const COUNT: u64 = 10_000_000;
const BATCH: u64 = 1_000;
/// The run is looked at in so many parts.
const PARTS: u64 = 10;
/// How much more may be resident in the last part than in the second: three tenths, or so many MiB if that is more.
const MOST_MORE_MIB: u64 = 32;
/// How often the server is looked at.
const EVERY: Duration = Duration::from_millis(100);

fn definition() -> Value {
    let told = json!({"first.$": "$.Items[0].n", "count.$": "States.ArrayLength($.Items)"});
    json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "MaxConcurrency": 100,
        "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "CSV"},
            "Parameters": {"Bucket": BUCKET, "Key": KEY}},
        "ItemBatcher": {"MaxItemsPerBatch": BATCH},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": told, "End": true}}},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject",
            "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSONL"},
            "Parameters": {"Bucket": BUCKET, "Prefix": "results"}}}}})
}

pub(crate) async fn run(setup: &Setup) -> anyhow::Result<()> {
    let count = (setup.count.unwrap_or(COUNT) / (BATCH * PARTS)).max(1) * BATCH * PARTS;
    report::heading(&format!(
        "a CSV file of {count} rows in S3, in batches of {BATCH}, each batch a Pass state"
    ));
    let (objects, address) = Objects::serve(count).await?;
    let data = directory(setup)?;
    let server = Server::dev_beside(setup, data.path(), &format!("http://{address}")).await?;
    let machine = Api::connect(server.http).await?.create("s3csv", &definition()).await?;
    println!("| rows | rows a second | server CPU each | resident, most | data directory |");
    println!("|---|---|---|---|---|");
    let most = watch(&server, &machine, count, data.path()).await?;
    let (read, written) = (objects.read.load(Ordering::Relaxed), objects.written.load(Ordering::Relaxed));
    println!(
        "\n{} MiB read of a file of {} MiB; {} KiB of results",
        read >> 20,
        objects.size() >> 20,
        written >> 10
    );
    // The first rows of batches of a thousand: 0, 1000, 2000 …
    let batches = count / BATCH;
    let firsts = BATCH * (batches * (batches - 1) / 2);
    let found = (objects.returned.load(Ordering::Relaxed), objects.firsts.load(Ordering::Relaxed));
    anyhow::ensure!(found == (count, firsts), "of {count} rows {} came back, and not each once", found.0);
    let [_, second, .., last] = most[..] else { anyhow::bail!("too few parts") };
    println!("the last part held {last} MiB at most, the second {second} MiB");
    anyhow::ensure!(last <= (second * 13 / 10).max(second + MOST_MORE_MIB), "memory grows with the rows");
    server.kill().await
}

/// Runs it, printing a row for each part; gives what was resident at most in each, in MiB.
async fn watch(server: &Server, machine: &str, count: u64, data: &Path) -> anyhow::Result<Vec<u64>> {
    let mut api = Api::connect(server.http).await?;
    let (whole, mut usage) = (Usage::begin(&server.process)?, Usage::begin(&server.process)?);
    let started = api.ask("StartExecution", &json!({"stateMachineArn": machine, "input": "{}"})).await?;
    let execution = text(&started, "executionArn")?;
    let part = count / PARTS;
    let (mut most, mut highest, mut before) = (Vec::new(), 0, 0);
    loop {
        tokio::time::sleep(EVERY).await;
        highest = highest.max(server.resident_mib()?);
        let status = api.status(&execution).await?;
        let ended = status == "SUCCEEDED";
        anyhow::ensure!(ended || status == "RUNNING", "the execution is {status}");
        let done = done(&mut api, &execution).await?;
        // A part is over when its rows are; the last one when the results are written too.
        if done - before >= part && (ended || done < count) {
            let now = Usage::begin(&server.process)?;
            row(&done.to_string(), done - before, usage.end(&server.process)?, highest, data)?;
            most.push(highest);
            (highest, before, usage) = (0, done, now);
        }
        if ended {
            break;
        }
    }
    row("all", count, whole.end(&server.process)?, most.iter().copied().max().unwrap_or(0), data)?;
    Ok(most)
}

/// How many rows are done.
async fn done(api: &mut Api, execution: &str) -> anyhow::Result<u64> {
    let runs = api.ask("ListMapRuns", &json!({"executionArn": execution})).await?;
    let Some(run) = runs["mapRuns"][0]["mapRunArn"].as_str() else { return Ok(0) };
    let run = api.ask("DescribeMapRun", &json!({"mapRunArn": run})).await?;
    run["itemCounts"]["succeeded"].as_u64().context("a map run without counts")
}

fn row(
    name: &str,
    rows: u64,
    (wall, cpu): (Duration, Duration),
    resident: u64,
    data: &Path,
) -> anyhow::Result<()> {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let number = rows as f64;
    println!(
        "| {name} | {:.0} | {:.1} µs | {resident} MiB | {} MiB |",
        number / wall.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / number,
        size(data)? >> 20
    );
    Ok(())
}

/// Bytes of the files in a directory.
fn size(directory: &Path) -> anyhow::Result<u64> {
    let mut size = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        // A file may be gone by now.
        let Ok(metadata) = entry.metadata() else { continue };
        size += if metadata.is_dir() { self::size(&entry.path())? } else { metadata.len() };
    }
    Ok(size)
}
