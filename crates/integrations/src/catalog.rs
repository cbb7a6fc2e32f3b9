//! The language's questions about resources, answered from the tables.

use std::fmt;
use std::sync::Arc;

use newel_asl::catalog::{Pattern, Resource, ResourceCatalog, ResourceFault, TaskOrigin};
use newel_aws_catalog::{Catalog, TemplateSyntax, check_template};
use newel_value::Value;

use crate::arn::{self, TaskArn};
use crate::families;
use crate::integration::{DIALECT, Integration};

/// The optimized integrations over a service catalog. Cloning shares the catalog.
#[derive(Clone)]
pub struct Integrations {
    catalog: Arc<Catalog>,
}

impl Integrations {
    /// The integrations whose requests and answers this catalog describes.
    #[must_use]
    pub const fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog }
    }

    /// The service catalog underneath.
    #[must_use]
    pub const fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The integration that an ARN names.
    ///
    /// # Errors
    /// The fault that AWS reports at `/Resource`. Activities are not served yet, which the message says.
    pub fn find(&self, arn: &str) -> Result<Integration<'_>, ResourceFault> {
        let fault = |message: String| ResourceFault { pointer: "/Resource".to_owned(), message };
        let unrecognized = || {
            fault(format!(
                "The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource \
                 is not available in this region."
            ))
        };
        let (service, action, pattern) = match arn::parse(arn).ok_or_else(unrecognized)? {
            TaskArn::Activity => {
                return Err(fault(format!(
                    "The resource provided {arn} is an activity. Activities are not supported yet."
                )));
            }
            TaskArn::Integration { service, action, pattern } => (service, action, pattern),
        };
        let family = families::of(service).ok_or_else(unrecognized)?;
        let action = family.actions.iter().find(|a| a.name == action).ok_or_else(unrecognized)?;
        let offered = match pattern {
            Pattern::RequestResponse => true,
            Pattern::Job(version) => version == 1 && action.job.is_some(),
            Pattern::Callback => action.callback,
        };
        if !offered {
            return Err(unrecognized());
        }
        let api = self.catalog.service(family.api).map_err(|error| fault(error.to_string()))?;
        let api = api.ok_or_else(|| fault(format!("the service catalog has no model of {}", family.api)))?;
        let call = api.operation(action.operation).and_then(|call| Some((call, call.input?)));
        let (call, input) =
            call.ok_or_else(|| fault(format!("the service catalog has no operation {}", action.operation)))?;
        Ok(Integration { family, action, pattern, api, input, output: call.output })
    }

    fn of(&self, resource: &Resource) -> Result<Integration<'_>, ResourceFault> {
        self.find(&resource.arn)
    }
}

impl ResourceCatalog for Integrations {
    fn resolve(&self, arn: &str) -> Result<Resource, ResourceFault> {
        let integration = self.find(arn)?;
        Ok(Resource {
            arn: arn.into(),
            family: integration.family.family.into(),
            resource_type: integration.family.service.into(),
            action: format!("{}{}", integration.action.name, arn::suffix(integration.pattern)).into(),
            pattern: integration.pattern,
            express: integration.pattern == Pattern::RequestResponse,
        })
    }

    fn check_template(&self, resource: &Resource, field: &str, template: &Value) -> Vec<ResourceFault> {
        let integration = match self.of(resource) {
            Ok(integration) => integration,
            Err(fault) => return vec![fault],
        };
        let syntax = if field == "Arguments" { TemplateSyntax::Jsonata } else { TemplateSyntax::JsonPath };
        let faults = check_template(integration.api, integration.input, template, syntax, DIALECT);
        let mut faults: Vec<ResourceFault> = faults
            .into_iter()
            .map(|fault| ResourceFault {
                pointer: format!("/{field}{}", fault.pointer),
                message: fault.message,
            })
            .collect();
        let refused = (integration.action.refuse)(integration.pattern, template);
        faults.extend(refused.map(|message| ResourceFault { pointer: format!("/{field}"), message }));
        faults
    }

    fn prepare(
        &self,
        resource: &Resource,
        parameters: Value,
        _origin: TaskOrigin<'_>,
    ) -> Result<Value, Vec<String>> {
        self.of(resource).map_err(|fault| vec![fault.message])?.prepare(parameters)
    }
}

impl fmt::Debug for Integrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Integrations").field("catalog", &self.catalog).finish()
    }
}
