//! What can be wrong with a configuration, in words that tell where and what to do.

use std::fmt;
use std::sync::Arc;

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The program's own defaults.
    Defaults,
    /// The configuration file of this path.
    File(Arc<str>),
    /// The environment variable of this name.
    Variable(Arc<str>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.write_str("the built-in defaults"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read configuration file {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A layer is not TOML.
    #[error("{origin} is not valid TOML: {message}")]
    Syntax {
        /// The layer.
        origin: Origin,
        /// The parser's words, with line and column.
        message: String,
    },
    /// No setting has this name.
    #[error("unknown key `{key}` in {origin}; {hint}")]
    UnknownKey {
        /// Dotted path of the key.
        key: String,
        /// Where it was set.
        origin: Origin,
        /// The way out: the nearest known key, or all of that section.
        hint: String,
    },
    /// A setting that has no default was not given.
    #[error("`{key}` is required: set it in the configuration file or by environment variable {variable}")]
    MissingKey {
        /// Dotted path of the key.
        key: String,
        /// The environment variable that would set it.
        variable: String,
    },
    /// A value is not what its key asks for.
    #[error("`{key}` in {origin}: {problem}")]
    Value {
        /// Dotted path of the key.
        key: String,
        /// Where it was set.
        origin: Origin,
        /// What is wrong with it.
        problem: String,
    },
}

/// An error on its way up from where it was found: each level adds its own name to the path.
#[derive(Debug)]
pub(super) struct Fault {
    /// Names from the innermost outwards.
    path: Vec<String>,
    origin: Option<Origin>,
    kind: FaultKind,
}

#[derive(Debug)]
enum FaultKind {
    Unknown { known: &'static [&'static str] },
    Missing,
    Value(String),
}

impl Fault {
    pub(super) fn unknown_key(key: &str, origin: Origin, known: &'static [&'static str]) -> Self {
        Self { path: vec![key.to_owned()], origin: Some(origin), kind: FaultKind::Unknown { known } }
    }

    pub(super) fn value(problem: impl Into<String>) -> Self {
        Self { path: Vec::new(), origin: None, kind: FaultKind::Value(problem.into()) }
    }

    /// The same fault, seen from the section that holds `key`.
    pub(super) fn under(mut self, key: String, origin: Origin) -> Self {
        self.path.push(key);
        // The innermost origin is the exact one: a section of the file may hold one key of the environment.
        self.origin.get_or_insert(origin);
        self
    }

    fn dotted(&self) -> String {
        let names: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        names.join(".")
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let key = fault.dotted();
        let origin = fault.origin.unwrap_or(Origin::Defaults);
        match fault.kind {
            FaultKind::Unknown { known } => {
                let hint = hint(&key, known);
                Error::UnknownKey { key, origin, hint }
            }
            FaultKind::Missing => {
                let variable = variable_of(&key);
                Error::MissingKey { key, variable }
            }
            FaultKind::Value(problem) => Error::Value { key, origin, problem },
        }
    }
}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::value(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self { path: vec![field.to_owned()], origin: None, kind: FaultKind::Missing }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.dotted(), self.kind)
    }
}

impl std::error::Error for Fault {}

/// The variable that sets the key of this dotted path.
fn variable_of(key: &str) -> String {
    format!("{}{}", super::tree::VARIABLE_PREFIX, key.replace('.', "__").to_uppercase())
}

/// Points from an unknown key to a known one beside it.
fn hint(key: &str, known: &[&str]) -> String {
    let (section, name) = key.rsplit_once('.').map_or(("", key), |(section, name)| (section, name));
    let full = |candidate: &str| match section {
        "" => format!("`{candidate}`"),
        section => format!("`{section}.{candidate}`"),
    };
    let nearest = known
        .iter()
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= (name.chars().count() / 3).max(2));
    match (nearest, known) {
        (Some((_, candidate)), _) => format!("did you mean {}?", full(candidate)),
        (None, []) => "nothing can be set there".to_owned(),
        (None, known) => {
            let all: Vec<String> = known.iter().map(|candidate| full(candidate)).collect();
            format!("known keys there: {}", all.join(", "))
        }
    }
}
