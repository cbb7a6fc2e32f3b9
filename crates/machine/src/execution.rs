//! The state of one execution: what a turn changes and the store keeps.

use std::sync::Arc;

use newel_asl::timestamp::Timestamp;
use newel_value::{Object, Payload, Str};
use serde::{Deserialize, Serialize};

use crate::event::{EventId, Fault};
use crate::frames::Frames;
use crate::map_run::MapRun;
use crate::redrive::Redrives;
use crate::world::TaskKey;

/// What is fixed when an execution starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// The execution's ARN.
    pub arn: Str,
    /// Its name.
    pub name: Str,
    /// The state machine's unqualified ARN.
    pub machine_arn: Str,
    /// The state machine's name.
    pub machine_name: Str,
    /// The role it runs under.
    pub role_arn: Str,
    /// Its account.
    pub account: Str,
    /// Its region.
    pub region: Str,
    /// When it started.
    pub started_at: Timestamp,
    /// Its input as it came.
    pub input: Payload,
    /// The alias it was started by, if it was.
    #[serde(default)]
    pub alias_arn: Option<Str>,
    /// The version it runs, if it was started by one or by an alias.
    #[serde(default)]
    pub version_arn: Option<Str>,
}

impl Info {
    /// Whether it is an Express execution, by its ARN.
    #[must_use]
    pub fn is_express(&self) -> bool {
        self.arn.split(':').nth(5) == Some("express")
    }
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// With an output.
    Succeeded(Payload),
    /// By an error that nothing caught.
    Failed(Fault),
    /// By its own time limit.
    TimedOut(Fault),
    /// Stopped from outside.
    Aborted(Fault),
}

impl Outcome {
    /// AWS's word for the status of an execution that has ended so.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self {
            Self::Succeeded(_) => "SUCCEEDED",
            Self::Failed(_) => "FAILED",
            Self::TimedOut(_) => "TIMED_OUT",
            Self::Aborted(_) => "ABORTED",
        }
    }
}

/// Where a frame is: empty for the root; for a branch or iteration its parent's path, the Parallel or Map state's
/// name and the index. It names a stored row, so it is made of names, not of positions in the plan.
pub type FramePath = Str;

/// One running branch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// The frame whose Parallel or Map state this is a branch or iteration of; `None` for the root.
    pub parent: Option<FramePath>,
    /// Which branch or iteration.
    pub index: u32,
    /// The current state.
    pub state: Str,
    /// The current state's raw input.
    pub input: Payload,
    /// The event with which the current state was entered; 0 until it has been.
    pub entered: EventId,
    /// When that was.
    pub entered_at: Timestamp,
    /// The event that the frame's next one follows.
    pub previous: EventId,
    /// How often each retrier of the current state was used during this visit.
    pub retries: Vec<u32>,
    /// How many attempts of the current state there were during this visit.
    pub attempts: u32,
    /// The frame's own variables; those of its parents are visible too.
    pub variables: Object,
    /// What the frame is doing.
    pub phase: Phase,
    /// The event that the current state's entry follows.
    #[serde(default)]
    pub entered_after: EventId,
}

/// What a frame is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Phase {
    /// About to enter its state; in an execution that ended badly, also in a state that has stopped (`entered` tells).
    Ready,
    /// In a Wait state.
    Waiting {
        /// Until then.
        until: Timestamp,
    },
    /// In a Task state, with an attempt open.
    Task(Attempt),
    /// Between a failed attempt and its retry.
    Backoff {
        /// Until then.
        until: Timestamp,
    },
    /// In a Parallel state, waiting for its branches.
    Parallel,
    /// In a Map state, waiting for its iterations.
    Map(Iterations),
    /// At its end, waiting for its siblings.
    Finished {
        /// Its result.
        output: Payload,
    },
    /// In a distributed Map state, waiting for its map run; in an execution that ended badly, also after that.
    MapRun(MapRun),
}

/// The open attempt of a Task state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which, from 0.
    pub number: u32,
    /// Whether `TaskStarted` has been recorded.
    pub started: bool,
    /// When it times out.
    pub deadline: Option<Timestamp>,
    /// `HeartbeatSeconds`.
    pub heartbeat_seconds: Option<u64>,
    /// When the next heartbeat is due.
    pub heartbeat_due: Option<Timestamp>,
    /// The secret of its task token, if it may be completed by one.
    pub secret: Option<[u8; 16]>,
    /// The job's id in the service, once it is known.
    pub external_ref: Option<Str>,
    /// Whether the service has accepted it.
    pub submitted: bool,
    /// Whether it begins only when a worker has fetched it, as an activity's does.
    #[serde(default)]
    pub fetched: bool,
}

/// The iterations of a Map state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Iterations {
    /// The items: an array.
    pub items: Payload,
    /// How many may run at once.
    pub concurrency: u32,
    /// The state's effective input, which ItemSelector sees.
    pub input: Payload,
}

/// An execution.
#[derive(Clone, Debug)]
pub struct Execution {
    /// What is fixed.
    pub info: Arc<Info>,
    /// How it ended, once it has.
    pub outcome: Option<Outcome>,
    /// The id of its latest event.
    pub last_event: EventId,
    /// When it times out.
    pub deadline: Option<Timestamp>,
    /// How often it has been redriven.
    pub redrives: Redrives,
    pub(crate) frames: Frames,
}

impl Execution {
    /// An execution that hasn't begun.
    #[must_use]
    pub fn new(info: Arc<Info>) -> Self {
        Self {
            info,
            outcome: None,
            last_event: 0,
            deadline: None,
            redrives: Redrives::default(),
            frames: Frames::default(),
        }
    }

    /// An execution as it was stored, but for its redrives.
    #[must_use]
    pub fn restore(
        info: Arc<Info>,
        outcome: Option<Outcome>,
        last_event: EventId,
        deadline: Option<Timestamp>,
        frames: impl IntoIterator<Item = (FramePath, Frame)>,
    ) -> Self {
        let mut execution = Self { outcome, last_event, deadline, ..Self::new(info) };
        for (path, frame) in frames {
            execution.frames.insert(path, frame);
        }
        execution
    }

    /// The frame of that path.
    #[must_use]
    pub fn frame(&self, path: &str) -> Option<&Frame> {
        self.frames.get(path)
    }

    /// All frames by path.
    pub fn frames(&self) -> impl Iterator<Item = (&FramePath, &Frame)> {
        self.frames.iter()
    }

    /// Whether it could go on without anything happening outside (its last turn ran out of budget).
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.outcome.is_none() && self.frames.next_ready().is_some()
    }

    /// When time is the next thing it waits for.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        if self.outcome.is_some() {
            return None;
        }
        [self.frames.next_due(), self.deadline].into_iter().flatten().min()
    }

    /// The open attempt of that key, if it is still open.
    #[must_use]
    pub fn open_attempt(&self, key: &TaskKey) -> Option<&Attempt> {
        let frame = self.frames.get(&key.frame)?;
        match &frame.phase {
            Phase::Task(attempt) if frame.entered == key.entry && attempt.number == key.attempt => {
                Some(attempt)
            }
            _ => None,
        }
    }
}
