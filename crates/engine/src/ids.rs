//! Keys, hashes and ids.

use newel_asl::timestamp::Timestamp;
use newel_machine::TaskKey;
use newel_store::{ArnKey, Id, OutboxKey, ShardId};
use newel_value::Str;
use sha2::{Digest as _, Sha256};

use crate::env::Env;
use crate::task::TaskId;

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn first16(bytes: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&bytes[..16]);
    half
}

/// What an ARN is looked up by.
pub(crate) fn arn_key(arn: &str) -> ArnKey {
    ArnKey(first16(digest(&[b"arn", arn.as_bytes()])))
}

/// The shard of whatever has that ARN. An execution's ARN holds its machine and name, so the choice of shard decides where a
/// name is unique.
pub(crate) fn shard_of(arn: &str, shards: u16) -> ShardId {
    let hash = digest(&[b"shard", arn.as_bytes()]);
    ShardId(u16::from_be_bytes([hash[0], hash[1]]) % shards.max(1))
}

/// The bit of a shard's number that no shard has: it marks the ids of what is kept in memory only.
const IN_MEMORY: u16 = 1 << 15;

/// How many shards there may be, so that none of them has the mark.
pub(crate) const MOST_SHARDS: u16 = IN_MEMORY;

/// A new id of an execution that is kept in memory only. Nothing of it is found again after a restart under that id.
pub(crate) fn new_id_in_memory(env: &dyn Env, now: Timestamp) -> Id {
    Id::new(ShardId(IN_MEMORY), now, env.random())
}

/// Whether an id is of an execution that is kept in memory only.
pub(crate) fn is_in_memory(id: Id) -> bool {
    id.shard().0 & IN_MEMORY != 0
}

/// A new id in a shard.
pub(crate) fn new_id(env: &dyn Env, shard: ShardId, now: Timestamp) -> Id {
    Id::new(shard, now, env.random())
}

/// A random version 4 UUID.
pub(crate) fn uuid(env: &dyn Env) -> String {
    let bits = (u128::from(env.random()) << 64) | u128::from(env.random());
    uuid::Builder::from_u128(bits).with_version(uuid::Version::Random).into_uuid().to_string()
}

/// An id as the API shows it: a UUID made of its bits.
pub(crate) fn shown(id: Id) -> Str {
    uuid::Uuid::from_bytes(id.0).to_string().into()
}

/// The outbox row of a task attempt: ordered by execution, so by shard and time.
pub(crate) fn outbox_key(task: &TaskId) -> OutboxKey {
    let mut key = Vec::with_capacity(16 + 8 + 4 + task.frame.len());
    key.extend_from_slice(&task.execution.0);
    key.extend_from_slice(&task.entry.to_be_bytes());
    key.extend_from_slice(&task.attempt.to_be_bytes());
    key.extend_from_slice(task.frame.as_bytes());
    key.into()
}

/// The outbox row of a state machine's deletion.
pub(crate) fn deletion_key(machine: Id) -> OutboxKey {
    let mut key = Vec::with_capacity(17);
    key.extend_from_slice(&machine.0);
    key.push(b'd');
    key.into()
}

/// The id of a map run: its execution's shard, and the rest made of its ARN, so that the execution can name it in a commit.
pub(crate) fn map_run_id(execution: Id, started_at: Timestamp, arn: &str) -> Id {
    let hash = digest(&[b"map run", arn.as_bytes()]);
    let mut random = [0; 8];
    random.copy_from_slice(&hash[..8]);
    Id::new(execution.shard(), started_at, u64::from_be_bytes(random))
}

/// The outbox row of an Express execution that is to be run until it is closed.
pub(crate) fn express_key(row: Id) -> OutboxKey {
    let mut key = Vec::with_capacity(17);
    key.extend_from_slice(&row.0);
    key.push(b'e');
    key.into()
}

/// The attempt as it is named outside its execution.
pub(crate) fn task_id(execution: Id, key: &TaskKey) -> TaskId {
    TaskId { execution, frame: key.frame.clone(), entry: key.entry, attempt: key.attempt }
}

/// The token that a submission carries at every redelivery: a UUID derived from the attempt.
pub(crate) fn submit_token(task: &TaskId) -> Str {
    let hash = digest(&[
        b"submit",
        &task.execution.0,
        task.frame.as_bytes(),
        &task.entry.to_be_bytes(),
        &task.attempt.to_be_bytes(),
    ]);
    uuid::Builder::from_custom_bytes(first16(hash)).into_uuid().to_string().into()
}

/// The span of an attempt: who observes an execution gives it this id, and the worker's own spans are part of it.
#[must_use]
pub fn attempt_span(execution: Id, entry: u64, attempt: u32) -> [u8; 8] {
    let hash = digest(&[b"span", &execution.0, &entry.to_be_bytes(), &attempt.to_be_bytes()]);
    let mut span = [0; 8];
    span.copy_from_slice(&hash[..8]);
    span
}

/// The W3C trace context of an attempt: the trace is the execution, the span is the attempt.
pub(crate) fn traceparent(task: &TaskId) -> Str {
    let span = hex::encode(attempt_span(task.execution, task.entry, task.attempt));
    format!("00-{}-{span}-01", task.execution).into()
}
