//! Just enough knowledge of resources: `arn:aws:states:::service:action`, with a pattern's suffix.

use newel_asl::{Pattern, Resource, ResourceCatalog, ResourceFault, TaskOrigin};
use newel_machine::{TaskKey, TokenIssuer};
use newel_value::{Str, Value};

/// Takes every such ARN; refuses parameters with a member `Refuse`, and adds `Added` to those with a member `Add`.
pub(crate) struct TestCatalog;

impl ResourceCatalog for TestCatalog {
    fn resolve(&self, arn: &str) -> Result<Resource, ResourceFault> {
        let unknown = || ResourceFault {
            pointer: "/Resource".to_owned(),
            message: format!("The resource provided {arn} is not recognized."),
        };
        if arn.contains(":function:") {
            let lambda = || "lambda".into();
            return Ok(Resource {
                arn: arn.into(),
                family: lambda(),
                resource_type: lambda(),
                action: lambda(),
                pattern: Pattern::RequestResponse,
                express: true,
            });
        }
        let rest = arn.strip_prefix("arn:aws:states:::").ok_or_else(unknown)?;
        let (name, generation) = rest.strip_suffix(":2").map_or((rest, 1), |name| (name, 2));
        let (resource_type, action) = name.rsplit_once(':').ok_or_else(unknown)?;
        let pattern = match action.rsplit_once('.').map(|(_, suffix)| suffix) {
            Some("sync") => Pattern::Job(generation),
            Some("waitForTaskToken") => Pattern::Callback,
            _ => Pattern::RequestResponse,
        };
        Ok(Resource {
            arn: arn.into(),
            family: resource_type.into(),
            resource_type: resource_type.into(),
            action: if generation == 2 { format!("{action}:2").into() } else { action.into() },
            pattern,
            express: pattern == Pattern::RequestResponse,
        })
    }

    fn check_template(&self, _: &Resource, _: &str, _: &Value) -> Vec<ResourceFault> {
        Vec::new()
    }

    fn prepare(&self, _: &Resource, parameters: Value, origin: TaskOrigin<'_>) -> Result<Value, Vec<String>> {
        if parameters.get("Refuse").is_some() {
            return Err(vec![
                "The field 'Refuse' is not supported".to_owned(),
                "nor is it wanted".to_owned(),
            ]);
        }
        match parameters.as_object() {
            Some(object) if object.contains_key("Add") => {
                let mut builder = object.to_builder();
                builder.insert("Added", origin.execution_arn);
                Ok(builder.build().into())
            }
            _ => Ok(parameters),
        }
    }
}

/// Tokens that can be read.
pub(crate) struct TestTokens;

impl TokenIssuer for TestTokens {
    fn issue(&self, task: &TaskKey, secret: [u8; 16]) -> Str {
        format!("token {} {} {} {:02x}", task.frame, task.entry, task.attempt, secret[0]).into()
    }
}
