//! One state by itself, as TestState runs it
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html>).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use newel_asl::plan::QueryLanguage;
use newel_value::{Object, Payload, Str, Value};

use crate::event::Fault;
use crate::execution::{Execution, Info, Outcome, Phase};
use crate::input::{Effect, Input, ScheduledTask, TaskReport};
use crate::probe::{Probe, Stage};
use crate::turn::probed;
use crate::world::{TaskKey, World};

/// The path of the one frame there is.
const ROOT: &str = "";

/// What is made up around the state.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The state's language.
    pub language: QueryLanguage,
    /// What an execution's context tells.
    pub info: Arc<Info>,
    /// The context object that it sees.
    pub context: Value,
    /// The variables that it finds.
    pub variables: Object,
    /// What stands in for its task, branches or iterations.
    pub mock: Option<Result<Payload, Fault>>,
    /// How often it was retried before.
    pub retries: u32,
    /// What its item reader read.
    pub read_items: Option<Payload>,
    /// How many of its iterations failed.
    pub failed_iterations: Option<u64>,
}

/// A state under test. The plan that comes in with the world has it as its only state, and begins with it.
#[derive(Debug)]
pub struct StateTest {
    execution: Execution,
    probe: Probe,
    mock: Option<Result<Payload, Fault>>,
    open: Option<TaskKey>,
}

/// How far a test has come.
#[derive(Debug)]
pub enum Progress {
    /// A task is to be called; [`StateTest::report`] takes its end.
    Call(Box<ScheduledTask>),
    /// The state is over.
    Done(Box<TestedState>),
    /// The test makes no sense with this input, for this reason.
    Senseless(&'static str),
}

/// How a state under test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestStatus {
    /// It was left.
    Succeeded,
    /// It failed, and nothing cares.
    Failed,
    /// It failed, and would be tried again.
    Retriable,
    /// It failed, and was left by a catcher.
    CaughtError,
}

impl TestStatus {
    /// The name as the API has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Retriable => "RETRIABLE",
            Self::CaughtError => "CAUGHT_ERROR",
        }
    }
}

/// What a test tells.
#[derive(Clone, Debug)]
pub struct TestedState {
    /// How it ended.
    pub status: TestStatus,
    /// Its output, if it was left.
    pub output: Option<Payload>,
    /// Its error and cause, if it failed.
    pub fault: Fault,
    /// Where it leads, unless it ends the workflow.
    pub next: Option<Str>,
    /// What happened to its data.
    pub inspection: Inspection,
}

/// What happened to the data of a state under test.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// Its raw input.
    pub input: Payload,
    /// What the stages gave that were passed.
    pub stages: BTreeMap<Stage, Payload>,
    /// The variables after it; none if there are none.
    pub variables: Option<Payload>,
    /// The limit of a Map's iterations at once; 0 means none.
    pub max_concurrency: Option<u64>,
    /// `ToleratedFailureCount` of a Map that has it.
    pub tolerated_failure_count: Option<u64>,
    /// `ToleratedFailurePercentage` of a Map that has it.
    pub tolerated_failure_percentage: Option<f64>,
    /// The catcher that applied.
    pub catch_index: Option<u64>,
    /// The retrier whose errors it failed with.
    pub retry_index: Option<u64>,
    /// After how many seconds it would be tried again.
    pub retry_backoff_seconds: Option<u64>,
}

impl StateTest {
    /// A state with what is made up around it.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let Setup { language, info, context, variables, mock, retries, read_items, failed_iterations } =
            setup;
        let probe = Probe {
            language,
            variables,
            context: Some(context),
            retries,
            branches: mock.clone(),
            read_items,
            failed_iterations,
            notes: RefCell::default(),
        };
        Self { execution: Execution::new(info), probe, mock, open: None }
    }

    /// Runs it until it is over or a task is to be called. A Wait is over at once, however long it lasts.
    pub fn start(&mut self, world: World<'_>) -> Progress {
        self.advance(Input::Start, world)
    }

    /// Goes on with what became of the task that was to be called.
    pub fn report(&mut self, report: TaskReport, world: World<'_>) -> Progress {
        match self.open.clone() {
            Some(task) => self.advance(Input::Task(task, report), world),
            None => self.told(world),
        }
    }

    fn advance(&mut self, mut input: Input, mut world: World<'_>) -> Progress {
        loop {
            let turn = probed(&mut self.execution, [input], world, Some(&self.probe));
            let scheduled = turn.effects.into_iter().find_map(|effect| match effect {
                Effect::Schedule(task) => Some(task),
                Effect::Watch { .. }
                | Effect::Settle(_)
                | Effect::Abandon { .. }
                | Effect::StartMapRun(_)
                | Effect::RedriveMapRun { .. }
                | Effect::AbortMapRun { .. } => None,
            });
            input = match (scheduled, &self.mock) {
                (Some(task), None) => {
                    self.open = Some(task.task.clone());
                    return Progress::Call(task);
                }
                (Some(task), Some(Ok(result))) => {
                    Input::Task(task.task, TaskReport::Succeeded(result.clone()))
                }
                (Some(task), Some(Err(fault))) => Input::Task(task.task, TaskReport::Failed(fault.clone())),
                // A frame of an execution that has ended stays as it was.
                (None, _) if self.execution.outcome.is_some() => return self.told(world),
                (None, _) => match self.execution.frame(ROOT).map(|frame| &frame.phase) {
                    Some(Phase::Waiting { until }) => {
                        world.now = *until;
                        Input::Clock
                    }
                    Some(Phase::Ready) if self.execution.is_ready() && !self.probe.is_over() => Input::Clock,
                    _ => return self.told(world),
                },
            };
        }
    }

    fn told(&self, world: World<'_>) -> Progress {
        let notes = self.probe.notes.borrow().clone();
        if let Some(why) = notes.senseless {
            return Progress::Senseless(why);
        }
        let backoff = match self.execution.frame(ROOT).map(|frame| &frame.phase) {
            Some(Phase::Backoff { until }) => {
                u64::try_from((until.as_millis() - world.now.as_millis()) / 1_000).ok()
            }
            _ => None,
        };
        let status = match (&notes.left, &notes.failure, backoff) {
            (Some(_), None, _) => TestStatus::Succeeded,
            (Some(_), Some(_), _) => TestStatus::CaughtError,
            (None, _, Some(_)) => TestStatus::Retriable,
            (None, _, None) => TestStatus::Failed,
        };
        let failure = notes.failure.as_ref();
        let fault = match (failure, &self.execution.outcome) {
            (Some(failure), _) => failure.fault.clone(),
            (None, Some(Outcome::Failed(fault) | Outcome::TimedOut(fault) | Outcome::Aborted(fault))) => {
                fault.clone()
            }
            (None, Some(Outcome::Succeeded(_)) | None) => Fault::default(),
        };
        let variables = notes.left.as_ref().map_or(&self.probe.variables, |left| &left.variables);
        let inspection = Inspection {
            input: self.execution.info.input.clone(),
            stages: notes.stages,
            variables: (!variables.is_empty()).then(|| Value::from(variables.clone()).into()),
            max_concurrency: notes.max_concurrency,
            tolerated_failure_count: notes.tolerated_failure_count,
            tolerated_failure_percentage: notes.tolerated_failure_percentage,
            catch_index: failure.and_then(|f| f.catcher).filter(|_| status == TestStatus::CaughtError),
            retry_index: failure.and_then(|f| f.retrier),
            retry_backoff_seconds: backoff,
        };
        let (output, next) = notes.left.map_or((None, None), |left| (Some(left.output), left.next));
        Progress::Done(Box::new(TestedState { status, output, fault, next, inspection }))
    }
}
