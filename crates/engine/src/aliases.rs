//! Aliases: names that send executions to one or two versions of a state machine.

use std::sync::Arc;

use newel_asl::arn::{Qualifier, StateMachineArn};
use newel_asl::timestamp::Timestamp;
use newel_store::{ArnKey, EntitiesPage, EntityKind, EntityRow, Op};
use newel_value::Str;

use crate::codec::{AliasRecord, decode, encode};
use crate::engine::Inner;
use crate::ids::{arn_key, new_id};
use crate::machines::{own, refuse_deleting};
use crate::page::{Cursor, page};
use crate::request::{Alias, AliasItem, CreateAlias, Page, Route, Tenant, UpdateAlias};
use crate::versions::routes_to;
use crate::{Error, ErrorKind};

impl Inner {
    /// An alias by its ARN.
    pub(crate) async fn alias(&self, arn: &str) -> Result<Option<(EntityRow, AliasRecord)>, Error> {
        let row = self.store.entity(arn_key(arn)).await?.filter(|row| row.kind == EntityKind::Alias);
        row.map(|row| Ok((row.clone(), decode(&row.record)?))).transpose()
    }

    /// All aliases of a machine, by creation: there are few.
    pub(crate) async fn aliases_of(&self, machine: ArnKey) -> Result<Vec<(EntityRow, AliasRecord)>, Error> {
        let page = EntitiesPage {
            kind: EntityKind::Alias,
            list: machine,
            newest_first: false,
            after: None,
            limit: usize::MAX,
        };
        let rows = self.store.entities(page).await?;
        rows.into_iter().map(|row| Ok((row.clone(), decode(&row.record)?))).collect()
    }

    pub(crate) async fn create_alias(self: &Arc<Self>, request: CreateAlias) -> Result<AliasItem, Error> {
        self.check_room().await?;
        let named = check_routing(&request.tenant, &request.routing)?;
        let machine_arn = named.to_string();
        let key = arn_key(&machine_arn);
        let _changing = self.machines.lock(key).await;
        let machine = self
            .machine(&request.tenant, &machine_arn)
            .await
            .map_err(|error| absent_machine(error, &machine_arn))?;
        refuse_deleting(&machine)?;
        let aliases = self.aliases_of(key).await?;
        if let Some((_, existing)) = aliases.iter().find(|(_, alias)| alias.name == request.name) {
            return repeated(existing, &request);
        }
        self.check_versions(&request.routing).await?;
        if aliases.len() >= self.limits.aliases {
            let most = self.limits.aliases;
            return Err(Error::new(
                ErrorKind::ServiceQuotaExceeded,
                format!("A state machine has at most {most} aliases: delete one of '{machine_arn}'"),
            ));
        }
        let now = self.env.now();
        let arn: Str = named.qualified(Qualifier::Alias(request.name.clone())).to_string().into();
        let record = AliasRecord {
            arn: arn.clone(),
            machine: machine.row.id,
            name: request.name,
            description: request.description,
            routing: request.routing,
            created_at: now,
            updated_at: now,
        };
        let shard = machine.row.id.shard();
        let row = EntityRow {
            id: new_id(&*self.env, shard, now),
            kind: EntityKind::Alias,
            arn: arn_key(&arn),
            list: key,
            created_at: now,
            record: encode(&record),
        };
        self.commit(shard, vec![Op::InsertEntity(row)]).await?;
        Ok(AliasItem { arn, created_at: now })
    }

    pub(crate) async fn update_alias(self: &Arc<Self>, request: UpdateAlias) -> Result<Timestamp, Error> {
        self.check_room().await?;
        let named = alias_arn(&request.tenant, &request.arn)?;
        let machine_arn = named.unqualified().to_string();
        let _changing = self.machines.lock(arn_key(&machine_arn)).await;
        let machine = self
            .machine(&request.tenant, &machine_arn)
            .await
            .map_err(|error| absent_machine(error, &machine_arn))?;
        refuse_deleting(&machine)?;
        let (row, mut record) =
            self.alias(&request.arn).await?.ok_or_else(|| Error::no_resource(&request.arn))?;
        if let Some(routing) = request.routing {
            if check_routing(&request.tenant, &routing)? != named.unqualified() {
                return Err(other_machines(&routing));
            }
            self.check_versions(&routing).await?;
            record.routing = routing;
        }
        record.description = request.description.or(record.description);
        record.updated_at = self.env.now();
        let row = EntityRow { record: encode(&record), ..row };
        self.commit(row.id.shard(), vec![Op::UpdateEntity(row)]).await?;
        Ok(record.updated_at)
    }

    pub(crate) async fn describe_alias(&self, tenant: &Tenant, arn: &str) -> Result<Alias, Error> {
        alias_arn(tenant, arn)?;
        let (_, record) = self.alias(arn).await?.ok_or_else(|| Error::no_resource(arn))?;
        Ok(Alias {
            arn: record.arn,
            name: record.name,
            description: record.description,
            routing: record.routing,
            created_at: record.created_at,
            updated_at: record.updated_at,
        })
    }

    pub(crate) async fn delete_alias(self: &Arc<Self>, tenant: &Tenant, arn: &str) -> Result<(), Error> {
        let named = alias_arn(tenant, arn)?;
        let _changing = self.machines.lock(arn_key(&named.unqualified().to_string())).await;
        let (row, _) = self.alias(arn).await?.ok_or_else(|| Error::no_resource(arn))?;
        self.commit(row.id.shard(), vec![Op::DeleteEntity(row.id)]).await
    }

    /// The aliases of a machine; of a version, those that send executions to it.
    pub(crate) async fn list_aliases(
        &self,
        tenant: &Tenant,
        arn: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<AliasItem>, Error> {
        let named = own(tenant, arn)?;
        let machine_arn = named.unqualified().to_string();
        let machine = self.machine(tenant, &machine_arn).await?;
        refuse_deleting(&machine)?;
        let of_version = match named.qualifier {
            None => None,
            Some(Qualifier::Version(_)) if self.version(arn).await?.is_some() => Some(arn),
            Some(_) => return Err(Error::no_resource(arn)),
        };
        let after = Cursor::instant(after)?;
        let mut rows = self.aliases_of(arn_key(&machine_arn)).await?;
        rows.retain(|(row, alias)| {
            after.is_none_or(|after| (row.created_at, row.id) > after)
                && of_version.is_none_or(|version| routes_to(alias, version))
        });
        rows.truncate(limit + 1);
        Ok(page(
            rows,
            limit,
            |(row, _)| Cursor::Instant(row.created_at, row.id),
            |(_, alias)| Ok(AliasItem { arn: alias.arn, created_at: alias.created_at }),
        ))
    }

    /// Refuses routes to versions that aren't there.
    async fn check_versions(&self, routing: &[Route]) -> Result<(), Error> {
        for route in routing {
            let arn = &route.version_arn;
            self.version(arn).await?.ok_or_else(|| Error::no_resource(arn))?;
        }
        Ok(())
    }
}

/// The same request as the one that made the alias is answered again; any other of that name is refused.
fn repeated(existing: &AliasRecord, request: &CreateAlias) -> Result<AliasItem, Error> {
    if existing.description == request.description && existing.routing == request.routing {
        return Ok(AliasItem { arn: existing.arn.clone(), created_at: existing.created_at });
    }
    Err(Error::new(
        ErrorKind::Conflict,
        "Failed to create alias because an alias with the same name and a different routing configuration already exists.",
    ))
}

/// The ARN of an alias, if it is one and this tenant's.
fn alias_arn(tenant: &Tenant, arn: &str) -> Result<StateMachineArn, Error> {
    let named = own(tenant, arn).map_err(|error| absent_machine(error, arn))?;
    if matches!(named.qualifier, Some(Qualifier::Alias(_))) {
        return Ok(named);
    }
    Err(Error::new(ErrorKind::Validation, format!("'{arn}' is no state machine alias ARN")))
}

/// Of aliases and versions AWS says `ResourceNotFound` where a machine isn't there.
fn absent_machine(error: Error, arn: &str) -> Error {
    if error.kind == ErrorKind::StateMachineDoesNotExist { Error::no_resource(arn) } else { error }
}

/// The machine whose versions routes lead to. Their number and weights are in range already.
fn check_routing(tenant: &Tenant, routing: &[Route]) -> Result<StateMachineArn, Error> {
    let arns = || routing.iter().map(|route| &*route.version_arn).collect::<Vec<_>>().join(", ");
    let refused = |what: &str, received: String| {
        Error::new(ErrorKind::InvalidRouting, format!("{what}. Received: [{received}]"))
    };
    let parsed: Vec<StateMachineArn> =
        routing.iter().filter_map(|route| route.version_arn.parse().ok()).collect();
    let is_version = |arn: &StateMachineArn| matches!(arn.qualifier, Some(Qualifier::Version(_)));
    if parsed.len() < routing.len() || !parsed.iter().all(is_version) {
        return Err(refused("Routing configuration must contain state machine version ARNs", arns()));
    }
    let Some((first, rest)) = parsed.split_first() else {
        return Err(refused("Routing configuration must contain state machine version ARNs", arns()));
    };
    if rest.contains(first) {
        return Err(refused(
            "Routing configuration must contain distinct state machine version ARNs",
            arns(),
        ));
    }
    if rest.iter().any(|other| other.unqualified() != first.unqualified()) {
        return Err(other_machines(routing));
    }
    if routing.iter().map(|route| u32::from(route.weight)).sum::<u32>() != 100 {
        let weights: Vec<_> = routing.iter().map(|route| route.weight.to_string()).collect();
        return Err(refused("Sum of routing configuration weights must equal 100", weights.join(", ")));
    }
    let first = first.to_string();
    own(tenant, &first).map_err(|error| absent_machine(error, &first)).map(|arn| arn.unqualified())
}

fn other_machines(routing: &[Route]) -> Error {
    let arns: Vec<_> = routing.iter().map(|route| &*route.version_arn).collect();
    let message = format!(
        "Routing configuration must contain versions of the alias's own state machine. Received: [{}]",
        arns.join(", ")
    );
    Error::new(ErrorKind::InvalidRouting, message)
}
