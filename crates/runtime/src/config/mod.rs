//! One TOML file with environment variables over it, read into plain serde structs.
//!
//! A program describes its configuration as a struct of section structs and loads it with [`load`]. Three layers, the
//! later wins key by key: the program's own defaults (TOML text), the file, and the environment, where
//! `NEWEL_<SECTION>__<KEY>` names a key (`NEWEL_HTTP__LISTEN` is `listen` of `[http]`; two underscores between levels
//! and letters in lower case, so `NEWEL_STORE__MAX_BYTES` is `max_bytes` of `[store]`). Variables without two
//! underscores after `NEWEL_` (such as `NEWEL_CONFIG`) belong to somebody else and are not looked at.
//!
//! A variable's text is read as what the key asks for: a number, a truth value, a string; a list is given as
//! `a,b,c` or as a TOML array, a section as a TOML inline table. An empty variable unsets an optional key.
//!
//! An unknown key is an error, wherever it stands, without any attribute on the structs: it would otherwise be a setting
//! that its author believes in and nobody reads. That is why the structs must be made of named fields (`#[serde(default)]`
//! and renames are fine); `flatten`, `untagged` and tagged enums hide their fields from the check and are not supported.

mod de;
mod error;
mod tree;

use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;

use serde::de::DeserializeOwned;

pub use error::{Error, Origin};

use tree::Tree;

/// Bytes that a configuration file may have; anything longer is the wrong file.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Loads a configuration from the process's environment over `file` over `defaults`.
///
/// `defaults` is TOML text in which a program says where it differs from the defaults of the section types; empty if
/// it doesn't. Command-line flags are the caller's: it sets the fields of what this returns.
///
/// # Errors
/// The file can't be read or parsed, a key is unknown or missing, or a value is not what its key asks for. The message
/// names the key, where it came from and, for an unknown key, the nearest known one.
pub fn load<T: DeserializeOwned>(file: Option<&Path>, defaults: &str) -> Result<T, Error> {
    let mut sources = Sources::new().defaults(defaults)?;
    if let Some(path) = file {
        sources = sources.file(path)?;
    }
    sources.environment(std::env::vars_os())?.resolve()
}

/// Layers of configuration, each over the ones before: what [`load`] is made of, with every layer given by hand.
#[derive(Debug, Default)]
pub struct Sources {
    tree: Tree,
}

impl Sources {
    /// No layers: every key has the default of its type.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds TOML text that ships with the program.
    ///
    /// # Errors
    /// The text is not TOML.
    pub fn defaults(self, text: &str) -> Result<Self, Error> {
        self.toml(text, Origin::Defaults)
    }

    /// Adds a TOML file of at most 1 MiB.
    ///
    /// # Errors
    /// The file can't be read, is too long, or is not TOML.
    pub fn file(self, path: &Path) -> Result<Self, Error> {
        let text = read(path).map_err(|source| Error::Read { path: path.display().to_string(), source })?;
        self.toml(&text, Origin::File(path.display().to_string().into()))
    }

    /// Adds the `NEWEL_<SECTION>__<KEY>` variables among `variables`.
    ///
    /// # Errors
    /// Such a variable is not Unicode, or names a key inside something that is not a section.
    pub fn environment(
        mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Error> {
        self.tree.overlay_environment(variables)?;
        Ok(self)
    }

    /// Reads the layers into a configuration.
    ///
    /// # Errors
    /// A key is unknown or missing, or a value is not what its key asks for.
    pub fn resolve<T: DeserializeOwned>(self) -> Result<T, Error> {
        T::deserialize(self.tree.into_root()).map_err(Error::from)
    }

    fn toml(mut self, text: &str, origin: Origin) -> Result<Self, Error> {
        let table = text
            .parse::<toml::Table>()
            .map_err(|source| Error::Syntax { origin: origin.clone(), message: source.to_string() })?;
        self.tree.overlay_table(table, &origin);
        Ok(self)
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        let message = format!("longer than {MAX_FILE_BYTES} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
