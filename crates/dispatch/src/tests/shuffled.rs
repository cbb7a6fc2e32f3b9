//! Random interleavings from seeds: workers come, go, crash and drain, the engine fails and cancels, and in the end every
//! attempt is over, none was submitted twice, and nobody had more than its credit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fastrand::Rng;
use newel_engine::{Report, TaskId};
use newel_proto::worker::v1 as wire;
use newel_proto::worker::v1::report::Outcome;
use newel_proto::worker::v1::session_request::Message as Request;
use newel_proto::worker::v1::session_response::Message as Answer;
use tokio::time::{Duration, sleep};

use super::engine::{FakeEngine, hub};
use super::fixture::submits;
use super::peer::{Peer, cancelled, hello, settle, submitted, succeeded};
use crate::wire::task_from_wire;
use crate::{FamilyStats, Hub, Options};

const SEEDS: u64 = 150;
const ATTEMPTS: u64 = 40;
const CREDIT: u32 = 4;

/// What a worker does next about an attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Submit,
    Reconcile,
    ReportSubmitted,
    Watch,
    Cancel,
    ReportEnd,
    ReportCancelled,
}

impl Stage {
    /// Whether it is only queued: a lost session takes it along.
    fn is_queued(self) -> bool {
        matches!(self, Self::Submit | Self::Reconcile)
    }
}

/// The service: which jobs exist, and how often each was asked for as new.
#[derive(Debug, Default)]
struct Service {
    jobs: BTreeSet<TaskId>,
    submits_sent: BTreeSet<TaskId>,
}

#[derive(Debug)]
struct Worker {
    name: String,
    peer: Option<Peer>,
    held: BTreeMap<TaskId, Stage>,
    charged: BTreeSet<TaskId>,
    draining: bool,
}

impl Worker {
    fn new(n: u64) -> Self {
        let (held, charged) = (BTreeMap::new(), BTreeSet::new());
        Self { name: format!("w{n}"), peer: None, held, charged, draining: false }
    }

    async fn connect(&mut self, hub: &Arc<Hub>) {
        self.held.retain(|_, stage| !stage.is_queued());
        self.charged.clear();
        self.draining = false;
        let held: Vec<TaskId> = self.held.keys().cloned().collect();
        let peer = Peer::greet(hub, hello("batch", &self.name, CREDIT, 1_000, &held)).await.unwrap();
        self.held.retain(|task, stage| peer.keep.contains(task) || *stage == Stage::Cancel);
        self.peer = Some(peer);
    }

    /// Reads what has come.
    async fn listen(&mut self, service: &mut Service) {
        let Some(peer) = &mut self.peer else { return };
        for answer in peer.arrived().await {
            match answer {
                Answer::Dispatches(batch) => {
                    for dispatch in batch.dispatches {
                        self.take(dispatch, service).await;
                    }
                }
                Answer::Acks(batch) => batch.acks.into_iter().for_each(|ack| self.acknowledged(ack)),
                Answer::Drops(batch) => {
                    for task in batch.tasks {
                        let task = task_from_wire(Some(task)).unwrap();
                        if self.held.get(&task) != Some(&Stage::Cancel) {
                            self.held.remove(&task);
                        }
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    async fn take(&mut self, dispatch: wire::Dispatch, service: &mut Service) {
        let kind = dispatch.kind();
        let task = task_from_wire(dispatch.task).unwrap();
        let stage = match kind {
            wire::DispatchKind::Submit => {
                assert!(service.submits_sent.insert(task.clone()), "{task} was submitted twice");
                Stage::Submit
            }
            wire::DispatchKind::Reconcile => Stage::Reconcile,
            wire::DispatchKind::Watch => Stage::Watch,
            wire::DispatchKind::Cancel => Stage::Cancel,
            wire::DispatchKind::Unspecified => panic!("no kind"),
        };
        if stage.is_queued() {
            self.charged.insert(task.clone());
            assert!(self.charged.len() <= CREDIT as usize, "more than the credit");
        }
        let held = self.held.contains_key(&task);
        match stage {
            // It reports what it knows; and what was on its way when it began to drain is for somebody else.
            _ if stage.is_queued() && (held || self.draining) => self.refund(&task).await,
            _ => drop(self.held.insert(task, stage)),
        }
    }

    fn acknowledged(&mut self, ack: wire::Ack) {
        let kind = ack.kind();
        let task = task_from_wire(ack.task).unwrap();
        match (self.held.get(&task), kind) {
            (Some(Stage::Cancel | Stage::ReportCancelled), kind) if kind != wire::ReportKind::Cancelled => {}
            (Some(Stage::ReportSubmitted), wire::ReportKind::Submitted) if !ack.stale => {
                self.held.insert(task, Stage::Watch);
            }
            (Some(_), wire::ReportKind::Submitted | wire::ReportKind::Heartbeat) if !ack.stale => {}
            _ => drop(self.held.remove(&task)),
        }
    }

    async fn refund(&mut self, task: &TaskId) {
        if self.charged.remove(task)
            && let Some(peer) = &self.peer
        {
            peer.credit(1, 100).await;
        }
    }

    /// Goes one step further with one attempt.
    async fn work(&mut self, rng: &mut Rng, service: &mut Service) {
        let tasks: Vec<TaskId> = self.held.keys().cloned().collect();
        let Some(task) = rng.choice(&tasks) else { return };
        let outcome: Outcome = match self.held[task] {
            Stage::Submit | Stage::Reconcile => {
                service.jobs.insert(task.clone());
                self.held.insert(task.clone(), Stage::ReportSubmitted);
                self.refund(task).await;
                submitted("j")
            }
            Stage::ReportSubmitted => submitted("j"),
            Stage::Watch if rng.bool() => Outcome::Heartbeat(wire::Heartbeat {}),
            Stage::Watch | Stage::ReportEnd => {
                self.held.insert(task.clone(), Stage::ReportEnd);
                succeeded()
            }
            Stage::Cancel | Stage::ReportCancelled => {
                self.held.insert(task.clone(), Stage::ReportCancelled);
                cancelled()
            }
        };
        if let Some(peer) = &self.peer {
            peer.report(task, outcome).await;
        }
    }
}

struct World {
    rng: Rng,
    hub: Arc<Hub>,
    engine: Arc<FakeEngine>,
    service: Service,
    workers: Vec<Worker>,
    started: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let options = Options {
            queued_body_bytes: if rng.bool() { 2_000 } else { 1 << 20 },
            reconnect_grace_millis: rng.u64(0..200),
            claim_check_seconds: 1,
            body_reads: rng.usize(1..4),
            session_outbox: rng.usize(1..6),
            session_messages: rng.usize(1..4),
            ..Options::default()
        };
        let (hub, engine) = hub(options);
        let workers = (0..3).map(Worker::new).collect();
        Self { rng, hub, engine, service: Service::default(), workers, started: 0 }
    }

    async fn step(&mut self) {
        let n = self.rng.usize(..self.workers.len());
        match self.rng.u8(..20) {
            0..=2 => self.start(),
            3 => {
                let open = self.engine.open_tasks();
                if let Some(task) = self.rng.choice(&open) {
                    self.engine.cancel(task);
                }
            }
            4 => self.engine.fail(self.rng.usize(..4)),
            5 => self.engine.set_durable(self.rng.bool()),
            6 => sleep(Duration::from_millis(self.rng.u64(..400))).await,
            7 => self.workers[n].peer = None,
            8 => {
                // A crash: a new process knows nothing of what the old one had.
                let name = self.rng.u64(3..1_000);
                self.workers[n] = Worker::new(name);
            }
            9 => {
                if let Some(peer) = &self.workers[n].peer {
                    peer.send(Request::Draining(wire::Draining {})).await;
                    self.workers[n].draining = true;
                }
            }
            10..=11 => self.workers[n].connect(&self.hub).await,
            12..=15 => self.workers[n].listen(&mut self.service).await,
            _ => self.workers[n].work(&mut self.rng, &mut self.service).await,
        }
    }

    fn start(&mut self) {
        let count = self.rng.u64(1..4).min(ATTEMPTS - self.started);
        self.engine.start(submits(self.started..self.started + count));
        self.started += count;
    }

    /// Everybody is well and works until nothing is open.
    async fn finish(&mut self) {
        while self.started < ATTEMPTS {
            self.start();
        }
        self.engine.fail(0);
        self.engine.set_durable(true);
        for n in 0..self.workers.len() {
            self.workers[n].connect(&self.hub).await;
        }
        for _ in 0..5_000 {
            if self.engine.open_tasks().is_empty() {
                return;
            }
            for worker in &mut self.workers {
                worker.listen(&mut self.service).await;
                worker.work(&mut self.rng, &mut self.service).await;
            }
            sleep(Duration::from_millis(10)).await;
        }
        let held: Vec<_> = self.workers.iter().map(|worker| &worker.held).collect();
        panic!("lost: {:?}; held: {held:?}; {:?}", self.engine.open_tasks(), self.hub);
    }
}

/// What can be seen of a run.
#[derive(Debug, PartialEq)]
struct Seen {
    reports: Vec<(TaskId, Report)>,
    stats: Vec<FamilyStats>,
    submits_sent: usize,
}

/// Runs a seed in a runtime of its own, so that it doesn't depend on what ran before.
fn run(seed: u64) -> Seen {
    println!("seed {seed}");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(seed);
        for _ in 0..400 {
            world.step().await;
        }
        world.finish().await;
        settle().await;
        let (reports, stats) = (world.engine.reports(), world.hub.stats());
        world.hub.shutdown();
        Seen { reports, stats, submits_sent: world.service.submits_sent.len() }
    })
}

#[test]
fn nothing_is_lost_and_nothing_is_submitted_twice() {
    let mut submits_sent = 0;
    for seed in 0..SEEDS {
        let run = run(seed);
        for family in run.stats {
            assert_eq!((family.outstanding, family.queued_body_bytes), (0, 0), "{family:?}");
        }
        submits_sent += run.submits_sent;
    }
    // Most attempts are submitted rather than cancelled before, or this shows nothing.
    assert!(submits_sent as u64 > SEEDS * ATTEMPTS / 2, "{submits_sent}");
}

#[test]
fn a_seed_gives_the_same_run() {
    assert_eq!(run(11), run(11));
}
