//! State machines: create, update, describe, list.
//!
//! Changes of one machine are made one after the other under a lock of its own; what executions start from is a snapshot in
//! memory that every change replaces.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use newel_asl::arn::{Home, StateMachineArn};
use newel_asl::plan::Plan;
use newel_asl::timestamp::Timestamp;
use newel_store::{ArnKey, Id, MachineRow, MachinesPage, Op, TagRow};
use newel_value::Str;
use parking_lot::Mutex;

use crate::codec::{MachineRecord, RevisionRecord, decode, encode};
use crate::engine::Inner;
use crate::ids::{arn_key, new_id, shard_of, shown};
use crate::page::{Cursor, page};
use crate::request::{
    CreateStateMachine, CreatedStateMachine, MapOfChild, Page, StateMachine, StateMachineItem, Tag, Tenant,
    UpdateStateMachine, UpdatedStateMachine,
};
use crate::versions::version_arn;
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

/// What an ARN names of a state machine, if it is this tenant's: itself, a version, an alias, or a distributed Map by its label.
fn named(tenant: &Tenant, arn: &str) -> Result<StateMachineArn, Error> {
    let parsed: StateMachineArn =
        arn.parse().map_err(|why| Error::new(ErrorKind::InvalidArn, format!("{why}")))?;
    if parsed.home.account != tenant.account || parsed.home.region != tenant.region {
        return Err(Error::no_machine(&arn.into()));
    }
    // `m:01` is read as a number but is the name of nothing.
    if parsed.to_string() != arn {
        return Err(Error::no_machine(&arn.into()));
    }
    Ok(parsed)
}

/// The state machine, version or alias that an ARN names, if it is this tenant's. None has a label here: what a distributed Map's
/// label names is no machine of its own.
pub(crate) fn own(tenant: &Tenant, arn: &str) -> Result<StateMachineArn, Error> {
    let parsed = named(tenant, arn)?;
    if parsed.label.is_some() {
        let message = format!("This operation does not take the ARN of a Map state: '{arn}'");
        return Err(Error::new(ErrorKind::LabelledArn, message));
    }
    Ok(parsed)
}

/// The state machine that an ARN without version and alias names, if it is this tenant's.
pub(crate) fn unqualified(tenant: &Tenant, arn: &str) -> Result<StateMachineArn, Error> {
    let parsed = own(tenant, arn)?;
    if parsed.qualifier.is_some() {
        let message = format!("This operation takes no version and no alias: '{arn}'");
        return Err(Error::new(ErrorKind::Validation, message));
    }
    Ok(parsed)
}

impl Inner {
    /// The machine an unqualified ARN names, if it is this tenant's and there is one.
    pub(crate) async fn machine(&self, tenant: &Tenant, arn: &str) -> Result<Arc<Snapshot>, Error> {
        unqualified(tenant, arn)?;
        self.snapshot(arn_key(arn)).await?.ok_or_else(|| Error::no_machine(&arn.into()))
    }

    /// What an ARN describes: a machine as it is now, a version of it, or what the children of one of its distributed Maps run.
    pub(crate) async fn describe_machine(&self, tenant: &Tenant, arn: &str) -> Result<StateMachine, Error> {
        let named = named(tenant, arn)?;
        let missing = || Error::no_machine(&arn.into());
        let machine = self.snapshot(arn_key(&named.unqualified().to_string())).await?.ok_or_else(missing)?;
        let (record, deleting) = (&machine.record, machine.record.deleting);
        if let Some(label) = &named.label {
            let shown = self.shown_machine(machine.revision.clone(), record.revision, deleting);
            let plan = self.plan(machine.row.id, record.revision).await?;
            return part_of(shown, &plan.plan, &named, label).ok_or_else(missing);
        }
        if named.qualifier.is_none() {
            let shown = self.shown_machine(machine.revision.clone(), record.revision, deleting);
            return Ok(self.with_references(shown, machine.row.id, record.revision).await);
        }
        let version = self.described_version(&named).await?.ok_or_else(missing)?;
        let revision = self.revision(machine.row.id, version.revision).await?;
        let shown = StateMachine {
            arn: version.arn,
            created_at: version.created_at,
            description: version.description,
            ..self.shown_machine(revision, version.revision, deleting)
        };
        Ok(self.with_references(shown, machine.row.id, version.revision).await)
    }

    /// A revision with the variables that its states refer to; without them if it no longer compiles, as it is to be shown all the same.
    pub(crate) async fn with_references(
        &self,
        shown: StateMachine,
        machine: Id,
        revision: Id,
    ) -> StateMachine {
        let Ok(plan) = self.plan(machine, revision).await else { return shown };
        let references = newel_asl::variable_references(&plan.plan);
        let variable_references =
            references.into_iter().map(|(state, names)| (state, names.into_iter().collect())).collect();
        StateMachine { variable_references, ..shown }
    }

    /// Refuses one state machine more than an account may have in a region.
    async fn check_machines(&self, tenant: &Tenant) -> Result<(), Error> {
        let count = self.store.machine_count(&tenant.account, &tenant.region).await?;
        if count < self.limits.state_machines {
            return Ok(());
        }
        let message = format!("State Machine Limit Exceeded: there are {count} state machines");
        Err(Error::new(ErrorKind::StateMachineLimitExceeded, message))
    }

    pub(crate) async fn snapshot(&self, key: ArnKey) -> Result<Option<Arc<Snapshot>>, Error> {
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
        // A definition whose key can't be used may be opened the next time.
        if snapshots.changes == changes && !snapshot.revision.definition.is_empty() {
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
        self.check_tags(&arn, request.tags.iter().map(|tag| &tag.key))?;
        self.check_machines(&request.tenant).await?;
        self.check_encryption(&request.tenant, request.configuration.encryption.as_ref())?;
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
        let mut record = MachineRecord {
            arn: arn.clone(),
            name: request.name,
            machine_type: request.machine_type,
            deleting: false,
            revision: revision_id,
            updates: 0,
            updated_at: now,
            configuration: request.configuration,
            last_version: 0,
            published: None,
            created_published: request.publish,
            created_description: request.version_description.clone(),
        };
        let (version, version_arn) =
            self.publish_with(request.publish, request.version_description, id, &mut record).await?;
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
            Op::InsertRevision(self.revision_row(id, revision_id, &revision)?),
        ];
        ops.extend(version);
        ops.extend(request.tags.into_iter().map(|tag| put_tag(key, tag)));
        self.commit(shard, ops).await?;
        self.plans.put(id, revision_id, plan);
        self.machines.changed(key, Snapshot { row, record, revision });
        Ok(CreatedStateMachine { arn, created_at: now, version_arn })
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
        if request.definition.is_none() {
            // What is kept must be read first.
            self.check_encryption(&request.tenant, current.record.configuration.encryption.as_ref())?;
        }
        let id = current.row.id;
        let now = self.env.now();
        let tenant = request.tenant.clone();
        let (publish, description) = (request.publish, request.version_description.clone());
        let mut record = MachineRecord { updated_at: now, ..current.record.clone() };
        let mut ops = Vec::with_capacity(3);
        let revision = changed_revision(&current.revision, request, now);
        let resulting = revision.as_ref().unwrap_or(&current.revision);
        self.check_encryption(&tenant, resulting.configuration.encryption.as_ref())?;
        let mut plan = None;
        if let Some(revision) = &revision {
            plan = Some(self.compile(revision).await?);
            record.revision = new_id(&*self.env, id.shard(), now);
            record.updates = revision.updates;
            record.configuration = revision.configuration.clone();
            record.published = None;
            ops.push(Op::InsertRevision(self.revision_row(id, record.revision, revision)?));
        }
        let (version, version_arn) = self.publish_with(publish, description, id, &mut record).await?;
        ops.extend(version);
        let row = MachineRow { record: encode(&record), ..current.row.clone() };
        ops.push(Op::UpdateMachine(row.clone()));
        self.commit(id.shard(), ops).await?;
        if let Some(plan) = plan {
            self.plans.put(id, record.revision, plan);
        }
        let revision_id = (record.updates > 0).then(|| shown(record.revision));
        let revision = revision.unwrap_or_else(|| current.revision.clone());
        self.machines.changed(key, Snapshot { row, record, revision });
        Ok(UpdatedStateMachine { updated_at: now, revision_id, version_arn })
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

/// A machine as one of its distributed Maps' labels shows it: the part of the definition that the Map's children run.
fn part_of(shown: StateMachine, plan: &Plan, named: &StateMachineArn, label: &Str) -> Option<StateMachine> {
    let mut maps = plan.distributed.keys().filter_map(|name| plan.distributed_map(name));
    let (.., distributed) = maps.find(|(.., distributed)| distributed.label == *label)?;
    Some(StateMachine {
        arn: StateMachineArn { qualifier: None, ..named.clone() }.to_string().into(),
        name: format!("{}/{label}", named.name).into(),
        definition: distributed.definition.clone(),
        map: Some(MapOfChild { label: label.clone(), map_run_arn: None }),
        ..shown
    })
}

/// The revision that a request makes of the current one; none if it changes nothing.
fn changed_revision(
    current: &RevisionRecord,
    request: UpdateStateMachine,
    now: Timestamp,
) -> Option<RevisionRecord> {
    let mut configuration = current.configuration.clone();
    configuration.logging = request.configuration.logging.or(configuration.logging);
    configuration.tracing = request.configuration.tracing.or(configuration.tracing);
    configuration.encryption = request.configuration.encryption.or(configuration.encryption);
    let definition = request.definition.unwrap_or_else(|| current.definition.clone());
    let role_arn = request.role_arn.unwrap_or_else(|| current.role_arn.clone());
    let same = definition == current.definition
        && role_arn == current.role_arn
        && configuration.means(&current.configuration);
    let updates = current.updates + 1;
    (!same).then(|| RevisionRecord {
        definition,
        role_arn,
        configuration,
        created_at: now,
        updates,
        ..current.clone()
    })
}

/// The same request as the one that made the machine is answered again; any other of that name is refused. Role and tags
/// don't count, as with AWS.
fn repeated(existing: &Snapshot, request: &CreateStateMachine) -> Result<CreatedStateMachine, Error> {
    refuse_deleting(existing)?;
    let same = existing.revision.definition == request.definition
        && existing.record.machine_type == request.machine_type
        && existing.record.configuration.means(&request.configuration)
        && existing.record.created_published == request.publish
        && existing.record.created_description == request.version_description;
    // The definition is that of the current revision, and so is the version: there may be none any more, or none yet.
    let version = existing.record.published.filter(|_| request.publish);
    if same && version.is_some() == request.publish {
        return Ok(CreatedStateMachine {
            arn: existing.record.arn.clone(),
            created_at: existing.row.created_at,
            version_arn: version.map(|number| version_arn(&existing.record.arn, number)),
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

impl Inner {
    /// A revision as the API shows it.
    pub(crate) fn shown_machine(&self, revision: RevisionRecord, id: Id, deleting: bool) -> StateMachine {
        StateMachine {
            withheld: self.withheld(&revision),
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
            description: None,
            map: None,
            variable_references: Vec::new(),
        }
    }
}

pub(crate) fn put_tag(resource: ArnKey, tag: Tag) -> Op {
    Op::PutTag(TagRow { resource, key: tag.key, value: tag.value })
}
