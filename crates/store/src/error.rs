//! What a store answers.

/// What became of a commit. This is an answer, not an error: each case asks for a different reaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Durable.
    Committed,
    /// Certainly not applied, and it won't be if tried again as it is.
    Rejected(Rejection),
    /// Certainly not applied: somebody else owns the shard now. Let the shard go.
    Fenced,
    /// Possibly applied. Forget what is in memory of the shard, take the shard again, reload.
    Unknown(String),
}

/// Why a commit was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// A row that [`crate::Op`] says must be new is there already.
    Exists,
    /// No room. The store recovers when there is room again.
    Full,
    /// The record itself is at fault (too large for the backend, say).
    Unacceptable(String),
}

/// Why a read or an acquisition gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The backend can't be reached now; trying again may help.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What is stored can't be what was written.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The database was written by a later release.
    #[error(
        "the database has schema version {found}, and this release reads up to {supported}: use a newer release"
    )]
    TooNew {
        /// The version found.
        found: u32,
        /// The latest this release knows.
        supported: u32,
    },
}

impl Error {
    /// Someone asked for a shard that the store doesn't have.
    pub(crate) fn no_such_shard(shard: crate::ShardId) -> Self {
        Self::Unavailable(format!("there is no shard {}", shard.0))
    }

    /// A restore into the directory was interrupted.
    pub(crate) fn half_restored(directory: &std::path::Path) -> Self {
        let directory = directory.display();
        Self::Corrupt(format!("a restore into {directory} was interrupted: restore into it again"))
    }
}
