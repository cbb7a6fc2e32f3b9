//! Tokens and keys that live in files.
//!
//! A secret is given by the path of a file that holds it, as container platforms mount them: it then never stands in a
//! configuration, an environment or a process list, and it can be rotated by replacing the file.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::Deserialize;
use subtle::ConstantTimeEq as _;

/// Bytes that a secret's file may have.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Text that is never printed: its `Debug` says only that there is one.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Takes ownership of secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that must send or verify it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is this secret, in time that depends only on the two lengths.
    pub fn matches(&self, candidate: &str) -> bool {
        self.0.as_bytes().ct_eq(candidate.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read secret file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has nothing but white space in it.
    #[error("secret file {path} is empty")]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// A file that holds one secret. In a configuration it is the file's path.
///
/// White space around the secret, such as the line end that an editor leaves, is not part of it. The file is read when
/// the secret is first asked for and again whenever its modification time or length has changed.
pub struct SecretFile {
    path: PathBuf,
    read: Mutex<Option<(Version, Secret)>>,
}

/// What tells one content of a file from the next without reading it.
type Version = (Option<SystemTime>, u64);

impl SecretFile {
    /// The secret in the file at `path`; nothing is read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), read: Mutex::new(None) }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The secret as the file has it now.
    ///
    /// # Errors
    /// The file can't be read, is longer than 64 KiB, is not UTF-8, or holds nothing. A file that went bad after it was
    /// good is an error too: whoever removed the secret meant to revoke it.
    pub fn current(&self) -> Result<Secret, Error> {
        let failed = |source| Error::Read { path: self.path.clone(), source };
        let mut file = std::fs::File::open(&self.path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let version = (metadata.modified().ok(), metadata.len());
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, secret)) = &*read
            && *known == version
        {
            return Ok(secret.clone());
        }
        let secret = self.parse(&mut file)?;
        *read = Some((version, secret.clone()));
        Ok(secret)
    }

    fn parse(&self, file: &mut std::fs::File) -> Result<Secret, Error> {
        let failed = |source| Error::Read { path: self.path.clone(), source };
        let mut text = String::new();
        file.take(MAX_SECRET_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > MAX_SECRET_BYTES {
            let message = format!("longer than {MAX_SECRET_BYTES} bytes");
            return Err(failed(std::io::Error::new(std::io::ErrorKind::InvalidData, message)));
        }
        match text.trim() {
            "" => Err(Error::Empty { path: self.path.clone() }),
            secret => Ok(Secret::new(secret)),
        }
    }
}

impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Clone for SecretFile {
    fn clone(&self) -> Self {
        Self::new(&self.path)
    }
}

impl PartialEq for SecretFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl<'de> Deserialize<'de> for SecretFile {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PathBuf::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_text() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "hunter2\n").unwrap();
        let file = SecretFile::new(&path);
        let secret = file.current().unwrap();
        assert_eq!(secret.expose(), "hunter2");
        let shown = format!("{secret:?} {:?} {file:?} {file:#?}", Some(&secret));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn matching_is_exact() {
        let secret = Secret::new("abc");
        assert!(secret.matches("abc"));
        for other in ["", "ab", "abd", "abcd", "ABC"] {
            assert!(!secret.matches(other), "{other:?}");
        }
    }

    #[test]
    fn a_replaced_file_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "first").unwrap();
        let file = SecretFile::new(&path);
        assert_eq!(file.current().unwrap().expose(), "first");
        std::fs::write(&path, "second one").unwrap();
        assert_eq!(file.current().unwrap().expose(), "second one");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(file.current(), Err(Error::Read { .. })));
    }

    #[test]
    fn files_that_hold_no_secret() {
        let directory = tempfile::tempdir().unwrap();
        let check = |bytes: &[u8], expect: &str| {
            let path = directory.path().join("token");
            std::fs::write(&path, bytes).unwrap();
            let error = SecretFile::new(&path).current().unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        check(b" \n", "is empty");
        check(&[0xff, 0xfe], "cannot read secret file");
        check(&vec![b'x'; 65 * 1024], "longer than 65536 bytes");
    }
}
