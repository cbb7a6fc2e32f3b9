//! Deleting a state machine: marked at once and durably, done in the background, which begins by stopping what is open.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::join_all;
use newel_machine::Fault;
use newel_store::{ExecutionFilter, ExecutionStatus, ExecutionsPage, Id, MachineRow, Op, OutboxRow};
use newel_value::Str;

use crate::codec::{MachineRecord, OutboxRecord, encode};
use crate::engine::Inner;
use crate::ids::{arn_key, deletion_key};
use crate::machines::Snapshot;
use crate::mail::What;
use crate::request::Tenant;
use crate::{Error, ErrorKind};

/// Executions that a deletion stops at a time.
const STOP_PAGE: usize = 100;
/// How long a deletion waits before it looks for open executions; longer each time it finds some.
const FIRST_STOP_WAIT: Duration = Duration::from_millis(50);
const LAST_STOP_WAIT: Duration = Duration::from_secs(10);

impl Inner {
    /// Marks a machine as being deleted, durably, and leaves the rest to the background.
    pub(crate) async fn delete_machine(self: &Arc<Self>, tenant: &Tenant, arn: &str) -> Result<(), Error> {
        let key = arn_key(arn);
        let _changing = self.machines.lock(key).await;
        let current = match self.machine(tenant, arn).await {
            Ok(current) => current,
            Err(error) if error.kind == ErrorKind::StateMachineDoesNotExist => return Ok(()),
            Err(error) => return Err(error),
        };
        if current.record.deleting {
            return Ok(());
        }
        let record = MachineRecord { deleting: true, ..current.record.clone() };
        let row = MachineRow { record: encode(&record), ..current.row.clone() };
        let shard = row.id.shard();
        self.commit(
            shard,
            vec![
                Op::UpdateMachine(row.clone()),
                Op::PutOutbox(OutboxRow {
                    shard,
                    key: deletion_key(row.id),
                    record: encode(&OutboxRecord::DeleteMachine { machine: row.id, arn: record.arn.clone() }),
                }),
            ],
        )
        .await?;
        let (machine, arn) = (row.id, record.arn.clone());
        self.machines.changed(key, Snapshot { row, record, revision: current.revision.clone() });
        self.delete_in_background(machine, arn, Arc::downgrade(&current));
        Ok(())
    }

    /// Stops a machine's open executions and then takes it away. Repeated after a crash until it is done. `former` is what
    /// starts that are still under way hold: what they start is to be stopped too.
    pub(crate) fn delete_in_background(self: &Arc<Self>, machine: Id, arn: Str, former: Weak<Snapshot>) {
        if !self.machines.deleting.lock().insert(machine) {
            return;
        }
        let inner = Arc::clone(self);
        self.env.spawn(Box::pin(async move {
            inner.delete_at_last(machine, &arn, &former).await;
            inner.machines.deleting.lock().remove(&machine);
        }));
    }

    async fn delete_at_last(self: &Arc<Self>, machine: Id, arn: &str, former: &Weak<Snapshot>) {
        let mut wait = FIRST_STOP_WAIT;
        while self.stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_some() {
            wait = (2 * wait).min(LAST_STOP_WAIT);
            if former.strong_count() > 0 {
                continue;
            }
            match self.delete_step(machine, arn).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!(%machine, %error, "the deletion will be tried again"),
            }
        }
    }

    /// One step of a deletion: stops what is open, and if nothing was, deletes. Says whether the machine is gone.
    async fn delete_step(self: &Arc<Self>, machine: Id, arn: &str) -> Result<bool, Error> {
        if self.stop_all(machine).await? > 0 || self.express.runs(machine) {
            return Ok(false);
        }
        let (shard, key) = (machine.shard(), arn_key(arn));
        let _changing = self.machines.lock(key).await;
        let Some(OutboxRecord::DeleteMachine { .. }) =
            self.outbox_record(shard, &deletion_key(machine)).await?
        else {
            return Ok(true);
        };
        let mut ops = vec![Op::DeleteMachine(machine), Op::DeleteOutbox(deletion_key(machine))];
        ops.append(&mut self.without_versions_and_aliases(key).await?);
        ops.extend(self.store.tags(key).await?.into_iter().map(|tag| Op::DeleteTag(key, tag.key)));
        self.commit(shard, ops).await?;
        self.machines.forget(key);
        Ok(true)
    }

    /// Stops all open executions of a machine, a page of them at a time, and says how many there were.
    async fn stop_all(self: &Arc<Self>, machine: Id) -> Result<usize, Error> {
        let filter = ExecutionFilter { machine, status: Some(ExecutionStatus::Running) };
        let (mut after, mut open) = (None, 0);
        loop {
            let page = self.store.executions(ExecutionsPage { filter, after, limit: STOP_PAGE }).await?;
            let Some(last) = page.last() else { return Ok(open) };
            after = Some((last.sort_at, last.id));
            open += page.len();
            let stops = page.iter().map(|row| self.ask(row.id, What::stop(Fault::default())));
            for stopped in join_all(stops).await {
                if let Err(error) = stopped {
                    // The next step finds it open and tries again.
                    tracing::debug!(%machine, %error, "an execution of a machine that is being deleted isn't stopped yet");
                }
            }
        }
    }
}
