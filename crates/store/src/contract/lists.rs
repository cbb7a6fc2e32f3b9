//! Executions and state machines: looking up, listing, counting.

use std::sync::Arc;

use super::fixture::{
    A, B, Fixture, arn, at, closed, entities, entity, execution, id, machine, machine_id, page, record,
    revision,
};
use crate::{
    EntitiesPage, EntityKind, EntityRow, ExecutionRow, ExecutionStatus, ExecutionsPage, Id, MachineRow,
    MachinesPage, Op, OpenGroup, Record, Store,
};

/// Reads page after page, and makes sure that each but the last is full.
async fn all_pages(store: &dyn Store, mut page: ExecutionsPage) -> Vec<ExecutionRow> {
    let mut all = Vec::new();
    loop {
        let rows = store.executions(page).await.expect("executions can be listed");
        assert!(rows.len() <= page.limit);
        let full = rows.len() == page.limit;
        all.extend(rows);
        match all.last() {
            Some(last) if full => page.after = Some((last.sort_at, last.id)),
            _ => return all,
        }
    }
}

pub(super) async fn executions_are_listed_newest_first_without_gaps(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let mut rows = Vec::new();
    for number in 0..60 {
        let shard = if number % 2 == 0 { A } else { B };
        let status = ExecutionStatus::ALL[number as usize % ExecutionStatus::ALL.len()];
        // Four to an instant, so that pages end between equals.
        let row = ExecutionRow { status, sort_at: at(number / 4 - 3), ..execution(shard, number as u64) };
        f.committed(shard, [Op::InsertExecution(row.clone())]).await;
        rows.push(row);
    }
    let other = ExecutionRow { machine: id(A, 5_000), ..execution(A, 500) };
    f.committed(A, [Op::InsertExecution(other.clone())]).await;
    rows.sort_by_key(|row| std::cmp::Reverse((row.sort_at, row.id)));
    for status in std::iter::once(None).chain(ExecutionStatus::ALL.map(Some)) {
        let expect: Vec<_> =
            rows.iter().filter(|row| status.is_none_or(|status| row.status == status)).cloned().collect();
        for limit in [1, 3, 10, 59, 60, 1_000] {
            let page = page(machine_id(), status, limit);
            assert_eq!(all_pages(&*f.store, page).await, expect, "{status:?} by {limit}");
        }
    }
    assert_eq!(all_pages(&*f.store, page(other.machine, None, 10)).await, [other]);
    let nothing = [page(id(A, 1), None, 10), page(machine_id(), None, 0)];
    for page in nothing {
        assert_eq!(f.store.executions(page).await.expect("read"), []);
    }
    // Closing an execution moves it.
    let moved = closed(rows[59].clone(), ExecutionStatus::Aborted, 9_999);
    f.committed(moved.id.shard(), [Op::UpdateExecution(moved.clone())]).await;
    assert_eq!(f.store.executions(page(machine_id(), None, 1)).await.expect("read"), [moved]);
    assert_eq!(all_pages(&*f.store, page(machine_id(), None, 7)).await.len(), 60);
}

pub(super) async fn executions_are_found_by_id_and_arn(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let row = ExecutionRow { wake_at: Some(at(5)), ..execution(A, 1) };
    f.committed(A, [Op::InsertExecution(row.clone())]).await;
    assert_eq!(f.stored(row.id).await, Some(row.clone()));
    assert_eq!(f.store.execution_by_arn(row.arn).await.expect("read"), Some(row.clone()));
    assert_eq!(f.stored(id(A, 2)).await, None);
    assert_eq!(f.store.execution_by_arn(arn(2)).await.expect("read"), None);
    let end = closed(row, ExecutionStatus::TimedOut, -5);
    f.committed(A, [Op::UpdateExecution(end.clone())]).await;
    assert_eq!(f.stored(end.id).await, Some(end.clone()));
    // A redrive opens it again, in its old place.
    let open = ExecutionRow { record: record("again"), ..execution(A, 1) };
    f.committed(A, [Op::UpdateExecution(open.clone())]).await;
    assert_eq!(f.store.execution_by_arn(open.arn).await.expect("read"), Some(open.clone()));
    assert_eq!(f.store.expired(A, at(i64::MAX), 9).await.expect("read"), []);
    f.committed(A, [Op::DeleteExecution(open.id)]).await;
    assert_eq!(f.store.execution_by_arn(open.arn).await.expect("read"), None);
    assert_eq!(f.store.executions(page(machine_id(), None, 9)).await.expect("read"), []);
}

pub(super) async fn machines_are_listed_by_account_and_region_in_order_of_creation(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let mut rows = Vec::new();
    for number in 0..20_u64 {
        let shard = if number % 2 == 0 { A } else { B };
        let row = MachineRow { created_at: at(20 - number as i64 / 3), ..machine(shard, number) };
        f.committed(shard, [Op::InsertMachine(row.clone())]).await;
        rows.push(row);
    }
    let foreign = [
        MachineRow { account: "111111111111".into(), ..machine(A, 100) },
        MachineRow { region: "eu-west-1".into(), ..machine(A, 101) },
    ];
    f.committed(A, foreign.clone().map(Op::InsertMachine)).await;
    rows.sort_by_key(|row| (row.created_at, row.id));
    for limit in [1, 7, 20, 100] {
        let (mut all, mut after): (Vec<MachineRow>, Option<_>) = (Vec::new(), None);
        loop {
            let (account, region) = ("000000000000".into(), "us-east-1".into());
            let page = MachinesPage { account, region, after, limit };
            let got = f.store.machines(page).await.expect("machines can be listed");
            let full = got.len() == limit;
            all.extend(got);
            after = all.last().map(|row| (row.created_at, row.id));
            if !full {
                break;
            }
        }
        assert_eq!(all, rows, "by {limit}");
    }
    for row in foreign {
        let page =
            MachinesPage { account: row.account.clone(), region: row.region.clone(), after: None, limit: 9 };
        assert_eq!(f.store.machines(page).await.expect("read"), [row]);
    }
}

pub(super) async fn a_deleted_machine_leaves_its_revisions_and_its_name(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let old = machine(A, 1);
    let rev = revision(old.id, 2);
    f.committed(A, [Op::InsertMachine(old.clone()), Op::InsertRevision(rev.clone())]).await;
    f.committed(A, [Op::DeleteMachine(old.id)]).await;
    assert_eq!(f.store.machine(old.arn).await.expect("read"), None);
    assert_eq!(f.store.revision(old.id, rev.id).await.expect("read"), Some(rev.clone()));
    let again = MachineRow { arn: old.arn, ..machine(A, 3) };
    f.committed(A, [Op::InsertMachine(again.clone())]).await;
    assert_eq!(f.store.machine(old.arn).await.expect("read"), Some(again.clone()));
    assert_eq!(f.store.revision(again.id, rev.id).await.expect("read"), None);
}

pub(super) async fn entities_are_listed_by_kind_and_list_both_ways(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let mut rows = Vec::new();
    for number in 0..20_u64 {
        let shard = if number % 2 == 0 { A } else { B };
        let row = EntityRow { created_at: at(20 - number as i64 / 3), ..entity(shard, number) };
        f.committed(shard, [Op::InsertEntity(row.clone())]).await;
        rows.push(row);
    }
    let foreign = [
        EntityRow { kind: EntityKind::Alias, ..entity(A, 100) },
        EntityRow { list: arn(77), ..entity(A, 101) },
    ];
    f.committed(A, foreign.clone().map(Op::InsertEntity)).await;
    rows.sort_by_key(|row| (row.created_at, row.id));
    for (newest_first, limit) in [(false, 1), (false, 7), (true, 7), (false, 20), (true, 100)] {
        let (mut all, mut after): (Vec<EntityRow>, Option<_>) = (Vec::new(), None);
        loop {
            let page = EntitiesPage { newest_first, after, limit, ..entities() };
            let got = f.store.entities(page).await.expect("entities can be listed");
            let full = got.len() == limit;
            all.extend(got);
            after = all.last().map(|row| (row.created_at, row.id));
            if !full {
                break;
            }
        }
        if newest_first {
            all.reverse();
        }
        assert_eq!(all, rows, "by {limit}, newest first: {newest_first}");
    }
    let [alias, elsewhere] = foreign;
    let page = EntitiesPage { kind: EntityKind::Alias, ..entities() };
    assert_eq!(f.store.entities(page).await.expect("read"), [alias]);
    let changed = EntityRow { record: record("changed"), ..elsewhere };
    f.committed(A, [Op::UpdateEntity(changed.clone())]).await;
    assert_eq!(f.store.entity(changed.arn).await.expect("read"), Some(changed.clone()));
    f.committed(A, [Op::DeleteEntity(changed.id)]).await;
    assert_eq!(f.store.entity(changed.arn).await.expect("read"), None);
    f.committed(A, [Op::InsertEntity(EntityRow { id: id(A, 102), ..changed })]).await;
}

pub(super) async fn machines_and_entities_are_counted(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let machines =
        async |account: &str, region: &str| f.store.machine_count(account, region).await.expect("counted");
    let row = machine(A, 0);
    assert_eq!(machines(&row.account, &row.region).await, 0);
    for number in 0..3 {
        f.committed(A, [Op::InsertMachine(machine(A, number)), Op::InsertEntity(entity(A, number))]).await;
    }
    let elsewhere = [
        MachineRow { account: "other".into(), ..machine(A, 3) },
        MachineRow { region: "other".into(), ..machine(A, 4) },
    ];
    f.committed(A, elsewhere.map(Op::InsertMachine)).await;
    let alias = EntityRow { kind: EntityKind::Alias, ..entity(A, 3) };
    f.committed(A, [Op::InsertEntity(alias), Op::DeleteEntity(id(A, 1)), Op::DeleteMachine(id(A, 0))]).await;
    assert_eq!(machines(&row.account, &row.region).await, 2);
    assert_eq!(machines("other", &row.region).await, 1);
    let page = entities();
    for (kind, list, expect) in
        [(page.kind, page.list, 2), (EntityKind::Alias, page.list, 1), (page.kind, arn(77), 0)]
    {
        assert_eq!(f.store.entity_count(kind, list).await.expect("counted"), expect, "{kind:?}");
    }
}

pub(super) async fn open_executions_are_counted_by_what_they_belong_to(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let groups = async |after: Option<Id>, limit: usize| {
        let groups = f.store.open_groups(after, limit).await.expect("counted");
        let record = |group: &OpenGroup| group.record.to_vec();
        groups.iter().map(|group| (group.machine, group.open, record(group))).collect::<Vec<_>>()
    };
    assert_eq!(groups(None, 10).await, []);
    for number in 0..12 {
        let machine = number % 4;
        let record: Record = vec![u8::try_from(machine).expect("small")].into();
        let row = ExecutionRow { machine: id(B, machine), record, ..execution(A, number) };
        f.committed(A, [Op::InsertExecution(row.clone())]).await;
        if machine == 1 || number == 2 {
            f.committed(A, [Op::UpdateExecution(closed(row, ExecutionStatus::Failed, 5))]).await;
        }
    }
    let all = [(id(B, 0), 3, vec![0]), (id(B, 2), 2, vec![2]), (id(B, 3), 3, vec![3])];
    assert_eq!(groups(None, 10).await, all);
    assert_eq!(groups(None, 2).await, all[..2]);
    assert_eq!(groups(Some(id(B, 0)), 10).await, all[1..]);
    assert_eq!(groups(Some(id(B, 3)), 10).await, []);
}

pub(super) async fn open_executions_are_counted(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let count = async |machine: Option<Id>| f.store.open_executions(machine).await.expect("counted");
    assert_eq!(count(None).await, 0);
    for number in 0..12 {
        let row = ExecutionRow { machine: id(B, number % 3), ..execution(A, number) };
        f.committed(A, [Op::InsertExecution(row)]).await;
    }
    for (number, status) in (0..5).zip(&ExecutionStatus::ALL[1..]) {
        let row = ExecutionRow { machine: id(B, number % 3), ..execution(A, number) };
        f.committed(A, [Op::UpdateExecution(closed(row, *status, 5))]).await;
    }
    assert_eq!(count(None).await, 7);
    for (number, expect) in [(0, 2), (1, 2), (2, 3), (3, 0)] {
        assert_eq!(count(Some(id(B, number))).await, expect, "{number}");
    }
}
