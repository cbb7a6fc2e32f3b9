//! Express executions that nobody waits for: a row until they are closed, and run again after a crash.

use std::sync::Arc;
use std::time::Duration;

use newel_machine::{Info, Input};
use newel_store::{Op, OutboxRow};

use super::Room;
use crate::codec::{ExpressRecord, OutboxRecord, encode};
use crate::engine::Inner;
use crate::ids::{express_key, new_id, shard_of};
use crate::request::{StartExecution, StartedExecution};
use crate::versions::Target;
use crate::{Error, ErrorKind};

/// How long to wait before a row is read or taken away again when that couldn't be done.
const RETRY: Duration = Duration::from_millis(200);

impl Inner {
    /// Starts an execution that nobody waits for. Repeating a start starts another.
    pub(crate) async fn start_express(
        self: &Arc<Self>,
        request: StartExecution,
        target: &Target,
    ) -> Result<StartedExecution, Error> {
        let test_case = self.mocked.of_start(&request, &target.machine.record.name)?;
        let room = self.express.admit(request.input.text().len())?;
        let trace_header = request.trace_header.clone();
        let plan = self.plan(target.machine.row.id, target.revision).await?;
        let info = self.express_info(request, target, &plan);
        let started = StartedExecution { arn: info.arn.clone(), started_at: info.started_at };
        let shard = shard_of(&info.arn, self.store.shard_count());
        let record = ExpressRecord {
            row: new_id(&*self.env, shard, info.started_at),
            machine: target.machine.row.id,
            revision: target.revision,
            arn: info.arn,
            name: info.name,
            machine_arn: info.machine_arn,
            machine_name: info.machine_name,
            role_arn: info.role_arn,
            account: info.account,
            region: info.region,
            alias_arn: info.alias_arn,
            version_arn: info.version_arn,
            trace_header,
            input: info.input,
            test_case,
        };
        let mut put = [Op::PutOutbox(OutboxRow {
            shard,
            key: express_key(record.row),
            record: encode(&OutboxRecord::Express(Box::new(record.clone()))),
        })];
        if let Some(sealing) = &plan.sealing {
            self.seal_rows(sealing, &mut put)?;
        }
        // Before the commit: recovery may find the row as soon as that is done.
        self.express.rows.lock().insert(record.row, record.machine);
        if let Err(error) = self.commit(shard, put.into()).await {
            self.express.rows.lock().remove(&record.row);
            return Err(error);
        }
        self.env.failpoint("after-express-start");
        let inner = Arc::clone(self);
        self.env.spawn(Box::pin(async move { inner.run_durably(record, room).await }));
        Ok(started)
    }

    /// Recovery has found the row of an execution: it is run from its start, unless this process runs it already.
    pub(crate) fn express_again(self: &Arc<Self>, record: ExpressRecord) {
        if self.express.rows.lock().contains_key(&record.row) {
            return;
        }
        let inner = Arc::clone(self);
        self.env.spawn(Box::pin(async move {
            // Whoever ran it here may have closed it since the row was read: the row goes before the entry does.
            if inner.stands(&record).await && inner.claim(&record) {
                let room = Room::new(&inner.express.level, record.input.text().len());
                inner.run_durably(record, room).await;
            }
        }));
    }

    /// Enters an execution as one that this process runs; false if it is one.
    fn claim(&self, record: &ExpressRecord) -> bool {
        self.express.rows.lock().insert(record.row, record.machine).is_none()
    }

    /// Whether the row of an execution is still there.
    async fn stands(&self, record: &ExpressRecord) -> bool {
        loop {
            match self.outbox_record(record.row.shard(), &express_key(record.row)).await {
                Ok(row) => return matches!(row, Some(OutboxRecord::Express(_))),
                Err(error) if error.kind == ErrorKind::Unavailable => {
                    tracing::warn!(execution = &*record.arn, %error, "the execution will be looked at again");
                }
                Err(error) => {
                    tracing::error!(execution = &*record.arn, %error, "the execution is left alone");
                    return false;
                }
            }
            if self.stop.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_none() {
                return false;
            }
        }
    }

    /// Runs an execution to its end and takes its row away.
    async fn run_durably(self: &Arc<Self>, record: ExpressRecord, room: Room) {
        let (row, arn) = (record.row, record.arn.clone());
        let ended = self.run_from_start(record, room).await;
        match ended {
            Ok(()) => self.take_away(row).await,
            // The process stops; the next one runs it again.
            Err(error) if error.kind == ErrorKind::Unavailable => {}
            Err(error) => {
                // Running it again would end the same way.
                tracing::error!(execution = &*arn, %error, "an Express execution can't go on");
                self.take_away(row).await;
            }
        }
        self.express.rows.lock().remove(&row);
    }

    async fn run_from_start(self: &Arc<Self>, record: ExpressRecord, room: Room) -> Result<(), Error> {
        let plan = loop {
            match self.plan(record.machine, record.revision).await {
                Err(error) if error.kind == ErrorKind::Unavailable || error.kind.is_key() => {
                    if self.stop.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_none() {
                        return Err(error);
                    }
                }
                plan => break plan?,
            }
        };
        let info = Info {
            arn: record.arn,
            name: record.name,
            machine_arn: record.machine_arn,
            machine_name: record.machine_name,
            role_arn: record.role_arn,
            account: record.account,
            region: record.region,
            // A run that begins after a crash has all its time.
            started_at: self.env.now(),
            input: record.input,
            alias_arn: record.alias_arn,
            version_arn: record.version_arn,
        };
        let run = self.express_run(info, plan, room, record.test_case);
        let (run, turn) = self.express_turn(run, vec![Input::Start]).await?;
        if !run.is_closed() {
            self.run_express(run, turn).await?;
        }
        Ok(())
    }

    /// Takes the row of a closed execution away, however long the store takes to let it.
    async fn take_away(self: &Arc<Self>, row: newel_store::Id) {
        while let Err(error) = self.commit(row.shard(), vec![Op::DeleteOutbox(express_key(row))]).await {
            tracing::debug!(%row, %error, "the row of a closed Express execution couldn't be taken away; trying again");
            if self.stop.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_none() {
                return;
            }
        }
    }
}
