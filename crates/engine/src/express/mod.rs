//! Express executions: the same machine, in memory.
//!
//! One that somebody waits for (StartSyncExecution) leaves nothing in the store: where its first turn closes it, as one without
//! tasks and waits does, that turn is the answer. Any other that doesn't close at once has a task of this process to itself,
//! which it ends with. Its id has a mark that no stored execution's has, so that reports find it here.
//!
//! One that nobody waits for (StartExecution) is a row in the outbox of its ARN's shard from its start to its end. Recovery runs
//! it again from the start, under a new id, so that what workers still say of the former run is stale.
//!
//! Task attempts go the way of all others, through the dispatcher, except that their orders stand here and not in the outbox. A
//! worker that is lost has its attempts reconciled by another; one that can't tell what became of a call fails the
//! attempt, so a call is made twice only if the definition retries it or the whole execution is run again.

mod durable;
mod lone;
mod run;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use newel_asl::limits::Limits;
use newel_machine::{Info, Input, Reply};
use newel_store::Id;
use newel_value::Str;
use opentelemetry::global;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::engine::Inner;
use crate::exchange::Exchange;
use crate::ids::uuid;
use crate::machines::refuse_deleting;
use crate::mail::{Mail, What};
use crate::options::Options;
use crate::plans::Compiled;
use crate::request::{MachineType, StartExecution, SyncExecution};
use crate::task::{Dispatch, TaskId};
use crate::test_cases::TestCase;
use crate::versions::Target;

use run::Run;

/// What may wait for one execution. Who has more to say waits.
const MAILBOX: usize = 64;

/// The Express executions of this process.
#[derive(Debug)]
pub(crate) struct Express {
    /// AWS's limits of Express executions: no history, and so no limit of it, and a time limit of their own.
    limits: Limits,
    most: usize,
    most_bytes: usize,
    level: Arc<Level>,
    /// Those that wait for something, by the ids of their runs.
    waiting: Mutex<HashMap<Id, Arc<Waiting>>>,
    /// Rows whose executions this process runs, and their state machines.
    rows: Mutex<HashMap<Id, Id>>,
}

/// How many are open, and what their payloads take.
#[derive(Debug, Default)]
struct Level {
    open: AtomicUsize,
    bytes: AtomicUsize,
}

/// An execution that waits for something: how it is reached, and what is due outside for it.
#[derive(Debug)]
struct Waiting {
    mail: mpsc::Sender<Mail>,
    orders: Mutex<HashMap<TaskId, Arc<Dispatch>>>,
    /// What the last call sent and got whose order asked for that.
    exchange: Mutex<Option<Exchange>>,
}

impl Waiting {
    fn new(mail: mpsc::Sender<Mail>, orders: HashMap<TaskId, Arc<Dispatch>>) -> Self {
        Self { mail, orders: Mutex::new(orders), exchange: Mutex::default() }
    }
}

/// The room that one execution takes. Given back when it is dropped.
#[derive(Debug)]
struct Room {
    level: Arc<Level>,
    bytes: usize,
}

impl Room {
    fn new(level: &Arc<Level>, bytes: usize) -> Self {
        level.open.fetch_add(1, Ordering::Relaxed);
        level.bytes.fetch_add(bytes, Ordering::Relaxed);
        Self { level: Arc::clone(level), bytes }
    }

    /// It takes that much now.
    fn resize(&mut self, bytes: usize) {
        self.level.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.level.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.level.open.fetch_sub(1, Ordering::Relaxed);
        self.level.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Express {
    pub(crate) fn new(limits: &Limits, options: &Options) -> Self {
        let limits =
            Limits { execution_seconds: limits.express_seconds, history_events: u64::MAX, ..limits.clone() };
        Self {
            limits,
            most: options.express_executions,
            most_bytes: options.express_bytes,
            level: Arc::default(),
            waiting: Mutex::default(),
            rows: Mutex::default(),
        }
    }

    /// Room for a new execution, if there is any.
    fn admit(&self, bytes: usize) -> Result<Room, Error> {
        let open = self.level.open.load(Ordering::Relaxed);
        if open >= self.most {
            let message = format!("{open} Express executions are open, which is the most; try again");
            return Err(Error::unavailable(message));
        }
        if self.level.bytes.load(Ordering::Relaxed) >= self.most_bytes {
            let message = "the open Express executions take all memory that is for them; try again";
            return Err(Error::unavailable(message));
        }
        Ok(Room::new(&self.level, bytes))
    }

    fn waiting(&self, id: Id) -> Option<Arc<Waiting>> {
        self.waiting.lock().get(&id).cloned()
    }

    /// What is due outside for an attempt.
    pub(crate) fn order(&self, task: &TaskId) -> Option<Arc<Dispatch>> {
        self.waiting(task.execution)?.orders.lock().get(task).cloned()
    }

    /// Notes what an attempt's call sent and got, if its order asks for that.
    pub(crate) fn exchanged(&self, task: &TaskId, exchange: Exchange) {
        let Some(waiting) = self.waiting(task.execution) else { return };
        if waiting.orders.lock().get(task).is_some_and(|order| order.trace.is_some()) {
            *waiting.exchange.lock() = Some(exchange);
        }
    }

    /// Whether executions of a machine are open that a crash would have run again.
    pub(crate) fn runs(&self, machine: Id) -> bool {
        self.rows.lock().values().any(|of| *of == machine)
    }

    pub(crate) fn observe_level(&self) {
        let meter = global::meter("newel.engine");
        let gauge = |name, description, read: fn(&Level) -> &AtomicUsize| {
            let level = Arc::clone(&self.level);
            meter
                .u64_observable_gauge(name)
                .with_description(description)
                .with_callback(move |gauge| {
                    let value = read(&level).load(Ordering::Relaxed);
                    gauge.observe(u64::try_from(value).unwrap_or(u64::MAX), &[]);
                })
                .build();
        };
        gauge("newel.engine.express_executions", "Express executions that are open.", |level| &level.open);
        gauge("newel.engine.express_bytes", "Bytes of payloads of open Express executions.", |level| {
            &level.bytes
        });
    }
}

impl Inner {
    pub(crate) async fn start_sync(
        self: &Arc<Self>,
        request: StartExecution,
    ) -> Result<SyncExecution, Error> {
        let target = self.target(&request.tenant, &request.state_machine_arn).await?;
        let machine = &target.machine;
        refuse_deleting(machine)?;
        if machine.record.machine_type != MachineType::Express {
            return Err(Error::wrong_type());
        }
        let test_case = self.mocked.of_start(&request, &machine.record.name)?;
        let room = self.express.admit(request.input.text().len())?;
        let plan = self.plan(machine.row.id, target.revision).await?;
        if let Some(sealing) = &plan.sealing {
            self.check_sealing(sealing)?;
        }
        let trace_header = request.trace_header.clone();
        let info = self.express_info(request, &target, &plan);
        drop(target);
        let run = self.express_run(info, plan, room, test_case);
        let (run, turn) = self.express_turn(run, vec![Input::Start]).await?;
        if run.is_closed() {
            return run.answer(trace_header);
        }
        // From here on it runs on whether or not somebody waits for it.
        let (send, receive) = oneshot::channel();
        let inner = Arc::clone(self);
        self.env.spawn(Box::pin(async move {
            let ended = inner.run_express(run, turn).await;
            // Whoever asked may be gone.
            let _gone = send.send(ended.and_then(|run| run.answer(trace_header)));
        }));
        receive.await.unwrap_or_else(|_| Err(Error::shutting_down()))
    }

    /// What is fixed of a new execution.
    fn express_info(&self, request: StartExecution, target: &Target, plan: &Compiled) -> Info {
        let machine = &target.machine;
        let StartExecution { tenant, name, input, .. } = request;
        let name = name.unwrap_or_else(|| uuid(&*self.env).into());
        let arn: Str = format!(
            "arn:aws:states:{}:{}:express:{}:{name}:{}",
            tenant.region,
            tenant.account,
            machine.record.name,
            uuid(&*self.env)
        )
        .into();
        Info {
            arn,
            name,
            machine_arn: machine.record.arn.clone(),
            machine_name: machine.record.name.clone(),
            role_arn: plan.role_arn.clone(),
            account: tenant.account,
            region: tenant.region,
            started_at: self.env.now(),
            input,
            alias_arn: target.alias_arn.clone(),
            version_arn: target.version_arn.clone(),
        }
    }

    fn express_run(
        &self,
        info: Info,
        plan: Arc<Compiled>,
        room: Room,
        test_case: Option<Box<TestCase>>,
    ) -> Box<Run> {
        let id = crate::ids::new_id_in_memory(&*self.env, info.started_at);
        Box::new(Run::new(id, info, plan, room, test_case))
    }

    /// Tells an execution in memory what happened, and waits for what became of that.
    pub(crate) async fn ask_express(&self, id: Id, what: What) -> Result<Reply, Error> {
        let Some(waiting) = self.express.waiting(id) else { return Ok(Reply::Stale) };
        let (mail, answer) = Mail::asking(what);
        if waiting.mail.send(mail).await.is_err() {
            return Ok(Reply::Stale);
        }
        // It is dropped unanswered when the execution ends before it is read.
        answer.await.unwrap_or(Ok(Reply::Stale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_bounded_in_number_and_bytes_and_given_back() {
        let options = Options { express_executions: 2, express_bytes: 100, ..Options::default() };
        let express = Express::new(&Limits::default(), &options);
        let mut first = express.admit(10).unwrap();
        let second = express.admit(10).unwrap();
        assert!(express.admit(0).is_err(), "two are open");
        drop(second);
        first.resize(100);
        assert!(express.admit(0).is_err(), "all bytes are taken");
        first.resize(20);
        drop(express.admit(0).unwrap());
        drop(first);
        let level = (&express.level.open, &express.level.bytes);
        assert_eq!((level.0.load(Ordering::Relaxed), level.1.load(Ordering::Relaxed)), (0, 0));
    }
}
