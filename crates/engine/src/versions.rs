//! Versions of state machines: numbers for revisions, so that what runs can be named and kept.
//!
//! A version is an entity of its machine's shard. Numbers are counted in the machine's record, in the same commit that makes the
//! version, so none is ever given twice, not even after a version is deleted.

use std::sync::Arc;

use newel_asl::arn::{Qualifier, StateMachineArn};
use newel_asl::timestamp::Timestamp;
use newel_store::{ArnKey, EntitiesPage, EntityKind, EntityRow, Id, MachineRow, Op};
use newel_value::Str;

use crate::codec::{AliasRecord, MachineRecord, VersionRecord, decode, encode};
use crate::engine::Inner;
use crate::ids::{arn_key, new_id, shown};
use crate::machines::{Snapshot, own, refuse_deleting, unqualified};
use crate::page::Entities;
use crate::request::{Page, PublishVersion, PublishedVersion, Tenant};
use crate::{Error, ErrorKind};

/// What the revision that a machine was created with is called where a revision's id is asked for.
const INITIAL: &str = "INITIAL";

/// What a start names: a machine, the revision of it that will run, and how that was chosen.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) machine: Arc<Snapshot>,
    pub(crate) revision: Id,
    pub(crate) alias_arn: Option<Str>,
    pub(crate) version_arn: Option<Str>,
}

/// A version that is about to be published, as a change of its machine.
struct Draft<'a> {
    machine: Id,
    machine_arn: &'a Str,
    revision: Id,
    description: Option<Str>,
}

impl Inner {
    /// What an ARN says shall run: the current revision of a machine, a version's, or that of the version which an alias's weights
    /// draw. Every call draws anew.
    pub(crate) async fn target(&self, tenant: &Tenant, arn: &str) -> Result<Target, Error> {
        let named = own(tenant, arn)?;
        let machine = self.machine(tenant, &named.unqualified().to_string()).await.map_err(|error| {
            // What doesn't exist is what was asked for, with its qualifier.
            if error.kind == ErrorKind::StateMachineDoesNotExist {
                Error::no_machine(&arn.into())
            } else {
                error
            }
        })?;
        let missing = || Error::no_machine(&arn.into());
        let (alias_arn, version_arn) = match &named.qualifier {
            None => {
                let revision = machine.record.revision;
                return Ok(Target { machine, revision, alias_arn: None, version_arn: None });
            }
            Some(Qualifier::Version(_)) => (None, Str::from(arn)),
            Some(Qualifier::Alias(_)) => {
                let alias = self.alias(arn).await?.ok_or_else(missing)?.1;
                let chosen = drawn(&alias, self.env.random()).ok_or_else(missing)?;
                (Some(alias.arn), chosen)
            }
        };
        let (_, version) = self.version(&version_arn).await?.ok_or_else(missing)?;
        Ok(Target { machine, revision: version.revision, alias_arn, version_arn: Some(version.arn) })
    }

    /// A version by its ARN.
    pub(crate) async fn version(&self, arn: &str) -> Result<Option<(EntityRow, VersionRecord)>, Error> {
        let row = self.store.entity(arn_key(arn)).await?.filter(|row| row.kind == EntityKind::Version);
        row.map(|row| Ok((row.clone(), decode(&row.record)?))).transpose()
    }

    pub(crate) async fn publish_version(
        self: &Arc<Self>,
        request: PublishVersion,
    ) -> Result<PublishedVersion, Error> {
        self.check_room().await?;
        let key = arn_key(&request.state_machine_arn);
        let _changing = self.machines.lock(key).await;
        let current = self.machine(&request.tenant, &request.state_machine_arn).await?;
        refuse_deleting(&current)?;
        check_revision(&current, request.revision_id.as_deref())?;
        if let Some(version) = self.current_version(&current.record).await? {
            return Ok(PublishedVersion { arn: version.arn, created_at: version.created_at });
        }
        let mut record = current.record.clone();
        let draft = Draft {
            machine: current.row.id,
            machine_arn: &current.record.arn,
            revision: current.record.revision,
            description: request.description,
        };
        let (version, op) = self.draft(draft, &mut record).await?;
        let row = MachineRow { record: encode(&record), ..current.row.clone() };
        self.commit(row.id.shard(), vec![op, Op::UpdateMachine(row.clone())]).await?;
        self.machines.changed(key, Snapshot { row, record, revision: current.revision.clone() });
        Ok(version)
    }

    /// The version that the current revision of a machine has.
    async fn current_version(&self, machine: &MachineRecord) -> Result<Option<VersionRecord>, Error> {
        let Some(number) = machine.published else { return Ok(None) };
        Ok(self.version(&version_arn(&machine.arn, number)).await?.map(|(_, record)| record))
    }

    /// Makes the next version a part of a change of its machine: counts it in the record, and gives it and what inserts it.
    async fn draft(
        &self,
        draft: Draft<'_>,
        record: &mut MachineRecord,
    ) -> Result<(PublishedVersion, Op), Error> {
        let count = self.store.entity_count(EntityKind::Version, arn_key(draft.machine_arn)).await?;
        if count >= self.limits.versions {
            let most = self.limits.versions;
            return Err(Error::new(
                ErrorKind::ServiceQuotaExceeded,
                format!("A state machine has at most {most} versions: delete one of '{}'", record.arn),
            ));
        }
        let number = record.last_version + 1;
        record.last_version = number;
        record.published = Some(number);
        let now = self.env.now();
        let version = VersionRecord {
            arn: version_arn(draft.machine_arn, number),
            machine: draft.machine,
            number,
            revision: draft.revision,
            description: draft.description,
            created_at: now,
        };
        let op = Op::InsertEntity(EntityRow {
            id: new_id(&*self.env, draft.machine.shard(), now),
            kind: EntityKind::Version,
            arn: arn_key(&version.arn),
            list: arn_key(draft.machine_arn),
            // Its place in the list is its number: two versions may be of the same millisecond.
            created_at: Timestamp::from_millis(i64::try_from(number).unwrap_or(i64::MAX)),
            record: encode(&version),
        });
        Ok((PublishedVersion { arn: version.arn, created_at: now }, op))
    }

    /// Publishes what `record`, which is about to be stored, has as its revision, if it is to be and hasn't been: what is to be added
    /// to the commit, and the version's ARN.
    pub(crate) async fn publish_with(
        &self,
        publish: bool,
        description: Option<Str>,
        machine: Id,
        record: &mut MachineRecord,
    ) -> Result<(Option<Op>, Option<Str>), Error> {
        if !publish {
            return Ok((None, None));
        }
        if let Some(number) = record.published {
            return Ok((None, Some(version_arn(&record.arn, number))));
        }
        let machine_arn = record.arn.clone();
        let draft = Draft { machine, machine_arn: &machine_arn, revision: record.revision, description };
        let (version, op) = self.draft(draft, record).await?;
        Ok((Some(op), Some(version.arn)))
    }

    pub(crate) async fn list_versions(
        &self,
        tenant: &Tenant,
        arn: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<PublishedVersion>, Error> {
        // AWS knows no error for a machine that isn't there: it has no versions.
        let Some(named) = present(unqualified(tenant, arn))? else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        let list = arn_key(&named.to_string());
        let versions = Entities { kind: EntityKind::Version, list, newest_first: true };
        self.entities_page(versions, limit, after, |row| {
            let record: VersionRecord = decode(&row.record)?;
            Ok(PublishedVersion { arn: record.arn, created_at: record.created_at })
        })
        .await
    }

    /// Takes a version away. One that isn't there is no error; one that an alias uses stays.
    pub(crate) async fn delete_version(self: &Arc<Self>, tenant: &Tenant, arn: &str) -> Result<(), Error> {
        let Some(named) = present(own(tenant, arn))? else { return Ok(()) };
        if !matches!(named.qualifier, Some(Qualifier::Version(_))) {
            return Err(Error::new(
                ErrorKind::Validation,
                format!("'{arn}' is no state machine version ARN"),
            ));
        }
        let machine_arn = named.unqualified().to_string();
        let key = arn_key(&machine_arn);
        let _changing = self.machines.lock(key).await;
        let Some(current) = present(self.machine(tenant, &machine_arn).await)? else { return Ok(()) };
        let Some((row, version)) = self.version(arn).await? else { return Ok(()) };
        let users: Vec<Str> = self
            .aliases_of(key)
            .await?
            .into_iter()
            .filter(|(_, a)| routes_to(a, arn))
            .map(|(_, a)| a.name)
            .collect();
        if !users.is_empty() {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this \
                     version: [{}]",
                    users.join(", ")
                ),
            ));
        }
        let mut record = current.record.clone();
        record.published = record.published.filter(|number| *number != version.number);
        let machine = MachineRow { record: encode(&record), ..current.row.clone() };
        self.commit(machine.id.shard(), vec![Op::DeleteEntity(row.id), Op::UpdateMachine(machine.clone())])
            .await?;
        self.machines.changed(key, Snapshot { row: machine, record, revision: current.revision.clone() });
        Ok(())
    }

    /// What takes all versions and aliases of a machine away.
    pub(crate) async fn without_versions_and_aliases(&self, machine: ArnKey) -> Result<Vec<Op>, Error> {
        let mut ops = Vec::new();
        for kind in [EntityKind::Alias, EntityKind::Version] {
            let page =
                EntitiesPage { kind, list: machine, newest_first: false, after: None, limit: usize::MAX };
            ops.extend(self.store.entities(page).await?.into_iter().map(|row| Op::DeleteEntity(row.id)));
        }
        Ok(ops)
    }
}

/// What was looked for, if there is such a machine and it is this tenant's.
fn present<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == ErrorKind::StateMachineDoesNotExist => Ok(None),
        Err(error) => Err(error),
    }
}

/// The ARN of a version.
pub(crate) fn version_arn(machine: &str, number: u64) -> Str {
    format!("{machine}:{number}").into()
}

/// Whether an alias sends executions to a version.
pub(crate) fn routes_to(alias: &AliasRecord, version_arn: &str) -> bool {
    alias.routing.iter().any(|route| &*route.version_arn == version_arn)
}

/// The version that a random number draws by the weights, which sum to a hundred.
fn drawn(alias: &AliasRecord, random: u64) -> Option<Str> {
    let mut point = random % 100;
    for route in &alias.routing {
        let weight = u64::from(route.weight);
        if point < weight {
            return Some(route.version_arn.clone());
        }
        point -= weight;
    }
    None
}

/// Refuses a caller who believes another revision to be the latest.
fn check_revision(current: &Snapshot, believed: Option<&str>) -> Result<(), Error> {
    let Some(believed) = believed else { return Ok(()) };
    let latest = revision_name(current);
    if believed == &*latest {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Conflict,
        format!(
            "Failed to publish the State Machine version for revision {believed}. The current State Machine revision is \
             {latest}."
        ),
    ))
}

fn revision_name(current: &Snapshot) -> Str {
    if current.record.updates > 0 { shown(current.record.revision) } else { INITIAL.into() }
}

/// A version's place in time and what it is called by, for a description of it.
pub(crate) struct VersionView {
    pub(crate) arn: Str,
    pub(crate) created_at: Timestamp,
    pub(crate) description: Option<Str>,
    pub(crate) revision: Id,
}

impl Inner {
    /// The version that a qualified ARN describes: a version itself, or the first that an alias sends executions to.
    pub(crate) async fn described_version(
        &self,
        named: &StateMachineArn,
    ) -> Result<Option<VersionView>, Error> {
        let arn: Str = named.to_string().into();
        let version_arn = match &named.qualifier {
            Some(Qualifier::Alias(_)) => match self.alias(&arn).await? {
                Some((_, alias)) => alias.routing.first().map(|route| route.version_arn.clone()),
                None => None,
            },
            _ => Some(arn.clone()),
        };
        let Some(version_arn) = version_arn else { return Ok(None) };
        Ok(self.version(&version_arn).await?.map(|(_, version)| VersionView {
            arn,
            created_at: version.created_at,
            description: version.description,
            revision: version.revision,
        }))
    }
}

#[cfg(test)]
mod tests {
    use newel_store::ShardId;

    use super::*;
    use crate::request::Route;

    fn alias(routing: &[(&str, u8)]) -> AliasRecord {
        let at = Timestamp::from_millis(0);
        AliasRecord {
            arn: "a".into(),
            machine: Id::new(ShardId(0), at, 0),
            name: "a".into(),
            description: None,
            routing: routing
                .iter()
                .map(|(arn, weight)| Route { version_arn: (*arn).into(), weight: *weight })
                .collect(),
            created_at: at,
            updated_at: at,
        }
    }

    #[test]
    fn weights_are_shares_of_a_hundred() {
        let share = |routing: &[(&str, u8)], version: &str| {
            (0..100).filter(|random| drawn(&alias(routing), *random).as_deref() == Some(version)).count()
        };
        assert_eq!(share(&[("v1", 70), ("v2", 30)], "v1"), 70);
        assert_eq!(share(&[("v1", 70), ("v2", 30)], "v2"), 30);
        assert_eq!(share(&[("v1", 0), ("v2", 100)], "v1"), 0);
        assert_eq!(share(&[("v1", 100)], "v1"), 100);
    }
}
