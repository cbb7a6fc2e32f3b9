//! Histories, frames, timers, retention, the outbox, tags and settings.

use std::sync::Arc;

use super::fixture::{
    A, B, Fixture, at, closed, execution, frame, history, id, outbox, record, tag, together,
};
use crate::{ExecutionRow, ExecutionStatus, HistoryOrder, Op, Record, Store};

pub(super) async fn history_is_read_both_ways_from_the_middle_of_a_row(store: Arc<dyn Store>) {
    use HistoryOrder::{Forward, Reverse};
    let f = Fixture::new(store).await;
    let run = execution(A, 2).id;
    let spans = [(1, 3), (4, 4), (5, 300), (301, 302)];
    for (first, last) in spans {
        f.committed(A, [Op::AppendHistory(history(run, first, last))]).await;
    }
    // Neighbours in the key's order mustn't leak in.
    for other in [1, 3] {
        f.committed(A, [Op::AppendHistory(history(id(A, other), 1, 1_000))]).await;
    }
    for (from, order, limit, expect) in [
        (0, Forward, 9, &[0, 1, 2, 3][..]),
        (1, Forward, 9, &[0, 1, 2, 3]),
        (3, Forward, 9, &[0, 1, 2, 3]),
        (4, Forward, 9, &[1, 2, 3]),
        (5, Forward, 1, &[2]),
        (299, Forward, 9, &[2, 3]),
        (302, Forward, 9, &[3]),
        (303, Forward, 9, &[]),
        (u64::MAX, Forward, 9, &[]),
        (1, Forward, 0, &[]),
        (u64::MAX, Reverse, 9, &[3, 2, 1, 0]),
        (302, Reverse, 2, &[3, 2]),
        (301, Reverse, 9, &[3, 2, 1, 0]),
        (300, Reverse, 9, &[2, 1, 0]),
        (6, Reverse, 9, &[2, 1, 0]),
        (4, Reverse, 9, &[1, 0]),
        (1, Reverse, 9, &[0]),
        (0, Reverse, 9, &[]),
    ] {
        let expect: Vec<_> = expect.iter().map(|at| history(run, spans[*at].0, spans[*at].1)).collect();
        let rows = f.store.history(run, from, order, limit).await.expect("a history can be read");
        assert_eq!(rows, expect, "{order:?} from {from}, {limit} at most");
    }
}

pub(super) async fn frames_are_set_and_taken_away(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (run, other) = (id(A, 2), id(A, 3));
    let paths = ["b", "a/1", "a", "é", ""];
    f.committed(A, paths.map(|path| Op::PutFrame(frame(run, path, path)))).await;
    f.committed(A, [Op::PutFrame(frame(other, "a", "other"))]).await;
    let paths = async || -> Vec<String> {
        f.store.frames(run).await.expect("read").iter().map(|row| row.path.to_string()).collect()
    };
    assert_eq!(paths().await, ["", "a", "a/1", "b", "é"]);
    f.committed(A, [Op::PutFrame(frame(run, "a", "changed")), Op::DeleteFrame(run, "b".into())]).await;
    assert_eq!(paths().await, ["", "a", "a/1", "é"]);
    assert_eq!(f.store.frames(run).await.expect("read")[1], frame(run, "a", "changed"));
    f.committed(A, [Op::DeleteFrame(run, "b".into()), Op::DeleteFrames(run)]).await;
    assert_eq!(paths().await, [""; 0]);
    assert_eq!(f.store.frames(other).await.expect("read"), [frame(other, "a", "other")]);
}

pub(super) async fn a_deleted_execution_takes_its_frames_and_history_along(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let runs = [1, 2, 3].map(|number| ExecutionRow { wake_at: Some(at(5)), ..execution(A, number) });
    for run in &runs {
        f.committed(
            A,
            [
                Op::InsertExecution(run.clone()),
                Op::PutFrame(frame(run.id, "f", "")),
                Op::PutFrame(frame(run.id, "g", "")),
                Op::AppendHistory(history(run.id, 1, 2)),
                Op::AppendHistory(history(run.id, 3, 4)),
            ],
        )
        .await;
    }
    f.committed(A, [Op::DeleteExecution(runs[1].id)]).await;
    for (run, rows) in runs.iter().zip([2, 0, 2]) {
        assert_eq!(f.store.frames(run.id).await.expect("read").len(), rows);
        assert_eq!(f.store.history(run.id, 1, HistoryOrder::Forward, 9).await.expect("read").len(), rows);
        assert_eq!(f.stored(run.id).await.is_some(), rows > 0);
    }
    let due = f.store.due(A, at(5), None, 9).await.expect("read");
    assert_eq!(due, [(at(5), runs[0].id), (at(5), runs[2].id)]);
}

pub(super) async fn due_executions_come_earliest_first(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let times = [Some(30), Some(10), Some(20), None, Some(20), Some(-5), Some(40)];
    for (number, time) in (0..).zip(times) {
        let row = ExecutionRow { wake_at: time.map(at), ..execution(A, number) };
        f.committed(A, [Op::InsertExecution(row)]).await;
    }
    let elsewhere = ExecutionRow { wake_at: Some(at(15)), ..execution(B, 50) };
    f.committed(B, [Op::InsertExecution(elsewhere)]).await;
    let entry = |millis, number| (at(millis), id(A, number));
    let in_order = [entry(-5, 5), entry(10, 1), entry(20, 2), entry(20, 4), entry(30, 0), entry(40, 6)];
    for (until, after, limit, expect) in [
        (100, None, 9, &in_order[..]),
        (20, None, 9, &in_order[..4]),
        (19, None, 9, &in_order[..2]),
        (-6, None, 9, &[]),
        (100, None, 3, &in_order[..3]),
        (100, Some(in_order[2]), 2, &in_order[3..5]),
        (20, Some(in_order[3]), 9, &[]),
        (20, Some(in_order[5]), 9, &[]),
        (100, None, 0, &[]),
    ] {
        let rows = f.store.due(A, at(until), after, limit).await.expect("read");
        assert_eq!(rows, expect, "until {until} after {after:?}, {limit} at most");
    }
    // An update sets, moves and takes away.
    for (number, time) in [(3, Some(11)), (1, Some(50)), (5, None)] {
        let row = ExecutionRow { wake_at: time.map(at), ..execution(A, number) };
        f.committed(A, [Op::UpdateExecution(row)]).await;
    }
    let rows = f.store.due(A, at(100), None, 9).await.expect("read");
    assert_eq!(rows, [entry(11, 3), entry(20, 2), entry(20, 4), entry(30, 0), entry(40, 6), entry(50, 1)]);
}

pub(super) async fn expired_executions_are_those_stopped_before(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    for (number, stopped) in [(1, 30), (2, 10), (3, 20), (4, 20)] {
        let row = closed(execution(A, number), ExecutionStatus::Failed, stopped);
        f.committed(A, [Op::InsertExecution(row)]).await;
    }
    f.committed(A, [Op::InsertExecution(execution(A, 5))]).await;
    f.committed(B, [Op::InsertExecution(closed(execution(B, 6), ExecutionStatus::Failed, 1))]).await;
    for (before, limit, expect) in [
        (10, 9, &[][..]),
        (11, 9, &[2]),
        (20, 9, &[2]),
        (21, 9, &[2, 3, 4]),
        (99, 9, &[2, 3, 4, 1]),
        (99, 2, &[2, 3]),
    ] {
        let expect: Vec<_> = expect.iter().map(|number| id(A, *number)).collect();
        assert_eq!(f.store.expired(A, at(before), limit).await.expect("read"), expect, "before {before}");
    }
}

pub(super) async fn the_outbox_is_read_in_order_of_keys(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let rows = ["", "a", "a\0", "b", "ba"].map(|key| outbox(A, key, "x"));
    f.committed(A, [3, 0, 4, 2, 1].map(|at: usize| Op::PutOutbox(rows[at].clone()))).await;
    f.committed(B, [Op::PutOutbox(outbox(B, "a", "other"))]).await;
    for (after, limit, expect) in [
        (None, 9, &rows[..]),
        (None, 2, &rows[..2]),
        (Some(0), 9, &rows[1..]),
        (Some(2), 1, &rows[3..4]),
        (Some(4), 9, &[]),
    ] {
        let after: Option<&crate::OutboxKey> = after.map(|at: usize| &rows[at].key);
        assert_eq!(f.store.outbox(A, after, limit).await.expect("read"), expect);
    }
    let changed = outbox(A, "a", "changed");
    f.committed(A, [Op::PutOutbox(changed.clone()), Op::DeleteOutbox(rows[3].key.clone())]).await;
    let read = async |shard, key: &crate::OutboxKey| f.store.outbox_row(shard, key).await.expect("read");
    assert_eq!(read(A, &changed.key).await, Some(changed));
    assert_eq!(read(A, &rows[3].key).await, None);
    assert_eq!(read(B, &rows[1].key).await, Some(outbox(B, "a", "other")));
}

pub(super) async fn tags_belong_to_their_resource(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let tags = [tag(2, "b", "1"), tag(2, "a", ""), tag(1, "a", "other")];
    f.committed(A, tags.clone().map(Op::PutTag)).await;
    let read = async |resource| f.store.tags(tag(resource, "", "").resource).await.expect("read");
    assert_eq!(read(2).await, [tags[1].clone(), tags[0].clone()]);
    f.committed(A, [Op::PutTag(tag(2, "b", "2")), Op::DeleteTag(tags[1].resource, "a".into())]).await;
    assert_eq!(read(2).await, [tag(2, "b", "2")]);
    assert_eq!(read(1).await, [tags[2].clone()]);
    assert_eq!(read(3).await, []);
}

pub(super) async fn the_first_setting_of_a_name_is_kept(store: Arc<dyn Store>) {
    assert_eq!(store.setting("key").await.expect("read"), None);
    let offers: Vec<Record> = (0..20).map(|number| record(&number.to_string())).collect();
    let kept = together(offers.iter().map(|offer| store.keep_setting("key", offer.clone())).collect()).await;
    let stored = store.setting("key").await.expect("read");
    assert!(stored.as_ref().is_some_and(|stored| offers.contains(stored)));
    assert!(kept.into_iter().all(|kept| kept.ok() == stored), "everybody gets the one that is kept");
    assert_eq!(store.setting("other").await.expect("read"), None);
}

pub(super) async fn records_come_back_as_they_were(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let large = (0..4 * 1024 * 1024_u32).map(|byte| byte.to_le_bytes()[0]).collect();
    for (number, bytes) in (0..).zip([vec![], vec![0], vec![0xff, 0, 0x80], large]) {
        let row = ExecutionRow { record: Record::from(bytes), ..execution(A, number) };
        f.committed(A, [Op::InsertExecution(row.clone())]).await;
        assert_eq!(f.stored(row.id).await, Some(row), "{number}");
    }
}
