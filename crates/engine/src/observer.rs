//! Who sees what has become durable: traces, logs, metrics, execution events.

use std::fmt;

use newel_machine::{Event, Info};
use newel_store::Id;

/// Told of each turn's events once they are durable, in order for each execution, never twice. It may miss those of a turn whose
/// commit was never answered because the process or its store failed at that moment. Must not block; what it does with
/// them can't fail the execution.
pub trait Observer: Send + Sync + fmt::Debug + 'static {
    /// Events of an execution became durable.
    fn committed(&self, info: &Info, execution: Id, events: &[Event]);
}

/// Sees nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn committed(&self, _info: &Info, _execution: Id, _events: &[Event]) {}
}
