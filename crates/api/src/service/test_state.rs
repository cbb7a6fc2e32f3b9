//! One state by itself.

use newel_asl::FieldValidation;
use newel_engine::HttpTrace;
use newel_engine::request::{Mock, Tenant, TestState, TestedState};
use newel_machine::Fault;
use newel_value::{Object, Payload, Str, Value};

use super::Service;
use super::machine::check_role;
use crate::model::Input;
use crate::refusal::Refusal;

/// How much of a tested state is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InspectionLevel {
    /// How it ended.
    Info,
    /// What happened to its data, too, and the HTTP exchange if there is one: at TRACE it is asked for.
    Debug,
}

impl Service {
    /// `TestState`; the level says how much to tell.
    pub(crate) async fn test_state(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<(TestedState, InspectionLevel), Refusal> {
        let reveal_secrets = input.flag("revealSecrets", false);
        let (level, trace) = match input.optional_text("inspectionLevel").as_deref() {
            Some("TRACE") => (InspectionLevel::Debug, Some(HttpTrace { reveal_secrets })),
            Some("DEBUG") => (InspectionLevel::Debug, None),
            _ => (InspectionLevel::Info, None),
        };
        let role_arn = input.optional_text("roleArn");
        role_arn.as_deref().map_or(Ok(()), check_role)?;
        let mock = input.structure("mock").map(mock).transpose()?;
        if mock.is_some() && reveal_secrets {
            return Err(Refusal::validation(
                "TestState does not support RevealSecrets when a mock is specified.",
            ));
        }
        let configuration = Configuration::new(input.structure("stateConfiguration"))?;
        let request = TestState {
            tenant: tenant.clone(),
            definition: input.text("definition"),
            state_name: input.optional_text("stateName"),
            role_arn,
            input: self.execution_input(input.optional_text("input"))?,
            variables: variables(input.optional_text("variables"))?,
            context: context(input.optional_text("context"))?,
            mock,
            retries: configuration.retries,
            error_caused_by: configuration.error_caused_by,
            failed_iterations: configuration.failed_iterations,
            read_items: configuration.read_items,
            trace,
        };
        Ok((self.engine.test_state(request).await?, level))
    }
}

fn text(members: &Object, name: &str) -> Option<Str> {
    match members.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    }
}

fn mock(members: &Object) -> Result<Mock, Refusal> {
    let result = text(members, "result");
    let error = members.get("errorOutput").and_then(Value::as_object);
    let outcome =
        match (result, error) {
            (Some(result), None) => Ok(Payload::parse(&*result)
                .map_err(|_| Refusal::validation("Mocked result must be valid JSON"))?),
            (None, Some(error)) => Err(Fault { error: text(error, "error"), cause: text(error, "cause") }),
            (Some(_), Some(_)) | (None, None) => {
                return Err(Refusal::validation(
                    "A test mock should have only one of the following fields: [result, errorOutput].",
                ));
            }
        };
    let validation = match text(members, "fieldValidationMode").as_deref() {
        Some("PRESENT") => FieldValidation::Present,
        Some("NONE") => FieldValidation::None,
        _ => FieldValidation::Strict,
    };
    Ok(Mock { outcome, validation })
}

fn variables(given: Option<Str>) -> Result<Object, Refusal> {
    match given.map(|text| Value::parse(&text)) {
        None => Ok(Object::default()),
        Some(Ok(Value::Object(variables))) => Ok(variables),
        Some(_) => Err(Refusal::validation("Variables must be a JSON object")),
    }
}

fn context(given: Option<Str>) -> Result<Option<Value>, Refusal> {
    let parsed = given.map(|text| Value::parse(&text)).transpose();
    parsed.map_err(|_| Refusal::validation("Invalid Context object provided: it must be valid JSON"))
}

/// `stateConfiguration`
#[derive(Debug, Default)]
struct Configuration {
    retries: Option<u32>,
    error_caused_by: Option<Str>,
    failed_iterations: Option<u64>,
    read_items: Option<Payload>,
}

impl Configuration {
    fn new(members: Option<&Object>) -> Result<Self, Refusal> {
        let Some(members) = members else { return Ok(Self::default()) };
        let number = |name| members.get(name).and_then(Value::as_i64);
        let read_items = text(members, "mapItemReaderData").map(|text| Payload::parse(&*text)).transpose();
        Ok(Self {
            retries: number("retrierRetryCount").and_then(|n| u32::try_from(n).ok()),
            error_caused_by: text(members, "errorCausedByState"),
            failed_iterations: number("mapIterationFailureCount").and_then(|n| u64::try_from(n).ok()),
            read_items: read_items
                .map_err(|_| Refusal::validation("Map item reader data must be valid JSON"))?,
        })
    }
}
