//! Map runs: the children of a distributed Map, begun a page at a time and counted in batches.
//!
//! A run is an entity of its execution's shard. Whoever works on it (`work.rs`, one at a time) has its record in memory, changes
//! it by what has become known, makes that durable, and only then begins children or answers anybody. Children are
//! executions like others, on any shard: their names are derived from the run and their number, so beginning one twice begins
//! one, and each tells the run when it closes.
//!
//! Invariants:
//! * MAP-1: a child is begun after the record that counts it as open is durable, so none is forgotten.
//! * MAP-2: a child's end counts once: only while the record has it open, and only for the redrive it is open for.
//! * MAP-3: no more children are open than the run's concurrency.
//! * MAP-4: memory is bounded by a few pages of items and by the results that a state's result may hold, or by a file of them,
//!   however many items there are.
//! * MAP-5: an outbox row stands for each life of a run (its beginning and each redrive) until its execution has heard how it
//!   ended, and for each abort until the run is closed.
//! * MAP-6: an item that was read is read once: its page is durable together with where the next one begins, and is kept until
//!   every child of it has begun.
//!
//! If we die between a commit and what follows it, the next one who works on the run looks at every open child: one that isn't
//! there is begun, one that is closed is counted.

mod api;
mod children;
mod counts;
mod effects;
mod ends;
mod items;
mod plan;
mod reading;
mod record;
mod results;
mod transfers;
mod work;
mod writing;

use std::collections::HashMap;
use std::sync::Arc;

use newel_asl::timestamp::Timestamp;
use newel_machine::{MapRunKey, MapRunOrder};
use newel_store::{EntityKind, EntityRow, FrameRow, Id, Op, OutboxKey, OutboxRow};
use newel_value::Str;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::Error;
use crate::activation::Loaded;
use crate::codec::{OutboxRecord, encode};
use crate::engine::Inner;
use crate::ids::{arn_key, map_run_id};
use crate::request::UpdateMapRun;

pub(crate) use children::{ChildReport, child_closed, report_of};
pub use record::MapRunStatus;
pub(crate) use record::{Child, Life, MapRunRecord};
use record::{PLAN_ROW, RunPlan};
use transfers::TransferReport;
pub(crate) use transfers::{Transfers, is_transfer};

/// Updates that may wait for one run.
const WAITING_UPDATES: usize = 100;

/// The runs that are being worked on, and what they don't know yet.
#[derive(Debug, Default)]
pub(crate) struct MapRuns(Mutex<HashMap<Id, Arc<Letters>>>);

/// What a run doesn't know yet.
#[derive(Debug, Default)]
struct Letters {
    waiting: Mutex<Vec<News>>,
    arrived: Notify,
    /// Rows of children's ends that the run has heard of. They are only a reminder for when the child's shard is read again:
    /// what became of a child that is open is looked at whenever the run is loaded.
    spent: Mutex<Vec<(Id, u64)>>,
}

/// Something that a run is told.
#[derive(Debug)]
pub(crate) enum News {
    /// A life of it is to be worked on: 0 is its beginning, n its n-th redrive.
    Life(u64),
    /// Its execution doesn't wait for that life any more.
    Abort(u64),
    /// A child has closed.
    Closed(ChildReport),
    /// A worker has read or written something for it, or couldn't.
    Transfer(TransferReport),
    /// A client changes its settings.
    Update(UpdateMapRun, oneshot::Sender<Result<(), Error>>),
}

impl Letters {
    fn take(&self) -> Vec<News> {
        let news = std::mem::take(&mut *self.waiting.lock());
        let spent = news.iter().filter_map(|news| match news {
            News::Closed(report) => report.letter(),
            News::Life(_) | News::Abort(_) | News::Transfer(_) | News::Update(..) => None,
        });
        self.spent.lock().extend(spent);
        news
    }
}

impl Inner {
    /// Tells a run something, and has it worked on.
    pub(crate) fn tell_map_run(self: &Arc<Self>, id: Id, arn: &Str, news: News) {
        let mut runs = self.map_runs.0.lock();
        if let Some(letters) = runs.get(&id) {
            let mut waiting = letters.waiting.lock();
            match news {
                // What else comes is bounded by the children that are open and by the run's lives.
                News::Update(_, answer) if waiting.len() >= WAITING_UPDATES => {
                    let busy = Error::unavailable("too much is waiting for this map run; try again");
                    // Whoever asked may have given up.
                    let _gone = answer.send(Err(busy));
                }
                news => waiting.push(news),
            }
            letters.arrived.notify_one();
            return;
        }
        let letters = Arc::new(Letters::default());
        letters.waiting.lock().push(news);
        runs.insert(id, Arc::clone(&letters));
        let (inner, arn) = (Arc::clone(self), arn.clone());
        self.env.spawn(Box::pin(async move { inner.work_on_map_run(id, arn, &letters).await }));
    }

    /// Stops counting a run as being worked on, unless something has come for it.
    fn leave_map_run(&self, id: Id, letters: &Letters) -> bool {
        let mut runs = self.map_runs.0.lock();
        let quiet = letters.waiting.lock().is_empty() && letters.spent.lock().is_empty();
        if quiet {
            runs.remove(&id);
        }
        quiet
    }
}

/// The rows of a new map run.
pub(crate) fn begin(loaded: &Loaded, order: MapRunOrder, now: Timestamp, ops: &mut Vec<Op>) -> Id {
    let info = &loaded.execution.info;
    let id = map_run_id(loaded.id, info.started_at, &order.key.arn);
    let record = MapRunRecord::new(loaded, &order, now);
    ops.push(Op::InsertEntity(EntityRow {
        id,
        kind: EntityKind::MapRun,
        arn: arn_key(&order.key.arn),
        list: arn_key(&info.arn),
        created_at: now,
        record: encode(&record),
    }));
    let plan = RunPlan { items: order.items, settings: order.settings, scope: order.scope };
    ops.push(Op::PutFrame(FrameRow { execution: id, path: PLAN_ROW.into(), record: encode(&plan) }));
    ops.push(put_life(id, &order.key.arn, Life::Run(0)));
    id
}

/// The row that has a life of a run worked on or ended, and which run that is.
pub(crate) fn put_word(loaded: &Loaded, key: &MapRunKey, life: Life, ops: &mut Vec<Op>) -> Id {
    let id = map_run_id(loaded.id, loaded.execution.info.started_at, &key.arn);
    ops.push(put_life(id, &key.arn, life));
    id
}

fn put_life(id: Id, arn: &Str, life: Life) -> Op {
    Op::PutOutbox(OutboxRow {
        shard: id.shard(),
        key: life_key(id, life),
        record: encode(&OutboxRecord::MapRun { id, arn: arn.clone(), life }),
    })
}

/// The outbox row of a life of a map run, or of its abort.
fn life_key(id: Id, life: Life) -> OutboxKey {
    let (letter, number) = match life {
        Life::Run(number) => (b'm', number),
        Life::Abort(number) => (b'n', number),
    };
    let mut key = Vec::with_capacity(25);
    key.extend_from_slice(&id.0);
    key.push(letter);
    key.extend_from_slice(&number.to_be_bytes());
    key.into()
}
