//! The storage contract, its test suite, and its backends.
//!
//! The engine says what is durable in terms of *rows*: columns that are searched by, and a record of bytes that only
//! the engine understands. A [`Commit`] is one atomic change of one shard under that shard's epoch; a batch of commits is
//! made durable together, and each is answered for by itself ([`Outcome`]).
//!
//! Only this crate knows a database. It doesn't know executions, states or events: it stores what it is given.
//!
//! Invariants (every backend runs the suite in `contract` that checks them):
//! * STO-1: a commit is applied whole or not at all, and `Committed` means that it survives a crash.
//! * STO-2: a commit under an epoch that isn't its shard's current one changes nothing and answers `Fenced`.
//! * STO-3: one commit's rejection leaves the others of its batch alone.
//! * STO-4: commits of one shard are applied in the order in which they were handed in.
//! * STO-5: a read that begins after `Committed` was answered sees the commit.
//! * STO-6: after `Unknown`, commits of that shard are `Fenced` until it is acquired again, so that nothing is applied
//!   on top of what may be missing.

mod check;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod error;
mod faulty;
mod memory;
mod rows;
mod sqlite;

use async_trait::async_trait;
use newel_asl::timestamp::Timestamp;

pub use error::{Error, Outcome, Rejection};
pub use faulty::{Fault, FaultOdds, FaultyStore};
pub use memory::MemoryStore;
pub use rows::{
    ArnKey, Commit, EntitiesPage, EntityKind, EntityRow, Epoch, ExecutionFilter, ExecutionRow,
    ExecutionStatus, ExecutionsPage, FrameRow, HistoryOrder, HistoryRow, Id, MachineRow, MachinesPage, Op,
    OpenGroup, OutboxKey, OutboxRow, Record, RevisionRow, ShardId, TagRow,
};
pub use sqlite::{
    BackupError, BackupProgress, BackupStep, Manifest, SqliteOptions, SqliteStats, SqliteStore, backup,
    restore,
};

/// What a read gives.
pub type Result<T> = std::result::Result<T, Error>;

/// Durable storage for the entities of the engine. Cheap to share; all methods may be called concurrently.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug + 'static {
    /// How many logical shards there are. Fixed when the store is created.
    fn shard_count(&self) -> u16;

    /// Takes ownership of shards: raises each one's epoch and gives the new epochs in the same order. From then on
    /// commits under an older epoch are fenced.
    async fn acquire(&self, shards: &[ShardId]) -> Result<Vec<Epoch>>;

    /// Makes a batch durable. Answers for each commit, in order. Dropping the future doesn't undo anything: the
    /// outcomes are then unknown.
    async fn commit(&self, batch: Vec<Commit>) -> Vec<Outcome>;

    /// Whether there is room for more. When it says no, the engine refuses new work until it says yes again.
    async fn has_room(&self) -> bool;

    /// The state machine of that ARN.
    async fn machine(&self, arn: ArnKey) -> Result<Option<MachineRow>>;

    /// State machines of an account and region by creation, newest last, strictly after `page.after`.
    async fn machines(&self, page: MachinesPage) -> Result<Vec<MachineRow>>;

    /// How many state machines an account has in a region.
    async fn machine_count(&self, account: &str, region: &str) -> Result<u64>;

    /// A revision of a state machine.
    async fn revision(&self, machine: Id, revision: Id) -> Result<Option<RevisionRow>>;

    /// The entity of that ARN.
    async fn entity(&self, arn: ArnKey) -> Result<Option<EntityRow>>;

    /// Entities of a kind and list by creation, strictly after `page.after`.
    async fn entities(&self, page: EntitiesPage) -> Result<Vec<EntityRow>>;

    /// How many entities of a kind a list has.
    async fn entity_count(&self, kind: EntityKind, list: ArnKey) -> Result<u64>;

    /// The execution of that id.
    async fn execution(&self, id: Id) -> Result<Option<ExecutionRow>>;

    /// The execution of that ARN.
    async fn execution_by_arn(&self, arn: ArnKey) -> Result<Option<ExecutionRow>>;

    /// Executions, newest first by [`ExecutionRow::sort_at`], strictly after `page.after`.
    async fn executions(&self, page: ExecutionsPage) -> Result<Vec<ExecutionRow>>;

    /// All frames of an execution that are stored apart from its row, by path.
    async fn frames(&self, execution: Id) -> Result<Vec<FrameRow>>;

    /// Rows of an execution's history that hold events from `from` on (up to `from`, going back, in reverse order), at
    /// most `limit` of them.
    async fn history(
        &self,
        execution: Id,
        from: u64,
        order: HistoryOrder,
        limit: usize,
    ) -> Result<Vec<HistoryRow>>;

    /// Executions of a shard that want to be woken up to and including `until`, earliest first, strictly after
    /// `after`, at most `limit` of them.
    async fn due(
        &self,
        shard: ShardId,
        until: Timestamp,
        after: Option<(Timestamp, Id)>,
        limit: usize,
    ) -> Result<Vec<(Timestamp, Id)>>;

    /// Outbox rows of a shard by key, strictly after `after`, at most `limit` of them.
    async fn outbox(&self, shard: ShardId, after: Option<&OutboxKey>, limit: usize)
    -> Result<Vec<OutboxRow>>;

    /// One outbox row.
    async fn outbox_row(&self, shard: ShardId, key: &OutboxKey) -> Result<Option<OutboxRow>>;

    /// Closed executions of a shard whose [`ExecutionRow::stopped_at`] is before `before`, at most `limit` of them.
    async fn expired(&self, shard: ShardId, before: Timestamp, limit: usize) -> Result<Vec<Id>>;

    /// How many executions of a state machine are open (all of the store's if none is given).
    async fn open_executions(&self, machine: Option<Id>) -> Result<u64>;

    /// What has open executions, by [`ExecutionRow::machine`], strictly after `after`, at most `limit` of them.
    async fn open_groups(&self, after: Option<Id>, limit: usize) -> Result<Vec<OpenGroup>>;

    /// The tags of a resource, by key.
    async fn tags(&self, resource: ArnKey) -> Result<Vec<TagRow>>;

    /// A record kept under a fixed name, such as the keys of task tokens.
    async fn setting(&self, name: &str) -> Result<Option<Record>>;

    /// Keeps a record under a name unless there is one, and gives the one that is kept.
    async fn keep_setting(&self, name: &str, record: Record) -> Result<Record>;
}
