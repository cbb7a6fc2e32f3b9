//! A store whose shards are taken, and rows to put into it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use newel_asl::timestamp::Timestamp;

use crate::{
    ArnKey, Commit, EntitiesPage, EntityKind, EntityRow, Epoch, ExecutionFilter, ExecutionRow,
    ExecutionStatus, ExecutionsPage, FrameRow, HistoryRow, Id, MachineRow, Op, OutboxRow, Outcome, Record,
    RevisionRow, ShardId, Store, TagRow,
};

pub(super) const A: ShardId = ShardId(0);
pub(super) const B: ShardId = ShardId(1);

pub(super) struct Fixture {
    pub(super) store: Arc<dyn Store>,
    epochs: Vec<Epoch>,
}

impl Fixture {
    pub(super) async fn new(store: Arc<dyn Store>) -> Self {
        assert!(store.shard_count() >= 2, "the suite needs two shards");
        let epochs = store.acquire(&[A, B]).await.expect("shards can be acquired");
        Self { store, epochs }
    }

    pub(super) fn epoch(&self, shard: ShardId) -> Epoch {
        self.epochs[usize::from(shard.0)]
    }

    pub(super) fn change(&self, shard: ShardId, ops: impl Into<Vec<Op>>) -> Commit {
        Commit { shard, epoch: self.epoch(shard), ops: ops.into() }
    }

    pub(super) async fn commit(&self, shard: ShardId, ops: impl Into<Vec<Op>>) -> Outcome {
        let mut outcomes = self.store.commit(vec![self.change(shard, ops)]).await;
        assert_eq!(outcomes.len(), 1, "one outcome for one commit");
        outcomes.remove(0)
    }

    pub(super) async fn committed(&self, shard: ShardId, ops: impl Into<Vec<Op>>) {
        assert_eq!(self.commit(shard, ops).await, Outcome::Committed);
    }

    pub(super) async fn stored(&self, id: Id) -> Option<ExecutionRow> {
        self.store.execution(id).await.expect("an execution can be read")
    }
}

/// Polls futures in their order until all have ended, so that what each does first happens in that order.
pub(super) async fn together<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<(Pin<Box<_>>, Option<T>)> =
        futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        for (future, answer) in &mut running {
            if answer.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *answer = Some(value);
            }
        }
        if running.iter().all(|(_, answer)| answer.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, answer)| answer).collect()
}

pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(super) fn id(shard: ShardId, number: u64) -> Id {
    Id::new(shard, at(1_700_000_000_000), number)
}

pub(super) fn arn(number: u64) -> ArnKey {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    ArnKey(bytes)
}

pub(super) fn record(text: &str) -> Record {
    Record::from(text.as_bytes())
}

/// An open execution of the state machine [`machine_id`]; the number makes its id and ARN.
pub(super) fn execution(shard: ShardId, number: u64) -> ExecutionRow {
    ExecutionRow {
        id: id(shard, number),
        arn: arn(number),
        machine: machine_id(),
        status: ExecutionStatus::Running,
        sort_at: at(1_000),
        stopped_at: None,
        wake_at: None,
        record: record("execution"),
    }
}

/// The execution, closed at that time.
pub(super) fn closed(row: ExecutionRow, status: ExecutionStatus, millis: i64) -> ExecutionRow {
    ExecutionRow { status, sort_at: at(millis), stopped_at: Some(at(millis)), wake_at: None, ..row }
}

pub(super) fn machine_id() -> Id {
    id(B, 9_999)
}

pub(super) fn machine(shard: ShardId, number: u64) -> MachineRow {
    MachineRow {
        id: id(shard, number),
        arn: arn(number),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        created_at: at(1_000),
        record: record("machine"),
    }
}

/// A version in the list of the state machine [`machine_id`].
pub(super) fn entity(shard: ShardId, number: u64) -> EntityRow {
    EntityRow {
        id: id(shard, number),
        kind: EntityKind::Version,
        arn: arn(number),
        list: arn(9_999),
        created_at: at(1_000),
        record: record("entity"),
    }
}

/// The list of [`entity`], oldest first.
pub(super) fn entities() -> EntitiesPage {
    let (kind, list) = (EntityKind::Version, arn(9_999));
    EntitiesPage { kind, list, newest_first: false, after: None, limit: 100 }
}

pub(super) fn revision(machine: Id, number: u64) -> RevisionRow {
    RevisionRow { machine, id: id(machine.shard(), number), record: record("revision") }
}

pub(super) fn frame(execution: Id, path: &str, text: &str) -> FrameRow {
    FrameRow { execution, path: path.into(), record: record(text) }
}

pub(super) fn history(execution: Id, first: u64, last: u64) -> HistoryRow {
    HistoryRow { execution, first, last, record: record(&format!("{first} to {last}")) }
}

pub(super) fn outbox(shard: ShardId, key: &str, text: &str) -> OutboxRow {
    OutboxRow { shard, key: Arc::from(key.as_bytes()), record: record(text) }
}

pub(super) fn tag(resource: u64, key: &str, value: &str) -> TagRow {
    TagRow { resource: arn(resource), key: key.into(), value: value.into() }
}

pub(super) fn page(machine: Id, status: Option<ExecutionStatus>, limit: usize) -> ExecutionsPage {
    ExecutionsPage { filter: ExecutionFilter { machine, status }, after: None, limit }
}
