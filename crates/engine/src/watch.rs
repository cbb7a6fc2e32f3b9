//! Watching executions: whoever watches reads the store, and is told when there is more to read.

use std::collections::HashMap;
use std::sync::Arc;

use newel_machine::EventId;
use newel_store::{ExecutionStatus, Id, ShardId};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use crate::Error;
use crate::engine::Inner;
use crate::request::{EventBatch, Tenant};

/// Batches that wait for a slow reader; the rest waits in the store.
const BUFFER: usize = 4;
/// Events of a batch.
const BATCH: usize = 500;

/// Who is told of which execution's new events.
#[derive(Debug, Default)]
pub(crate) struct Watchers(Mutex<HashMap<Id, watch::Sender<EventId>>>);

impl Watchers {
    fn subscribe(&self, id: Id) -> watch::Receiver<EventId> {
        self.0.lock().entry(id).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// Says which event is now the latest that is durable.
    pub(crate) fn announce(&self, id: Id, last: EventId) {
        if let Some(sender) = self.0.lock().get(&id) {
            sender.send_replace(last);
        }
    }

    /// Has everybody look again who watches an execution of a shard.
    pub(crate) fn stir(&self, shard: ShardId) {
        let watched = self.0.lock();
        watched
            .iter()
            .filter(|(id, _)| id.shard() == shard)
            .for_each(|(_, sender)| sender.send_modify(|_| {}));
    }

    /// Nothing more will come.
    pub(crate) fn close(&self, id: Id) {
        self.0.lock().remove(&id);
    }

    /// Forgets an execution that nobody watches any more.
    fn leave(&self, id: Id) {
        let mut watched = self.0.lock();
        if watched.get(&id).is_some_and(|sender| sender.receiver_count() == 0) {
            watched.remove(&id);
        }
    }
}

impl Inner {
    pub(crate) async fn watch(
        self: &Arc<Self>,
        tenant: &Tenant,
        arn: &str,
        after: EventId,
    ) -> Result<mpsc::Receiver<Result<EventBatch, Error>>, Error> {
        let id = self.execution_row_of(tenant, arn).await?.id;
        let (send, receive) = mpsc::channel(BUFFER);
        let inner = Arc::clone(self);
        self.env.spawn(Box::pin(async move {
            let mut more = inner.watchers.subscribe(id);
            if let Err(error) = inner.follow(id, after, &mut more, &send).await {
                // The reader may be gone.
                let _gone = send.send(Err(error)).await;
            }
            drop(more);
            inner.watchers.leave(id);
        }));
        Ok(receive)
    }

    async fn follow(
        &self,
        id: Id,
        mut after: EventId,
        more: &mut watch::Receiver<EventId>,
        send: &mpsc::Sender<Result<EventBatch, Error>>,
    ) -> Result<(), Error> {
        loop {
            // The status is read before the events: an execution seen closed has no events to come.
            let open =
                self.store.execution(id).await?.is_some_and(|row| row.status == ExecutionStatus::Running);
            loop {
                let events = self.events(id, after.saturating_add(1), false, BATCH).await?.events;
                let Some(last) = events.last() else { break };
                after = last.id;
                // What a redrive adds comes after an end that was none.
                let closed = last.detail.is_terminal()
                    && self.events(id, after + 1, false, 1).await?.events.is_empty();
                if send.send(Ok(EventBatch { events: Arc::new(events), closed })).await.is_err() || closed {
                    return Ok(());
                }
            }
            if !open {
                return Ok(());
            }
            tokio::select! {
                biased;
                changed = more.changed() => if changed.is_err() { *more = self.watchers.subscribe(id) },
                () = send.closed() => return Ok(()),
                () = self.stop.cancelled() => return Err(Error::unavailable("the engine is shutting down")),
            }
        }
    }
}
