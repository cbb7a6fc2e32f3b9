//! Just enough knowledge of resources: `arn:aws:states:::family:action`, with a pattern's suffix.

use newel_asl::{Pattern, Resource, ResourceCatalog, ResourceFault, TaskOrigin};
use newel_value::Value;

/// Takes every such ARN, and every parameter.
#[derive(Debug)]
pub(crate) struct TestCatalog;

impl ResourceCatalog for TestCatalog {
    fn resolve(&self, arn: &str) -> Result<Resource, ResourceFault> {
        let unknown = || ResourceFault {
            pointer: "/Resource".to_owned(),
            message: format!("The resource provided {arn} is not recognized."),
        };
        let (family, action) = arn
            .strip_prefix("arn:aws:states:::")
            .and_then(|rest| rest.split_once(':'))
            .ok_or_else(unknown)?;
        let pattern = match action.rsplit_once('.').map(|(_, suffix)| suffix) {
            Some("sync") => Pattern::Job(1),
            Some("waitForTaskToken") => Pattern::Callback,
            _ => Pattern::RequestResponse,
        };
        Ok(Resource {
            arn: arn.into(),
            family: family.into(),
            resource_type: family.into(),
            action: action.into(),
            pattern,
            express: pattern == Pattern::RequestResponse,
        })
    }

    fn check_template(&self, _: &Resource, _: &str, _: &Value) -> Vec<ResourceFault> {
        Vec::new()
    }

    fn prepare(&self, _: &Resource, parameters: Value, _: TaskOrigin<'_>) -> Result<Value, Vec<String>> {
        Ok(parameters)
    }
}
