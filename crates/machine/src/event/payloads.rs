//! The payloads of events: what stands for them, and how much they take.

use newel_value::Payload;

use super::{Detail, EvaluationFailure, Event, Fault};

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
            Self::ExecutionStarted { input, role_arn, alias_arn, version_arn } => {
                Detail::ExecutionStarted { input: change(input)?, role_arn, alias_arn, version_arn }
            }
            Self::ExecutionRedriven { redrive_count } => Detail::ExecutionRedriven { redrive_count },
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
            Self::TaskStartFailed { task, fault } => Detail::TaskStartFailed { task, fault },
            Self::TaskSubmitFailed { task, fault } => Detail::TaskSubmitFailed { task, fault },
            Self::EvaluationFailed(failure) => Detail::EvaluationFailed(failure),
            Self::ActivityScheduled { resource, input, timeout_seconds, heartbeat_seconds } => {
                let input = change(input)?;
                Detail::ActivityScheduled { resource, input, timeout_seconds, heartbeat_seconds }
            }
            Self::ActivityScheduleFailed(fault) => Detail::ActivityScheduleFailed(fault),
            Self::ActivityStarted { worker_name } => Detail::ActivityStarted { worker_name },
            Self::ActivitySucceeded { output } => Detail::ActivitySucceeded { output: change(output)? },
            Self::ActivityFailed(fault) => Detail::ActivityFailed(fault),
            Self::ActivityTimedOut(fault) => Detail::ActivityTimedOut(fault),
            Self::LambdaFunctionScheduled { resource, input, timeout_seconds, role_arn } => {
                let input = change(input)?;
                Detail::LambdaFunctionScheduled { resource, input, timeout_seconds, role_arn }
            }
            Self::LambdaFunctionScheduleFailed(fault) => Detail::LambdaFunctionScheduleFailed(fault),
            Self::LambdaFunctionStarted => Detail::LambdaFunctionStarted,
            Self::LambdaFunctionStartFailed(fault) => Detail::LambdaFunctionStartFailed(fault),
            Self::LambdaFunctionSucceeded { output } => {
                Detail::LambdaFunctionSucceeded { output: change(output)? }
            }
            Self::LambdaFunctionFailed(fault) => Detail::LambdaFunctionFailed(fault),
            Self::LambdaFunctionTimedOut(fault) => Detail::LambdaFunctionTimedOut(fault),
            Self::MapRunStarted { map_run_arn } => Detail::MapRunStarted { map_run_arn },
            Self::MapRunSucceeded => Detail::MapRunSucceeded,
            Self::MapRunFailed(fault) => Detail::MapRunFailed(fault),
            Self::MapRunAborted => Detail::MapRunAborted,
            Self::MapRunRedriven { map_run_arn, redrive_count } => {
                Detail::MapRunRedriven { map_run_arn, redrive_count }
            }
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
            Self::ExecutionStarted { input, .. }
            | Self::StateEntered { input, .. }
            | Self::ActivityScheduled { input, .. }
            | Self::LambdaFunctionScheduled { input, .. } => payload(input),
            Self::ExecutionSucceeded { output }
            | Self::TaskSubmitted { output, .. }
            | Self::TaskSucceeded { output, .. }
            | Self::ActivitySucceeded { output }
            | Self::LambdaFunctionSucceeded { output } => payload(output),
            Self::StateExited { output, assigned, .. } => {
                assigned.iter().map(|(_, value)| payload(value)).sum::<usize>() + payload(output)
            }
            Self::TaskScheduled { parameters, .. } => payload(parameters),
            Self::ExecutionFailed(why)
            | Self::ExecutionAborted(why)
            | Self::ExecutionTimedOut(why)
            | Self::TaskFailed { fault: why, .. }
            | Self::TaskTimedOut { fault: why, .. }
            | Self::TaskStartFailed { fault: why, .. }
            | Self::TaskSubmitFailed { fault: why, .. }
            | Self::EvaluationFailed(EvaluationFailure { fault: why, .. })
            | Self::ActivityScheduleFailed(why)
            | Self::ActivityFailed(why)
            | Self::ActivityTimedOut(why)
            | Self::LambdaFunctionScheduleFailed(why)
            | Self::LambdaFunctionStartFailed(why)
            | Self::LambdaFunctionFailed(why)
            | Self::LambdaFunctionTimedOut(why)
            | Self::MapRunFailed(why) => fault(why),
            Self::ExecutionRedriven { .. }
            | Self::StateAborted { .. }
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
            | Self::TaskStarted(_)
            | Self::ActivityStarted { .. }
            | Self::LambdaFunctionStarted
            | Self::MapRunStarted { .. }
            | Self::MapRunSucceeded
            | Self::MapRunAborted
            | Self::MapRunRedriven { .. } => 0,
        }
    }
}
