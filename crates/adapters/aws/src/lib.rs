//! The worker for the families whose services are called by their APIs' models: Athena, Bedrock, CodeBuild, DataBrew, EKS,
//! EMR, Lambda, MediaConvert, SageMaker, and SNS, SQS and EventBridge as one.
//!
//! The tables of `newel_integrations` say all there is to say about them, so they have one program. A process of it serves
//! one family, so that each can have its own rights in AWS and its own share of the machine.

pub mod cli;

use std::sync::Arc;

use newel_integrations::Integrations;
use newel_worker::{Modelled, NoTable, Optimized, Options};

/// The families, by name.
pub use newel_integrations::families::MODELLED as FAMILIES;

/// A family's adapter: what [`newel_worker::run`] takes.
///
/// # Errors
/// When the integrations have no table of the family.
pub async fn adapter(
    family: &str,
    options: &Options,
    integrations: Integrations,
) -> Result<Arc<Optimized<Modelled>>, NoTable> {
    let service = Modelled::new(Arc::clone(integrations.catalog()));
    Optimized::load(service, family, options, integrations).await.map(Arc::new)
}
