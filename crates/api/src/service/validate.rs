//! What there is to say about a definition that isn't created yet.

use newel_asl::{Diagnostic, MachineType, Severity};
use newel_engine::request::{Tenant, ValidateDefinition};

use super::Service;
use crate::model::Input;
use crate::refusal::Refusal;

/// Diagnostics of an answer when the client doesn't say.
const MOST: usize = 100;

/// The answer of `ValidateStateMachineDefinition`.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    /// Whether CreateStateMachine would take the definition.
    pub(crate) valid: bool,
    /// What was asked for of what there is to say.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether there is more to say than that.
    pub(crate) truncated: bool,
}

impl Service {
    /// `ValidateStateMachineDefinition`. A definition that is wrong is no error of this call.
    pub(crate) async fn validate_definition(
        &self,
        _tenant: &Tenant,
        input: &Input,
    ) -> Result<Verdict, Refusal> {
        let machine_type = input.optional_text("type").and_then(|t| MachineType::parse(&t));
        let request = ValidateDefinition {
            definition: input.text("definition"),
            machine_type: machine_type.unwrap_or_default(),
        };
        let warnings = input.optional_text("severity").as_deref() == Some(Severity::Warning.as_str());
        let most = input.integer("maxResults").and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
        let found = self.engine.validate_definition(request).await?;
        let (valid, mut truncated) = (!found.is_refusal(), found.is_truncated());
        let mut diagnostics = found.into_vec();
        diagnostics.retain(|diagnostic| warnings || diagnostic.severity == Severity::Error);
        let most = most.unwrap_or(MOST);
        truncated |= diagnostics.len() > most;
        diagnostics.truncate(most);
        Ok(Verdict { valid, diagnostics, truncated })
    }
}
