//! State machines: create, update, describe, list.
//!
//! Changes of one machine are made one after the other under a lock of its own; what executions start from is a snapshot in
//! memory that every change replaces.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use newel_asl::arn::{Home, StateMachineArn};
use newel_store::{ArnKey, Id, MachineRow, MachinesPage, Op, RevisionRow, TagRow};
use newel_value::Str;
use parking_lot::Mutex;

use crate::codec::{MachineRecord, RevisionRecord, decode, encode};
use crate::engine::Inner;
use crate::ids::{arn_key, new_id, shard_of, shown};
use crate::page::{Cursor, page};
use crate::request::{
    CreateStateMachine, CreatedStateMachine, Page, StateMachine, StateMachineItem, Tag, Tenant,
    UpdateStateMachine, UpdatedStateMachine,
};
use crate::{Error, ErrorKind};

/// Locks that the machines share, each machine always the same one.
const LOCKS: usize = 64;

/// A state machine as it is now.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) row: MachineRow,
    pub(crate) record: MachineRecord,
    pub(crate) revision: RevisionRecord,
}

/// Snapshots and locks.
#[derive(Debug)]
pub(crate) struct Machines {
    snapshots: Mutex<Snapshots>,
    locks: Vec<tokio::sync::Mutex<()>>,
    /// Machines whose deletion is going on in this process.
    pub(crate) deleting: Mutex<HashSet<Id>>,
}

/// Machines in memory.
#[derive(Debug)]
struct Snapshots {
    by_arn: LruCache<ArnKey, Arc<Snapshot>>,
    /// How many changes there were. What was read before a change must not be kept after it.
    changes: u64,
}

impl Machines {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            snapshots: Mutex::new(Snapshots {
                by_arn: LruCache::new(NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)),
                changes: 0,
            }),
            locks: (0..LOCKS).map(|_| tokio::sync::Mutex::new(())).collect(),
            deleting: Mutex::default(),
        }
    }

    /// A machine is another now.
    pub(crate) fn changed(&self, key: ArnKey, snapshot: Snapshot) {
        let mut snapshots = self.snapshots.lock();
        snapshots.changes += 1;
        snapshots.by_arn.put(key, Arc::new(snapshot));
    }

    /// A machine is gone.
    pub(crate) fn forget(&self, key: ArnKey) {
        let mut snapshots = self.snapshots.lock();
        snapshots.changes += 1;
        snapshots.by_arn.pop(&key);
    }

    /// Forgets all machines, as when it is unknown what has become of a change.
    pub(crate) fn forget_all(&self) {
        let mut snapshots = self.snapshots.lock();
        snapshots.changes += 1;
        snapshots.by_arn.clear();
    }

    /// Held while a machine is changed.
    pub(crate) async fn lock(&self, arn: ArnKey) -> tokio::sync::MutexGuard<'_, ()> {
        self.locks[usize::from(arn.0[0]) % LOCKS].lock().await
    }
}

/// Where a tenant's things live.
pub(crate) fn home(tenant: &Tenant) -> Home {
    Home { partition: "aws".into(), region: tenant.region.clone(), account: tenant.account.clone() }
}

impl Inner {
    /// The machine an ARN names, if it is this tenant's and there is one. Qualifiers are not told apart here.
    pub(crate) async fn machine(&self, tenant: &Tenant, arn: &str) -> Result<Arc<Snapshot>, Error> {
        let parsed: StateMachineArn =
            arn.parse().map_err(|why| Error::new(ErrorKind::InvalidArn, format!("{why}")))?;
        let missing = || Error::no_machine(&arn.into());
        let theirs = parsed.home.account != tenant.account || parsed.home.region != tenant.region;
        if theirs || parsed.qualifier.is_some() || parsed.label.is_some() {
            return Err(missing());
        }
        self.snapshot(arn_key(arn)).await?.ok_or_else(missing)
    }

    async fn snapshot(&self, key: ArnKey) -> Result<Option<Arc<Snapshot>>, Error> {
        let changes = {
            let mut snapshots = self.machines.snapshots.lock();
            if let Some(snapshot) = snapshots.by_arn.get(&key) {
                return Ok(Some(Arc::clone(snapshot)));
            }
            snapshots.changes
        };
        let Some(row) = self.store.machine(key).await? else { return Ok(None) };
        let record: MachineRecord = decode(&row.record)?;
        let revision = self.revision(row.id, record.revision).await?;
        let snapshot = Arc::new(Snapshot { row, record, revision });
        let mut snapshots = self.machines.snapshots.lock();
        if snapshots.changes == changes {
            snapshots.by_arn.put(key, Arc::clone(&snapshot));
        }
        Ok(Some(snapshot))
    }

    pub(crate) async fn create_machine(
        self: &Arc<Self>,
        request: CreateStateMachine,
    ) -> Result<CreatedStateMachine, Error> {
        self.check_room().await?;
        let arn: Str = home(&request.tenant).state_machine(request.name.clone()).to_string().into();
        let key = arn_key(&arn);
        let _changing = self.machines.lock(key).await;
        if let Some(existing) = self.snapshot(key).await? {
            return repeated(&existing, &request);
        }
        self.check_tags(request.tags.iter().map(|tag| &tag.key))?;
        let now = self.env.now();
        let shard = shard_of(&arn, self.store.shard_count());
        let (id, revision_id) = (new_id(&*self.env, shard, now), new_id(&*self.env, shard, now));
        let revision = RevisionRecord {
            definition: request.definition,
            role_arn: request.role_arn,
            created_at: now,
            updates: 0,
            machine_type: request.machine_type,
            machine_arn: arn.clone(),
            machine_name: request.name.clone(),
            machine_created_at: now,
            configuration: request.configuration.clone(),
        };
        let plan = self.compile(&revision).await?;
        let record = MachineRecord {
            arn: arn.clone(),
            name: request.name,
            machine_type: request.machine_type,
            deleting: false,
            revision: revision_id,
            updates: 0,
            updated_at: now,
            configuration: request.configuration,
        };
        let row = MachineRow {
            id,
            arn: key,
            account: request.tenant.account.clone(),
            region: request.tenant.region.clone(),
            created_at: now,
            record: encode(&record),
        };
        let mut ops = vec![
            Op::InsertMachine(row.clone()),
            Op::InsertRevision(RevisionRow { machine: id, id: revision_id, record: encode(&revision) }),
        ];
        ops.extend(request.tags.into_iter().map(|tag| put_tag(key, tag)));
        self.commit(shard, ops).await?;
        self.plans.put(id, revision_id, plan);
        self.machines.changed(key, Snapshot { row, record, revision });
        Ok(CreatedStateMachine { arn, created_at: now })
    }

    pub(crate) async fn update_machine(
        self: &Arc<Self>,
        request: UpdateStateMachine,
    ) -> Result<UpdatedStateMachine, Error> {
        self.check_room().await?;
        let key = arn_key(&request.arn);
        let _changing = self.machines.lock(key).await;
        let current = self.machine(&request.tenant, &request.arn).await?;
        refuse_deleting(&current)?;
        let now = self.env.now();
        let shard = current.row.id.shard();
        let revision_id = new_id(&*self.env, shard, now);
        let mut configuration = current.record.configuration.clone();
        configuration.logging = request.configuration.logging.or(configuration.logging);
        configuration.tracing = request.configuration.tracing.or(configuration.tracing);
        configuration.encryption = request.configuration.encryption.or(configuration.encryption);
        let revision = RevisionRecord {
            definition: request.definition.unwrap_or_else(|| current.revision.definition.clone()),
            role_arn: request.role_arn.unwrap_or_else(|| current.revision.role_arn.clone()),
            created_at: now,
            updates: current.record.updates + 1,
            configuration: configuration.clone(),
            ..current.revision.clone()
        };
        let plan = self.compile(&revision).await?;
        let record = MachineRecord {
            revision: revision_id,
            updates: revision.updates,
            updated_at: now,
            configuration,
            ..current.record.clone()
        };
        let row = MachineRow { record: encode(&record), ..current.row.clone() };
        self.commit(
            shard,
            vec![
                Op::InsertRevision(RevisionRow {
                    machine: row.id,
                    id: revision_id,
                    record: encode(&revision),
                }),
                Op::UpdateMachine(row.clone()),
            ],
        )
        .await?;
        self.plans.put(row.id, revision_id, plan);
        self.machines.changed(key, Snapshot { row, record, revision });
        Ok(UpdatedStateMachine { updated_at: now, revision_id: shown(revision_id) })
    }

    pub(crate) async fn list_machines(
        &self,
        tenant: &Tenant,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<StateMachineItem>, Error> {
        let rows = self
            .store
            .machines(MachinesPage {
                account: tenant.account.clone(),
                region: tenant.region.clone(),
                after: Cursor::instant(after)?,
                limit: limit + 1,
            })
            .await?;
        Ok(page(
            rows,
            limit,
            |row| Cursor::Instant(row.created_at, row.id),
            |row| {
                let record: MachineRecord = decode(&row.record)?;
                Ok(StateMachineItem {
                    arn: record.arn,
                    name: record.name,
                    machine_type: record.machine_type,
                    created_at: row.created_at,
                })
            },
        ))
    }
}

/// The same request as the one that made the machine is answered again; any other of that name is refused. Role and tags
/// don't count, as with AWS.
fn repeated(existing: &Snapshot, request: &CreateStateMachine) -> Result<CreatedStateMachine, Error> {
    refuse_deleting(existing)?;
    let same = existing.revision.definition == request.definition
        && existing.record.machine_type == request.machine_type
        && existing.record.configuration == request.configuration;
    if same {
        return Ok(CreatedStateMachine {
            arn: existing.record.arn.clone(),
            created_at: existing.row.created_at,
        });
    }
    Err(Error::new(
        ErrorKind::StateMachineAlreadyExists,
        format!("State Machine Already Exists: '{}'", existing.record.arn),
    ))
}

pub(crate) fn refuse_deleting(machine: &Snapshot) -> Result<(), Error> {
    if machine.record.deleting {
        let message = format!("State Machine is being deleted: '{}'", machine.record.arn);
        return Err(Error::new(ErrorKind::StateMachineDeleting, message));
    }
    Ok(())
}

/// A revision as the API shows it.
pub(crate) fn shown_machine(revision: RevisionRecord, id: Id, deleting: bool) -> StateMachine {
    StateMachine {
        arn: revision.machine_arn,
        name: revision.machine_name,
        definition: revision.definition,
        role_arn: revision.role_arn,
        machine_type: revision.machine_type,
        deleting,
        created_at: revision.machine_created_at,
        updated_at: revision.created_at,
        revision_id: (revision.updates > 0).then(|| shown(id)),
        configuration: revision.configuration,
    }
}

pub(crate) fn put_tag(resource: ArnKey, tag: Tag) -> Op {
    Op::PutTag(TagRow { resource, key: tag.key, value: tag.value })
}
