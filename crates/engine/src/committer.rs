//! Group commit: what all shards have to write goes to the store together. While one batch syncs, the next one gathers;
//! nobody waits for a batch to fill.

use std::sync::Arc;

use newel_store::{Commit, Op, Outcome, Store};
use opentelemetry::global;
use tokio::sync::{mpsc, oneshot};

use crate::options::Options;

/// Commits that may wait for the store. Each belongs to a turn, of which there are a bounded number.
const QUEUE: usize = 4_096;

/// Hands commits to the store.
#[derive(Clone, Debug)]
pub(crate) struct Committer {
    queue: mpsc::Sender<Pending>,
}

struct Pending {
    commit: Commit,
    bytes: usize,
    answer: oneshot::Sender<Outcome>,
}

impl Committer {
    /// A committer and the loop that works for it, which ends with the last handle.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        options: &Options,
    ) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (queue, pending) = mpsc::channel(QUEUE);
        (Self { queue }, run(store, pending, options.commit_batch, options.commit_bytes))
    }

    /// Makes a commit durable. Dropping the future doesn't take it back.
    pub(crate) async fn commit(&self, commit: Commit) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        let bytes = commit.ops.iter().map(size).sum();
        if self.queue.send(Pending { commit, bytes, answer }).await.is_err() {
            return Outcome::Unknown("the engine is shutting down".to_owned());
        }
        outcome.await.unwrap_or_else(|_| Outcome::Unknown("the engine is shutting down".to_owned()))
    }
}

async fn run(store: Arc<dyn Store>, mut queue: mpsc::Receiver<Pending>, most: usize, most_bytes: usize) {
    let meter = global::meter("newel.engine");
    let commits = meter.u64_counter("newel.engine.commits").with_description("Commits by outcome.").build();
    let batches =
        meter.u64_counter("newel.engine.batches").with_description("Batches given to the store.").build();
    while let Some(first) = queue.recv().await {
        let mut bytes = first.bytes;
        let mut batch = vec![first];
        while batch.len() < most && bytes < most_bytes {
            let Ok(next) = queue.try_recv() else { break };
            bytes += next.bytes;
            batch.push(next);
        }
        let (records, answers): (Vec<_>, Vec<_>) = batch.into_iter().map(|p| (p.commit, p.answer)).unzip();
        batches.add(1, &[]);
        for (outcome, answer) in store.commit(records).await.into_iter().zip(answers) {
            let label = match outcome {
                Outcome::Committed => "committed",
                Outcome::Rejected(_) => "rejected",
                Outcome::Fenced => "fenced",
                Outcome::Unknown(_) => "unknown",
            };
            commits.add(1, &[opentelemetry::KeyValue::new("outcome", label)]);
            // Whoever asked may be gone; the commit stands.
            let _gone = answer.send(outcome);
        }
    }
}

/// About how many bytes an operation writes.
fn size(op: &Op) -> usize {
    const KEYS: usize = 64;
    KEYS + match op {
        Op::InsertExecution(row) | Op::UpdateExecution(row) => row.record.len(),
        Op::PutFrame(row) => row.record.len(),
        Op::AppendHistory(row) => row.record.len(),
        Op::InsertMachine(row) | Op::UpdateMachine(row) => row.record.len(),
        Op::InsertRevision(row) => row.record.len(),
        Op::InsertEntity(row) | Op::UpdateEntity(row) => row.record.len(),
        Op::PutOutbox(row) => row.record.len(),
        Op::DeleteExecution(_)
        | Op::DeleteFrame(..)
        | Op::DeleteFrames(_)
        | Op::DeleteMachine(_)
        | Op::DeleteEntity(_)
        | Op::DeleteOutbox(_)
        | Op::PutTag(_)
        | Op::DeleteTag(..) => 0,
    }
}
