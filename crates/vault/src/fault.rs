//! Why something can't be sealed or opened.

use std::fmt;

/// Why a key can't be used, in the terms of AWS KMS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no such key, or it isn't the caller's (AWS: `KmsAccessDeniedException`, which doesn't tell one from the other).
    #[error(
        "the key {key} isn't among this server's keys for the account: add it to the file that `encryption.keys_file` names"
    )]
    Denied {
        /// The key as it was named.
        key: String,
    },
    /// The key is there and mustn't be used (AWS: `KmsInvalidStateException`).
    #[error("the key {key} is {state}")]
    State {
        /// The key as it was named.
        key: String,
        /// Its state.
        state: KeyState,
    },
    /// The record is no sealed record, was changed, or belongs elsewhere; or the key's material isn't what it was.
    #[error("a sealed record can't be opened: {0}")]
    Damaged(&'static str),
    /// The system gave no randomness or the key is spent.
    #[error("nothing can be encrypted now: {0}")]
    Unable(&'static str),
}

/// The state of a master key, by the names of AWS's `kmsKeyState`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KeyState {
    /// It may be used.
    #[default]
    Enabled,
    /// Somebody has switched it off.
    Disabled,
    /// It is going to be deleted.
    PendingDeletion,
    /// Its material isn't there yet.
    PendingImport,
    /// It can't be reached.
    Unavailable,
    /// It is being made.
    Creating,
}

impl KeyState {
    /// AWS's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::PendingDeletion => "PENDING_DELETION",
            Self::PendingImport => "PENDING_IMPORT",
            Self::Unavailable => "UNAVAILABLE",
            Self::Creating => "CREATING",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a file of keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysFileError {
    /// It can't be read.
    #[error("{file} can't be read")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// What is in it is wrong. The text never quotes key material.
    #[error("{file}: {why}")]
    Wrong {
        /// The file.
        file: String,
        /// What.
        why: String,
    },
    /// The key that everything is to be sealed under.
    #[error("`encryption.default_key`: {0}")]
    DefaultKey(Fault),
}
