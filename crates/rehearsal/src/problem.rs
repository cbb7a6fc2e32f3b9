//! Why a rehearsal can't be played to its end.

use newel_value::Str;

use crate::map_runs::MOST_ITEMS;
use crate::run::MOST_EVENTS;

/// The mocks don't fit the definition, or there is too much to play.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The mocks name a state that the definition doesn't have.
    #[error("{location}/States: the definition has no state '{state}'")]
    NoState {
        /// The state.
        state: Str,
        /// Where the mocks name it.
        location: String,
    },
    /// The mocks answer for a state that calls nothing and reads nothing.
    #[error(
        "{location}: the state '{state}' is no Task and no Map with an ItemReader: only these can be mocked"
    )]
    NoTask {
        /// The state.
        state: Str,
        /// Where the mocks name it.
        location: String,
    },
    /// A task is called that the mocks don't answer for.
    #[error("{location}/States: the task '{state}' is called and has no answer")]
    NoMock {
        /// The task's state.
        state: Str,
        /// The case.
        location: String,
    },
    /// Items are read that the mocks don't have.
    #[error(
        "{location}/States: the items of the Map '{state}' are read and have no answer: give them under its name, \
         as {{\"Return\": [ITEM, ITEM]}}"
    )]
    NoItems {
        /// The Map state.
        state: Str,
        /// The case.
        location: String,
    },
    /// The mocks say of what a Map reads something else than items.
    #[error(
        "{location}: what the Map '{state}' reads must be an array of items, or an object whose members they are, and that of call {call} isn't"
    )]
    NotItems {
        /// The Map state.
        state: Str,
        /// The first call that is answered so.
        call: u64,
        /// The answers.
        location: String,
    },
    /// A task is called, or items are read, more often than the mocks answer.
    #[error("{location}: call {call} of the state '{state}' (counted from 0) has no answer")]
    NoAnswer {
        /// The state.
        state: Str,
        /// Which call.
        call: u64,
        /// The answers.
        location: String,
    },
    /// A Map has more items than are played.
    #[error("the Map '{state}' has {items} items; a rehearsal plays up to {MOST_ITEMS}")]
    TooManyItems {
        /// The Map state.
        state: Str,
        /// How many it has.
        items: usize,
    },
    /// More happens than is played.
    #[error("the executions have more than {MOST_EVENTS} events, which is more than a rehearsal plays")]
    TooLong,
    /// Nothing is due and nothing is answered any more.
    #[error("the execution waits for something that never comes")]
    Stuck,
}

impl Problem {
    /// The place in the file of mocks, where there is one.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        match self {
            Self::NoState { location, .. }
            | Self::NoTask { location, .. }
            | Self::NoMock { location, .. }
            | Self::NoItems { location, .. }
            | Self::NotItems { location, .. }
            | Self::NoAnswer { location, .. } => Some(location),
            Self::TooManyItems { .. } | Self::TooLong | Self::Stuck => None,
        }
    }
}
