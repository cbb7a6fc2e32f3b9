use std::sync::Arc;

use super::MemoryStore;
use crate::{Commit, Op, OutboxRow, Outcome, Record, ShardId, Store, contract};

#[tokio::test]
async fn keeps_the_contract() {
    contract::run(async || Arc::new(MemoryStore::new(4)) as Arc<dyn Store>).await;
}

#[tokio::test]
async fn survives_its_engine() {
    let kept = Arc::new(MemoryStore::new(4));
    contract::survives_reopening(async || Arc::clone(&kept) as Arc<dyn Store>).await;
}

#[tokio::test]
async fn a_snapshot_goes_its_own_way() {
    const SHARD: ShardId = ShardId(0);
    let store = MemoryStore::new(1);
    let epoch = store.acquire(&[SHARD]).await.unwrap()[0];
    let put = |key: u8| {
        let row = OutboxRow { shard: SHARD, key: Arc::from([key]), record: Record::from([]) };
        vec![Commit { shard: SHARD, epoch, ops: vec![Op::PutOutbox(row)] }]
    };
    assert_eq!(store.commit(put(1)).await, [Outcome::Committed]);
    let copy = store.snapshot();
    assert_eq!(store.commit(put(2)).await, [Outcome::Committed]);
    assert_eq!(copy.outbox(SHARD, None, 9).await.unwrap().len(), 1);
    assert_eq!(copy.commit(put(3)).await, [Outcome::Committed]);
    assert_eq!(store.outbox(SHARD, None, 9).await.unwrap().len(), 2);
}
