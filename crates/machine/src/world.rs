//! What a turn is given from outside: it has no clock, randomness or knowledge of its own.

use newel_asl::catalog::ResourceCatalog;
use newel_asl::limits::Limits;
use newel_asl::plan::Plan;
use newel_asl::timestamp::Timestamp;
use newel_value::Str;

use crate::execution::FramePath;

/// What surrounds a turn.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The compiled definition.
    pub plan: &'a Plan,
    /// The limits in force.
    pub limits: &'a Limits,
    /// What completes task parameters.
    pub catalog: &'a dyn ResourceCatalog,
    /// What makes task tokens.
    pub tokens: &'a dyn TokenIssuer,
    /// Whether the activity of that ARN exists.
    pub activity_exists: &'a dyn Fn(&str) -> bool,
    /// What time it is.
    pub now: Timestamp,
    /// Random 64-bit numbers: tokens' secrets, `States.UUID`, `States.MathRandom`, jitter.
    pub random: &'a dyn Fn() -> u64,
    /// How much the turn may do.
    pub budget: Budget<'a>,
}

/// How much a turn may do before it pauses, so that others get their turn.
#[derive(Clone, Copy)]
pub struct Budget<'a> {
    /// Events it may produce; the step that reaches it is finished.
    pub events: usize,
    /// Bytes of new payloads it may produce; likewise.
    pub bytes: usize,
    /// Whether its time is up. One step is done even so.
    pub expired: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("now", &self.now).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Budget<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budget")
            .field("events", &self.events)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// Which attempt of which state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskKey {
    /// The frame.
    pub frame: FramePath,
    /// The event with which the state was entered.
    pub entry: u64,
    /// Which try, from 0.
    pub attempt: u32,
}

/// Makes task tokens.
pub trait TokenIssuer: Send + Sync {
    /// The token of an attempt: at most 1,024 characters, unforgeable, the same whenever it is asked for.
    fn issue(&self, task: &TaskKey, secret: [u8; 16]) -> Str;
}
