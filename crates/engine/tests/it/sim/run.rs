//! One simulated run: several lives of an engine on one store, with clients who start, stop and watch executions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use newel_asl::Limits;
use newel_engine::request::StartExecution;
use newel_engine::{Engine, Error, ErrorKind, Options, Parts, Workflows as _};
use newel_machine::{Event, Fault};
use newel_store::{ExecutionStatus, FaultOdds, FaultyStore, MemoryStore};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::definitions::{Known, all};
use super::invariants;
use super::observer::Told;
use super::workers::{Dispatching, Up, Workers};
use crate::support::{Fixture, Life, SimEnv, TestCatalog, json, machine_arn, outbox, tenant};

/// Shards of the store.
const SHARDS: u16 = 3;
/// Executions of a run.
const EXECUTIONS: u64 = 40;
/// When whatever hasn't come to rest never will.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// What a client has been told of an execution.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promise {
    /// Which of the known machines.
    pub(crate) machine: usize,
    /// The number its input is made of.
    pub(crate) n: u64,
    /// Its ARN, once the start was acknowledged.
    pub(crate) arn: Option<String>,
    /// Whether a stop was asked for, and acknowledged.
    pub(crate) stop: Option<bool>,
    /// Whether it was redriven after it had been stopped.
    pub(crate) redriven: bool,
    /// What a watcher was shown, in order.
    pub(crate) watched: Option<Vec<Event>>,
}

/// What happened in a run or in some.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statistics {
    pub(crate) executions: usize,
    pub(crate) crashes: usize,
    pub(crate) events: usize,
    pub(crate) orders: usize,
    pub(crate) reconciled: usize,
    pub(crate) jobs: usize,
    pub(crate) stopped: usize,
    pub(crate) seconds: u64,
}

impl Statistics {
    pub(crate) fn add(&mut self, other: &Self) {
        self.executions += other.executions;
        self.crashes += other.crashes;
        self.events += other.events;
        self.orders += other.orders;
        self.reconciled += other.reconciled;
        self.jobs += other.jobs;
        self.stopped += other.stopped;
        self.seconds += other.seconds;
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, crashes, events, orders, reconciled, jobs, stopped, seconds } = self;
        write!(
            f,
            "{executions} executions ({stopped} stopped), {events} events, {orders} orders ({reconciled} reconciled), \
             {jobs} jobs, {crashes} crashes, {seconds} s of virtual time"
        )
    }
}

/// All that a run consists of.
pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) faulty: Arc<FaultyStore<MemoryStore>>,
    pub(crate) workers: Arc<Workers>,
    pub(crate) told: Arc<Told>,
    pub(crate) known: Vec<Known>,
    pub(crate) promises: Mutex<BTreeMap<String, Promise>>,
    up: Arc<Up>,
    random: Mutex<fastrand::Rng>,
    began: Instant,
}

/// Runs a seed. Gives what happened and what shouldn't have.
pub(crate) fn run(seed: u64) -> (Statistics, Vec<String>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        let world = World::new(seed);
        let crashes = Arc::clone(&world).live().await;
        invariants::check(&world, crashes).await
    })
}

impl World {
    fn new(seed: u64) -> Arc<Self> {
        let store = Arc::new(MemoryStore::new(SHARDS));
        let odds = FaultOdds {
            delay: 0.2,
            longest_delay: Duration::from_millis(40),
            fenced: 0.005,
            unknown: 0.01,
            full: 0.003,
            full_for: Duration::from_secs(2),
            unavailable: 0.005,
        };
        let up = Arc::new(Up::default());
        Arc::new(Self {
            faulty: Arc::new(FaultyStore::new(Arc::clone(&store), seed, odds)),
            workers: Workers::new(seed ^ 0x00aa, Arc::clone(&up), Arc::clone(&store)),
            store,
            told: Arc::default(),
            known: all(),
            promises: Mutex::default(),
            up,
            random: Mutex::new(fastrand::Rng::with_seed(seed ^ 0x5555)),
            began: Instant::now(),
        })
    }

    /// How long the run has lasted on its own clock.
    pub(crate) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    fn number(&self, range: std::ops::Range<u64>) -> u64 {
        self.random.lock().u64(range)
    }

    async fn pause(&self, millis: std::ops::Range<u64>) {
        sleep(Duration::from_millis(self.number(millis))).await;
    }

    /// Lives of engines one after the other, until all is done. Gives how many ended badly.
    async fn live(self: Arc<Self>) -> usize {
        let clients = tokio::task::spawn_local(Arc::clone(&self).clients());
        let crashes = self.number(0..8);
        for number in 0..crashes {
            let odds = [0.0, 0.002, 0.01][usize::try_from(number % 3).unwrap()];
            let life = self.begin(odds).await;
            let limit = Duration::from_millis(self.number(50..40_000));
            // Either a fail point ends it or time does.
            let _ended = tokio::time::timeout(limit, life.ended()).await;
            life.end();
            self.note_panic(&life);
            self.up.set(None);
            self.pause(0..3_000).await;
        }
        self.faulty.set_odds(FaultOdds::default());
        let life = self.begin(0.0).await;
        if tokio::time::timeout(PATIENCE, clients).await.is_ok() {
            let rest = async {
                while !outbox(&*self.store).await.is_empty() {
                    sleep(Duration::from_secs(1)).await;
                }
            };
            // What is left in the outbox is a violation, which is told of later.
            let _rest = tokio::time::timeout(PATIENCE, rest).await;
        }
        self.note_panic(&life);
        usize::try_from(crashes).unwrap()
    }

    fn note_panic(&self, life: &Life) {
        assert!(!life.has_panicked(), "the engine panicked");
    }

    /// Starts an engine, again and again until the store lets it.
    async fn begin(&self, crash: f64) -> Arc<Life> {
        loop {
            let env = Arc::new(SimEnv::new(self.began, self.number(0..u64::MAX), crash));
            let life = Arc::clone(&env.life);
            let parts = Parts {
                env,
                store: Arc::clone(&self.faulty) as _,
                catalog: Arc::new(TestCatalog),
                dispatcher: Arc::new(Dispatching::new(Arc::clone(&life), Arc::clone(&self.workers))),
                observer: Arc::clone(&self.told) as _,
                vault: Arc::default(),
                limits: Limits::default(),
                options: self.options(),
                test_cases: None,
                transitions: None,
            };
            if let Some(Ok(engine)) = life.run(Engine::start(parts)).await {
                self.up.set(Some((engine, Arc::clone(&life))));
                return life;
            }
            life.end();
            self.pause(10..500).await;
        }
    }

    /// Options that cut turns short and keep little in memory, more or less.
    fn options(&self) -> Options {
        let pick = |choices: [usize; 4]| choices[usize::try_from(self.number(0..4)).unwrap()];
        Options {
            turn_events: pick([1, 3, 17, 1_000]),
            commit_batch: pick([1, 2, 8, 1_024]),
            idle_executions: pick([1, 1, 4, 256]),
            plans: pick([1, 4, 1_000, 1_000]),
            turns: pick([1, 2, 8, 512]),
            // With the longest one, no second look at the store makes up for a timer that was lost.
            timer_horizon_seconds: [2, 60, 3_600, 3_600][pick([0, 1, 2, 3])],
            ..Options::default()
        }
    }

    /// Asks whatever engine is up until one answers something else than `Unavailable`.
    async fn ask<T>(&self, question: impl AsyncFn(Engine) -> Result<T, Error>) -> Result<T, Error> {
        loop {
            let (engine, life) = self.up.engine().await;
            match life.run(question(engine)).await {
                Some(Err(error)) if error.kind == ErrorKind::Unavailable => self.pause(10..1_000).await,
                Some(answer) => return answer,
                None => self.pause(1..50).await,
            }
        }
    }

    async fn clients(self: Arc<Self>) {
        for known in &self.known {
            let create = async |engine: Engine| {
                engine.create_state_machine(Fixture::creation(known.name, &known.definition)).await
            };
            self.ask(create).await.unwrap();
        }
        let clients: Vec<_> = (0..EXECUTIONS)
            .map(|number| tokio::task::spawn_local(Arc::clone(&self).client(number)))
            .collect();
        for client in clients {
            client.await.unwrap();
        }
    }

    fn note(&self, name: &str, change: impl FnOnce(&mut Promise)) {
        change(self.promises.lock().entry(name.to_owned()).or_default());
    }

    async fn client(self: Arc<Self>, number: u64) {
        self.pause(0..60_000).await;
        let name = format!("e{number}");
        let machine = usize::try_from(self.number(0..self.known.len() as u64)).unwrap();
        let n = self.number(0..100);
        self.note(&name, |promise| (promise.machine, promise.n) = (machine, n));
        let known = &self.known[machine];
        let start = async |engine: Engine| {
            let request = StartExecution {
                tenant: tenant(),
                state_machine_arn: machine_arn(known.name).into(),
                name: Some(name.as_str().into()),
                input: json(&(known.input)(n)),
                trace_header: None,
                test_case: None,
            };
            match engine.start_execution(request).await {
                Ok(started) => Ok(started.arn.to_string()),
                // An earlier try whose answer was lost had begun it, and it is closed by now.
                Err(error) if error.kind == ErrorKind::ExecutionAlreadyExists => {
                    Ok(machine_arn(known.name).replace(":stateMachine:", ":execution:") + ":" + &name)
                }
                Err(error) => Err(error),
            }
        };
        let arn = self.ask(start).await.unwrap();
        self.note(&name, |promise| promise.arn = Some(arn.clone()));
        let watcher =
            number.is_multiple_of(4).then(|| tokio::task::spawn_local(Arc::clone(&self).watch(arn.clone())));
        if self.number(0..8) == 0 {
            self.pause(0..20_000).await;
            self.note(&name, |promise| promise.stop = Some(false));
            let fault = Fault { error: Some("Stopped".into()), cause: None };
            let stop = async |engine: Engine| engine.stop_execution(&tenant(), &arn, fault.clone()).await;
            self.ask(stop).await.unwrap();
            self.note(&name, |promise| promise.stop = Some(true));
        }
        let status = self.closed(&arn).await;
        if status == ExecutionStatus::Aborted && self.number(0..2) == 0 {
            self.pause(0..5_000).await;
            let redrive = async |engine: Engine| {
                match engine.redrive_execution(&tenant(), &arn, Some("again".into())).await {
                    // An earlier try whose answer was lost may have redriven it long ago.
                    Err(error) if error.kind == ErrorKind::ExecutionNotRedrivable => Ok(()),
                    other => other.map(drop),
                }
            };
            self.ask(redrive).await.unwrap();
            self.note(&name, |promise| promise.redriven = true);
            self.closed(&arn).await;
        }
        if let Some(watcher) = watcher {
            let watched = watcher.await.unwrap();
            self.note(&name, |promise| promise.watched = Some(watched));
        }
    }

    /// Waits until an execution is closed, and tells how.
    async fn closed(&self, arn: &str) -> ExecutionStatus {
        loop {
            let describe = async |engine: Engine| engine.describe_execution(&tenant(), arn).await;
            let status = self.ask(describe).await.unwrap().status;
            if status != ExecutionStatus::Running {
                return status;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// Watches an execution to its end, going on from the last event seen whenever the stream breaks off.
    async fn watch(self: Arc<Self>, arn: String) -> Vec<Event> {
        let mut seen: Vec<Event> = Vec::new();
        loop {
            let (engine, life) = self.up.engine().await;
            let after = seen.last().map_or(0, |event| event.id);
            let watching = async {
                let Ok(mut batches) = engine.watch_execution(&tenant(), &arn, after).await else {
                    return false;
                };
                while let Some(Ok(batch)) = batches.recv().await {
                    seen.extend(batch.events.iter().cloned());
                    if batch.closed {
                        return true;
                    }
                }
                false
            };
            if life.run(watching).await == Some(true) {
                return seen;
            }
            self.pause(10..500).await;
        }
    }
}
