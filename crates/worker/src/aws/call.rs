//! What became of a call, and what that proves about its effect.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use newel_aws_client::{causes, is_throttle, never_connected};
use newel_integrations::{HttpAnswer, ServiceError};
use newel_value::Value;

use super::exchange::RawExchange;

/// Why a call has no answer of success.
#[derive(Clone, Debug)]
pub enum CallError {
    /// It never reached the service: it had no effect.
    NotSent(String),
    /// The service refused: it had no effect.
    Refused {
        /// What the service said.
        error: Box<ServiceError>,
        /// Whether it asked for fewer calls.
        throttled: bool,
    },
    /// It succeeded, and its answer is larger than can be read.
    TooLarge,
    /// It may have had an effect.
    Unknown {
        /// What the service said, if it answered (a 5xx).
        answer: Option<Box<ServiceError>>,
        /// What went wrong.
        cause: String,
    },
}

impl CallError {
    /// The outcome's name in metrics.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::NotSent(_) => "not_sent",
            Self::Refused { throttled: true, .. } => "throttled",
            Self::Refused { .. } => "refused",
            Self::TooLarge => "too_large",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// What happened, in a few words.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::NotSent(cause) | Self::Unknown { cause, .. } => cause.clone(),
            Self::TooLarge => "the answer is larger than can be read".to_owned(),
            Self::Refused { error, .. } => {
                format!("{}: {}", error.code(), error.message.as_deref().unwrap_or_default())
            }
        }
    }
}

/// What a typed SDK call through `exchange` came to: the answer as the wire has it.
///
/// # Errors
/// [`CallError`], which tells what may have happened in the service.
pub fn outcome<O, E>(
    exchange: &RawExchange,
    result: Result<O, SdkError<E, HttpResponse>>,
) -> Result<(Value, HttpAnswer), CallError>
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let error = match result {
        Ok(_) => return read_answer(exchange),
        Err(error) => error,
    };
    Err(match error {
        SdkError::ServiceError(refused) => refusal(exchange, refused.err(), refused.raw().status().as_u16()),
        error if !exchange.was_transmitted() || never_connected(&error) => CallError::NotSent(causes(&error)),
        error => CallError::Unknown { answer: None, cause: causes(&error) },
    })
}

fn read_answer(exchange: &RawExchange) -> Result<(Value, HttpAnswer), CallError> {
    let unreadable = |problem: String| CallError::Unknown { answer: None, cause: problem };
    let (http, body) =
        exchange.take_answer().ok_or_else(|| unreadable("the answer wasn't kept".to_owned()))?;
    if body.is_empty() {
        return Ok((Value::empty_object(), http));
    }
    let text = std::str::from_utf8(&body).map_err(|_| unreadable("the answer isn't UTF-8".to_owned()))?;
    let value = Value::parse(text).map_err(|error| unreadable(format!("the answer isn't JSON: {error}")))?;
    Ok((value, http))
}

fn refusal(exchange: &RawExchange, error: &impl ProvideErrorMetadata, status: u16) -> CallError {
    let metadata = error.meta();
    let error = Box::new(ServiceError {
        status,
        code: metadata.code().unwrap_or_default().to_owned(),
        message: metadata.message().map(str::to_owned),
        request_id: exchange.take_answer().and_then(|(http, _)| http.request_id),
        extended_request_id: None,
    });
    let throttled = is_throttle(error.code(), status);
    if status >= 500 && !throttled {
        let cause = format!("{} (status {status})", error.code());
        return CallError::Unknown { answer: Some(error), cause };
    }
    CallError::Refused { error, throttled }
}
