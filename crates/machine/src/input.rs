//! What makes an execution move, and what a turn produces.

use newel_asl::catalog::Resource;
use newel_asl::timestamp::Timestamp;
use newel_value::{Payload, Str};

use crate::event::{Event, Fault};
use crate::execution::FramePath;
use crate::map_run::{MapRunKey, MapRunOrder, MapRunReport};
use crate::world::TaskKey;

/// Something that happened to an execution.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// It begins.
    Start,
    /// Time has passed: what is due is carried out, as far as the budget goes; the rest stays due. Harmless when nothing is.
    Clock,
    /// It is stopped from outside.
    Stop(Fault),
    /// It goes on from where it ended badly. Stale unless it did.
    Redrive {
        /// What makes a repeated request known as such.
        token: Option<Str>,
    },
    /// A worker reports on a task attempt.
    Task(TaskKey, TaskReport),
    /// A map run has ended that had been redriven so often.
    MapRun(MapRunKey, u64, MapRunReport),
    /// A task token came back. The secret shows that it is the open attempt's.
    Token(TaskKey, [u8; 16], TaskReport),
}

/// What became of a task attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskReport {
    /// The service accepted the job or the callback's call.
    Submitted {
        /// The job's id in the service.
        external_ref: Str,
        /// The call's answer.
        output: Payload,
    },
    /// A worker has fetched an activity's task. What else an attempt's worker does begins without saying.
    Started {
        /// The name that the worker gave, if it gave one.
        worker_name: Option<Str>,
    },
    /// It is alive.
    Heartbeat,
    /// Its result.
    Succeeded(Payload),
    /// Its error.
    Failed(Fault),
    /// All of it at once: what a test case says in a worker's place. What a worker would have said on the way is recorded first.
    Mocked(Result<Payload, Fault>),
}

/// What a turn did with an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It counted.
    Accepted,
    /// It came too late, or the execution knows nothing of it. Nothing has changed.
    Stale,
}

/// Something to be done outside once the turn is durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Hand a new attempt to a worker.
    Schedule(Box<ScheduledTask>),
    /// The job is running: watch it.
    Watch {
        /// Which attempt.
        task: TaskKey,
        /// The job's id in the service.
        external_ref: Str,
    },
    /// The attempt is over by what the service or a token said, or nothing is left to do for it but to wait for the token.
    Settle(TaskKey),
    /// The attempt is over by what happened here: let it go, and stop its job.
    Abandon {
        /// Which attempt.
        task: TaskKey,
        /// The job's id in the service, if it is known.
        external_ref: Option<Str>,
        /// Whether the pattern is one that has a job to stop.
        job: bool,
    },
    /// Begin a map run.
    StartMapRun(Box<MapRunOrder>),
    /// A map run isn't waited for any more: it is to end.
    AbortMapRun {
        /// Which.
        key: MapRunKey,
        /// How often it has been redriven: which of its lives isn't waited for.
        redrives: u64,
    },
    /// Have the children of a map run that ended badly, or hadn't begun, go on.
    RedriveMapRun {
        /// Which.
        key: MapRunKey,
        /// How often it has been redriven, this time included.
        redrives: u64,
    },
}

/// A new task attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledTask {
    /// Which.
    pub task: TaskKey,
    /// The state's name.
    pub state: Str,
    /// What it calls.
    pub resource: Resource,
    /// With which parameters.
    pub parameters: Payload,
    /// `Credentials.RoleArn`.
    pub role_arn: Option<Str>,
    /// When it times out.
    pub deadline: Option<Timestamp>,
    /// `HeartbeatSeconds`.
    pub heartbeat_seconds: Option<u64>,
    /// The token by which it may be completed, if it may be.
    pub token: Option<Str>,
}

/// What a turn produced. All of it becomes durable together.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    /// New events, ids dense after the execution's earlier ones.
    pub events: Vec<Event>,
    /// Effects in order.
    pub effects: Vec<Effect>,
    /// Frames that are new or changed and still there.
    pub changed: Vec<FramePath>,
    /// Frames that are gone.
    pub removed: Vec<FramePath>,
    /// What became of each input, in order.
    pub replies: Vec<Reply>,
}
