//! History events, as AWS words them
//! (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>).

mod json;
mod payloads;

use newel_asl::timestamp::Timestamp;
use newel_value::{Payload, Str};
use serde::{Deserialize, Serialize};

pub use json::Told;

/// The id of an event: 1 for the first of a history, dense from there.
pub type EventId = u64;

/// One event of a history. `P` is what stands for its payloads: the payloads themselves, or, where events are stored, numbers
/// in a table that has each payload once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event<P = Payload> {
    /// Its id.
    pub id: EventId,
    /// The event that led to it; 0 for the first two and for an abort from outside.
    pub previous: EventId,
    /// When it happened.
    pub timestamp: Timestamp,
    /// What happened.
    pub detail: Detail<P>,
}

/// The type of a state, in `PassStateEntered` and its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StateType {
    /// `Pass`
    Pass,
    /// `Task`
    Task,
    /// `Choice`
    Choice,
    /// `Wait`
    Wait,
    /// `Succeed`
    Succeed,
    /// `Fail`
    Fail,
    /// `Parallel`
    Parallel,
    /// `Map`
    Map,
}

impl StateType {
    /// The name in event types.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "Pass",
            Self::Task => "Task",
            Self::Choice => "Choice",
            Self::Wait => "Wait",
            Self::Succeed => "Succeed",
            Self::Fail => "Fail",
            Self::Parallel => "Parallel",
            Self::Map => "Map",
        }
    }
}

/// An error and its cause, each of which may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The error's name.
    pub error: Option<Str>,
    /// Its cause.
    pub cause: Option<Str>,
}

/// What a task event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskResource {
    /// `resourceType`: `batch`.
    pub resource_type: Str,
    /// `resource`: `submitJob.sync`.
    pub action: Str,
}

/// An evaluation that gave no usable value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationFailure {
    /// The state.
    pub state: Str,
    /// Which field of it, as a path of slashes (`Arguments/FunctionName`), where it is one field's.
    pub location: Option<Str>,
    /// The error and its cause.
    pub fault: Fault,
}

/// What happened, with the members of the event's details. Events are stored: variants are known by their names, and
/// members may only be added at the end, with a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Detail<P = Payload> {
    /// `ExecutionStarted`
    ExecutionStarted {
        /// The execution's input as it came.
        input: P,
        /// The role it runs under.
        role_arn: Str,
        /// `stateMachineAliasArn`: the alias it was started by.
        #[serde(default)]
        alias_arn: Option<Str>,
        /// `stateMachineVersionArn`: the version it was started by.
        #[serde(default)]
        version_arn: Option<Str>,
    },
    /// `ExecutionRedriven`
    ExecutionRedriven {
        /// How often it has been redriven, this time included.
        redrive_count: u64,
    },
    /// `ExecutionSucceeded`
    ExecutionSucceeded {
        /// The execution's output.
        output: P,
    },
    /// `ExecutionFailed`
    ExecutionFailed(Fault),
    /// `ExecutionAborted`
    ExecutionAborted(Fault),
    /// `ExecutionTimedOut`
    ExecutionTimedOut(Fault),
    /// `…StateEntered`
    StateEntered {
        /// The state's type.
        state_type: StateType,
        /// The state's name.
        name: Str,
        /// Its input.
        input: P,
    },
    /// `…StateExited`
    StateExited {
        /// The state's type.
        state_type: StateType,
        /// The state's name.
        name: Str,
        /// Its output.
        output: P,
        /// `assignedVariables`: names and the JSON texts of their values; empty if the state assigned none.
        assigned: Vec<(Str, P)>,
    },
    /// `TaskStateAborted`, `WaitStateAborted`, `ParallelStateAborted`, `MapStateAborted`
    StateAborted {
        /// The state's type.
        state_type: StateType,
    },
    /// `ParallelStateStarted`
    ParallelStarted,
    /// `ParallelStateSucceeded`
    ParallelSucceeded,
    /// `ParallelStateFailed`
    ParallelFailed,
    /// `MapStateStarted`
    MapStarted {
        /// How many items there are.
        length: u64,
    },
    /// `MapStateSucceeded`
    MapSucceeded,
    /// `MapStateFailed`
    MapFailed,
    /// `MapIterationStarted`
    MapIterationStarted(Iteration),
    /// `MapIterationSucceeded`
    MapIterationSucceeded(Iteration),
    /// `MapIterationFailed`
    MapIterationFailed(Iteration),
    /// `MapIterationAborted`
    MapIterationAborted(Iteration),
    /// `TaskScheduled`
    TaskScheduled {
        /// What is called.
        task: TaskResource,
        /// Where.
        region: Str,
        /// With which parameters.
        parameters: P,
        /// `timeoutInSeconds`
        timeout_seconds: Option<u64>,
        /// `heartbeatInSeconds`
        heartbeat_seconds: Option<u64>,
        /// `taskCredentials.roleArn`
        role_arn: Option<Str>,
    },
    /// `TaskStarted`
    TaskStarted(TaskResource),
    /// `TaskSubmitted`
    TaskSubmitted {
        /// What was called.
        task: TaskResource,
        /// What it answered.
        output: P,
    },
    /// `TaskSucceeded`
    TaskSucceeded {
        /// What was called.
        task: TaskResource,
        /// The result.
        output: P,
    },
    /// `TaskFailed`
    TaskFailed {
        /// What was called.
        task: TaskResource,
        /// Why.
        fault: Fault,
    },
    /// `TaskTimedOut`
    TaskTimedOut {
        /// What was called.
        task: TaskResource,
        /// `States.Timeout` and its cause.
        fault: Fault,
    },
    /// `TaskStartFailed`
    TaskStartFailed {
        /// What was called.
        task: TaskResource,
        /// Why.
        fault: Fault,
    },
    /// `TaskSubmitFailed`
    TaskSubmitFailed {
        /// What was called.
        task: TaskResource,
        /// Why.
        fault: Fault,
    },
    /// `EvaluationFailed`
    EvaluationFailed(EvaluationFailure),
    /// `ActivityScheduled`
    ActivityScheduled {
        /// The activity's ARN.
        resource: Str,
        /// What its worker is given.
        input: P,
        /// `timeoutInSeconds`
        timeout_seconds: Option<u64>,
        /// `heartbeatInSeconds`
        heartbeat_seconds: Option<u64>,
    },
    /// `ActivityScheduleFailed`
    ActivityScheduleFailed(Fault),
    /// `ActivityStarted`
    ActivityStarted {
        /// The name that the worker gave, if it gave one.
        worker_name: Option<Str>,
    },
    /// `ActivitySucceeded`
    ActivitySucceeded {
        /// The result.
        output: P,
    },
    /// `ActivityFailed`
    ActivityFailed(Fault),
    /// `ActivityTimedOut`
    ActivityTimedOut(Fault),
    /// `LambdaFunctionScheduled`
    LambdaFunctionScheduled {
        /// The function's ARN.
        resource: Str,
        /// What it is called with.
        input: P,
        /// `timeoutInSeconds`
        timeout_seconds: Option<u64>,
        /// `taskCredentials.roleArn`
        role_arn: Option<Str>,
    },
    /// `LambdaFunctionScheduleFailed`
    LambdaFunctionScheduleFailed(Fault),
    /// `LambdaFunctionStarted`
    LambdaFunctionStarted,
    /// `LambdaFunctionStartFailed`
    LambdaFunctionStartFailed(Fault),
    /// `LambdaFunctionSucceeded`
    LambdaFunctionSucceeded {
        /// The result.
        output: P,
    },
    /// `LambdaFunctionFailed`
    LambdaFunctionFailed(Fault),
    /// `LambdaFunctionTimedOut`
    LambdaFunctionTimedOut(Fault),
    /// `MapRunStarted`
    MapRunStarted {
        /// The map run's ARN.
        map_run_arn: Str,
    },
    /// `MapRunSucceeded`
    MapRunSucceeded,
    /// `MapRunFailed`
    MapRunFailed(Fault),
    /// `MapRunAborted`
    MapRunAborted,
    /// `MapRunRedriven`
    MapRunRedriven {
        /// The map run's ARN.
        map_run_arn: Str,
        /// How often it has been redriven, this time included.
        redrive_count: u64,
    },
}

/// An iteration of a Map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Iteration {
    /// The Map state's name.
    pub name: Str,
    /// The item's index.
    pub index: u64,
}

impl<P> Detail<P> {
    /// AWS's name of the event's type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::ExecutionStarted { .. } => "ExecutionStarted",
            Self::ExecutionRedriven { .. } => "ExecutionRedriven",
            Self::ExecutionSucceeded { .. } => "ExecutionSucceeded",
            Self::ExecutionFailed(_) => "ExecutionFailed",
            Self::ExecutionAborted(_) => "ExecutionAborted",
            Self::ExecutionTimedOut(_) => "ExecutionTimedOut",
            Self::StateEntered { state_type, .. } => match state_type {
                StateType::Pass => "PassStateEntered",
                StateType::Task => "TaskStateEntered",
                StateType::Choice => "ChoiceStateEntered",
                StateType::Wait => "WaitStateEntered",
                StateType::Succeed => "SucceedStateEntered",
                StateType::Fail => "FailStateEntered",
                StateType::Parallel => "ParallelStateEntered",
                StateType::Map => "MapStateEntered",
            },
            Self::StateExited { state_type, .. } => match state_type {
                StateType::Pass => "PassStateExited",
                StateType::Task => "TaskStateExited",
                StateType::Choice => "ChoiceStateExited",
                StateType::Wait => "WaitStateExited",
                StateType::Succeed => "SucceedStateExited",
                StateType::Fail => "FailStateExited",
                StateType::Parallel => "ParallelStateExited",
                StateType::Map => "MapStateExited",
            },
            Self::StateAborted { state_type } => match state_type {
                StateType::Wait => "WaitStateAborted",
                StateType::Parallel => "ParallelStateAborted",
                StateType::Map => "MapStateAborted",
                StateType::Task
                | StateType::Pass
                | StateType::Choice
                | StateType::Succeed
                | StateType::Fail => "TaskStateAborted",
            },
            Self::ParallelStarted => "ParallelStateStarted",
            Self::ParallelSucceeded => "ParallelStateSucceeded",
            Self::ParallelFailed => "ParallelStateFailed",
            Self::MapStarted { .. } => "MapStateStarted",
            Self::MapSucceeded => "MapStateSucceeded",
            Self::MapFailed => "MapStateFailed",
            Self::MapIterationStarted(_) => "MapIterationStarted",
            Self::MapIterationSucceeded(_) => "MapIterationSucceeded",
            Self::MapIterationFailed(_) => "MapIterationFailed",
            Self::MapIterationAborted(_) => "MapIterationAborted",
            Self::TaskScheduled { .. } => "TaskScheduled",
            Self::TaskStarted(_) => "TaskStarted",
            Self::TaskSubmitted { .. } => "TaskSubmitted",
            Self::TaskSucceeded { .. } => "TaskSucceeded",
            Self::TaskFailed { .. } => "TaskFailed",
            Self::TaskTimedOut { .. } => "TaskTimedOut",
            Self::TaskStartFailed { .. } => "TaskStartFailed",
            Self::TaskSubmitFailed { .. } => "TaskSubmitFailed",
            Self::EvaluationFailed(_) => "EvaluationFailed",
            Self::ActivityScheduled { .. } => "ActivityScheduled",
            Self::ActivityScheduleFailed(_) => "ActivityScheduleFailed",
            Self::ActivityStarted { .. } => "ActivityStarted",
            Self::ActivitySucceeded { .. } => "ActivitySucceeded",
            Self::ActivityFailed(_) => "ActivityFailed",
            Self::ActivityTimedOut(_) => "ActivityTimedOut",
            Self::LambdaFunctionScheduled { .. } => "LambdaFunctionScheduled",
            Self::LambdaFunctionScheduleFailed(_) => "LambdaFunctionScheduleFailed",
            Self::LambdaFunctionStarted => "LambdaFunctionStarted",
            Self::LambdaFunctionStartFailed(_) => "LambdaFunctionStartFailed",
            Self::LambdaFunctionSucceeded { .. } => "LambdaFunctionSucceeded",
            Self::LambdaFunctionFailed(_) => "LambdaFunctionFailed",
            Self::LambdaFunctionTimedOut(_) => "LambdaFunctionTimedOut",
            Self::MapRunStarted { .. } => "MapRunStarted",
            Self::MapRunSucceeded => "MapRunSucceeded",
            Self::MapRunFailed(_) => "MapRunFailed",
            Self::MapRunAborted => "MapRunAborted",
            Self::MapRunRedriven { .. } => "MapRunRedriven",
        }
    }

    /// Whether this closes the execution.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::ExecutionSucceeded { .. }
                | Self::ExecutionFailed(_)
                | Self::ExecutionAborted(_)
                | Self::ExecutionTimedOut(_)
        )
    }
}
