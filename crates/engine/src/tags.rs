//! Tags of state machines.

use std::collections::HashSet;
use std::sync::Arc;

use newel_store::Op;
use newel_value::Str;

use crate::engine::Inner;
use crate::ids::arn_key;
use crate::machines::{Snapshot, put_tag};
use crate::request::{Tag, Tenant};
use crate::{Error, ErrorKind};

impl Inner {
    async fn tagged(&self, tenant: &Tenant, arn: &str) -> Result<Arc<Snapshot>, Error> {
        self.machine(tenant, arn).await.map_err(|error| {
            if error.kind == ErrorKind::StateMachineDoesNotExist {
                return Error::new(ErrorKind::ResourceNotFound, format!("Resource not found: '{arn}'"));
            }
            error
        })
    }

    pub(crate) async fn list_tags(&self, tenant: &Tenant, arn: &str) -> Result<Vec<Tag>, Error> {
        self.tagged(tenant, arn).await?;
        let rows = self.store.tags(arn_key(arn)).await?;
        Ok(rows.into_iter().map(|row| Tag { key: row.key, value: row.value }).collect())
    }

    /// Refuses more different keys than a resource may have.
    pub(crate) fn check_tags<'k>(&self, keys: impl Iterator<Item = &'k Str>) -> Result<(), Error> {
        if keys.collect::<HashSet<_>>().len() > self.limits.tags {
            let message = format!("Too many tags: at most {}", self.limits.tags);
            return Err(Error::new(ErrorKind::TooManyTags, message));
        }
        Ok(())
    }

    pub(crate) async fn put_tags(
        self: &Arc<Self>,
        tenant: &Tenant,
        arn: &str,
        tags: Vec<Tag>,
    ) -> Result<(), Error> {
        let key = arn_key(arn);
        let _changing = self.machines.lock(key).await;
        let machine = self.tagged(tenant, arn).await?;
        let existing = self.store.tags(key).await?;
        let keys = existing.iter().map(|row| &row.key).chain(tags.iter().map(|tag| &tag.key));
        self.check_tags(keys)?;
        let ops = tags.into_iter().map(|tag| put_tag(key, tag)).collect();
        self.commit(machine.row.id.shard(), ops).await
    }

    pub(crate) async fn remove_tags(
        self: &Arc<Self>,
        tenant: &Tenant,
        arn: &str,
        keys: Vec<Str>,
    ) -> Result<(), Error> {
        let _changing = self.machines.lock(arn_key(arn)).await;
        let machine = self.tagged(tenant, arn).await?;
        let ops = keys.into_iter().map(|key| Op::DeleteTag(arn_key(arn), key)).collect();
        self.commit(machine.row.id.shard(), ops).await
    }
}
