//! Settings of the engine.

use serde::{Deserialize, Serialize};

/// How the engine behaves. All have defaults that suit a laptop and a small cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Events after which a turn pauses. Default 1,000.
    pub turn_events: usize,
    /// Bytes of new payloads after which a turn pauses. Default 4 MiB.
    pub turn_bytes: usize,
    /// Milliseconds after which a turn pauses. Default 20.
    pub turn_millis: u64,
    /// Commits that are handed to the store together, at most. Default 1,024.
    pub commit_batch: usize,
    /// Bytes that are handed to the store together, about. Default 8 MiB.
    pub commit_bytes: usize,
    /// Executions of one shard that stay in memory while nothing happens to them. Default 64.
    pub idle_executions: usize,
    /// Compiled definitions that stay in memory. Default 1,000.
    pub plans: usize,
    /// Inputs that may wait for one execution. Default 10,000.
    pub mailbox: usize,
    /// Turns that may be under way at once. Default 512.
    pub turns: usize,
    /// Express executions that may be open at once. More are refused until some have closed. Default 10,000.
    pub express_executions: usize,
    /// Bytes of payloads that open Express executions may hold together, about. Default 256 MiB.
    pub express_bytes: usize,
    /// Seconds ahead for which timers are held in memory. Default 60.
    pub timer_horizon_seconds: u64,
    /// Days for which closed executions are kept. Default 90, as AWS keeps them.
    pub retention_days: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            turn_events: 1_000,
            turn_bytes: 4 << 20,
            turn_millis: 20,
            commit_batch: 1_024,
            commit_bytes: 8 << 20,
            idle_executions: 64,
            plans: 1_000,
            mailbox: 10_000,
            turns: 512,
            express_executions: 10_000,
            express_bytes: 256 << 20,
            timer_horizon_seconds: 60,
            retention_days: 90,
        }
    }
}
