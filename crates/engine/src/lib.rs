//! The engine: it runs executions, makes every turn durable, and lets a turn's effects go only then.
//!
//! It stands between the pure interpreter (`newel-machine`) and the store. One turn is one record: the events it made, the frames
//! it changed, the execution's row, the orders for workers. Everything in memory is a cache of that.
//!
//! It must not know: AWS JSON, gRPC, any AWS service, or which database there is. It is given a clock, randomness and
//! threads by [`Env`], so it runs on virtual time as well.
//!
//! Where to start: `activation.rs` (one execution at work), `shard.rs` (who owns what), `committer.rs` (group commit),
//! `recovery.rs` (what a start finds again), then [`Workflows`] and [`TaskEngine`], which are what others see.
//!
//! Invariants:
//! * ENG-1: nothing leaves (answer, dispatch, timer, cancel) before its record is durable.
//! * ENG-2: one activation at a time works on an execution, and its commits are in the order of its turns.
//! * ENG-3: every write carries the epoch under which its shard was owned when the execution was loaded.
//! * ENG-4: after an answer that isn't `Committed` what was in memory of the execution is forgotten.
//! * ENG-5: an order stands in the outbox from the commit that makes it to the commit that settles it.
//! * ENG-6: a submission goes out once, right after its commit and while the shard is still owned; every other time the order
//!   is given, it is to reconcile.
//! * ENG-7: an open execution that waits for time or can go on has a timer in memory, an activation, or a wake-up in the store
//!   that is read before it is due.
//! * ENG-8: nothing of an Express execution is stored but, for one that nobody waits for, the row it is started from, which stands
//!   from the answer to its start until it is closed. It runs at least once; one that somebody waits for runs at most once.
//!
//! `tests/it/sim` checks these over crashes and failures of the store, under ids of its own.

mod activation;
mod activities;
mod activity_queue;
mod aliases;
mod codec;
mod committer;
mod configuration;
mod deletion;
mod effects;
mod engine;
mod env;
mod error;
mod exchange;
mod executions;
mod express;
mod ids;
mod logging;
mod machines;
mod mail;
mod map_runs;
mod observer;
mod open;
mod options;
mod page;
mod plans;
mod recovery;
mod redrive;
mod registrations;
pub mod request;
mod retention;
mod rows;
mod sealing;
mod service;
mod shard;
mod tags;
mod task;
mod test_cases;
mod test_state;
mod timers;
mod token;
mod transitions;
mod versions;
mod watch;

pub use engine::{Engine, Parts};
pub use env::{Env, SystemEnv};
pub use error::{Error, ErrorKind};
pub use exchange::{Exchange, ExchangeRequest, ExchangeResponse, HttpTrace};
pub use ids::attempt_span;
pub use logging::{LogLevel, Logging};
pub use map_runs::MapRunStatus;
pub use newel_asl::catalog::{Pattern, Registration};
pub use newel_vault::{KeyState, Vault};
pub use observer::{Committed, NoObserver, Observer};
pub use options::Options;
pub use service::{Served, Workflows};
pub use task::{Dispatch, DispatchKind, Dispatcher, FamilyPresence, Report, Settled, TaskEngine, TaskId};
pub use test_cases::{MockAnswer, MockedCall, TestCases};
pub use transitions::{TransitionRate, TransitionRates};
