//! The two kinds of state machine.

use std::fmt;

/// `type` of a state machine; fixed for its life
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MachineType {
    /// Durable, up to a year, every integration pattern.
    #[default]
    Standard,
    /// Up to five minutes, request-response integrations only.
    Express,
}

impl MachineType {
    /// The name as the API has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Express => "EXPRESS",
        }
    }

    /// The type of that name in the API.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Standard, Self::Express].into_iter().find(|t| t.as_str() == name)
    }
}

impl fmt::Display for MachineType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
