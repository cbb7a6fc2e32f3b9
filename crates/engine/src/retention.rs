//! Closed executions are kept for as long as AWS keeps them, and then deleted.

use std::sync::Arc;
use std::time::Duration;

use newel_asl::timestamp::Timestamp;
use newel_store::{Op, ShardId};

use crate::Error;
use crate::engine::Inner;

/// How often the past is looked at.
const EVERY: Duration = Duration::from_secs(3_600);
/// Executions that are deleted in one commit.
const PAGE: usize = 100;
const DAY_MILLIS: i64 = 86_400_000;

impl Inner {
    /// Deletes what has been closed for long enough, again and again. Ends with the engine.
    pub(crate) async fn run_retention(self: Arc<Self>) {
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep(EVERY) => {}
                () = self.stop.cancelled() => return,
            }
            let days = i64::try_from(self.options.retention_days).unwrap_or(i64::MAX);
            let before = self.env.now().plus_millis(-days.saturating_mul(DAY_MILLIS));
            for shard in &self.shards {
                if let Err(error) = self.delete_expired(shard.id, before).await {
                    tracing::warn!(shard = shard.id.0, %error, "old executions will be deleted later");
                }
            }
        }
    }

    async fn delete_expired(self: &Arc<Self>, shard: ShardId, before: Timestamp) -> Result<(), Error> {
        loop {
            let expired = self.store.expired(shard, before, PAGE).await?;
            if expired.is_empty() {
                return Ok(());
            }
            let mut ops = Vec::with_capacity(expired.len());
            for execution in expired {
                ops.extend(self.map_runs_of(execution).await?);
                ops.push(Op::DeleteExecution(execution));
            }
            self.commit(shard, ops).await?;
        }
    }
}
