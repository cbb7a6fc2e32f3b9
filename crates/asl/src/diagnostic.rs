//! What is said about a definition, in AWS's codes and words
//! (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html>).

use std::fmt;

/// How many diagnostics of one definition are kept; the rest are only counted.
pub const MAX_DIAGNOSTICS: usize = 100;

/// Whether a diagnostic stops the definition from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The definition is refused.
    Error,
    /// The definition is taken, and likely not what was meant.
    Warning,
}

impl Severity {
    /// The name as the API has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
        }
    }
}

/// What kind of thing a diagnostic reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The text is no JSON.
    InvalidJsonDescription,
    /// A field is missing, unknown, of the wrong type or out of range.
    SchemaValidationFailed,
    /// A transition leads to no state, or no transition leads to a state.
    MissingTransitionTarget,
    /// No state ends the workflow.
    MissingEndState,
    /// A state's name is used twice, nested scopes included.
    DuplicateStateName,
    /// A state's name is empty or too long.
    InvalidStateName,
    /// A Map's label is too long or has characters it may not have.
    InvalidLabelName,
    /// A variable's name has characters it may not have, or too many.
    InvalidVariableName,
    /// `Assign` names `states`.
    ReservedVariableName,
    /// A text between JSONata's delimiters that is no expression, or a delimiter is missing.
    InvalidJsonataExpression,
    /// A JSONata expression that refers to what it can't see where it stands.
    UnsupportedJsonataExpression,
    /// States, choice rules or templates within each other past the limit.
    TooDeeplyNested,
    /// Warning: a template's value looks like a path or function, its name has no `.$`.
    NoDollar,
    /// Warning: a field's value looks like a path, its name doesn't end with `Path`.
    NoPath,
    /// Warning: a path in the `Result` of a Pass state, which is taken as it stands.
    PassResultIsStatic,
}

impl Code {
    /// The code as the API has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJsonDescription => "INVALID_JSON_DESCRIPTION",
            Self::SchemaValidationFailed => "SCHEMA_VALIDATION_FAILED",
            Self::MissingTransitionTarget => "MISSING_TRANSITION_TARGET",
            Self::MissingEndState => "MISSING_END_STATE",
            Self::DuplicateStateName => "DUPLICATE_STATE_NAME",
            Self::InvalidStateName => "INVALID_STATE_NAME",
            Self::InvalidLabelName => "INVALID_LABEL_NAME",
            Self::InvalidVariableName => "INVALID_VARIABLE_NAME",
            Self::ReservedVariableName => "RESERVED_VARIABLE_NAME",
            Self::InvalidJsonataExpression => "INVALID_JSONATA_EXPRESSION",
            Self::UnsupportedJsonataExpression => "UNSUPPORTED_JSONATA_EXPRESSION",
            Self::TooDeeplyNested => "TOO_DEEPLY_NESTED",
            Self::NoDollar => "NO_DOLLAR",
            Self::NoPath => "NO_PATH",
            Self::PassResultIsStatic => "PASS_RESULT_IS_STATIC",
        }
    }

    /// Whether it refuses the definition.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::NoDollar | Self::NoPath | Self::PassResultIsStatic => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

/// One thing said about a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it refuses the definition.
    pub severity: Severity,
    /// What kind of thing it is.
    pub code: Code,
    /// What is wrong, in AWS's words where they are known.
    pub message: String,
    /// Where: `/States/X/Choices[0]/Next`, names as they are written; for bad JSON, the parser's source description.
    pub location: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let location = self.location.as_deref().unwrap_or("null");
        write!(f, "{}: {} at {location}", self.code.as_str(), self.message)
    }
}

/// What was said about a definition, in the order found. At most [`MAX_DIAGNOSTICS`] are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    truncated: bool,
    refused: bool,
}

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.refused |= diagnostic.severity == Severity::Error;
        if self.list.len() < MAX_DIAGNOSTICS {
            self.list.push(diagnostic);
        } else {
            self.truncated = true;
        }
    }

    /// Adds one of a code, whose severity it has.
    pub(crate) fn report(&mut self, code: Code, message: impl Into<String>, location: Option<String>) {
        self.push(Diagnostic { severity: code.severity(), code, message: message.into(), location });
    }

    /// Whether the definition is refused.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        self.refused
    }

    /// Whether there was more than is kept.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// All that is kept, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.list
    }

    /// The errors, in order.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter().filter(|d| d.severity == Severity::Error)
    }

    /// All that is kept, in order.
    #[must_use]
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.list
    }
}

/// The message of AWS's `InvalidDefinition` error.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invalid State Machine Definition: '")?;
        for (i, error) in self.errors().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{error}")?;
        }
        f.write_str("'")
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_invalid_definition_does() {
        let mut found = Diagnostics::default();
        found.report(Code::NoDollar, "a warning isn't told", None);
        found.report(
            Code::MissingTransitionTarget,
            "Missing 'Next' target: B",
            Some("/States/A/Next".into()),
        );
        found.report(Code::MissingEndState, "Workflow has no terminal state", None);
        assert_eq!(
            found.to_string(),
            "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: B at \
             /States/A/Next, MISSING_END_STATE: Workflow has no terminal state at null'"
        );
    }

    #[test]
    fn past_the_limit_they_are_only_counted() {
        let mut found = Diagnostics::default();
        for _ in 0..MAX_DIAGNOSTICS {
            found.report(Code::NoDollar, "", None);
        }
        assert!(!found.is_truncated() && !found.is_refusal());
        found.report(Code::MissingEndState, "", None);
        assert!(found.is_truncated() && found.is_refusal());
        assert_eq!(found.into_vec().len(), MAX_DIAGNOSTICS);
    }
}
