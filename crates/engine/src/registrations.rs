//! Task resources that workers registered: kept in the store, so that they are known while their worker is away and after a
//! restart.
//!
//! The catalog holds them in memory ([`newel_asl::catalog::ResourceRegistry`]); here is what makes a change of it durable first. One that is removed is only
//! retired: executions whose definition names it run on.

use std::sync::Arc;

use newel_asl::catalog::{Pattern, Registration, RegistrationRefusal, ResourceRegistry};
use newel_store::{EntitiesPage, EntityKind, EntityRow, Op, ShardId};
use newel_value::Str;
use serde::{Deserialize, Serialize};

use crate::codec::{decode, encode};
use crate::engine::Inner;
use crate::ids::{arn_key, new_id, shard_of};
use crate::{Error, ErrorKind};

/// The list that all of them stand in. They are of no account or region, as their ARNs are.
const LIST: &str = "arn:aws:states:::";
/// How many are read at once.
const PAGE: usize = 256;
/// How many retired ones are remembered; beyond, one of them is forgotten for each that is retired.
const MOST_RETIRED: usize = 1_024;

/// A registered resource, as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct RegistrationRecord {
    service: Str,
    action: Str,
    family: Str,
    patterns: Vec<Pattern>,
    schema: Str,
    retired: bool,
}

impl RegistrationRecord {
    fn of(registration: &Registration, retired: bool) -> Self {
        let Registration { service, action, family, patterns, schema } = registration.clone();
        Self { service, action, family, patterns, schema, retired }
    }

    fn registration(self) -> (Registration, bool) {
        let Self { service, action, family, patterns, schema, retired } = self;
        (Registration { service, action, family, patterns, schema }, retired)
    }
}

fn refused(refusal: RegistrationRefusal) -> Error {
    match refusal {
        RegistrationRefusal::Invalid(why) => Error::new(ErrorKind::Validation, why),
        RegistrationRefusal::Taken(why) => Error::new(ErrorKind::Conflict, why),
        RegistrationRefusal::TooMany(why) => Error::new(ErrorKind::ServiceQuotaExceeded, why),
    }
}

fn arn_of(registration: &Registration) -> String {
    format!("{LIST}{}:{}", registration.service, registration.action)
}

impl Inner {
    fn registry(&self) -> Result<&dyn ResourceRegistry, Error> {
        let none = || Error::new(ErrorKind::Validation, "no resources can be registered here");
        self.catalog.registry().ok_or_else(none)
    }

    /// All stand in one shard, so that what is registered together is one commit.
    fn registrations_shard(&self) -> ShardId {
        shard_of(LIST, self.store.shard_count())
    }

    /// Makes known what the store has. One that can't be used any more, as its name has become AWS's, is passed over: what
    /// names it is told so where it is used.
    pub(crate) async fn load_registrations(&self) -> Result<(), Error> {
        let Some(registry) = self.catalog.registry() else { return Ok(()) };
        let mut after = None;
        loop {
            let list = arn_key(LIST);
            let page =
                EntitiesPage { kind: EntityKind::Resource, list, newest_first: false, after, limit: PAGE };
            let rows = self.store.entities(page).await?;
            for row in &rows {
                let (registration, retired) = decode::<RegistrationRecord>(&row.record)?.registration();
                let arn = arn_of(&registration);
                let (service, action) = (registration.service.clone(), registration.action.clone());
                match registry.put(registration) {
                    Ok(()) if retired => registry.retire(&service, &action),
                    Ok(()) => {}
                    Err(why) => tracing::error!(arn, %why, "a registered resource can't be used any more"),
                }
            }
            match rows.last() {
                Some(last) if rows.len() == PAGE => after = Some((last.created_at, last.id)),
                _ => return Ok(()),
            }
        }
    }

    /// Registers resources together. What is known as it is already changes nothing.
    pub(crate) async fn register(self: &Arc<Self>, registrations: Vec<Registration>) -> Result<(), Error> {
        let registry = self.registry()?;
        let _changing = self.machines.lock(arn_key(LIST)).await;
        registry.check(&registrations).map_err(refused)?;
        let known = registry.registered();
        let changed: Vec<_> = registrations.into_iter().filter(|new| !known.contains(new)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        self.check_room().await?;
        let mut ops = Vec::with_capacity(changed.len());
        for registration in &changed {
            ops.push(self.kept(registration, false).await?);
        }
        self.commit(self.registrations_shard(), ops).await?;
        for registration in changed {
            tracing::info!(
                arn = arn_of(&registration),
                family = &*registration.family,
                "a resource is registered"
            );
            registry.put(registration).map_err(refused)?;
        }
        // Plans have the family of each resource in them.
        self.plans.clear();
        Ok(())
    }

    /// Removes a service's resources, or one of them, and gives what was removed.
    pub(crate) async fn remove_registrations(
        self: &Arc<Self>,
        service: &str,
        action: Option<&str>,
    ) -> Result<Vec<Registration>, Error> {
        let registry = self.registry()?;
        let _changing = self.machines.lock(arn_key(LIST)).await;
        let mut removed = registry.registered();
        removed.retain(|known| *known.service == *service && action.is_none_or(|a| *known.action == *a));
        if removed.is_empty() {
            let name = action.map_or_else(|| service.to_owned(), |action| format!("{service}:{action}"));
            let message = format!("No worker has registered {name}");
            return Err(Error::new(ErrorKind::ResourceNotFound, message).about(&name));
        }
        let retired = registry.retired();
        let surplus = (retired.len() + removed.len()).saturating_sub(MOST_RETIRED);
        let mut ops = Vec::with_capacity(removed.len() + surplus);
        for registration in &removed {
            ops.push(self.kept(registration, true).await?);
        }
        for registration in retired.iter().take(surplus) {
            let row = self.registration_row(registration).await?;
            ops.extend(row.map(|row| Op::DeleteEntity(row.id)));
        }
        self.commit(self.registrations_shard(), ops).await?;
        removed.iter().for_each(|known| registry.retire(&known.service, &known.action));
        retired.iter().take(surplus).for_each(|known| registry.forget(&known.service, &known.action));
        Ok(removed)
    }

    async fn registration_row(&self, registration: &Registration) -> Result<Option<EntityRow>, Error> {
        let row = self.store.entity(arn_key(&arn_of(registration))).await?;
        Ok(row.filter(|row| row.kind == EntityKind::Resource))
    }

    /// The change that keeps a registration, in place of an earlier one.
    async fn kept(&self, registration: &Registration, retired: bool) -> Result<Op, Error> {
        let record = encode(&RegistrationRecord::of(registration, retired));
        Ok(match self.registration_row(registration).await? {
            Some(row) => Op::UpdateEntity(EntityRow { record, ..row }),
            None => {
                let now = self.env.now();
                Op::InsertEntity(EntityRow {
                    id: new_id(&*self.env, self.registrations_shard(), now),
                    kind: EntityKind::Resource,
                    arn: arn_key(&arn_of(registration)),
                    list: arn_key(LIST),
                    created_at: now,
                    record,
                })
            }
        })
    }
}
