//! Activities: made, described, listed, deleted; and how their tasks reach those who poll for them.

use std::sync::Arc;
use std::time::Duration;

use newel_asl::arn::{ActivityArn, StateMachineArn};
use newel_asl::plan::{Call, Kind, Plan};
use newel_machine::{Input, Reply, TaskKey, TaskReport};
use newel_store::{ArnKey, EntityKind, EntityRow, Op};
use newel_value::Str;
use newel_vault::Sealing;
use parking_lot::Mutex;

use crate::activity_queue::{Pair, Polled};
use crate::codec::{ActivityRecord, decode, encode};
use crate::engine::Inner;
use crate::ids::{arn_key, new_id, shard_of};
use crate::machines::{home, put_tag};
use crate::mail::What;
use crate::page::Entities;
use crate::request::{Activity, ActivityTask, CreateActivity, GetActivityTask, Page, Tenant};
use crate::sealing::{same_encryption, sealing_of_activity};
use crate::task::{Dispatch, TaskId};
use crate::{Error, ErrorKind};

/// The worker family of activities' orders: no worker program serves it, but whoever polls.
pub(crate) const FAMILY: &str = "activity";
/// How long a poll waits for a task, as AWS has it.
const POLL: Duration = Duration::from_secs(60);
/// How long a poll whose time is up waits for the task that is just being given to it.
const GRACE: Duration = Duration::from_secs(5);
/// How long to wait before a task is given out again that couldn't be.
const AGAIN: Duration = Duration::from_millis(200);

/// The list that an account's activities in a region stand in.
fn list_key(tenant: &Tenant) -> ArnKey {
    arn_key(&format!("arn:aws:states:{}:{}:activity", tenant.region, tenant.account))
}

fn missing(arn: &str) -> Error {
    Error::new(ErrorKind::ActivityDoesNotExist, format!("Activity Does Not Exist: '{arn}'"))
}

fn shown(record: ActivityRecord) -> Activity {
    let ActivityRecord { arn, name, created_at, encryption } = record;
    Activity { arn, name, created_at, encryption }
}

/// The activity that an ARN names, if it is this tenant's.
fn own(tenant: &Tenant, arn: &str) -> Result<(), Error> {
    let parsed: ActivityArn =
        arn.parse().map_err(|why| Error::new(ErrorKind::InvalidArn, format!("{why}")))?;
    if parsed.home.account != tenant.account || parsed.home.region != tenant.region {
        return Err(missing(arn));
    }
    Ok(())
}

/// The activities that a plan names, and what of each was there when it was last looked up.
#[derive(Debug, Default)]
pub(crate) struct NamedActivities(Vec<(Str, Mutex<Known>)>);

/// What a turn must know of an activity.
#[derive(Clone, Debug, Default)]
struct Known {
    exists: bool,
    /// The key of its own that its orders are sealed under.
    sealing: Option<Sealing>,
}

impl NamedActivities {
    /// Those of the plan of a state machine. One that belongs to another account or region is as good as none.
    pub(crate) fn of(plan: &Plan, machine_arn: &str) -> Self {
        let home = machine_arn.parse::<StateMachineArn>().ok().map(|arn| arn.home);
        let mut named: Vec<Str> = Vec::new();
        let mut scopes = vec![&plan.root];
        while let Some(scope) = scopes.pop() {
            for state in scope.states.values() {
                match &state.kind {
                    Kind::Task(task) if task.call == Call::Activity => named.push(task.resource.arn.clone()),
                    Kind::Parallel(parallel) => scopes.extend(&parallel.branches),
                    Kind::Map(map) => scopes.push(&map.processor),
                    _ => {}
                }
            }
        }
        named.sort_unstable();
        named.dedup();
        named.retain(|arn| arn.parse::<ActivityArn>().is_ok_and(|arn| Some(arn.home) == home));
        Self(named.into_iter().map(|arn| (arn, Mutex::default())).collect())
    }

    /// Whether an activity is there.
    pub(crate) fn exists(&self, arn: &str) -> bool {
        self.0.iter().any(|(named, known)| &**named == arn && known.lock().exists)
    }

    /// The key of an activity's own that its orders are sealed under, if it has one.
    pub(crate) fn sealing(&self, arn: &str) -> Option<Sealing> {
        self.0.iter().find(|(named, _)| &**named == arn)?.1.lock().sealing.clone()
    }
}

impl Inner {
    async fn activity_row(&self, arn: &str) -> Result<Option<EntityRow>, Error> {
        Ok(self.store.entity(arn_key(arn)).await?.filter(|row| row.kind == EntityKind::Activity))
    }

    pub(crate) async fn activity(&self, tenant: &Tenant, arn: &str) -> Result<(EntityRow, Activity), Error> {
        own(tenant, arn)?;
        let row = self.activity_row(arn).await?.ok_or_else(|| missing(arn))?;
        let record = decode(&row.record)?;
        Ok((row, shown(record)))
    }

    pub(crate) async fn create_activity(
        self: &Arc<Self>,
        request: CreateActivity,
    ) -> Result<Activity, Error> {
        self.check_room().await?;
        let arn: Str = home(&request.tenant).activity(request.name.clone()).to_string().into();
        let key = arn_key(&arn);
        let _changing = self.machines.lock(key).await;
        if let Some(row) = self.activity_row(&arn).await? {
            let record: ActivityRecord = decode(&row.record)?;
            if !same_encryption(record.encryption.as_ref(), request.encryption.as_ref()) {
                let message = format!("Activity Already Exists: '{arn}' is encrypted otherwise");
                return Err(Error::new(ErrorKind::ActivityAlreadyExists, message));
            }
            // Its name and its key are all that make it: other tags don't count, as with AWS.
            return Ok(shown(record));
        }
        self.check_encryption(&request.tenant, request.encryption.as_ref())?;
        self.check_tags(&arn, request.tags.iter().map(|tag| &tag.key))?;
        let list = list_key(&request.tenant);
        let count = self.store.entity_count(EntityKind::Activity, list).await?;
        if count >= self.limits.activities {
            let message = format!("Activity Limit Exceeded: there are {count} activities");
            return Err(Error::new(ErrorKind::ActivityLimitExceeded, message));
        }
        let now = self.env.now();
        let shard = shard_of(&arn, self.store.shard_count());
        let record = ActivityRecord {
            arn: arn.clone(),
            name: request.name,
            created_at: now,
            encryption: request.encryption,
        };
        let row = EntityRow {
            id: new_id(&*self.env, shard, now),
            kind: EntityKind::Activity,
            arn: key,
            list,
            created_at: now,
            record: encode(&record),
        };
        let mut ops = vec![Op::InsertEntity(row)];
        ops.extend(request.tags.into_iter().map(|tag| put_tag(key, tag)));
        self.commit(shard, ops).await?;
        Ok(shown(record))
    }

    /// Takes an activity away with its tags. One that isn't there is no error. Tasks that wait for a worker go on waiting, until they
    /// time out or there is an activity of that name again.
    pub(crate) async fn delete_activity(self: &Arc<Self>, tenant: &Tenant, arn: &str) -> Result<(), Error> {
        let key = arn_key(arn);
        let _changing = self.machines.lock(key).await;
        let row = match self.activity(tenant, arn).await {
            Ok((row, _)) => row,
            Err(error) if error.kind == ErrorKind::ActivityDoesNotExist => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut ops = vec![Op::DeleteEntity(row.id)];
        ops.extend(self.store.tags(key).await?.into_iter().map(|tag| Op::DeleteTag(key, tag.key)));
        self.commit(row.id.shard(), ops).await
    }

    pub(crate) async fn list_activities(
        &self,
        tenant: &Tenant,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<Activity>, Error> {
        let activities = Entities { kind: EntityKind::Activity, list: list_key(tenant), newest_first: false };
        self.entities_page(activities, limit, after, |row| Ok(shown(decode(&row.record)?))).await
    }

    /// Looks up which of a plan's activities exist, before a turn that may enter a state that needs one.
    pub(crate) async fn look_up_activities(&self, named: &NamedActivities) -> Result<(), Error> {
        for (arn, known) in &named.0 {
            let row = self.activity_row(arn).await?;
            let record: Option<ActivityRecord> = row.as_ref().map(|row| decode(&row.record)).transpose()?;
            let sealing = record.as_ref().and_then(sealing_of_activity);
            *known.lock() = Known { exists: row.is_some(), sealing };
        }
        Ok(())
    }

    /// Waits for a task of an activity, up to a minute; first come, first served.
    pub(crate) async fn poll_activity(
        self: &Arc<Self>,
        request: GetActivityTask,
    ) -> Result<Option<ActivityTask>, Error> {
        let (_, activity) = self.activity(&request.tenant, &request.activity_arn).await?;
        if let Some(withheld) = self.withheld_tasks(&request.tenant, &activity) {
            return Err(withheld);
        }
        let Some((number, mut waiting)) =
            self.activities.wait(&request.activity_arn, request.worker_name, self.limits.activity_pollers)
        else {
            let message = format!("Activity Worker Limit Exceeded: '{}'", request.activity_arn);
            return Err(Error::new(ErrorKind::ActivityWorkerLimitExceeded, message));
        };
        // Whoever hangs up drops this future, and with it what it waits with: the queue then passes it over.
        self.hand_out(&request.activity_arn);
        if let Ok(given) = tokio::time::timeout(POLL, &mut waiting).await {
            return Ok(given.ok());
        }
        if self.activities.leave(&request.activity_arn, number) {
            return Ok(None);
        }
        Ok(tokio::time::timeout(GRACE, waiting).await.ok().and_then(Result::ok))
    }

    /// Takes orders of activities into their queues. An order that is there already keeps its place.
    pub(crate) fn offer(self: &Arc<Self>, orders: Vec<Arc<Dispatch>>) {
        for order in orders {
            self.activities.offer(&order.resource, order.task.clone());
            self.hand_out(&order.resource);
        }
    }

    /// Brings together tasks and those who wait for them.
    fn hand_out(self: &Arc<Self>, arn: &Str) {
        while let Some(pair) = self.activities.pair(arn) {
            let (inner, arn) = (Arc::clone(self), arn.clone());
            self.env.spawn(Box::pin(async move { inner.give(arn, pair).await }));
        }
    }

    /// Gives a task to whoever is first in line. It is theirs only once the execution says so durably.
    async fn give(self: Arc<Self>, arn: Str, Pair { task, poller }: Pair) {
        let task = match task {
            Polled::Queued(id) => match self.begin(&id, poller.worker_name.clone()).await {
                Ok(Some(task)) => {
                    self.activities.over(&id);
                    task
                }
                Ok(None) => {
                    self.activities.over(&id);
                    self.activities.stand_again(&arn, poller);
                    self.hand_out(&arn);
                    return;
                }
                Err(error) => {
                    tracing::debug!(task = %id, %error, "a task of an activity will be given out again");
                    self.activities.stand_again(&arn, poller);
                    if self.stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await.is_some() {
                        self.activities.queue_again(&arn, id);
                        self.hand_out(&arn);
                    }
                    return;
                }
            },
            Polled::Begun(task) => task,
        };
        // Whoever waited may have hung up meanwhile: the next one gets it.
        if let Err(task) = poller.give(task) {
            self.activities.begun(&arn, task);
        }
        self.activities.served(&arn);
        self.hand_out(&arn);
    }

    /// Records that a worker has fetched a task, and gives what the worker is told; `None` if the task is over.
    async fn begin(
        self: &Arc<Self>,
        id: &TaskId,
        worker_name: Option<Str>,
    ) -> Result<Option<ActivityTask>, Error> {
        let Some(order) = self.dispatch_of(id).await? else { return Ok(None) };
        let (Some(token), Some(input)) = (order.token, order.parameters) else { return Ok(None) };
        let key = TaskKey { frame: id.frame.clone(), entry: id.entry, attempt: id.attempt };
        let started = Input::Task(key, TaskReport::Started { worker_name });
        match self.ask(id.execution, What::Input(started)).await? {
            Reply::Accepted => Ok(Some(ActivityTask { token, input })),
            Reply::Stale => Ok(None),
        }
    }
}
