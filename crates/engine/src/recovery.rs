//! Taking shards, and finding again what is due and what is outstanding in them.
//!
//! Until a shard's outbox has been read nothing is delivered to its executions: an order that was read and is given again
//! must not cross an input that ends its attempt. New executions may start meanwhile.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use newel_store::{Epoch, ShardId};

use crate::codec::OutboxRecord;
use crate::engine::Inner;
use crate::map_runs::{Life, News};
use crate::shard::Shard;
use crate::task::{Dispatch, DispatchKind};
use crate::{Error, ErrorKind};

/// Timers that are read at a time.
const TIMERS: usize = 1_000;
/// Orders that are read at a time. Each may hold the parameters of a task, which may be large.
const ORDERS: usize = 128;
/// How long to wait before a shard that was lost is taken again, and before a read that failed is repeated.
const RETRY: Duration = Duration::from_millis(200);

impl Inner {
    /// Takes all shards; what stands in them is found in the background.
    pub(crate) async fn take_all(self: &Arc<Self>) -> Result<(), Error> {
        let ids: Vec<ShardId> = self.shards.iter().map(|shard| shard.id).collect();
        let epochs = self.store.acquire(&ids).await?;
        for (shard, epoch) in self.shards.iter().zip(epochs) {
            shard.own(epoch);
            self.recover_in_background(shard.id, epoch);
        }
        self.owned.store(true, Ordering::Release);
        Ok(())
    }

    /// A commit's answer has shown that what is in memory of a shard may not be what is stored: forget it and start over.
    pub(crate) fn lose_shard(self: &Arc<Self>, id: ShardId, epoch: Epoch, why: &str) {
        let Some(shard) = self.shards.get(usize::from(id.0)) else { return };
        if !shard.disown(epoch) {
            return;
        }
        tracing::warn!(shard = id.0, epoch = epoch.0, why, "letting a shard go and taking it again");
        let inner = Arc::clone(self);
        self.env.spawn(Box::pin(async move { inner.retake(id).await }));
    }

    async fn retake(self: Arc<Self>, id: ShardId) {
        while !self.stop.is_cancelled() {
            tokio::time::sleep(RETRY).await;
            match self.store.acquire(&[id]).await {
                Ok(epochs) => {
                    if let (Some(shard), Some(epoch)) = (self.shards.get(usize::from(id.0)), epochs.first()) {
                        // A change whose outcome was unknown may have been made after all.
                        self.machines.forget_all();
                        shard.own(*epoch);
                        self.recover_in_background(id, *epoch);
                    }
                    return;
                }
                Err(error) => tracing::warn!(shard = id.0, %error, "can't take the shard yet"),
            }
        }
    }

    fn recover_in_background(self: &Arc<Self>, id: ShardId, epoch: Epoch) {
        let inner = Arc::clone(self);
        self.env.spawn(Box::pin(async move {
            while inner.is_current(id, epoch) {
                let Some(shard) = inner.shards.get(usize::from(id.0)) else { return };
                match inner.recover(shard, epoch).await {
                    Ok(()) => {
                        shard.recovered(epoch);
                        // What became durable without an answer was announced to nobody.
                        inner.watchers.stir(id);
                        return;
                    }
                    Err(error) => {
                        tracing::warn!(shard = id.0, %error, "recovery will be tried again");
                        tokio::time::sleep(RETRY).await;
                    }
                }
            }
        }));
    }

    fn is_current(&self, id: ShardId, epoch: Epoch) -> bool {
        !self.stop.is_cancelled()
            && self.shards.get(usize::from(id.0)).is_some_and(|shard| shard.epoch() == Some(epoch))
    }

    async fn recover(self: &Arc<Self>, shard: &Shard, epoch: Epoch) -> Result<(), Error> {
        self.read_timers(shard.id).await?;
        let mut after = None;
        loop {
            let rows = self.store.outbox(shard.id, after.as_ref(), ORDERS).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.key.clone());
            let mut dispatches = Vec::with_capacity(rows.len());
            for row in rows {
                match self.opened_order(&row) {
                    // Its first turn hands it over, or has.
                    Ok(OutboxRecord::Dispatch(order)) if shard.began_meanwhile(order.task.execution) => {}
                    Ok(OutboxRecord::Dispatch(order)) => dispatches.push(resumed(*order)),
                    Ok(OutboxRecord::DeleteMachine { machine, arn }) => {
                        self.delete_in_background(machine, arn, Weak::new())
                    }
                    Ok(OutboxRecord::Express(record)) => self.express_again(*record),
                    Ok(OutboxRecord::MapRun { id, arn, life }) => self.tell_map_run(
                        id,
                        &arn,
                        match life {
                            Life::Run(number) => News::Life(number),
                            Life::Abort(number) => News::Abort(number),
                        },
                    ),
                    Ok(OutboxRecord::ChildClosed(child)) => {
                        if let Err(error) = self.retell_child(child, epoch).await {
                            if error.kind != ErrorKind::Internal {
                                return Err(error);
                            }
                            tracing::error!(execution = %child, %error, "its map run isn't told of its end");
                        }
                    }
                    // One bad row must not keep the others waiting.
                    Err(error) => tracing::error!(shard = shard.id.0, %error, "an outbox row is left alone"),
                }
            }
            if !shard.while_owned(epoch, || self.hand_over(dispatches)) {
                return Err(Error::unavailable("the shard was lost meanwhile"));
            }
        }
    }

    /// Puts the timers of a shard that have come near into memory.
    pub(crate) async fn read_timers(self: &Arc<Self>, id: ShardId) -> Result<(), Error> {
        let now = self.env.now();
        let mut after = None;
        loop {
            let page = self.store.due(id, self.timers.horizon(now), after, TIMERS).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(*last);
            for (at, execution) in page {
                self.timers.arm(execution, Some(at), now);
            }
        }
    }

    /// Looks for timers that have come near, again and again. Ends with the engine.
    pub(crate) async fn run_horizon(self: Arc<Self>) {
        let half = Duration::from_secs(self.options.timer_horizon_seconds.max(2) / 2);
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep(half) => {}
                () = self.stop.cancelled() => return,
            }
            for shard in &self.shards {
                if let Err(error) = self.read_timers(shard.id).await {
                    tracing::warn!(shard = shard.id.0, %error, "timers will be read later");
                }
            }
        }
    }
}

/// A stored order as it is given again: whether a submission went out before is unknown, so it is reconciled.
fn resumed(mut dispatch: Dispatch) -> Arc<Dispatch> {
    if dispatch.kind == DispatchKind::Submit {
        dispatch.kind = DispatchKind::Reconcile;
    }
    Arc::new(dispatch)
}
