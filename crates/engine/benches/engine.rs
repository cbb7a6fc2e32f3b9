//! What an execution of five Pass states costs the engine, from the call to its durable end.
//!
//! `cargo bench -p newel-engine -- [DIRECTORY]`. Each line is one store and one number of starts under way at once, with the
//! CPU time of the whole process. The first line is the floor: as many tasks spawned and awaited that do nothing.
//! On SQLite it also prints how many executions share a sync, and on each store what a task's round trip costs.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt as _};
use newel_asl::{Limits, Pattern, Resource, ResourceCatalog, ResourceFault, TaskOrigin};
use newel_engine::request::{Configuration, CreateStateMachine, MachineType, StartExecution, Tenant};
use newel_engine::{
    Dispatch, Dispatcher, Engine, NoObserver, Options, Parts, Report, SystemEnv, TaskEngine as _, TaskId,
    Workflows as _,
};
use newel_store::{MemoryStore, SqliteOptions, SqliteStore, Store};
use newel_value::{Payload, Value};
use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::mpsc;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const TIME: Duration = Duration::from_secs(3);
const SHARDS: u16 = 16;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result {
    // Cargo itself passes `--bench`.
    let directory = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let root = directory.map_or_else(std::env::temp_dir, PathBuf::from).join("newel-engine-bench");
    let _ = std::fs::remove_dir_all(&root);
    println!("what                      at once   per second    CPU µs each   p50 ms   p99 ms");
    let floor = measure("a spawned task", 256, async |_| {
        let _finished = tokio::spawn(async {}).await;
    })
    .await;
    for at_once in [1, 64, 256] {
        let bench = Bench::new(Arc::new(MemoryStore::new(SHARDS))).await?;
        bench.executions("5 Pass, memory", at_once, floor).await;
    }
    for at_once in [1, 64, 256, 512] {
        let store = Arc::new(sqlite(&root.join(at_once.to_string()))?);
        let bench = Bench::new(store.clone()).await?;
        let syncs = store.stats().transactions;
        let count = bench.executions("5 Pass, SQLite", at_once, floor).await;
        println!(
            "  {:.1} executions a sync",
            count as f64 / (store.stats().transactions - syncs).max(1) as f64
        );
    }
    let bench = Bench::new(Arc::new(MemoryStore::new(SHARDS))).await?;
    bench.tasks("a task, memory", 256).await;
    let bench = Bench::new(Arc::new(sqlite(&root.join("tasks"))?)).await?;
    bench.tasks("a task, SQLite", 256).await;
    std::fs::remove_dir_all(&root)?;
    Ok(())
}

fn sqlite(directory: &Path) -> Result<SqliteStore> {
    Ok(SqliteStore::open(directory, &SqliteOptions { shards: SHARDS, ..SqliteOptions::default() })?)
}

/// CPU time that this process has used.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Does something again and again with that many under way at once. Prints a line, and gives the CPU time of each.
async fn measure(what: &str, at_once: usize, once: impl AsyncFn(u64)) -> f64 {
    let (cpu, began) = (cpu_time(), Instant::now());
    let mut under_way = FuturesUnordered::new();
    let mut times = Vec::new();
    let mut number = 0;
    loop {
        while under_way.len() < at_once && began.elapsed() < TIME {
            number += 1;
            let begin = Instant::now();
            let one = once(number);
            under_way.push(async move {
                one.await;
                begin.elapsed()
            });
        }
        let Some(time) = under_way.next().await else { break };
        times.push(time);
    }
    let (used, took) = ((cpu_time() - cpu).as_secs_f64(), began.elapsed().as_secs_f64());
    times.sort_unstable();
    let count = times.len() as f64;
    let at = |share: f64| times[((count - 1.0) * share) as usize].as_secs_f64() * 1e3;
    let each = used * 1e6 / count;
    println!(
        "{what:<25} {at_once:>7} {:>12.0} {each:>14.1} {:>8.2} {:>8.2}",
        count / took,
        at(0.5),
        at(0.99)
    );
    each
}

struct Bench {
    engine: Engine,
    orders: tokio::sync::Mutex<mpsc::UnboundedReceiver<Arc<Dispatch>>>,
}

impl Bench {
    async fn new(store: Arc<dyn Store>) -> Result<Self> {
        let (send, orders) = mpsc::unbounded_channel();
        let parts = Parts {
            env: Arc::new(SystemEnv::new(|_| {})),
            store,
            catalog: Arc::new(Calls),
            dispatcher: Arc::new(Orders(Mutex::new(send))),
            observer: Arc::new(NoObserver),
            vault: Arc::default(),
            limits: Limits::default(),
            options: Options::default(),
            test_cases: None,
            transitions: None,
        };
        let engine = Engine::start(parts).await?;
        let pass: Vec<String> = (1..=5)
            .map(|n| match n {
                5 => r#""S5":{"Type":"Pass","End":true}"#.to_owned(),
                _ => format!(r#""S{n}":{{"Type":"Pass","Next":"S{}"}}"#, n + 1),
            })
            .collect();
        let task = r#""S1":{"Type":"Task","Resource":"arn:aws:states:::fam:call","End":true}"#;
        for (name, states) in [("pass", pass.join(",").as_str()), ("task", task)] {
            let machine = CreateStateMachine {
                tenant: tenant(),
                name: name.into(),
                definition: format!(r#"{{"StartAt":"S1","States":{{{states}}}}}"#).into(),
                role_arn: "arn:aws:iam::000000000000:role/r".into(),
                machine_type: MachineType::Standard,
                configuration: Configuration::default(),
                tags: Vec::new(),
                publish: false,
                version_description: None,
            };
            engine.create_state_machine(machine).await?;
        }
        Ok(Self { engine, orders: tokio::sync::Mutex::new(orders) })
    }

    async fn start(&self, machine: &str, number: u64) {
        let request = StartExecution {
            tenant: tenant(),
            state_machine_arn: format!("arn:aws:states:us-east-1:000000000000:stateMachine:{machine}").into(),
            name: None,
            input: payload(&format!(r#"{{"number":{number},"text":"some text that is carried along"}}"#)),
            trace_header: None,
            test_case: None,
        };
        if let Err(error) = self.engine.start_execution(request).await {
            println!("a start failed: {error}");
        }
    }

    /// Gives how many executions there were.
    async fn executions(&self, what: &str, at_once: usize, floor: f64) -> u64 {
        let count = std::sync::atomic::AtomicU64::new(0);
        let each = measure(what, at_once, async |number| {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.start("pass", number).await;
        })
        .await;
        println!("  {:.0} times a spawned task", each / floor);
        count.into_inner()
    }

    /// An execution of one task: start, dispatch, report, end.
    async fn tasks(&self, what: &str, at_once: usize) {
        measure(what, at_once, async |number| {
            self.start("task", number).await;
            let order = self.orders.lock().await.recv().await;
            if let Some(order) = order {
                let report = Report::Succeeded(payload(r#"{"done":true}"#));
                if let Err(error) = self.engine.report(order.task.clone(), report).await {
                    println!("a report failed: {error}");
                }
            }
        })
        .await;
    }
}

fn tenant() -> Tenant {
    Tenant { account: "000000000000".into(), region: "us-east-1".into() }
}

fn payload(text: &str) -> Payload {
    Payload::parse(text).unwrap_or_default()
}

/// Passes orders on.
#[derive(Debug)]
struct Orders(Mutex<mpsc::UnboundedSender<Arc<Dispatch>>>);

impl Dispatcher for Orders {
    fn dispatch(&self, dispatches: Vec<Arc<Dispatch>>) {
        let orders = self.0.lock();
        for dispatch in dispatches {
            // The bench may be over.
            let _over = orders.send(dispatch);
        }
    }

    fn forget(&self, _: &[TaskId]) {}
}

/// Every resource is a call.
#[derive(Debug)]
struct Calls;

impl ResourceCatalog for Calls {
    fn resolve(&self, arn: &str) -> std::result::Result<Resource, ResourceFault> {
        Ok(Resource {
            arn: arn.into(),
            family: "fam".into(),
            resource_type: "fam".into(),
            action: "call".into(),
            pattern: Pattern::RequestResponse,
            express: true,
        })
    }

    fn check_template(&self, _: &Resource, _: &str, _: &Value) -> Vec<ResourceFault> {
        Vec::new()
    }

    fn prepare(
        &self,
        _: &Resource,
        parameters: Value,
        _: TaskOrigin<'_>,
    ) -> std::result::Result<Value, Vec<String>> {
        Ok(parameters)
    }
}
