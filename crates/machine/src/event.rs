//! History events, as AWS words them
//! (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>).

use newel_asl::timestamp::Timestamp;
use newel_value::{Payload, Str};
use serde::{Deserialize, Serialize};

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

/// What happened, with the members of the event's details.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Detail<P = Payload> {
    /// `ExecutionStarted`
    ExecutionStarted {
        /// The execution's input as it came.
        input: P,
        /// The role it runs under.
        role_arn: Str,
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

impl<P> Event<P> {
    /// The same event with each payload replaced by what `change` makes of it.
    ///
    /// # Errors
    /// The first that `change` gives.
    pub fn try_map<Q, E>(self, change: &mut impl FnMut(P) -> Result<Q, E>) -> Result<Event<Q>, E> {
        let Self { id, previous, timestamp, detail } = self;
        Ok(Event { id, previous, timestamp, detail: detail.try_map(change)? })
    }
}

impl<P> Detail<P> {
    fn try_map<Q, E>(self, change: &mut impl FnMut(P) -> Result<Q, E>) -> Result<Detail<Q>, E> {
        Ok(match self {
            Self::ExecutionStarted { input, role_arn } => {
                Detail::ExecutionStarted { input: change(input)?, role_arn }
            }
            Self::ExecutionSucceeded { output } => Detail::ExecutionSucceeded { output: change(output)? },
            Self::ExecutionFailed(fault) => Detail::ExecutionFailed(fault),
            Self::ExecutionAborted(fault) => Detail::ExecutionAborted(fault),
            Self::ExecutionTimedOut(fault) => Detail::ExecutionTimedOut(fault),
            Self::StateEntered { state_type, name, input } => {
                Detail::StateEntered { state_type, name, input: change(input)? }
            }
            Self::StateExited { state_type, name, output, assigned } => Detail::StateExited {
                state_type,
                name,
                output: change(output)?,
                assigned: assigned
                    .into_iter()
                    .map(|(name, value)| Ok((name, change(value)?)))
                    .collect::<Result<_, E>>()?,
            },
            Self::StateAborted { state_type } => Detail::StateAborted { state_type },
            Self::ParallelStarted => Detail::ParallelStarted,
            Self::ParallelSucceeded => Detail::ParallelSucceeded,
            Self::ParallelFailed => Detail::ParallelFailed,
            Self::MapStarted { length } => Detail::MapStarted { length },
            Self::MapSucceeded => Detail::MapSucceeded,
            Self::MapFailed => Detail::MapFailed,
            Self::MapIterationStarted(iteration) => Detail::MapIterationStarted(iteration),
            Self::MapIterationSucceeded(iteration) => Detail::MapIterationSucceeded(iteration),
            Self::MapIterationFailed(iteration) => Detail::MapIterationFailed(iteration),
            Self::MapIterationAborted(iteration) => Detail::MapIterationAborted(iteration),
            Self::TaskScheduled {
                task,
                region,
                parameters,
                timeout_seconds,
                heartbeat_seconds,
                role_arn,
            } => Detail::TaskScheduled {
                task,
                region,
                parameters: change(parameters)?,
                timeout_seconds,
                heartbeat_seconds,
                role_arn,
            },
            Self::TaskStarted(task) => Detail::TaskStarted(task),
            Self::TaskSubmitted { task, output } => Detail::TaskSubmitted { task, output: change(output)? },
            Self::TaskSucceeded { task, output } => Detail::TaskSucceeded { task, output: change(output)? },
            Self::TaskFailed { task, fault } => Detail::TaskFailed { task, fault },
            Self::TaskTimedOut { task, fault } => Detail::TaskTimedOut { task, fault },
        })
    }
}

impl Event {
    /// About how many bytes of text the event holds: its payloads, errors and causes, and a little for the rest.
    #[must_use]
    pub fn bytes(&self) -> usize {
        const REST: usize = 256;
        REST + self.detail.texts()
    }
}

impl Detail {
    fn texts(&self) -> usize {
        let payload = |payload: &Payload| payload.text().len();
        let fault =
            |fault: &Fault| [&fault.error, &fault.cause].into_iter().flatten().map(|text| text.len()).sum();
        match self {
            Self::ExecutionStarted { input, .. } | Self::StateEntered { input, .. } => payload(input),
            Self::ExecutionSucceeded { output }
            | Self::TaskSubmitted { output, .. }
            | Self::TaskSucceeded { output, .. } => payload(output),
            Self::StateExited { output, assigned, .. } => {
                assigned.iter().map(|(_, value)| payload(value)).sum::<usize>() + payload(output)
            }
            Self::TaskScheduled { parameters, .. } => payload(parameters),
            Self::ExecutionFailed(why)
            | Self::ExecutionAborted(why)
            | Self::ExecutionTimedOut(why)
            | Self::TaskFailed { fault: why, .. }
            | Self::TaskTimedOut { fault: why, .. } => fault(why),
            Self::StateAborted { .. }
            | Self::ParallelStarted
            | Self::ParallelSucceeded
            | Self::ParallelFailed
            | Self::MapStarted { .. }
            | Self::MapSucceeded
            | Self::MapFailed
            | Self::MapIterationStarted(_)
            | Self::MapIterationSucceeded(_)
            | Self::MapIterationFailed(_)
            | Self::MapIterationAborted(_)
            | Self::TaskStarted(_) => 0,
        }
    }
}
