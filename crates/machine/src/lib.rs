//! The interpreter: `(plan, state, input) → (state change, history events, effects)`.
//!
//! It is pure. There is no I/O, clock or randomness here: time, random numbers, limits and the knowledge of resources
//! come in with [`World`], and what is to be done outside goes out as [`Effect`]s. So one turn can be evaluated anywhere,
//! again after a crash of whoever asked for it, and on virtual time.
//!
//! Where to start: [`turn`] drives frames until they all wait; `states/` has what each state type does, `transition` what
//! they all do; `failure` has Retry, Catch and what a failure does to branches; [`Execution`] is what a turn changes.
//!
//! Invariants:
//! * MAC-1: event ids are dense, and a turn's events follow the execution's earlier ones.
//! * MAC-2: a frame has at most one open attempt, and every attempt that is scheduled is later settled, abandoned, or open.
//! * MAC-3: an execution that is closed never changes again by a turn, unless it ended badly and is redriven.
//! * MAC-4: what a turn does is bounded by its budget plus one step of each input.
//! * MAC-5: splitting a turn, and storing and restoring the execution in between, changes nothing of what comes out.

mod eval;
mod event;
mod execution;
mod failure;
mod fault;
mod frames;
mod input;
mod intrinsic;
mod jsonata;
mod map_run;
mod probe;
mod redrive;
mod size;
mod state_test;
mod states;
mod transition;
mod turn;
mod variables;
mod world;

pub use event::{Detail, EvaluationFailure, Event, EventId, Fault, Iteration, StateType, TaskResource, Told};
pub use execution::{Attempt, Execution, Frame, FramePath, Info, Iterations, Outcome, Phase};
pub use input::{Effect, Input, Reply, ScheduledTask, TaskReport, Turn};
pub use map_run::{
    Batch, ChildNames, Item, ItemScope, MapItems, MapRun, MapRunKey, MapRunOrder, MapRunReport, MapSettings,
    Recipe, StateResult, Tolerance, child_info, child_plan, kept_of_child, pending_child, results_bucket,
    results_folder, threshold_exceeded, transfer_fault, where_written,
};
pub use probe::Stage;
pub use redrive::Redrives;
pub use state_test::{Inspection, Progress, Setup, StateTest, TestStatus, TestedState};
pub use turn::turn;
pub use world::{Budget, TaskKey, TokenIssuer, World};
