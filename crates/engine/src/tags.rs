//! Tags of state machines and activities.

use std::collections::HashSet;
use std::sync::Arc;

use newel_asl::arn::Arn;
use newel_store::{Op, ShardId};
use newel_value::Str;

use crate::engine::Inner;
use crate::ids::arn_key;
use crate::machines::put_tag;
use crate::request::{Tag, Tenant};
use crate::{Error, ErrorKind};

impl Inner {
    /// The shard of a resource that can have tags: a state machine or an activity.
    async fn tagged(&self, tenant: &Tenant, arn: &str) -> Result<ShardId, Error> {
        let missing = || Error::not_found(arn);
        let found = match arn.parse() {
            Ok(Arn::Activity(_)) => self.activity(tenant, arn).await.map(|(row, _)| row.id.shard()),
            Ok(Arn::StateMachine(named)) if named.qualifier.is_none() && named.label.is_none() => {
                self.machine(tenant, arn).await.map(|machine| machine.row.id.shard())
            }
            // What has no tags of its own, an execution or a version, isn't there to be tagged.
            Ok(_) => return Err(missing()),
            Err(why) => return Err(Error::new(ErrorKind::InvalidArn, why.to_string())),
        };
        found.map_err(|error| match error.kind {
            ErrorKind::StateMachineDoesNotExist | ErrorKind::ActivityDoesNotExist => missing(),
            _ => error,
        })
    }

    pub(crate) async fn list_tags(&self, tenant: &Tenant, arn: &str) -> Result<Vec<Tag>, Error> {
        self.tagged(tenant, arn).await?;
        let rows = self.store.tags(arn_key(arn)).await?;
        Ok(rows.into_iter().map(|row| Tag { key: row.key, value: row.value }).collect())
    }

    /// Refuses more different keys than a resource may have.
    pub(crate) fn check_tags<'k>(&self, arn: &str, keys: impl Iterator<Item = &'k Str>) -> Result<(), Error> {
        if keys.collect::<HashSet<_>>().len() > self.limits.tags {
            let message = format!("Too many tags: at most {}", self.limits.tags);
            return Err(Error::new(ErrorKind::TooManyTags, message).about(arn));
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
        let shard = self.tagged(tenant, arn).await?;
        let existing = self.store.tags(key).await?;
        let keys = existing.iter().map(|row| &row.key).chain(tags.iter().map(|tag| &tag.key));
        self.check_tags(arn, keys)?;
        let ops = tags.into_iter().map(|tag| put_tag(key, tag)).collect();
        self.commit(shard, ops).await
    }

    pub(crate) async fn remove_tags(
        self: &Arc<Self>,
        tenant: &Tenant,
        arn: &str,
        keys: Vec<Str>,
    ) -> Result<(), Error> {
        let _changing = self.machines.lock(arn_key(arn)).await;
        let shard = self.tagged(tenant, arn).await?;
        let ops = keys.into_iter().map(|key| Op::DeleteTag(arn_key(arn), key)).collect();
        self.commit(shard, ops).await
    }
}
