//! What outlives the process.

use std::future::Future;
use std::sync::Arc;

use super::fixture::{A, B, Fixture, execution, frame, history, machine, outbox, record, revision, tag};
use crate::{Commit, HistoryOrder, Op, Outcome, Store};

/// Checks that what was committed, and the epochs, are there when the store is opened again. `open` opens the same
/// store each time, empty at first; the one that it gave before is dropped by then.
pub async fn survives_reopening<F, Fut>(open: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Store>>,
{
    let (run, m) = (execution(A, 1), machine(B, 2));
    let rev = revision(m.id, 3);
    let f = Fixture::new(open().await).await;
    f.committed(
        A,
        [
            Op::InsertExecution(run.clone()),
            Op::PutFrame(frame(run.id, "f", "")),
            Op::AppendHistory(history(run.id, 1, 2)),
            Op::PutOutbox(outbox(A, "k", "x")),
            Op::PutTag(tag(1, "k", "v")),
        ],
    )
    .await;
    f.committed(B, [Op::InsertMachine(m.clone()), Op::InsertRevision(rev.clone())]).await;
    f.store.keep_setting("s", record("kept")).await.expect("kept");
    let (shards, old) = (f.store.shard_count(), f.epoch(A));
    drop(f);

    let store = open().await;
    assert_eq!(store.shard_count(), shards);
    assert_eq!(store.execution_by_arn(run.arn).await.expect("read"), Some(run.clone()));
    assert_eq!(store.frames(run.id).await.expect("read"), [frame(run.id, "f", "")]);
    let events = store.history(run.id, 1, HistoryOrder::Forward, 9).await.expect("read");
    assert_eq!(events, [history(run.id, 1, 2)]);
    assert_eq!(store.outbox(A, None, 9).await.expect("read"), [outbox(A, "k", "x")]);
    assert_eq!(store.tags(tag(1, "", "").resource).await.expect("read"), [tag(1, "k", "v")]);
    assert_eq!(store.machine(m.arn).await.expect("read"), Some(m));
    assert_eq!(store.revision(rev.machine, rev.id).await.expect("read"), Some(rev));
    let kept = store.keep_setting("s", record("later")).await.expect("kept");
    assert_eq!(kept, record("kept"));
    let new = store.acquire(&[A]).await.expect("acquired")[0];
    assert!(new > old, "epochs go on from where they were");
    let stale = Commit { shard: A, epoch: old, ops: vec![] };
    assert_eq!(store.commit(vec![stale]).await, [Outcome::Fenced]);
}
