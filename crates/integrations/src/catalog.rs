//! The language's questions about resources, answered from the tables.

use std::fmt;
use std::sync::Arc;

use newel_asl::catalog::{
    FieldValidation, Pattern, Resource, ResourceCatalog, ResourceFault, ResourceRegistry, TaskOrigin,
};
use newel_aws_catalog::{
    Catalog, Dialect, Operation, ResultRules, Service, ShapeId, TemplateSyntax, check_result, check_template,
    to_wire,
};
use newel_value::{Str, Value};

use crate::arn::{self, TaskArn};
use crate::descriptor::{Action, Family, Output, Parameters as Takes};
use crate::families::{self, lambda};
use crate::integration::{DIALECT, Integration};
use crate::offered::{self, Parameters};
use crate::registered::{Known, Registered};
use crate::sdk::SdkAction;
use crate::waiter::{Waiter, Waiters};

/// The integrations over a service catalog, and what workers have registered. Cloning shares both.
#[derive(Clone)]
pub struct Integrations {
    catalog: Arc<Catalog>,
    waiters: Waiters,
    strict: bool,
    registered: Arc<Registered>,
    /// Whether this is the view for definitions that were accepted earlier.
    accepted: bool,
}

/// What a Task's resource is.
#[derive(Clone, Debug)]
pub(crate) enum Found<'c> {
    /// An optimized integration that a worker carries out.
    Served(Integration<'c>),
    /// An optimized integration without a table of the fuller kind.
    Offered { service: &'static offered::Service, action: &'static offered::Action, pattern: Pattern },
    /// An action of the AWS SDK.
    AwsSdk(SdkAction<'c>),
    /// What a worker brought along.
    Registered { known: Arc<Known>, pattern: Pattern },
}

impl Integrations {
    /// The integrations whose requests and answers this catalog describes.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>) -> Self {
        let registered = Arc::new(Registered::new(Arc::clone(&catalog)));
        Self { catalog, waiters: Waiters::default(), strict: false, registered, accepted: false }
    }

    /// These integrations, without those that AWS doesn't offer if `strict`: `.sync` on AWS SDK integrations.
    #[must_use]
    pub fn strict(self, strict: bool) -> Self {
        Self { strict, ..self }
    }

    /// The service catalog underneath.
    #[must_use]
    pub const fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The integration that an ARN names, if a worker of this release carries it out.
    ///
    /// # Errors
    /// The fault that AWS reports at `/Resource`.
    pub fn find<'c>(&'c self, arn: &'c str) -> Result<Integration<'c>, ResourceFault> {
        match self.look(arn)? {
            Found::Served(integration) => Ok(integration),
            Found::Offered { .. } | Found::AwsSdk(_) | Found::Registered { .. } => {
                Err(fault(format!("no worker of this release of Newel carries out {arn}")))
            }
        }
    }

    /// The action of an AWS SDK integration that an ARN names.
    ///
    /// # Errors
    /// The fault that AWS reports at `/Resource`.
    pub fn sdk_action<'c>(&'c self, arn: &'c str) -> Result<SdkAction<'c>, ResourceFault> {
        match self.look(arn)? {
            Found::AwsSdk(action) => Ok(action),
            Found::Served(_) | Found::Offered { .. } | Found::Registered { .. } => Err(unrecognized(arn)),
        }
    }

    /// What an AWS SDK integration's `.sync` waits by; none if the action has no waiter.
    ///
    /// # Errors
    /// When the catalog's waiters can't be read.
    pub fn waiter(&self, action: &SdkAction<'_>) -> Result<Option<Arc<Waiter>>, ResourceFault> {
        let waiters = self.waiters.of(&self.catalog, action.api).map_err(fault)?;
        Ok(waiters.get(&action.operation.name).cloned())
    }

    /// Every action of an AWS SDK integration that has a waiter: service, operation, waiter.
    pub(crate) fn waiters(&self) -> Result<Vec<(Str, Str, Arc<Waiter>)>, ResourceFault> {
        let mut all = Vec::new();
        for name in self.catalog.names() {
            let Some(api) = self.model(name)? else { continue };
            let of_service = self.waiters.of(&self.catalog, api).map_err(fault)?;
            let is_offered = |action: &str| {
                api.operation(action).is_some_and(|operation| offered::is_supported(api, operation))
            };
            let offered = of_service.iter().filter(|(action, _)| is_offered(action));
            all.extend(offered.map(|(action, waiter)| (name.into(), Str::clone(action), Arc::clone(waiter))));
        }
        Ok(all)
    }

    /// Whether an action of the AWS SDK may be waited for that way.
    fn offers_sdk(&self, action: &SdkAction<'_>) -> Result<bool, ResourceFault> {
        Ok(match action.pattern {
            Pattern::RequestResponse | Pattern::Callback => true,
            Pattern::Job(1) => !self.strict && self.waiter(action)?.is_some(),
            Pattern::Job(_) => false,
        })
    }

    /// Whether a worker may register what an ARN names: its form is right, and its name none of AWS's.
    #[must_use]
    pub fn may_be_registered(&self, arn: &str) -> bool {
        matches!(arn::parse(arn), Some(TaskArn::Optimized { service, .. })
            if self.registered.refuse_service(service).is_none())
    }

    /// The reasons against parameters that are Step Functions' own, as [`ResourceCatalog::prepare`] gives them.
    #[must_use]
    pub fn refusals(&self, arn: &str, parameters: &Value) -> Vec<String> {
        match self.look(arn) {
            Ok(Found::Offered { action, .. }) => action.refuse_own(parameters),
            Ok(_) => Vec::new(),
            Err(fault) => vec![fault.message],
        }
    }

    /// What an ARN names. What a worker registered is found even if it was retired, and by any pattern.
    pub(crate) fn look<'c>(&'c self, arn: &'c str) -> Result<Found<'c>, ResourceFault> {
        let unrecognized = || unrecognized(arn);
        match arn::parse(arn).ok_or_else(unrecognized)? {
            TaskArn::Function => self
                .served(&lambda::FAMILY, &lambda::FUNCTION, Pattern::RequestResponse, arn)?
                .map(Found::Served)
                .ok_or_else(unrecognized),
            TaskArn::AwsSdk { service, action, pattern } => {
                let api = self.model(service)?.ok_or_else(unrecognized)?;
                let call = api.operation_of_action(action).ok_or_else(unrecognized)?;
                let action = SdkAction { api, operation: call, pattern };
                let offered = offered::is_supported(api, call) && self.offers_sdk(&action)?;
                offered.then_some(Found::AwsSdk(action)).ok_or_else(unrecognized)
            }
            TaskArn::Optimized { service, action, pattern } => {
                if let Some((family, action)) = families::of(service, action) {
                    return self
                        .served(family, action, pattern, arn)?
                        .map(Found::Served)
                        .ok_or_else(unrecognized);
                }
                if let Some(known) = self.registered.find(service, action) {
                    return Ok(Found::Registered { known, pattern });
                }
                let (service, action) = offered::of(service, action).ok_or_else(unrecognized)?;
                let found = Found::Offered { service, action, pattern };
                action.offers(pattern).then_some(found).ok_or_else(unrecognized)
            }
        }
    }

    /// An action of a family that a worker serves, if it has that pattern.
    fn served<'c>(
        &'c self,
        family: &'static Family,
        action: &'static Action,
        pattern: Pattern,
        resource: &'c str,
    ) -> Result<Option<Integration<'c>>, ResourceFault> {
        if !action.offers(pattern) {
            return Ok(None);
        }
        let (api, call) = self.operation(family.api, action.operation)?;
        let input = call.input.ok_or_else(|| no_operation(action.operation))?;
        Ok(Some(Integration { family, action, pattern, api, resource, input, output: call.output }))
    }

    fn model(&self, service: &str) -> Result<Option<&Service>, ResourceFault> {
        self.catalog.service(service).map_err(|error| fault(error.to_string()))
    }

    /// An operation that a table names: only a catalog without it is to blame if it isn't there.
    fn operation(&self, service: &str, operation: &str) -> Result<(&Service, &Operation), ResourceFault> {
        let api = self.model(service)?;
        let api = api.ok_or_else(|| fault(format!("the service catalog has no model of {service}")))?;
        Ok((api, api.operation(operation).ok_or_else(|| no_operation(operation))?))
    }

    /// The shape of an offered action's request, if it is an API's.
    fn request_of(&self, action: &offered::Action) -> Result<Option<(&Service, ShapeId)>, ResourceFault> {
        match (action.api, action.parameters) {
            (Some(api), Parameters::Request { operation }) => {
                let (api, call) = self.operation(api, operation)?;
                Ok(call.input.map(|input| (api, input)))
            }
            _ => Ok(None),
        }
    }

    /// The shape that a resource's results have, where a model tells.
    fn result_of<'a>(&'a self, found: &Found<'a>) -> Result<Option<(&'a Service, ShapeId)>, ResourceFault> {
        let (api, operation) = match found {
            Found::Served(integration) => {
                let action = integration.action;
                let operation = match (integration.pattern, action.output) {
                    (Pattern::RequestResponse, Output::Answer(_)) => Some(action.operation),
                    (Pattern::Job(_), _) => action.job.map(|job| job.describe.operation),
                    (Pattern::RequestResponse | Pattern::Callback, _) => None,
                };
                (Some(integration.family.api), operation)
            }
            Found::Offered { action, pattern, .. } => (action.api, action.result(*pattern)),
            Found::AwsSdk(SdkAction { api, operation, pattern: Pattern::RequestResponse }) => {
                (Some(api.name()), Some(&*operation.name))
            }
            Found::AwsSdk(action @ SdkAction { pattern: Pattern::Job(_), .. }) => {
                let waiter = self.waiter(action)?;
                return Ok(waiter.and_then(|waiter| Some((action.api, waiter.result(action.api)?))));
            }
            Found::AwsSdk(SdkAction { pattern: Pattern::Callback, .. }) | Found::Registered { .. } => {
                (None, None)
            }
        };
        let Some((api, operation)) = api.zip(operation) else { return Ok(None) };
        let (api, call) = self.operation(api, operation)?;
        Ok(call.output.map(|output| (api, output)))
    }
}

fn fault(message: String) -> ResourceFault {
    ResourceFault { pointer: "/Resource".to_owned(), message }
}

fn unrecognized(arn: &str) -> ResourceFault {
    fault(format!(
        "The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is not \
         available in this region."
    ))
}

fn no_operation(operation: &str) -> ResourceFault {
    fault(format!("the service catalog has no operation {operation}"))
}

/// The faults of a template for a request, with the pointer of the field before theirs.
fn template_faults(
    (api, input): (&Service, ShapeId),
    field: &str,
    template: &Value,
    syntax: TemplateSyntax,
    dialect: Dialect,
) -> Vec<ResourceFault> {
    let faults = check_template(api, input, template, syntax, dialect);
    faults.into_iter().map(|fault| at(field, &fault.pointer, fault.message)).collect()
}

fn at(field: &str, pointer: &str, message: String) -> ResourceFault {
    ResourceFault { pointer: format!("/{field}{pointer}"), message }
}

/// Refuses parameters that can't be a request.
fn fits((api, input): (&Service, ShapeId), parameters: &Value, dialect: Dialect) -> Result<(), Vec<String>> {
    match to_wire(api, input, parameters, dialect) {
        Ok(_) => Ok(()),
        Err(faults) => Err(faults.into_iter().map(|fault| fault.message).collect()),
    }
}

impl ResourceCatalog for Integrations {
    fn resolve(&self, arn: &str) -> Result<Resource, ResourceFault> {
        let action = |name: &str, pattern| format!("{name}{}", arn::suffix(pattern));
        let (family, resource_type, action, pattern) = match self.look(arn)? {
            // A function by its own ARN is its own action.
            Found::Served(Integration {
                family,
                action: Action { parameters: Takes::Payload, .. },
                pattern,
                ..
            }) => (family.family, family.service.into(), arn.to_owned(), pattern),
            Found::Served(Integration { family, action: named, pattern, .. }) => {
                (family.family, family.service.into(), action(named.name, pattern), pattern)
            }
            Found::Offered { service, action: named, pattern } => {
                (service.family, service.name.into(), action(named.name, pattern), pattern)
            }
            Found::AwsSdk(sdk) => {
                let name = newel_aws_catalog::naming::action(&sdk.operation.name);
                let family = families::of_sdk(sdk.api.name());
                (family, sdk.resource_type().into(), action(&name, sdk.pattern), sdk.pattern)
            }
            Found::Registered { known, pattern } => {
                if !self.accepted && !known.offers(pattern) {
                    return Err(unrecognized(arn));
                }
                let registration = &known.registration;
                return Ok(Resource {
                    arn: arn.into(),
                    family: registration.family.clone(),
                    resource_type: registration.service.clone(),
                    action: action(&registration.action, pattern).into(),
                    pattern,
                    express: pattern == Pattern::RequestResponse,
                });
            }
        };
        Ok(Resource {
            arn: arn.into(),
            family: family.into(),
            resource_type,
            action: action.into(),
            pattern,
            express: pattern == Pattern::RequestResponse,
        })
    }

    fn check_template(&self, resource: &Resource, field: &str, template: &Value) -> Vec<ResourceFault> {
        let syntax = if field == "Arguments" { TemplateSyntax::Jsonata } else { TemplateSyntax::JsonPath };
        // The language itself refuses `Parameters` of another kind.
        if syntax == TemplateSyntax::JsonPath && !matches!(template, Value::Object(_)) {
            return Vec::new();
        }
        match self.look(&resource.arn) {
            Err(fault) => vec![fault],
            Ok(Found::Served(integration)) => {
                let faults = integration.check_parameters(template, syntax);
                faults.into_iter().map(|fault| at(field, &fault.pointer, fault.message)).collect()
            }
            Ok(Found::Offered { action, .. }) => match self.request_of(action) {
                Err(fault) => vec![fault],
                Ok(Some(request)) => template_faults(request, field, template, syntax, DIALECT),
                Ok(None) => {
                    let faults = action.check_own(template, syntax);
                    faults.into_iter().map(|fault| at(field, &fault.pointer, fault.message)).collect()
                }
            },
            Ok(Found::AwsSdk(SdkAction { api, operation, .. })) => {
                operation.input.map_or_else(Vec::new, |input| {
                    template_faults((api, input), field, template, syntax, Dialect::AwsSdk)
                })
            }
            // Its schema may be another than when the definition was accepted.
            Ok(Found::Registered { .. }) if self.accepted => Vec::new(),
            Ok(Found::Registered { known, .. }) => known.check_template(field, template, syntax),
        }
    }

    fn prepare(
        &self,
        resource: &Resource,
        parameters: Value,
        _origin: TaskOrigin<'_>,
    ) -> Result<Value, Vec<String>> {
        let told = |fault: ResourceFault| vec![fault.message];
        match self.look(&resource.arn).map_err(told)? {
            Found::Served(integration) => return integration.prepare(parameters),
            Found::Offered { action, .. } => match self.request_of(action).map_err(told)? {
                Some(request) => fits(request, &parameters, DIALECT)?,
                None => {
                    let reasons = action.refuse_own(&parameters);
                    if !reasons.is_empty() {
                        return Err(reasons);
                    }
                }
            },
            Found::AwsSdk(sdk) => {
                sdk.request(&parameters)?;
            }
            Found::Registered { known, .. } => {
                let reasons = known.refuse(&parameters);
                if !reasons.is_empty() {
                    return Err(reasons);
                }
            }
        }
        Ok(parameters)
    }

    fn check_result(
        &self,
        resource: &Resource,
        result: &Value,
        validation: FieldValidation,
    ) -> Result<(), String> {
        let rules = match validation {
            FieldValidation::None => return Ok(()),
            FieldValidation::Present => ResultRules { required: false, parsed: &[] },
            FieldValidation::Strict => ResultRules { required: true, parsed: &[] },
        };
        let found = self.look(&resource.arn).map_err(|fault| fault.message)?;
        let parsed = match found {
            Found::Offered { action, pattern, .. } => (action.parsed)(pattern),
            Found::Served(integration) => integration.action.json,
            Found::AwsSdk(_) | Found::Registered { .. } => &[],
        };
        let dialect = if matches!(found, Found::AwsSdk(_)) { Dialect::AwsSdk } else { DIALECT };
        match self.result_of(&found).map_err(|fault| fault.message)? {
            Some((api, shape)) => check_result(api, shape, result, dialect, ResultRules { parsed, ..rules }),
            None => Ok(()),
        }
    }

    fn registry(&self) -> Option<&dyn ResourceRegistry> {
        Some(&*self.registered)
    }

    fn for_accepted(&self) -> Option<Arc<dyn ResourceCatalog>> {
        // What was accepted stays so, whatever is refused of new definitions since.
        Some(Arc::new(Self { accepted: true, strict: false, ..self.clone() }))
    }
}

impl fmt::Debug for Integrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Integrations").field("catalog", &self.catalog).finish_non_exhaustive()
    }
}
