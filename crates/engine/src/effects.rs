//! From a turn's effects to durable orders, and from durable orders to the workers.

use std::collections::HashMap;
use std::sync::Arc;

use newel_asl::timestamp::Timestamp;
use newel_machine::{Effect, Info, ScheduledTask, TaskKey, Turn};
use newel_store::{Epoch, Id, Op, OutboxKey, OutboxRow, ShardId};
use newel_value::Str;

use crate::activation::Loaded;
use crate::activities::{FAMILY, NamedActivities};
use crate::codec::{OutboxRecord, encode};
use crate::engine::Inner;
use crate::ids::{is_in_memory, outbox_key, submit_token, task_id, traceparent};
use crate::map_runs::{self, Life, News, is_transfer};
use crate::task::{Dispatch, DispatchKind, TaskId};
use crate::test_cases::MockedCall;
use crate::{Error, ErrorKind};

/// What goes to the workers once the turn is durable.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    dispatches: Vec<Arc<Dispatch>>,
    forget: Vec<TaskId>,
    map_runs: Vec<(Id, Str, News)>,
}

impl Inner {
    /// Adds what a turn's effects write to `ops`, and gives what they order.
    pub(crate) async fn orders(
        &self,
        loaded: &Loaded,
        turn: &mut Turn,
        mut mocked: HashMap<TaskKey, MockedCall>,
        ops: &mut Vec<Op>,
    ) -> Result<Orders, Error> {
        let mut orders = Orders::default();
        let now = self.env.now();
        for effect in std::mem::take(&mut turn.effects) {
            match effect {
                Effect::Schedule(task) => {
                    let call = mocked.remove(&task.task);
                    orders.give(submit(loaded.id, &loaded.execution.info, *task, call, now), ops);
                }
                Effect::Watch { task, external_ref } => {
                    let task = task_id(loaded.id, &task);
                    if let Some(mut dispatch) = self.standing_order(&task).await? {
                        dispatch.kind = DispatchKind::Watch;
                        dispatch.external_ref = Some(external_ref);
                        dispatch.parameters = None;
                        dispatch.submitted_at = Some(self.env.now());
                        orders.give(dispatch, ops);
                    }
                }
                Effect::StartMapRun(order) => {
                    let (key, id) = (order.key.clone(), map_runs::begin(loaded, *order, now, ops));
                    orders.map_runs.push((id, key.arn, News::Life(0)));
                }
                Effect::RedriveMapRun { key, redrives } => {
                    let id = map_runs::put_word(loaded, &key, Life::Run(redrives), ops);
                    orders.map_runs.push((id, key.arn, News::Life(redrives)));
                }
                Effect::AbortMapRun { key, redrives } => {
                    let id = map_runs::put_word(loaded, &key, Life::Abort(redrives), ops);
                    orders.map_runs.push((id, key.arn, News::Abort(redrives)));
                }
                Effect::Settle(task) | Effect::Abandon { task, job: false, .. } => {
                    orders.settle(task_id(loaded.id, &task), ops);
                }
                Effect::Abandon { task, external_ref, job: true } => {
                    let task = task_id(loaded.id, &task);
                    match self.standing_order(&task).await? {
                        Some(mut dispatch) => {
                            dispatch.kind = DispatchKind::Cancel;
                            dispatch.external_ref = external_ref;
                            orders.give(dispatch, ops);
                        }
                        // It was scheduled by this turn, and nobody ever hears of it.
                        None => orders.settle(task, ops),
                    }
                }
            }
        }
        Ok(orders)
    }

    /// Seals what this turn orders of activities that have a customer's key under that key.
    pub(crate) fn seal_for_activities(
        &self,
        activities: &NamedActivities,
        orders: &Orders,
        ops: &mut [Op],
    ) -> Result<(), Error> {
        for order in orders.dispatches.iter().filter(|order| &*order.family == FAMILY) {
            let Some(sealing) = activities.sealing(&order.resource) else { continue };
            let key = outbox_key(&order.task);
            for op in &mut *ops {
                match op {
                    Op::PutOutbox(row) if row.key == key => self.seal_order(&sealing, row)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The order that stands in the outbox for an attempt. One that can't be read is as good as none: it must not keep its
    /// execution from going on.
    async fn standing_order(&self, task: &TaskId) -> Result<Option<Dispatch>, Error> {
        match self.dispatch_of(task).await {
            Err(error) if error.kind == ErrorKind::Internal => {
                tracing::error!(%task, %error, "an order is lost");
                Ok(None)
            }
            other => other,
        }
    }

    /// What is due outside for an attempt.
    pub(crate) async fn dispatch_of(&self, task: &TaskId) -> Result<Option<Dispatch>, Error> {
        if is_transfer(task) {
            return Ok(self.transfers.order(task).as_deref().cloned());
        }
        if is_in_memory(task.execution) {
            return Ok(self.express.order(task).as_deref().cloned());
        }
        match self.outbox_record(task.execution.shard(), &outbox_key(task)).await? {
            Some(OutboxRecord::Dispatch(dispatch)) => Ok(Some(*dispatch)),
            Some(
                OutboxRecord::DeleteMachine { .. }
                | OutboxRecord::Express(_)
                | OutboxRecord::MapRun { .. }
                | OutboxRecord::ChildClosed(_),
            )
            | None => Ok(None),
        }
    }

    /// What stands in the outbox under a key.
    pub(crate) async fn outbox_record(
        &self,
        shard: ShardId,
        key: &OutboxKey,
    ) -> Result<Option<OutboxRecord>, Error> {
        let row = self.store.outbox_row(shard, key).await?;
        row.map(|row| self.opened_order(&row)).transpose()
    }

    /// Lets durable orders go. If the shard has been lost since they were made, its recovery has found them in the outbox or
    /// will: a submission that went out after it was given for reconciling could start a job twice.
    pub(crate) fn carry_out(self: &Arc<Self>, shard: ShardId, epoch: Epoch, orders: Orders) {
        let Orders { dispatches, forget, map_runs } = orders;
        for (id, arn, news) in map_runs {
            self.tell_map_run(id, &arn, news);
        }
        if !forget.is_empty() {
            self.dispatcher.forget(&forget);
            self.activities.forget(&forget);
            self.mocked.forget(&forget);
        }
        if let (false, Some(shard)) = (dispatches.is_empty(), self.shards.get(usize::from(shard.0))) {
            shard.while_owned(epoch, || self.hand_over(dispatches));
        }
    }

    /// Hands orders to those who carry them out: test cases answer theirs, activities' go to their queues, all others to the
    /// dispatcher.
    pub(crate) fn hand_over(self: &Arc<Self>, orders: Vec<Arc<Dispatch>>) {
        let (activities, dispatches): (Vec<_>, Vec<_>) =
            self.answer_mocked(orders).into_iter().partition(|order| &*order.family == FAMILY);
        if !dispatches.is_empty() {
            self.dispatcher.dispatch(dispatches);
        }
        self.offer(activities);
    }
}

impl Orders {
    /// An attempt is over: nothing is left to order for it, not even by this turn.
    fn settle(&mut self, task: TaskId, ops: &mut Vec<Op>) {
        ops.push(Op::DeleteOutbox(outbox_key(&task)));
        self.dispatches.retain(|dispatch| dispatch.task != task);
        self.forget.push(task);
    }

    /// The order for an attempt, in place of the one before.
    fn give(&mut self, dispatch: Dispatch, ops: &mut Vec<Op>) {
        let dispatch = Arc::new(dispatch);
        ops.push(put(&dispatch));
        self.dispatches.retain(|before| before.task != dispatch.task);
        self.dispatches.push(dispatch);
    }
}

/// The order to carry out a new attempt.
pub(crate) fn submit(
    execution: Id,
    info: &Info,
    scheduled: ScheduledTask,
    mocked: Option<MockedCall>,
    now: Timestamp,
) -> Dispatch {
    // What else takes a token has it in its parameters.
    let token = scheduled.token.filter(|_| &*scheduled.resource.family == FAMILY);
    let task = task_id(execution, &scheduled.task);
    Dispatch {
        kind: DispatchKind::Submit,
        family: scheduled.resource.family,
        resource: scheduled.resource.arn,
        account: info.account.clone(),
        region: info.region.clone(),
        execution_arn: info.arn.clone(),
        state_machine_arn: info.machine_arn.clone(),
        state_name: scheduled.state,
        machine_role_arn: info.role_arn.clone(),
        task_role_arn: scheduled.role_arn,
        parameters: Some(scheduled.parameters),
        submit_token: submit_token(&task),
        external_ref: None,
        deadline: scheduled.deadline,
        heartbeat_seconds: scheduled.heartbeat_seconds,
        traceparent: Some(traceparent(&task)),
        scheduled_at: now,
        submitted_at: None,
        token,
        mocked,
        trace: None,
        task,
    }
}

fn put(dispatch: &Dispatch) -> Op {
    Op::PutOutbox(OutboxRow {
        shard: dispatch.task.execution.shard(),
        key: outbox_key(&dispatch.task),
        record: encode(&OutboxRecord::Dispatch(Box::new(dispatch.clone()))),
    })
}
