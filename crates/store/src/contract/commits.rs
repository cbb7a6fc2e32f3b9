//! STO-1 to STO-5, and what makes a commit acceptable.

use std::sync::Arc;

use super::fixture::{
    A, B, Fixture, at, entity, execution, frame, history, machine, outbox, record, revision, tag, together,
};
use crate::{
    Commit, EntityRow, Epoch, ExecutionRow, HistoryOrder, Id, Op, Outcome, Rejection, ShardId, Store,
};

const EXISTS: Outcome = Outcome::Rejected(Rejection::Exists);

#[track_caller]
fn assert_unacceptable(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Rejected(Rejection::Unacceptable(_))), "{outcome:?}");
}

pub(super) async fn sto_1_a_commit_is_whole_or_nothing(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (old, new) = (execution(A, 1), execution(A, 2));
    let keys = [outbox(A, "kept", "before"), outbox(A, "new", "x")];
    f.committed(
        A,
        [
            Op::InsertExecution(old.clone()),
            Op::PutFrame(frame(old.id, "f", "before")),
            Op::AppendHistory(history(old.id, 1, 2)),
            Op::PutOutbox(keys[0].clone()),
            Op::PutTag(tag(1, "k", "before")),
        ],
    )
    .await;
    // The last change is what can't be: everything before it must be undone, each kind of row.
    let outcome = f
        .commit(
            A,
            [
                Op::InsertExecution(new.clone()),
                Op::UpdateExecution(ExecutionRow {
                    wake_at: Some(at(5)),
                    record: record("after"),
                    ..old.clone()
                }),
                Op::PutFrame(frame(old.id, "f", "after")),
                Op::DeleteFrames(old.id),
                Op::AppendHistory(history(old.id, 3, 4)),
                Op::InsertMachine(machine(A, 3)),
                Op::InsertRevision(revision(machine(A, 3).id, 4)),
                Op::PutOutbox(outbox(A, "kept", "after")),
                Op::PutOutbox(keys[1].clone()),
                Op::PutTag(tag(1, "k", "after")),
                Op::DeleteExecution(old.id),
                Op::DeleteTag(tag(1, "k", "").resource, "k".into()),
                Op::InsertExecution(ExecutionRow { id: execution(A, 5).id, ..new.clone() }),
            ],
        )
        .await;
    assert_eq!(outcome, EXISTS);
    let s = &f.store;
    assert_eq!(f.stored(old.id).await, Some(old.clone()));
    assert_eq!(f.stored(new.id).await, None);
    assert_eq!(s.execution_by_arn(new.arn).await.expect("read"), None);
    assert_eq!(s.frames(old.id).await.expect("read"), [frame(old.id, "f", "before")]);
    let events = s.history(old.id, 1, HistoryOrder::Forward, 10).await.expect("read");
    assert_eq!(events, [history(old.id, 1, 2)]);
    assert_eq!(s.machine(machine(A, 3).arn).await.expect("read"), None);
    assert_eq!(s.revision(machine(A, 3).id, revision(machine(A, 3).id, 4).id).await.expect("read"), None);
    assert_eq!(s.outbox(A, None, 10).await.expect("read"), [keys[0].clone()]);
    assert_eq!(s.tags(tag(1, "", "").resource).await.expect("read"), [tag(1, "k", "before")]);
    assert_eq!(s.due(A, at(10), None, 10).await.expect("read"), []);
    assert_eq!(s.open_executions(None).await.expect("read"), 1);
}

pub(super) async fn sto_1_changes_apply_in_their_order(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (old, new) = (execution(A, 1), execution(A, 2));
    let renamed = ExecutionRow { arn: old.arn, ..new };
    f.committed(A, [Op::InsertExecution(old.clone())]).await;
    // A name is free as soon as the row before it is gone, within one commit too.
    f.committed(A, [Op::DeleteExecution(old.id), Op::InsertExecution(renamed.clone())]).await;
    assert_eq!(f.store.execution_by_arn(old.arn).await.expect("read"), Some(renamed.clone()));
    let updated = ExecutionRow { record: record("2"), ..renamed };
    let puts = ["1", "2"].map(|text| Op::PutFrame(frame(updated.id, "f", text)));
    f.committed(A, puts).await;
    f.committed(A, [Op::PutOutbox(outbox(A, "k", "1")), Op::DeleteOutbox(outbox(A, "k", "").key)]).await;
    assert_eq!(f.store.frames(updated.id).await.expect("read"), [frame(updated.id, "f", "2")]);
    assert_eq!(f.store.outbox(A, None, 9).await.expect("read"), []);
}

pub(super) async fn sto_2_a_stale_epoch_changes_nothing(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let newer = f.store.acquire(&[A]).await.expect("acquired")[0];
    assert!(newer > f.epoch(A));
    let row = execution(A, 1);
    let insert = |epoch| Commit { shard: A, epoch, ops: vec![Op::InsertExecution(row.clone())] };
    for epoch in [f.epoch(A), Epoch(0), Epoch(newer.0 + 1), Epoch(u64::MAX)] {
        assert_eq!(f.store.commit(vec![insert(epoch)]).await, [Outcome::Fenced], "{epoch:?}");
    }
    assert_eq!(f.stored(row.id).await, None);
    // The other shard's owner is still the owner, in the same batch.
    let batch = vec![insert(f.epoch(A)), f.change(B, [Op::InsertExecution(execution(B, 2))]), insert(newer)];
    assert_eq!(f.store.commit(batch).await, [Outcome::Fenced, Outcome::Committed, Outcome::Committed]);
}

pub(super) async fn sto_2_every_acquisition_raises_the_epoch(store: Arc<dyn Store>) {
    let never = Commit { shard: A, epoch: Epoch(0), ops: vec![] };
    assert_eq!(store.commit(vec![never]).await, [Outcome::Fenced], "nobody owns a shard that nobody took");
    let first = store.acquire(&[B, A]).await.expect("acquired");
    let second = store.acquire(&[A, B]).await.expect("acquired");
    assert!(second[0] > first[1] && second[1] > first[0], "{first:?} {second:?}");
    assert_eq!(store.acquire(&[]).await.expect("acquired"), []);
    let beyond = ShardId(store.shard_count());
    assert!(store.acquire(&[A, beyond]).await.is_err());
    let still = Commit { shard: A, epoch: second[0], ops: vec![] };
    assert_eq!(store.commit(vec![still]).await, [Outcome::Committed], "a failed acquisition took nothing");
}

pub(super) async fn sto_3_a_rejection_leaves_its_batch_alone(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let insert = |number| Op::InsertExecution(execution(A, number));
    let events = |last| Op::AppendHistory(history(execution(A, 1).id, 1, last));
    let stale = Commit { epoch: Epoch(0), ..f.change(A, [insert(20)]) };
    let outcomes = f
        .store
        .commit(vec![
            f.change(A, [insert(1), events(2)]),
            // Found at its first change, at a later one, in a row that isn't searched by, and before any change.
            f.change(A, [insert(1), events(9)]),
            f.change(A, [insert(2), insert(1)]),
            f.change(A, [insert(3), events(5)]),
            f.change(A, [Op::UpdateExecution(execution(A, 4))]),
            stale,
            f.change(A, [insert(5)]),
            f.change(B, [Op::InsertExecution(execution(A, 6))]),
            f.change(A, [insert(7)]),
        ])
        .await;
    assert_eq!(outcomes[0], Outcome::Committed);
    assert_eq!(outcomes[1..4], [EXISTS, EXISTS, EXISTS]);
    assert_unacceptable(&outcomes[4]);
    assert_eq!(outcomes[5..7], [Outcome::Fenced, Outcome::Committed]);
    assert_unacceptable(&outcomes[7]);
    assert_eq!(outcomes[8], Outcome::Committed);
    for (number, stored) in [(1, true), (2, false), (3, false), (4, false), (5, true), (6, false), (7, true)]
    {
        assert_eq!(f.stored(execution(A, number).id).await.is_some(), stored, "{number}");
    }
    let events = f.store.history(execution(A, 1).id, 1, HistoryOrder::Forward, 9).await.expect("read");
    assert_eq!(events, [history(execution(A, 1).id, 1, 2)]);
}

pub(super) async fn sto_4_a_shards_commits_apply_in_the_order_handed_in(store: Arc<dyn Store>) {
    const COMMITS: u64 = 60;
    let f = Fixture::new(store).await;
    let row = execution(A, 1);
    f.committed(A, [Op::InsertExecution(row.clone())]).await;
    // Each builds on the one before: out of order, an update would be lost or an event row would be missing.
    let batch = |number: u64| {
        let record = record(&number.to_string());
        let update = Op::UpdateExecution(ExecutionRow { record, ..row.clone() });
        let previous = Op::DeleteOutbox(outbox(A, &(number - 1).to_string(), "").key);
        let next = Op::PutOutbox(outbox(A, &number.to_string(), ""));
        vec![f.change(A, [update]), f.change(A, [previous, next])]
    };
    let outcomes = together((1..=COMMITS).map(|number| f.store.commit(batch(number))).collect()).await;
    assert!(outcomes.iter().flatten().all(|outcome| *outcome == Outcome::Committed));
    assert_eq!(f.stored(row.id).await.map(|row| row.record), Some(record(&COMMITS.to_string())));
    assert_eq!(f.store.outbox(A, None, 9).await.expect("read"), [outbox(A, &COMMITS.to_string(), "")]);
}

pub(super) async fn sto_5_a_read_sees_what_was_committed_before(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    for number in 1..=50 {
        let row = execution(A, number);
        f.committed(A, [Op::InsertExecution(row.clone())]).await;
        assert_eq!(f.store.execution_by_arn(row.arn).await.expect("read"), Some(row));
        assert_eq!(f.store.open_executions(None).await.expect("read"), number);
    }
}

pub(super) async fn an_empty_batch_and_an_empty_commit_are_fine(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    assert_eq!(f.store.commit(vec![]).await, []);
    f.committed(A, []).await;
    assert!(f.store.has_room().await);
}

pub(super) async fn a_commit_touches_only_its_own_shard(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let foreign: Id = execution(B, 1).id;
    for op in [
        Op::InsertExecution(execution(B, 1)),
        Op::UpdateExecution(execution(B, 1)),
        Op::DeleteExecution(foreign),
        Op::PutFrame(frame(foreign, "f", "")),
        Op::DeleteFrame(foreign, "f".into()),
        Op::DeleteFrames(foreign),
        Op::AppendHistory(history(foreign, 1, 1)),
        Op::InsertMachine(machine(B, 1)),
        Op::UpdateMachine(machine(B, 1)),
        Op::DeleteMachine(foreign),
        Op::InsertRevision(revision(foreign, 1)),
        Op::PutOutbox(outbox(ShardId(f.store.shard_count()), "k", "")),
    ] {
        assert_unacceptable(&f.commit(A, [op]).await);
    }
    let beyond = Commit { shard: ShardId(f.store.shard_count()), epoch: Epoch(1), ops: vec![] };
    assert_unacceptable(&f.store.commit(vec![beyond]).await[0]);
    // A message may go straight to the shard that will see to it; taking it away is that shard's.
    f.committed(A, [Op::PutOutbox(outbox(B, "k", "x"))]).await;
    f.committed(A, [Op::DeleteOutbox(outbox(B, "k", "").key)]).await;
    assert_eq!(f.store.outbox(B, None, 9).await.expect("read"), [outbox(B, "k", "x")]);
}

pub(super) async fn new_rows_must_be_new(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (run, m) = (execution(A, 1), machine(A, 2));
    let rev = revision(m.id, 3);
    f.committed(A, [Op::InsertExecution(run.clone()), Op::AppendHistory(history(run.id, 1, 3))]).await;
    let version = entity(A, 5);
    f.committed(A, [Op::InsertMachine(m.clone()), Op::InsertRevision(rev.clone())]).await;
    f.committed(A, [Op::InsertEntity(version.clone())]).await;
    for op in [
        Op::InsertEntity(EntityRow { id: entity(A, 8).id, ..version.clone() }),
        Op::InsertEntity(EntityRow { arn: entity(A, 8).arn, ..version.clone() }),
        Op::InsertExecution(ExecutionRow { id: execution(A, 8).id, ..run.clone() }),
        Op::InsertExecution(ExecutionRow { arn: execution(A, 8).arn, ..run.clone() }),
        Op::AppendHistory(history(run.id, 1, 1)),
        Op::InsertMachine(crate::MachineRow { id: machine(A, 8).id, ..m.clone() }),
        Op::InsertMachine(crate::MachineRow { arn: machine(A, 8).arn, ..m.clone() }),
        Op::InsertRevision(rev.clone()),
    ] {
        assert_eq!(f.commit(A, [op.clone()]).await, EXISTS, "{op:?}");
    }
    for (first, last) in [(5, 4), (4, u64::MAX)] {
        assert_unacceptable(&f.commit(A, [Op::AppendHistory(history(run.id, first, last))]).await);
    }
    // An execution's name is taken in every shard.
    let elsewhere = ExecutionRow { arn: run.arn, ..execution(B, 4) };
    assert_eq!(f.commit(B, [Op::InsertExecution(elsewhere)]).await, EXISTS);
    assert_eq!(f.stored(run.id).await, Some(run));
    assert_eq!(f.store.machine(m.arn).await.expect("read"), Some(m));
}

pub(super) async fn only_what_is_there_can_be_updated(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (run, m) = (execution(A, 1), machine(A, 2));
    let version = entity(A, 5);
    f.committed(A, [Op::InsertExecution(run.clone()), Op::InsertMachine(m.clone())]).await;
    f.committed(A, [Op::InsertEntity(version.clone())]).await;
    for op in [
        Op::UpdateEntity(entity(A, 3)),
        Op::UpdateEntity(EntityRow { list: entity(A, 3).arn, ..version.clone() }),
        Op::UpdateEntity(EntityRow { created_at: at(5), ..version }),
        Op::UpdateExecution(execution(A, 3)),
        Op::UpdateMachine(machine(A, 3)),
        // Identity never changes.
        Op::UpdateExecution(ExecutionRow { arn: execution(A, 3).arn, ..run.clone() }),
        Op::UpdateExecution(ExecutionRow { machine: m.id, ..run.clone() }),
        Op::UpdateMachine(crate::MachineRow { arn: machine(A, 3).arn, ..m.clone() }),
        Op::UpdateMachine(crate::MachineRow { created_at: at(5), ..m.clone() }),
    ] {
        assert_unacceptable(&f.commit(A, [op]).await);
    }
    // Taking away what isn't there is no error: it may have been done before.
    f.committed(A, [Op::DeleteExecution(execution(A, 3).id), Op::DeleteMachine(machine(A, 3).id)]).await;
    let changed = crate::MachineRow { record: record("changed"), ..m.clone() };
    f.committed(A, [Op::UpdateMachine(changed.clone())]).await;
    assert_eq!(f.store.machine(m.arn).await.expect("read"), Some(changed));
}
