//! Rows: what is searched by, and a record that only the engine reads.

use std::fmt;
use std::sync::Arc;

use newel_asl::timestamp::Timestamp;

/// A logical shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// A fencing number: every change of a shard's owner raises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// A surrogate id: ARNs are used again after deletion and retention, ids never are. The first two bytes are the
/// entity's shard, the next six the milliseconds of its creation, the rest is random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Id(pub [u8; 16]);

impl Id {
    /// Not above any other.
    pub const MIN: Self = Self([0; 16]);
    /// Not below any other.
    pub const MAX: Self = Self([0xff; 16]);

    /// A new id.
    #[must_use]
    pub fn new(shard: ShardId, created: Timestamp, random: u64) -> Self {
        let millis = created.as_millis().max(0).to_be_bytes();
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&shard.0.to_be_bytes());
        bytes[2..8].copy_from_slice(&millis[2..]);
        bytes[8..].copy_from_slice(&random.to_be_bytes());
        Self(bytes)
    }

    /// The shard of the entity that has this id.
    #[must_use]
    pub const fn shard(&self) -> ShardId {
        ShardId(u16::from_be_bytes([self.0[0], self.0[1]]))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 128 bits of a cryptographic hash of an ARN: what names are unique by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArnKey(pub [u8; 16]);

/// Bytes that only the engine understands; the first two are its version and codec.
pub type Record = Arc<[u8]>;

/// A state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineRow {
    /// Its id.
    pub id: Id,
    /// Its unqualified ARN.
    pub arn: ArnKey,
    /// Its account.
    pub account: Arc<str>,
    /// Its region.
    pub region: Arc<str>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The rest.
    pub record: Record,
}

/// An immutable revision of a state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionRow {
    /// The state machine.
    pub machine: Id,
    /// The revision.
    pub id: Id,
    /// Its definition and role.
    pub record: Record,
}

/// What an [`EntityRow`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EntityKind {
    /// A published version of a state machine.
    Version = 0,
    /// An alias of a state machine's versions.
    Alias = 1,
    /// An activity.
    Activity = 2,
    /// A run of a distributed Map.
    MapRun = 3,
    /// A Task resource that workers registered.
    Resource = 4,
}

/// An entity that is looked up by its ARN and listed with its like: a version, an alias, an activity, a map run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityRow {
    /// Its id.
    pub id: Id,
    /// What it is.
    pub kind: EntityKind,
    /// Its ARN.
    pub arn: ArnKey,
    /// The list it stands in: a hash of its state machine's ARN, its execution's, or of its account and region.
    pub list: ArnKey,
    /// When it was created: its place in the list.
    pub created_at: Timestamp,
    /// The rest.
    pub record: Record,
}

/// An execution's status, as it is searched by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub enum ExecutionStatus {
    /// Open.
    Running = 0,
    /// Closed well.
    Succeeded = 1,
    /// Closed by an error.
    Failed = 2,
    /// Closed by its time limit.
    TimedOut = 3,
    /// Stopped.
    Aborted = 4,
    /// Waiting to be redriven by its map run.
    PendingRedrive = 5,
}

impl ExecutionStatus {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Running, Self::Succeeded, Self::Failed, Self::TimedOut, Self::Aborted, Self::PendingRedrive];

    /// AWS's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
            Self::PendingRedrive => "PENDING_REDRIVE",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// An execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionRow {
    /// Its id.
    pub id: Id,
    /// Its ARN.
    pub arn: ArnKey,
    /// Its state machine.
    pub machine: Id,
    /// Its status.
    pub status: ExecutionStatus,
    /// Its place in lists: when it started while it is open, when it stopped once it is closed.
    pub sort_at: Timestamp,
    /// When it stopped, once it is closed.
    pub stopped_at: Option<Timestamp>,
    /// When it wants to be woken, if time is one of the things it waits for.
    pub wake_at: Option<Timestamp>,
    /// The rest, its root frame included.
    pub record: Record,
}

/// A frame other than the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameRow {
    /// Its execution.
    pub execution: Id,
    /// Its path, unique in the execution.
    pub path: Arc<str>,
    /// The rest.
    pub record: Record,
}

/// The events of one turn (or of the part of a turn that was committed together).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// The execution.
    pub execution: Id,
    /// The id of the first event.
    pub first: u64,
    /// The id of the last event.
    pub last: u64,
    /// The events.
    pub record: Record,
}

/// What orders and names an outbox row within its shard.
pub type OutboxKey = Arc<[u8]>;

/// Something that is still to be done outside the shard: a dispatch, a watch, a cancel, a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// The shard that will see to it.
    pub shard: ShardId,
    /// Its key.
    pub key: OutboxKey,
    /// What.
    pub record: Record,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRow {
    /// The tagged resource.
    pub resource: ArnKey,
    /// Key.
    pub key: Arc<str>,
    /// Value.
    pub value: Arc<str>,
}

/// One atomic change of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The shard.
    pub shard: ShardId,
    /// The epoch under which the owner writes.
    pub epoch: Epoch,
    /// The changes, applied in order.
    pub ops: Vec<Op>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// A new execution. If there is one of that ARN, the whole commit is `Rejected(Exists)`.
    InsertExecution(ExecutionRow),
    /// The new content of an execution that is there.
    UpdateExecution(ExecutionRow),
    /// Takes an execution away with its frames and history.
    DeleteExecution(Id),
    /// Sets a frame.
    PutFrame(FrameRow),
    /// Takes a frame away.
    DeleteFrame(Id, Arc<str>),
    /// Takes all frames of an execution away.
    DeleteFrames(Id),
    /// Adds events.
    AppendHistory(HistoryRow),
    /// A new state machine. If there is one of that ARN, the whole commit is `Rejected(Exists)`.
    InsertMachine(MachineRow),
    /// The new content of a state machine that is there.
    UpdateMachine(MachineRow),
    /// Takes a state machine away. Its revisions stay as long as executions may refer to them.
    DeleteMachine(Id),
    /// Adds a revision.
    InsertRevision(RevisionRow),
    /// A new entity. If there is one of that ARN, the whole commit is `Rejected(Exists)`.
    InsertEntity(EntityRow),
    /// The new content of an entity that is there.
    UpdateEntity(EntityRow),
    /// Takes an entity away.
    DeleteEntity(Id),
    /// Sets an outbox row.
    PutOutbox(OutboxRow),
    /// Takes an outbox row away.
    DeleteOutbox(OutboxKey),
    /// Sets a tag.
    PutTag(TagRow),
    /// Takes a tag away.
    DeleteTag(ArnKey, Arc<str>),
}

/// Which executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// Of this state machine.
    pub machine: Id,
    /// In this status; in any if none is given.
    pub status: Option<ExecutionStatus>,
}

/// A page of executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutionsPage {
    /// Which executions.
    pub filter: ExecutionFilter,
    /// The last of the page before.
    pub after: Option<(Timestamp, Id)>,
    /// How many at most.
    pub limit: usize,
}

/// The open executions that have the same [`ExecutionRow::machine`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenGroup {
    /// What they have in common.
    pub machine: Id,
    /// How many they are, at least one.
    pub open: u64,
    /// The record of one of them.
    pub record: Record,
}

/// A page of state machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachinesPage {
    /// Of this account.
    pub account: Arc<str>,
    /// Of this region.
    pub region: Arc<str>,
    /// The last of the page before.
    pub after: Option<(Timestamp, Id)>,
    /// How many at most.
    pub limit: usize,
}

/// A page of entities of one kind and list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntitiesPage {
    /// Of this kind.
    pub kind: EntityKind,
    /// In this list.
    pub list: ArnKey,
    /// Whether the newest come first.
    pub newest_first: bool,
    /// The last of the page before.
    pub after: Option<(Timestamp, Id)>,
    /// How many at most.
    pub limit: usize,
}

/// Which way a history is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryOrder {
    /// From the first event on.
    Forward,
    /// From the last event back.
    Reverse,
}
