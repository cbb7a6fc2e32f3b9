//! A task attempt as a worker sees it, checked once when its dispatch arrives.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use newel_proto::worker::v1 as wire;
use newel_value::Payload;

use crate::trace::HttpTrace;

/// Identifies one try of a Task state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskKey {
    /// The execution's internal id.
    pub execution: [u8; 16],
    /// The running branch, empty for the root.
    pub frame: Arc<str>,
    /// The id of the event with which the state was entered.
    pub entry: u64,
    /// Which try, from 0.
    pub attempt: u32,
}

impl TaskKey {
    /// Reads a message.
    ///
    /// # Errors
    /// When it has no id, or one whose execution isn't 16 bytes long.
    pub(crate) fn from_wire(id: Option<&wire::TaskId>) -> Result<Self, InvalidDispatch> {
        let id = id.ok_or(InvalidDispatch("a task id is missing"))?;
        let execution = <[u8; 16]>::try_from(id.execution.as_ref())
            .map_err(|_| InvalidDispatch("an execution id isn't 16 bytes long"))?;
        Ok(Self { execution, frame: id.frame.as_str().into(), entry: id.entry, attempt: id.attempt })
    }

    pub(crate) fn to_wire(&self) -> wire::TaskId {
        wire::TaskId {
            execution: self.execution.to_vec().into(),
            frame: self.frame.to_string(),
            entry: self.entry,
            attempt: self.attempt,
        }
    }
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.execution {
            write!(f, "{byte:02x}")?;
        }
        write!(f, "/{}#{}.{}", self.frame, self.entry, self.attempt)
    }
}

/// A job's id in its service, with whatever else it takes to find the job again: what is reported as submitted, and
/// all that a watch or a cancel is given. Its form is the adapter's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExternalRef(Arc<str>);

impl ExternalRef {
    /// Wraps an id.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExternalRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the Task state waits for its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// The call's answer is the result.
    RequestResponse,
    /// `.sync`: the job's end is the result.
    Job,
    /// `.waitForTaskToken`: the call starts something that will send the token back.
    Callback,
}

/// Under whose rights calls are made: the account and region they go to, and the roles of the execution.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// The execution's account, 12 digits.
    pub account: Arc<str>,
    /// The execution's region.
    pub region: Arc<str>,
    /// The state machine's role.
    pub machine_role: Arc<str>,
    /// The state's `Credentials.RoleArn`.
    pub task_role: Option<Arc<str>>,
}

/// One try of a Task state, with all that was dispatched about it.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Which attempt.
    pub task: TaskKey,
    /// The Task state's Resource, an ARN.
    pub resource: Arc<str>,
    /// How the state waits.
    pub pattern: Pattern,
    /// Under whose rights.
    pub identity: Identity,
    /// The execution's ARN.
    pub execution_arn: Arc<str>,
    /// The state's name.
    pub state_name: Arc<str>,
    /// The parameters as `TaskScheduled` shows them; absent for a watch, and for a cancel that names its job.
    pub parameters: Option<Payload>,
    /// Identifies the submission: the same at every redelivery, 36 characters.
    pub submit_token: Arc<str>,
    /// The job, once known.
    pub external_ref: Option<ExternalRef>,
    /// When the attempt times out: past it nothing is to be started.
    pub deadline: Option<SystemTime>,
    /// `HeartbeatSeconds`.
    pub heartbeat: Option<Duration>,
    /// W3C trace context of the attempt's span, empty if there is none.
    pub traceparent: Arc<str>,
    /// When the attempt was first dispatched.
    pub scheduled_at: SystemTime,
    /// When the job was submitted, if that was before this dispatch.
    pub submitted_at: Option<SystemTime>,
    /// Where the HTTP exchange of its call is noted, if somebody tests its state and wants to see that.
    pub http_trace: Option<HttpTrace>,
}

/// Why a dispatch can't be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidDispatch(pub(crate) &'static str);

impl Attempt {
    /// Reads a dispatch whose parameters have been gathered.
    pub(crate) fn from_wire(
        dispatch: wire::Dispatch,
        parameters: Option<Payload>,
    ) -> Result<Self, InvalidDispatch> {
        let task = TaskKey::from_wire(dispatch.task.as_ref())?;
        let pattern = pattern_of(&dispatch.resource)?;
        let non_empty = |text: String| (!text.is_empty()).then_some(text);
        Ok(Self {
            task,
            resource: dispatch.resource.into(),
            pattern,
            identity: Identity {
                account: dispatch.account.into(),
                region: dispatch.region.into(),
                machine_role: dispatch.machine_role_arn.into(),
                task_role: non_empty(dispatch.task_role_arn).map(Into::into),
            },
            execution_arn: dispatch.execution_arn.into(),
            state_name: dispatch.state_name.into(),
            parameters,
            submit_token: dispatch.submit_token.into(),
            external_ref: non_empty(dispatch.external_ref).map(ExternalRef::new),
            deadline: instant(dispatch.deadline_millis),
            heartbeat: (dispatch.heartbeat_seconds > 0)
                .then(|| Duration::from_secs(dispatch.heartbeat_seconds)),
            traceparent: dispatch.traceparent.into(),
            scheduled_at: instant(dispatch.scheduled_millis).unwrap_or(UNIX_EPOCH),
            submitted_at: instant(dispatch.submitted_millis),
            http_trace: dispatch.trace_http.then(|| HttpTrace::new(dispatch.reveal_secrets)),
        })
    }

    /// The execution's name: the last part of its ARN.
    #[must_use]
    pub fn execution_name(&self) -> &str {
        self.execution_arn.rsplit(':').next().unwrap_or_default()
    }

    /// Whether the attempt's time is over.
    #[must_use]
    pub fn is_past_deadline(&self, now: SystemTime) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }

    /// The same attempt without its parameters, which nothing needs once the job is started.
    pub(crate) fn without_parameters(&self) -> Self {
        Self { parameters: None, ..self.clone() }
    }
}

/// How a Task resource is waited for: the suffix of an ARN's last field, `submitJob.sync`.
fn pattern_of(resource: &str) -> Result<Pattern, InvalidDispatch> {
    const GRAMMAR: InvalidDispatch = InvalidDispatch("the resource isn't an integration's ARN");
    // `.sync:2` has a colon of its own, so the fields are counted from the front.
    let tail = resource.splitn(7, ':').nth(6).ok_or(GRAMMAR)?;
    let (action, suffix) = tail.split_once('.').unwrap_or((tail, ""));
    match suffix {
        _ if action.is_empty() => Err(GRAMMAR),
        "" => Ok(Pattern::RequestResponse),
        "sync" | "sync:2" => Ok(Pattern::Job),
        "waitForTaskToken" => Ok(Pattern::Callback),
        _ => Err(GRAMMAR),
    }
}

/// Milliseconds since the Unix epoch as an instant; 0 is none.
fn instant(millis: i64) -> Option<SystemTime> {
    let millis = u64::try_from(millis).ok().filter(|millis| *millis > 0)?;
    UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_tells_the_pattern() {
        let check = |resource: &str, expect: Option<Pattern>| {
            assert_eq!(pattern_of(resource).ok(), expect, "{resource}");
        };
        check("arn:aws:states:::dynamodb:getItem", Some(Pattern::RequestResponse));
        check("arn:aws:states:::batch:submitJob.sync", Some(Pattern::Job));
        check("arn:aws:states:::states:startExecution.sync:2", Some(Pattern::Job));
        check("arn:aws-cn:states:::ecs:runTask.waitForTaskToken", Some(Pattern::Callback));
        check("arn:aws:states:::ecs:runTask.later", None);
        check("arn:aws:states:::ecs", None);
        check("arn:aws:states:::ecs:", None);
        check("", None);
    }

    #[test]
    fn a_dispatch_is_checked_once() {
        let dispatch = wire::Dispatch {
            task: Some(wire::TaskId { execution: vec![7; 16].into(), entry: 2, ..Default::default() }),
            resource: "arn:aws:states:::batch:submitJob.sync".into(),
            execution_arn: "arn:aws:states:us-east-1:000000000000:execution:m:run-1".into(),
            deadline_millis: 1_000,
            ..Default::default()
        };
        let attempt = Attempt::from_wire(dispatch.clone(), None).unwrap();
        assert_eq!(attempt.execution_name(), "run-1");
        assert_eq!(attempt.heartbeat, None);
        assert_eq!(attempt.external_ref, None);
        assert!(attempt.is_past_deadline(UNIX_EPOCH + Duration::from_secs(1)));
        assert!(!attempt.is_past_deadline(UNIX_EPOCH + Duration::from_millis(999)));
        assert_eq!(attempt.task.to_string(), format!("{}/#2.0", "07".repeat(16)));

        let short = wire::Dispatch {
            task: Some(wire::TaskId { execution: vec![7; 3].into(), ..Default::default() }),
            ..dispatch
        };
        assert!(Attempt::from_wire(short, None).is_err());
    }
}
