//! Working on a map run: take in what has become known, make it durable, begin what there is room for.
//!
//! What begins next is in `plan.rs`, what ends in `ends.rs`, what follows a commit in `effects.rs`.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use newel_machine::threshold_exceeded;
use newel_store::{EntityRow, Epoch, Id, Op};
use newel_value::Str;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::children::{Begun, closed_key};
use super::items::{Items, Page};
use super::record::{Ending, Life, MapRunRecord, MapRunStatus, OpenChild, PLAN_ROW, RunPlan};
use super::transfers::Transfer;
use super::writing::NextStage;
use super::{Letters, News, life_key};
use crate::codec::{decode, encode};
use crate::engine::Inner;
use crate::ids::arn_key;
use crate::open::tenant_of;
use crate::plans::Compiled;
use crate::request::UpdateMapRun;
use crate::task::{Settled, TaskId};
use crate::{Error, ErrorKind};

/// Children that are looked at or stopped at once.
pub(super) const AT_ONCE: usize = 64;
/// How long to wait before what couldn't be done is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// A run in memory.
pub(super) struct Run<'a> {
    pub(super) inner: &'a Arc<Inner>,
    pub(super) id: Id,
    pub(super) row: EntityRow,
    pub(super) epoch: Epoch,
    pub(super) record: MapRunRecord,
    pub(super) plan: RunPlan,
    /// The definition that has the Map.
    pub(super) compiled: Arc<Compiled>,
    /// What is to be done once the next commit is durable.
    pub(super) due: Due,
    /// Rows of the next commit beside the record's.
    pub(super) ops: Vec<Op>,
    pub(super) changed: bool,
    /// The next life, asked for while this one isn't over.
    pub(super) next_life: Option<u64>,
    /// Lives that are to end before they have begun.
    pub(super) aborted: Option<u64>,
    /// Shown that the run counts among those that may be open.
    pub(super) permit: Option<OwnedSemaphorePermit>,
    /// The permits of its tenant.
    permits: Arc<Semaphore>,
    /// The items at hand.
    pub(super) items: Items,
    /// Whether children could begin if there were more items at hand.
    pub(super) short_of_items: bool,
    /// What a worker does for the run.
    pub(super) errand: Option<Errand>,
}

/// What a worker does for a run. There is one at a time.
pub(super) enum Errand {
    /// It reads a page of items.
    Read(Transfer),
    /// It writes a file of results.
    Write(Transfer, NextStage),
}

impl Errand {
    pub(super) const fn task(&self) -> &TaskId {
        match self {
            Self::Read(transfer) | Self::Write(transfer, _) => &transfer.task,
        }
    }
}

/// What follows a commit.
#[derive(Default)]
pub(super) struct Due {
    pub(super) begin: Page,
    pub(super) redrive: Vec<(OpenChild, Id)>,
    pub(super) answers: Vec<oneshot::Sender<Result<(), Error>>>,
    /// Reports of transfers.
    pub(super) settled: Vec<oneshot::Sender<Result<Settled, Error>>>,
}

impl Inner {
    /// Works on a run until it is over and nothing waits for it.
    pub(super) async fn work_on_map_run(self: Arc<Self>, id: Id, arn: Str, letters: &Letters) {
        loop {
            let again = match self.map_run_life(id, &arn, letters).await {
                Ok(()) => false,
                Err(error) if error.kind == ErrorKind::Internal => {
                    tracing::error!(map_run = %arn, %error, "a map run can't go on");
                    forget(letters.take());
                    false
                }
                Err(error) => {
                    tracing::debug!(map_run = %arn, %error, "a map run will go on later");
                    true
                }
            };
            if self.stop.is_cancelled() {
                return;
            }
            let again = self.delete_letters(letters).await || again;
            if again {
                // What was in memory is forgotten, so all that it had been told is found again in the store.
                letters.waiting.lock().push(News::Life(0));
                if self.stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await.is_none() {
                    return;
                }
            } else if self.leave_map_run(id, letters) {
                return;
            }
        }
    }

    async fn map_run_life(self: &Arc<Self>, id: Id, arn: &Str, letters: &Letters) -> Result<(), Error> {
        let shard = self.shard(id).ok_or_else(|| Error::new(ErrorKind::Internal, "no such shard"))?;
        let opened = self.stop.run_until_cancelled(shard.opened()).await.flatten();
        let epoch = opened.ok_or_else(|| Error::unavailable("the shard is changing hands; try again"))?;
        let news = letters.take();
        let Some(row) = self.store.entity(arn_key(arn)).await? else {
            forget(news);
            return Ok(());
        };
        let rows = self.opened_frames(self.store.frames(id).await?)?;
        let record: MapRunRecord = decode(&row.record)?;
        let Some(plan) = rows.iter().find(|row| &*row.path == PLAN_ROW) else {
            // Nothing is left of it but its record: it is over for good.
            return self.clear_up(id, &row, epoch, record, news).await;
        };
        let compiled = self.plan(record.machine, record.revision).await?;
        let plan: RunPlan = decode(&plan.record)?;
        let tenant = tenant_of(arn).ok_or_else(|| Error::new(ErrorKind::Internal, "its ARN is none"))?;
        let permits = self.map_run_permits.of(&tenant);
        let mut run = Run {
            inner: self,
            items: Items::of(&plan.items),
            short_of_items: false,
            errand: None,
            compiled,
            id,
            epoch,
            plan,
            record,
            row,
            due: Due::default(),
            ops: Vec::new(),
            changed: false,
            next_life: None,
            aborted: None,
            permit: None,
            permits,
        };
        run.load_pages(&rows)?;
        run.read_orders().await?;
        run.take_in(news);
        run.resume(letters).await?;
        run.work(letters).await
    }

    /// Takes away what stands in the outbox for a run that is over for good, and answers.
    async fn clear_up(
        self: &Arc<Self>,
        id: Id,
        row: &EntityRow,
        epoch: Epoch,
        record: MapRunRecord,
        news: Vec<News>,
    ) -> Result<(), Error> {
        let mut ops = vec![Op::UpdateEntity(EntityRow { record: encode(&record), ..row.clone() })];
        for news in news {
            match news {
                News::Life(life) => ops.push(Op::DeleteOutbox(life_key(id, Life::Run(life)))),
                News::Abort(life) => ops.push(Op::DeleteOutbox(life_key(id, Life::Abort(life)))),
                News::Closed(_) => {}
                News::Transfer(told) => told.refuse(),
                News::Update(_, answer) => refuse_update(answer, &record.arn),
            }
        }
        self.commit_under(id.shard(), epoch, ops).await
    }

    /// Takes away the rows of children's ends that the run has heard of. Says whether some must be tried again.
    async fn delete_letters(self: &Arc<Self>, letters: &Letters) -> bool {
        let mut spent = std::mem::take(&mut *letters.spent.lock());
        spent.sort_unstable();
        spent.dedup();
        let by_shard = spent.chunk_by(|a, b| a.0.shard() == b.0.shard()).map(async |of_shard| {
            let ops = of_shard.iter().map(|(id, redrives)| Op::DeleteOutbox(closed_key(*id, *redrives)));
            let deleted = self.commit(of_shard[0].0.shard(), ops.collect()).await;
            deleted.is_err().then(|| of_shard.to_vec())
        });
        let kept: Vec<(Id, u64)> = join_all(by_shard).await.into_iter().flatten().flatten().collect();
        let again = !kept.is_empty();
        letters.spent.lock().extend(kept);
        again
    }
}

/// Answers what a run was told that isn't there.
fn forget(news: Vec<News>) {
    for news in news {
        match news {
            News::Update(_, answer) => {
                let gone = Error::unavailable("the map run can't be reached; try again");
                // Whoever asked may have given up.
                let _gone = answer.send(Err(gone));
            }
            News::Transfer(told) => told.refuse(),
            News::Life(_) | News::Abort(_) | News::Closed(_) => {}
        }
    }
}

fn refuse_update(answer: oneshot::Sender<Result<(), Error>>, arn: &str) {
    // Whoever asked may have given up.
    let _gone = answer.send(Err(super::api::completed(arn)));
}

impl Run<'_> {
    /// What stands in the outbox for the run: it may be more than it was told.
    async fn read_orders(&mut self) -> Result<(), Error> {
        let (shard, life) = (self.id.shard(), self.record.redrives);
        for next in life.. {
            let begun = self.inner.outbox_record(shard, &life_key(self.id, Life::Run(next))).await?.is_some();
            let ended =
                self.inner.outbox_record(shard, &life_key(self.id, Life::Abort(next))).await?.is_some();
            if begun {
                self.hear(News::Life(next));
            }
            if ended {
                self.hear(News::Abort(next));
            }
            if next > life && !begun {
                break;
            }
        }
        Ok(())
    }

    fn take_in(&mut self, news: Vec<News>) {
        let mut results = Vec::new();
        for news in news {
            match news {
                News::Closed(report) => results.extend(self.count(report)),
                other => self.hear(other),
            }
        }
        self.keep(results);
    }

    /// Anything but the end of a child.
    fn hear(&mut self, news: News) {
        match news {
            News::Life(life) if life > self.record.redrives => {
                self.next_life = self.next_life.max(Some(life))
            }
            News::Life(_) => {}
            News::Abort(life) if life == self.record.redrives => {
                if self.record.told {
                    self.ops.push(Op::DeleteOutbox(life_key(self.id, Life::Abort(life))));
                    self.changed = true;
                } else if self.record.status == MapRunStatus::Running && self.record.ending.is_none() {
                    self.record.ending = Some(Ending::Aborted);
                    self.changed = true;
                }
            }
            News::Abort(life) if life > self.record.redrives => self.aborted = self.aborted.max(Some(life)),
            News::Abort(life) => {
                self.ops.push(Op::DeleteOutbox(life_key(self.id, Life::Abort(life))));
                self.changed = true;
            }
            News::Update(update, answer) => self.update(update, answer),
            News::Transfer(told) => self.transferred(told),
            News::Closed(report) => {
                let result = self.count(report);
                self.keep(result.into_iter().collect());
            }
        }
    }

    fn update(&mut self, update: UpdateMapRun, answer: oneshot::Sender<Result<(), Error>>) {
        if self.record.status != MapRunStatus::Running {
            refuse_update(answer, &self.record.arn);
            return;
        }
        let record = &mut self.record;
        record.max_concurrency = update.max_concurrency.unwrap_or(record.max_concurrency);
        record.tolerated_failure_count = update.tolerated_failure_count.or(record.tolerated_failure_count);
        record.tolerated_failure_percentage =
            update.tolerated_failure_percentage.or(record.tolerated_failure_percentage);
        self.due.answers.push(answer);
        self.changed = true;
    }

    /// Looks at every child that the record has open: what became of it may have been told to nobody.
    async fn resume(&mut self, letters: &Letters) -> Result<(), Error> {
        if self.record.status != MapRunStatus::Running {
            return Ok(());
        }
        let open = self.record.open.clone();
        for some in open.chunks(AT_ONCE) {
            let arns: Vec<Str> = some.iter().map(|child| self.record.child_arn(child.index)).collect();
            let looks = join_all(arns.iter().map(|arn| self.inner.look_at_child(arn))).await;
            for (child, found) in some.iter().zip(looks) {
                match found? {
                    Some(Begun::Open) => {}
                    Some(Begun::Closed(report)) if report.redrives < child.redrives => {
                        self.due.redrive.push((*child, report.id));
                    }
                    Some(Begun::Closed(report)) => {
                        letters.spent.lock().extend(report.letter());
                        let result = self.count(report);
                        self.keep(result.into_iter().collect());
                    }
                    None => self.begin_again(*child),
                }
            }
        }
        Ok(())
    }

    /// Has a child begin that is counted as open but isn't there; not if the run is ending.
    fn begin_again(&mut self, child: OpenChild) {
        if self.record.ending.is_some() {
            self.record.open.retain(|open| open.index != child.index);
            self.record.never_begun.push(child);
            self.changed = true;
            return;
        }
        match self.input_again(child) {
            Ok(input) => self.due.begin.push((child, input)),
            Err(fault) => {
                self.record.open.retain(|open| open.index != child.index);
                self.fail(fault);
            }
        }
    }

    /// Goes on until the run is over.
    async fn work(mut self, letters: &Letters) -> Result<(), Error> {
        let mut stop_at = None;
        loop {
            self.take_in(letters.take());
            if self.record.status == MapRunStatus::Running {
                self.go_on().await?;
            } else {
                self.reopen();
            }
            if self.changed || !self.due.is_empty() {
                self.save().await?;
                let failed = self.follow_up().await;
                if !failed {
                    continue;
                }
            }
            let letters_left = self.inner.delete_letters(letters).await;
            if self.record.status != MapRunStatus::Running {
                if !self.record.told {
                    self.tell().await?;
                    continue;
                }
                if self.next_life.is_none() {
                    return Ok(());
                }
                continue;
            }
            let stopping = self.record.ending.is_some() && !self.record.open.is_empty();
            if stopping && stop_at.is_none_or(|at| tokio::time::Instant::now() >= at) {
                self.stop_children().await;
                stop_at = Some(tokio::time::Instant::now() + AGAIN);
                continue;
            }
            let retry = stopping || letters_left || !self.due.is_empty();
            let (inner, permits) = (self.inner, Arc::clone(&self.permits));
            tokio::select! {
                biased;
                () = inner.stop.cancelled() => return Ok(()),
                () = letters.arrived.notified() => {}
                permit = permits.acquire_owned(), if self.wants_permit() => self.permit = permit.ok(),
                () = tokio::time::sleep(AGAIN), if retry => {}
            }
        }
    }

    fn wants_permit(&self) -> bool {
        self.permit.is_none() && self.record.ending.is_none() && self.record.status == MapRunStatus::Running
    }

    /// One step of an open run: begins children, or ends.
    async fn go_on(&mut self) -> Result<(), Error> {
        if self.record.ending.is_none() && self.record.exceeds_tolerance() {
            self.fail(threshold_exceeded());
        }
        if self.permit.is_none() && self.record.ending.is_none() {
            self.permit = Arc::clone(&self.permits).try_acquire_owned().ok();
        }
        self.let_pages_go();
        if self.record.ending.is_none() && self.permit.is_some() {
            self.fill().await?;
        }
        if self.record.ending.is_none() && self.permit.is_some() {
            self.read_ahead();
        } else {
            // What would still be read has no use.
            self.errand.take_if(|errand| matches!(errand, Errand::Read(_)));
        }
        let quiet = self.record.open.is_empty() && self.due.begin.is_empty() && self.due.redrive.is_empty();
        if quiet && (self.record.ending.is_some() || (self.permit.is_some() && self.record.is_exhausted())) {
            if self.must_write() {
                self.write_on().await?;
            }
            if !self.must_write() {
                self.close().await?;
            }
        }
        Ok(())
    }
}

impl Due {
    fn is_empty(&self) -> bool {
        self.begin.is_empty() && self.redrive.is_empty() && self.answers.is_empty() && self.settled.is_empty()
    }
}
