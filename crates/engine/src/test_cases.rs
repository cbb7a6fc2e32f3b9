//! Test cases: tasks that made-up answers end instead of workers, as in Step Functions Local.
//!
//! An execution that is started by a test case has its name with it, and so have the children of its distributed Maps. Each
//! call of a state that the case answers has a number, which counts retries, loops, iterations and children alike. It is given
//! in the commit that schedules the attempt and stands in its order, so an order that is given again after a crash gets the same
//! answer. An execution's own states are counted in its record; those of children, whose executions have no record in common, in
//! memory, which after a crash goes on from the highest number that the child at hand was given before.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use lru::LruCache;
use newel_machine::{Effect, Fault, Input, TaskKey, TaskReport, Turn};
use newel_value::{Payload, Str};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, Inner};
use crate::mail::What;
use crate::request::StartExecution;
use crate::task::{Dispatch, DispatchKind, Report, TaskEngine as _, TaskId};
use crate::{Error, ErrorKind};

/// Executions whose children's calls are counted at once; beyond them the one that was counted longest ago begins anew.
const COUNTED: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();
/// How long a report that couldn't be taken is put off.
const AGAIN: Duration = Duration::from_millis(200);
/// The same, where a key can't be used.
const KEY_AGAIN: Duration = Duration::from_secs(10);

/// The test cases there are.
pub trait TestCases: Send + Sync + fmt::Debug + 'static {
    /// Lets an execution be started by a case.
    ///
    /// # Errors
    /// Why not, for whoever asked: there is no such case, or none can be read.
    fn check(&self, machine: &str, case: &str) -> Result<(), String>;

    /// Whether a case answers a state. One that isn't there any more does: its answers say so, and nothing is called.
    fn answers(&self, machine: &str, case: &str, state: &str) -> bool;

    /// The answer to a call.
    ///
    /// # Errors
    /// Why there is none.
    fn answer(&self, call: &MockedCall, state: &str, resource: &str) -> Result<MockAnswer, String>;
}

/// A call that a test case answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MockedCall {
    /// The state machine, by its name.
    pub machine: Str,
    /// The case.
    pub case: Str,
    /// The number of the call among those of its state, from 0.
    pub number: u64,
}

/// A made-up answer.
#[derive(Clone, Debug, PartialEq)]
pub struct MockAnswer {
    /// What becomes of the attempt.
    pub outcome: Result<Payload, Fault>,
    /// How long that takes.
    pub delay_millis: i64,
}

/// The test case of an execution, and how far it has come in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TestCase {
    machine: Str,
    pub(crate) name: Str,
    /// The execution that was started by it, where this is one's child.
    root: Option<Str>,
    /// The numbers that the next calls get, by state.
    calls: BTreeMap<Str, u64>,
}

impl TestCase {
    /// The case as children of an execution have it.
    pub(crate) fn of_children(&self, execution_arn: &Str) -> Self {
        let root = self.root.clone().unwrap_or_else(|| execution_arn.clone());
        Self { root: Some(root), calls: BTreeMap::new(), ..self.clone() }
    }
}

/// What is in memory of executions with test cases.
#[derive(Debug)]
pub(crate) struct Mocked {
    cases: Option<Arc<dyn TestCases>>,
    /// The numbers that the next calls of children get, by the outermost execution and state.
    children: Mutex<LruCache<Str, HashMap<Str, u64>>>,
    /// Attempts whose answers take their time, each with what lets it go.
    waiting: Mutex<HashMap<TaskId, CancellationToken>>,
}

impl Mocked {
    pub(crate) fn new(cases: Option<Arc<dyn TestCases>>) -> Self {
        Self { cases, children: Mutex::new(LruCache::new(COUNTED)), waiting: Mutex::default() }
    }

    /// Whether executions can be started by a test case.
    pub(crate) const fn is_on(&self) -> bool {
        self.cases.is_some()
    }

    /// The case that a start names.
    pub(crate) fn of_start(
        &self,
        request: &StartExecution,
        machine: &Str,
    ) -> Result<Option<Box<TestCase>>, Error> {
        let Some(name) = &request.test_case else { return Ok(None) };
        let Some(cases) = &self.cases else {
            return Err(Error::new(
                ErrorKind::Validation,
                "There is no mock configuration to take a test case from",
            ));
        };
        cases.check(machine, name).map_err(|why| Error::new(ErrorKind::Validation, why))?;
        let calls = BTreeMap::new();
        Ok(Some(Box::new(TestCase { machine: machine.clone(), name: name.clone(), root: None, calls })))
    }

    /// The call that a task's attempt is, if the execution's case answers it.
    pub(crate) fn call(&self, case: &mut TestCase, state: &Str) -> Option<MockedCall> {
        let answers = self.cases.as_ref().is_none_or(|cases| cases.answers(&case.machine, &case.name, state));
        if !answers {
            return None;
        }
        let own = case.calls.get(state).copied().unwrap_or(0);
        let number = match &case.root {
            None => own,
            Some(root) => {
                let mut children = self.children.lock();
                let next =
                    children.get_or_insert_mut(root.clone(), HashMap::new).entry(state.clone()).or_default();
                let number = own.max(*next);
                *next = number + 1;
                number
            }
        };
        case.calls.insert(state.clone(), number + 1);
        Some(MockedCall { machine: case.machine.clone(), case: case.name.clone(), number })
    }

    /// The calls that a turn makes which the execution's case answers.
    pub(crate) fn calls(&self, case: Option<&mut TestCase>, turn: &Turn) -> HashMap<TaskKey, MockedCall> {
        let Some(case) = case else { return HashMap::new() };
        let mut calls = HashMap::new();
        for effect in &turn.effects {
            if let Effect::Schedule(task) = effect
                && let Some(call) = self.call(case, &task.state)
            {
                calls.insert(task.task.clone(), call);
            }
        }
        calls
    }

    /// Attempts are over: nobody waits for their answers any more.
    pub(crate) fn forget(&self, tasks: &[TaskId]) {
        let mut waiting = self.waiting.lock();
        if !waiting.is_empty() {
            tasks.iter().filter_map(|task| waiting.remove(task)).for_each(|letting_go| letting_go.cancel());
        }
    }

    fn answer(&self, call: &MockedCall, order: &Dispatch) -> MockAnswer {
        let answer = match &self.cases {
            Some(cases) => cases.answer(call, &order.state_name, &order.resource),
            None => Err("the server has no mock configuration any more".to_owned()),
        };
        answer.unwrap_or_else(|why| {
            let MockedCall { machine, case, number } = call;
            let state = &order.state_name;
            let cause = format!(
                "Call {number} of the state '{state}' (counted from 0) has no answer in the test case '{case}' of the state \
                 machine '{machine}': {why}"
            );
            let error = Some(newel_asl::error::RUNTIME.into());
            MockAnswer { outcome: Err(Fault { error, cause: Some(cause.into()) }), delay_millis: 0 }
        })
    }
}

impl Inner {
    /// Answers the orders that test cases answer, and gives the others.
    pub(crate) fn answer_mocked(self: &Arc<Self>, orders: Vec<Arc<Dispatch>>) -> Vec<Arc<Dispatch>> {
        if orders.iter().all(|order| order.mocked.is_none()) {
            return orders;
        }
        let (mocked, others): (Vec<_>, Vec<_>) = orders.into_iter().partition(|order| order.mocked.is_some());
        for order in mocked {
            let inner = Arc::clone(self);
            self.env.spawn(Box::pin(async move { inner.carry_out_mocked(&order).await }));
        }
        others
    }

    async fn carry_out_mocked(self: &Arc<Self>, order: &Dispatch) {
        let Some(call) = &order.mocked else { return };
        let report = match order.kind {
            // There is no job: it is as good as stopped. Nobody waits for its answer any more.
            DispatchKind::Cancel => {
                self.mocked.forget(std::slice::from_ref(&order.task));
                None
            }
            // All of an attempt is answered at once, so none is ever watched.
            DispatchKind::Submit | DispatchKind::Reconcile | DispatchKind::Watch => {
                let answer = self.mocked.answer(call, order);
                if !self.let_pass(order, answer.delay_millis).await {
                    return;
                }
                Some(TaskReport::Mocked(answer.outcome))
            }
        };
        loop {
            let told = match report.clone() {
                None => Engine::from(self).report(order.task.clone(), Report::Cancelled).await.map(|_| ()),
                Some(report) => {
                    let TaskId { execution, frame, entry, attempt } = order.task.clone();
                    let input = Input::Task(TaskKey { frame, entry, attempt }, report);
                    self.ask(execution, What::Input(input)).await.map(|_| ())
                }
            };
            let again = match told {
                Err(error) if error.kind == ErrorKind::Unavailable => AGAIN,
                // A customer's key that can't be used may be again.
                Err(error) if error.kind.is_key() => KEY_AGAIN,
                Err(error) => {
                    tracing::error!(task = %order.task, %error, "a mocked answer is refused");
                    return;
                }
                Ok(()) => return,
            };
            if self.stop.run_until_cancelled(tokio::time::sleep(again)).await.is_none() {
                return;
            }
        }
    }

    /// Waits until an answer is due; false if it never is: the attempt is over before that, or the engine stops.
    async fn let_pass(&self, order: &Dispatch, delay_millis: i64) -> bool {
        let due = order.scheduled_at.plus_millis(delay_millis);
        if order.deadline.is_some_and(|deadline| deadline < due) {
            return false;
        }
        let millis = due.as_millis().saturating_sub(self.env.now().as_millis());
        let Some(wait) = u64::try_from(millis).ok().filter(|wait| *wait > 0) else { return true };
        let over = CancellationToken::new();
        self.mocked.waiting.lock().insert(order.task.clone(), over.clone());
        let passed = tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = over.cancelled() => false,
            () = tokio::time::sleep(Duration::from_millis(wait)) => true,
        };
        self.mocked.waiting.lock().remove(&order.task);
        passed
    }
}
