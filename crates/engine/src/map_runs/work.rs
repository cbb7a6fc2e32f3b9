//! Working on a map run: take in what has become known, make it durable, begin what there is room for.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use newel_asl::error;
use newel_machine::{Fault, Input, MapRunKey, MapRunReport, Reply};
use newel_store::{EntityRow, Epoch, ExecutionFilter, ExecutionStatus, ExecutionsPage, FrameRow, Id, Op};
use newel_value::{Payload, Str};
use tokio::sync::{SemaphorePermit, oneshot};

use super::children::{Begun, ChildReport, closed_key};
use super::items::{ItemSource, Page, Recipe, source};
use super::record::{
    Ending, Life, MapReport, MapRunRecord, MapRunStatus, OUTPUT_ROW, OpenChild, PLAN_ROW, RedriveCursor,
    RunPlan,
};
use super::results::{ResultSink, sink};
use super::{Letters, News, life_key};
use crate::codec::{ExecutionRecord, decode, encode};
use crate::engine::Inner;
use crate::ids::arn_key;
use crate::mail::What;
use crate::request::{Redrivable, UpdateMapRun};
use crate::{Error, ErrorKind};

/// Children that are begun before the record is written again.
const PAGE: usize = 200;
/// Bytes of inputs of children that are begun before the record is written again, about.
const PAGE_BYTES: usize = 4 << 20;
/// Children that are looked at or stopped at once.
const AT_ONCE: usize = 64;
/// How long to wait before what couldn't be done is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// The lists of children that a redrive goes through.
const UNSUCCESSFUL: [ExecutionStatus; 3] =
    [ExecutionStatus::Failed, ExecutionStatus::TimedOut, ExecutionStatus::Aborted];

/// A run in memory.
struct Run<'a> {
    inner: &'a Arc<Inner>,
    id: Id,
    row: EntityRow,
    epoch: Epoch,
    record: MapRunRecord,
    plan: RunPlan,
    /// What is to be done once the next commit is durable.
    due: Due,
    /// Rows of the next commit beside the record's.
    ops: Vec<Op>,
    changed: bool,
    /// The next life, asked for while this one isn't over.
    next_life: Option<u64>,
    /// Lives that are to end before they have begun.
    aborted: Option<u64>,
    /// Shown that the run counts among those that may be open.
    permit: Option<SemaphorePermit<'a>>,
}

/// What follows a commit.
#[derive(Default)]
struct Due {
    begin: Page,
    redrive: Vec<(OpenChild, Id)>,
    answers: Vec<oneshot::Sender<Result<(), Error>>>,
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
        let mut run = Run {
            inner: self,
            id,
            epoch,
            plan: decode(&plan.record)?,
            record,
            row,
            due: Due::default(),
            ops: Vec::new(),
            changed: false,
            next_life: None,
            aborted: None,
            permit: None,
        };
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
        if let News::Update(_, answer) = news {
            let gone = Error::unavailable("the map run can't be reached; try again");
            // Whoever asked may have given up.
            let _gone = answer.send(Err(gone));
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

    fn keep(&mut self, results: Vec<(u32, Payload)>) {
        if let Ok(sink) = self.sink() {
            sink.keep(&mut self.record, self.id, results, &mut self.ops);
        }
    }

    fn sink(&self) -> Result<Box<dyn ResultSink>, Fault> {
        sink(&self.plan.settings, self.inner.limits.payload_bytes)
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

    /// Counts the end of a child, once, and gives what is kept of it.
    fn count(&mut self, report: ChildReport) -> Option<(u32, Payload)> {
        let open = self.record.open.binary_search_by_key(&report.index, |child| child.index).ok()?;
        if self.record.open[open].redrives != report.redrives {
            return None;
        }
        let child = self.record.open.remove(open);
        self.record.children.closed(report.status, 1);
        self.record.items.closed(report.status, u64::from(child.count));
        self.changed = true;
        Some((report.index, report.kept))
    }

    /// Looks at every child that the record has open: what became of it may have been told to nobody.
    async fn resume(&mut self, letters: &Letters) -> Result<(), Error> {
        if self.record.status != MapRunStatus::Running {
            return Ok(());
        }
        let open = self.record.open.clone();
        for some in open.chunks(AT_ONCE) {
            let arns: Vec<Str> = some.iter().map(|child| self.record.child_arn(child.index).0).collect();
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
                    None => self.begin_again(*child).await,
                }
            }
        }
        Ok(())
    }

    /// Has a child begin that is counted as open but isn't there; not if the run is ending.
    async fn begin_again(&mut self, child: OpenChild) {
        if self.record.ending.is_some() {
            self.record.open.retain(|open| open.index != child.index);
            self.record.never_begun.push(child);
            self.changed = true;
            return;
        }
        match self.input_again(child).await {
            Ok(input) => self.due.begin.push((child, input)),
            Err(fault) => {
                self.record.open.retain(|open| open.index != child.index);
                self.fail(fault);
            }
        }
    }

    async fn input_again(&self, child: OpenChild) -> Result<Payload, Fault> {
        let items =
            source(&self.plan.items)?.read(child.first, usize::try_from(child.count).unwrap_or(1)).await?;
        self.with_recipe(|recipe| recipe.again(child, &items)).await
    }

    /// Makes inputs where that holds up nobody else.
    async fn with_recipe<T>(&self, make: impl FnOnce(&Recipe<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let internal = |why: &str| Fault { error: Some(error::RUNTIME.into()), cause: Some(why.into()) };
        let compiled = self
            .inner
            .plan(self.record.machine, self.record.revision)
            .await
            .map_err(|why| internal(&why.to_string()))?;
        let Some((state, ..)) = compiled.plan.distributed_map(&self.record.state) else {
            return Err(internal("The definition has no such state"));
        };
        let random = || self.inner.env.random();
        let now = self.inner.env.now();
        make(&Recipe { plan: &self.plan, state, limits: &self.inner.limits, random: &random, now })
    }

    fn fail(&mut self, fault: Fault) {
        if self.record.ending.is_none() {
            self.record.ending = Some(Ending::Failed(fault));
        }
        self.changed = true;
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
            let inner = self.inner;
            tokio::select! {
                biased;
                () = inner.stop.cancelled() => return Ok(()),
                () = letters.arrived.notified() => {}
                permit = inner.map_run_permits.acquire(), if self.wants_permit() => self.permit = permit.ok(),
                () = tokio::time::sleep(AGAIN), if retry => {}
            }
        }
    }

    fn wants_permit(&self) -> bool {
        self.permit.is_none() && self.record.ending.is_none() && self.record.status == MapRunStatus::Running
    }

    /// One step of an open run: begins children, or ends.
    async fn go_on(&mut self) -> Result<(), Error> {
        if self.record.ending.is_none()
            && let Err(fault) = self.sink().map(drop)
        {
            self.fail(fault);
        }
        if self.record.ending.is_none() && self.record.exceeds_tolerance() {
            self.fail(Fault {
                error: Some(error::EXCEED_TOLERATED_FAILURE_THRESHOLD.into()),
                cause: Some("The specified tolerated failure threshold was exceeded".into()),
            });
        }
        if self.permit.is_none() && self.record.ending.is_none() {
            self.permit = self.inner.map_run_permits.try_acquire().ok();
        }
        if self.record.ending.is_none() && self.permit.is_some() {
            self.fill().await?;
        }
        let quiet = self.record.open.is_empty() && self.due.begin.is_empty() && self.due.redrive.is_empty();
        if quiet && (self.record.ending.is_some() || (self.permit.is_some() && self.record.is_exhausted())) {
            self.close().await?;
        }
        Ok(())
    }

    /// Plans as many children as there is room for.
    async fn fill(&mut self) -> Result<(), Error> {
        let mut room = self.record.room(self.inner.limits.map_run_concurrency).min(PAGE);
        while room > 0 && self.record.redrive.is_some() {
            room -= self.plan_redrives(room).await?;
        }
        if let Err(fault) = self.plan_children(room).await {
            self.fail(fault);
        }
        Ok(())
    }

    async fn plan_children(&mut self, room: usize) -> Result<(), Fault> {
        let mut bytes = 0;
        let mut room = room;
        while room > 0
            && let Some(child) = self.record.never_begun.pop()
        {
            self.changed = true;
            let input = self.input_again(child).await?;
            self.open(OpenChild { redrives: 0, ..child });
            self.due.begin.push((child, input));
            room -= 1;
        }
        let items = source(&self.plan.items)?;
        while room > 0 && self.record.next_item < self.record.total && bytes < PAGE_BYTES {
            let Some((child, input)) = self.next_child(&*items).await? else { break };
            bytes += input.text().len();
            self.record.next_item += u64::from(child.count);
            self.record.next_child += 1;
            self.open(child);
            self.due.begin.push((child, input));
            room -= 1;
        }
        Ok(())
    }

    /// The next child and its input, of as many items as it takes.
    async fn next_child(&self, items: &dyn ItemSource) -> Result<Option<(OpenChild, Payload)>, Fault> {
        let (first, index) = (self.record.next_item, self.record.next_child);
        let mut most = 1;
        if self.plan.settings.batch.is_some() {
            most = 256;
        }
        loop {
            let read = items.read(first, most).await?;
            let whole = first + u64::try_from(read.len()).unwrap_or(u64::MAX) >= items.total();
            let made = self.with_recipe(|recipe| recipe.next(&read, first, index, whole)).await?;
            if made.is_some() || whole {
                return Ok(made);
            }
            most *= 4;
        }
    }

    fn open(&mut self, child: OpenChild) {
        let place = self.record.open.partition_point(|open| open.index < child.index);
        self.record.open.insert(place, child);
        self.changed = true;
    }

    /// Plans the redrive of children that didn't succeed; gives how many.
    async fn plan_redrives(&mut self, room: usize) -> Result<usize, Error> {
        let Some(cursor) = self.record.redrive else { return Ok(0) };
        self.changed = true;
        let Some(status) = UNSUCCESSFUL.get(usize::from(cursor.list)).copied() else {
            self.record.redrive = None;
            return Ok(0);
        };
        let filter = ExecutionFilter { machine: self.id, status: Some(status) };
        let after = Some(cursor.after);
        let rows = self.inner.store.executions(ExecutionsPage { filter, after, limit: room }).await?;
        let Some(last) = rows.last() else {
            let list = cursor.list + 1;
            self.record.redrive = Some(RedriveCursor { list, after: self.record.redrive_from() });
            return Ok(0);
        };
        self.record.redrive = Some(RedriveCursor { after: (last.sort_at, last.id), ..cursor });
        let mut planned = 0;
        for row in rows {
            let record: ExecutionRecord = decode(&row.record)?;
            let Some(child) = &record.child else { continue };
            let refused = self.inner.redrivable_child(&row, &record) != Redrivable::Yes;
            let unless = refused.then_some(status);
            self.record.children.redriven(1, unless);
            self.record.items.redriven(u64::from(child.items), unless);
            if !refused {
                let redrives = record.redrives.count + 1;
                let open = OpenChild { index: child.index, first: 0, count: child.items, redrives };
                self.open(open);
                self.due.redrive.push((open, row.id));
                planned += 1;
            }
        }
        Ok(planned)
    }

    /// Begins the next life of a run that is over, if one is wanted.
    fn reopen(&mut self) {
        let Some(life) = self.next_life.filter(|_| self.record.told) else { return };
        self.next_life = None;
        let now = self.inner.env.now();
        // Lives that came and went while an earlier one was ending.
        for passed in self.record.redrives + 1..life {
            self.ops.push(Op::DeleteOutbox(life_key(self.id, Life::Run(passed))));
            self.ops.push(Op::DeleteOutbox(life_key(self.id, Life::Abort(passed))));
        }
        let record = &mut self.record;
        // Children that fail in the new life must be told from those of the one before by when they stopped.
        let after = record.stopped_at.map_or(now, |stopped| stopped.plus_millis(1));
        record.redrives = life;
        record.redriven_at = Some(now.max(after));
        record.status = MapRunStatus::Running;
        record.stopped_at = None;
        record.ending = None;
        record.told = false;
        record.children.begin_redrive();
        record.items.begin_redrive();
        record.redrive = Some(RedriveCursor { list: 0, after: record.redrive_from() });
        if self.aborted >= Some(life) {
            record.ending = Some(Ending::Aborted);
        }
        self.changed = true;
    }

    /// The run is over: settles how.
    async fn close(&mut self) -> Result<(), Error> {
        let rows = self.inner.opened_frames(self.inner.store.frames(self.id).await?)?;
        let report = match self.record.ending.take() {
            Some(Ending::Aborted) => None,
            Some(Ending::Failed(fault)) => Some(MapReport::Failed(fault)),
            None => match self.result(&rows)? {
                Ok(output) => Some(MapReport::Succeeded(output)),
                Err(fault) => Some(MapReport::Failed(fault)),
            },
        };
        self.record.status = match &report {
            None => MapRunStatus::Aborted,
            Some(MapReport::Failed(_)) => MapRunStatus::Failed,
            Some(MapReport::Succeeded(_)) => MapRunStatus::Succeeded,
        };
        self.record.stopped_at = Some(self.inner.env.now());
        self.permit = None;
        self.changed = true;
        let life = self.record.redrives;
        match report {
            Some(report) => {
                let row = FrameRow { execution: self.id, path: OUTPUT_ROW.into(), record: encode(&report) };
                self.ops.push(Op::PutFrame(row));
            }
            None => self.end_life(life, false),
        }
        Ok(())
    }

    /// The run's result; rows that are about to be written count too.
    fn result(&self, rows: &[FrameRow]) -> Result<Result<Payload, Fault>, Error> {
        let mut rows = rows.to_vec();
        rows.extend(self.ops.iter().filter_map(|op| match op {
            Op::PutFrame(row) => Some(row.clone()),
            _ => None,
        }));
        match self.sink() {
            Ok(sink) => sink.finish(&self.record, &rows),
            Err(fault) => Ok(Err(fault)),
        }
    }

    /// Nobody waits for a life any more.
    fn end_life(&mut self, life: u64, taken: bool) {
        self.record.told = true;
        self.ops.push(Op::DeleteOutbox(life_key(self.id, Life::Run(life))));
        self.ops.push(Op::DeleteOutbox(life_key(self.id, Life::Abort(life))));
        if taken && self.record.status == MapRunStatus::Succeeded {
            // The execution has the result, so nothing can be asked of the run again.
            self.ops.push(Op::DeleteFrames(self.id));
        }
        self.changed = true;
    }

    /// Tells the execution how the run ended.
    async fn tell(&mut self) -> Result<(), Error> {
        let rows = self.inner.opened_frames(self.inner.store.frames(self.id).await?)?;
        let row = rows.iter().find(|row| &*row.path == OUTPUT_ROW);
        let row = row.ok_or_else(|| Error::new(ErrorKind::Internal, "how a map run ended is missing"))?;
        let report = match decode::<MapReport>(&row.record)? {
            MapReport::Succeeded(output) => MapRunReport::Succeeded(output),
            MapReport::Failed(fault) => MapRunReport::Failed(fault),
        };
        let key = MapRunKey { frame: self.record.frame.clone(), arn: self.record.arn.clone() };
        let life = self.record.redrives;
        let input = Input::MapRun(key, life, report);
        let reply = self.inner.ask(self.record.execution, What::Input(input)).await?;
        self.end_life(life, reply == Reply::Accepted);
        Ok(())
    }

    /// Makes what has changed durable.
    async fn save(&mut self) -> Result<(), Error> {
        let mut ops = std::mem::take(&mut self.ops);
        if self.changed {
            let row = EntityRow { record: encode(&self.record), ..self.row.clone() };
            ops.insert(0, Op::UpdateEntity(row));
        }
        if !ops.is_empty() {
            let plan = self.inner.plan(self.record.machine, self.record.revision).await?;
            if let Some(sealing) = &plan.sealing {
                self.inner.seal_rows(sealing, &mut ops)?;
            }
            self.inner.env.failpoint("before-map-run-commit");
            self.inner.commit_under(self.id.shard(), self.epoch, ops).await?;
            self.inner.env.failpoint("after-map-run-commit");
        }
        self.changed = false;
        Ok(())
    }

    /// Does what was waiting for the commit. Says whether some of it must be tried again.
    async fn follow_up(&mut self) -> bool {
        for answer in self.due.answers.drain(..) {
            // Whoever asked may have given up.
            let _gone = answer.send(Ok(()));
        }
        self.begin_children().await | self.redrive_children().await
    }

    async fn begin_children(&mut self) -> bool {
        let page = std::mem::take(&mut self.due.begin);
        let begun = join_all(page.into_iter().map(async |(child, input)| {
            let (info, keep) = (&self.plan.scope.info, self.plan.settings.transformation);
            let begun = self.inner.begin_child(self.id, &self.record, info, keep, child, input.clone()).await;
            (child, input, begun)
        }))
        .await;
        let mut results = Vec::new();
        let mut failed = false;
        for (child, input, begun) in begun {
            match begun {
                Ok(Begun::Open) => {}
                Ok(Begun::Closed(report)) => results.extend(self.count(report)),
                Err(error) => {
                    tracing::debug!(map_run = %self.record.arn, %error, "a child will begin later");
                    failed = true;
                    self.due.begin.push((child, input));
                }
            }
        }
        self.keep(results);
        failed
    }

    async fn redrive_children(&mut self) -> bool {
        let redrives = std::mem::take(&mut self.due.redrive);
        let asked = join_all(redrives.into_iter().map(async |(child, id)| {
            let asked = self.inner.ask(id, What::Input(Input::Redrive { token: None })).await;
            (child, id, asked)
        }))
        .await;
        let mut failed = false;
        for (child, id, asked) in asked {
            if let Err(error) = asked {
                tracing::debug!(map_run = %self.record.arn, %error, "a child will be redriven later");
                failed = true;
                self.due.redrive.push((child, id));
            }
        }
        failed
    }

    /// Stops the children that are open.
    async fn stop_children(&mut self) {
        // Those that haven't begun needn't; of one whose beginning is in doubt the store tells.
        for (child, input) in std::mem::take(&mut self.due.begin) {
            match self.inner.look_at_child(&self.record.child_arn(child.index).0).await {
                Ok(None) => {
                    self.record.open.retain(|open| open.index != child.index);
                    self.record.never_begun.push(child);
                    self.changed = true;
                }
                Ok(Some(Begun::Open)) => {}
                Ok(Some(Begun::Closed(report))) => {
                    let result = self.count(report);
                    self.keep(result.into_iter().collect());
                }
                Err(_) => self.due.begin.push((child, input)),
            }
        }
        let arns: Vec<Str> =
            self.record.open.iter().map(|child| self.record.child_arn(child.index).0).collect();
        for some in arns.chunks(AT_ONCE) {
            let stops = some.iter().map(async |arn| {
                let Some(row) = self.inner.store.execution_by_arn(arn_key(arn)).await? else { return Ok(()) };
                if row.status == ExecutionStatus::Running {
                    self.inner.ask(row.id, What::stop(Fault::default())).await?;
                }
                Ok::<_, Error>(())
            });
            for stopped in join_all(stops).await {
                if let Err(error) = stopped {
                    tracing::debug!(map_run = %self.record.arn, %error, "a child isn't stopped yet");
                }
            }
        }
    }
}

impl Due {
    fn is_empty(&self) -> bool {
        self.begin.is_empty() && self.redrive.is_empty() && self.answers.is_empty()
    }
}

impl MapRunRecord {
    /// What children that a redrive takes up stopped before: lists are read from there, newest first.
    fn redrive_from(&self) -> (newel_asl::Timestamp, Id) {
        (self.redriven_at.unwrap_or(self.started_at), Id::MIN)
    }
}
