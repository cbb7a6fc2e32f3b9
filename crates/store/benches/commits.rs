//! How many starts a second the embedded store makes durable, and what one costs.
//!
//! `cargo bench -p newel-store -- [DIRECTORY]`. A start is an execution and its first row of history; the records are
//! about as large as those of an execution of five Pass states. Also printed: how long a database of 100,000 open
//! executions takes to open after a kill, and how long its reads take.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use newel_asl::timestamp::Timestamp;
use newel_store::{
    ArnKey, Commit, Epoch, ExecutionFilter, ExecutionRow, ExecutionStatus, ExecutionsPage, HistoryRow, Id,
    Op, Outcome, Record, ShardId, SqliteOptions, SqliteStats, SqliteStore, Store,
};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const EXECUTION_BYTES: usize = 400;
const HISTORY_BYTES: usize = 900;
const SHARDS: u16 = 16;
const OPEN: u64 = 100_000;
const MACHINE: Id = Id::MIN;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    // Cargo itself passes `--bench`.
    let directory = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let root = directory.map_or_else(std::env::temp_dir, PathBuf::from).join("newel-store-bench");
    let _ = std::fs::remove_dir_all(&root);
    println!(" batch  waiting   commits/s     CPU µs  transactions  checkpoints  slowest ms");
    for (batch, waiting) in [(1, 1), (64, 1), (64, 4), (256, 1), (256, 4), (1_024, 1), (1_024, 4)] {
        starts(&root.join(format!("{batch}-{waiting}")), batch, waiting).await?;
    }
    recovery(&root.join("recovery")).await?;
    std::fs::remove_dir_all(&root)?;
    Ok(())
}

/// Commits batches for some seconds with that many waiting at once, and prints a line.
async fn starts(directory: &Path, batch: u64, waiting: u64) -> Result {
    const TIME: Duration = Duration::from_secs(3);
    let store = Arc::new(SqliteStore::open(directory, &SqliteOptions::default())?);
    let epochs = store.acquire(&(0..SHARDS).map(ShardId).collect::<Vec<_>>()).await?;
    let (before, cpu, began) = (store.stats(), cpu_time()?, Instant::now());
    let tasks: Vec<_> = (0..waiting)
        .map(|task| {
            let (store, epochs) = (Arc::clone(&store), epochs.clone());
            tokio::spawn(async move {
                let (mut number, mut slowest) = (task << 40, Duration::ZERO);
                while began.elapsed() < TIME {
                    let handed_in = Instant::now();
                    commit_starts(&store, &epochs, number, batch).await?;
                    slowest = slowest.max(handed_in.elapsed());
                    number += batch;
                }
                Ok::<_, String>(slowest)
            })
        })
        .collect();
    let mut slowest = 0;
    for task in tasks {
        slowest = slowest.max(task.await??.as_millis());
    }
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_time()? - cpu);
    let SqliteStats { commits, transactions, checkpoints } = store.stats();
    let rate = commits as f64 / seconds;
    let cost = cpu.as_secs_f64() * 1e6 / commits as f64;
    let transactions = transactions - before.transactions;
    println!(
        "{batch:>6} {waiting:>8} {rate:>11.0} {cost:>10.1} {transactions:>13} {checkpoints:>12} {slowest:>11}"
    );
    Ok(())
}

async fn commit_starts(
    store: &SqliteStore,
    epochs: &[Epoch],
    first: u64,
    count: u64,
) -> std::result::Result<(), String> {
    let batch = (first..first + count).map(|number| start(epochs, number)).collect();
    match store.commit(batch).await.into_iter().find(|outcome| *outcome != Outcome::Committed) {
        None => Ok(()),
        Some(outcome) => Err(format!("a start wasn't committed: {outcome:?}")),
    }
}

fn start(epochs: &[Epoch], number: u64) -> Commit {
    let shard = ShardId((number % u64::from(SHARDS)) as u16);
    let now = Timestamp::from_millis(1_700_000_000_000 + (number & 0xff_ffff) as i64 / 30);
    let hashed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let id = Id::new(shard, now, hashed.rotate_left(17));
    let mut arn = [0; 16];
    arn[..8].copy_from_slice(&hashed.to_be_bytes());
    let execution = ExecutionRow {
        id,
        arn: ArnKey(arn),
        machine: MACHINE,
        status: ExecutionStatus::Running,
        sort_at: now,
        stopped_at: None,
        wake_at: Some(now.plus_millis(3_600_000)),
        record: Record::from(vec![b'e'; EXECUTION_BYTES]),
    };
    let events =
        HistoryRow { execution: id, first: 1, last: 12, record: Record::from(vec![b'h'; HISTORY_BYTES]) };
    let ops = vec![Op::InsertExecution(execution), Op::AppendHistory(events)];
    Commit { shard, epoch: epochs[usize::from(shard.0)], ops }
}

/// Fills a database, copies its files as a kill would leave them, and opens the copy.
async fn recovery(directory: &Path) -> Result {
    let (full, killed) = (directory.join("full"), directory.join("killed"));
    let store = SqliteStore::open(&full, &SqliteOptions::default())?;
    let epochs = store.acquire(&(0..SHARDS).map(ShardId).collect::<Vec<_>>()).await?;
    for first in (0..OPEN).step_by(1_000) {
        commit_starts(&store, &epochs, first, 1_000).await?;
    }
    std::fs::create_dir_all(&killed)?;
    for name in ["newel.db", "newel.db-wal"] {
        std::fs::copy(full.join(name), killed.join(name))?;
    }
    drop(store);
    let began = Instant::now();
    let store = SqliteStore::open(&killed, &SqliteOptions::default())?;
    println!("opening {OPEN} open executions after a kill: {:?}", began.elapsed());
    let began = Instant::now();
    let open = store.open_executions(None).await?;
    println!("counting {open} open executions: {:?}", began.elapsed());
    let began = Instant::now();
    let filter = ExecutionFilter { machine: MACHINE, status: None };
    let page = store.executions(ExecutionsPage { filter, after: None, limit: 1_000 }).await?;
    println!("listing {} executions: {:?}", page.len(), began.elapsed());
    let began = Instant::now();
    let due = store.due(ShardId(0), Timestamp::from_millis(i64::MAX), None, 10_000).await?;
    println!("reading {} timers: {:?}", due.len(), began.elapsed());
    Ok(())
}

/// The processor time that this process has used, from the kernel's accounts in hundredths of a second.
fn cpu_time() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks =
        after_name.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<std::result::Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}
