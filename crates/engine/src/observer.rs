//! Who sees what has become durable: traces, logs, metrics, execution events.

use std::fmt;

use newel_asl::{Limits, MachineType};
use newel_machine::{Event, Info, Redrives};
use newel_store::Id;

use crate::logging::Logging;

/// The events of a turn that can't be taken back any more.
#[derive(Clone, Copy, Debug)]
pub struct Committed<'a> {
    /// What is fixed of the execution.
    pub info: &'a Info,
    /// The execution. An Express execution that is run again after a crash is another by this id, of the same ARN.
    pub execution: Id,
    /// The events, in order.
    pub events: &'a [Event],
    /// How often it has been redriven.
    pub redrives: &'a Redrives,
    /// The type of its state machine.
    pub machine_type: MachineType,
    /// What the revision that it runs says of logging.
    pub logging: &'a Logging,
    /// Whether it is a child of a map run.
    pub is_child: bool,
    /// The limits that it runs under.
    pub limits: &'a Limits,
}

/// Told of each turn's events, in order for each execution, never twice: of a Standard execution once they are durable, of an
/// Express one, whose history is kept nowhere, once they have happened. It may miss those of a turn whose commit was never answered
/// because the process or its store failed at that moment. Must not block; what it does with them can't fail the execution.
pub trait Observer: Send + Sync + fmt::Debug + 'static {
    /// Events of an execution can't be taken back any more.
    fn committed(&self, turn: &Committed<'_>);

    /// The next state transition of an execution has to wait for its tenant's rate.
    fn throttled(&self, _info: &Info) {}
}

/// Sees nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn committed(&self, _turn: &Committed<'_>) {}
}
