//! Why the engine refuses.

use newel_value::Str;

/// A refusal, in the terms of the Step Functions API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Which of AWS's exceptions this is.
    pub kind: ErrorKind,
    /// What a client reads.
    pub message: String,
    /// The ARN of what isn't there or has too many tags, where AWS's exception tells it: `resourceName`.
    pub resource: Option<Str>,
}

/// The exceptions of the Step Functions API that the engine raises, and two of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// `ActivityAlreadyExists`: there is one of that name that is encrypted otherwise.
    ActivityAlreadyExists,
    /// `ActivityDoesNotExist`
    ActivityDoesNotExist,
    /// `ActivityLimitExceeded`
    ActivityLimitExceeded,
    /// `ActivityWorkerLimitExceeded`
    ActivityWorkerLimitExceeded,
    /// `ConflictException`
    Conflict,
    /// `ValidationException` for the reason `INVALID_ROUTING_CONFIGURATION`.
    InvalidRouting,
    /// `ValidationException` for the reason `API_DOES_NOT_SUPPORT_LABELED_ARNS`.
    LabelledArn,
    /// `ValidationException` for the reason `CANNOT_UPDATE_COMPLETED_MAP_RUN`.
    CompletedMapRun,
    /// `ExecutionAlreadyExists`
    ExecutionAlreadyExists,
    /// `ExecutionDoesNotExist`
    ExecutionDoesNotExist,
    /// `ExecutionLimitExceeded`
    ExecutionLimitExceeded,
    /// `ExecutionNotRedrivable`
    ExecutionNotRedrivable,
    /// `InvalidArn`
    InvalidArn,
    /// `InvalidDefinition`
    InvalidDefinition,
    /// `InvalidEncryptionConfiguration`
    InvalidEncryptionConfiguration,
    /// `InvalidExecutionInput`
    InvalidExecutionInput,
    /// `InvalidOutput`
    InvalidOutput,
    /// `InvalidToken`
    InvalidToken,
    /// `KmsAccessDeniedException`: the key isn't there, or isn't the caller's.
    KmsAccessDenied,
    /// `KmsInvalidStateException`: the key is in that state.
    KmsInvalidState(newel_vault::KeyState),
    /// `ResourceNotFound`
    ResourceNotFound,
    /// `ServiceQuotaExceededException`
    ServiceQuotaExceeded,
    /// `StateMachineAlreadyExists`
    StateMachineAlreadyExists,
    /// `StateMachineDeleting`
    StateMachineDeleting,
    /// `StateMachineDoesNotExist`
    StateMachineDoesNotExist,
    /// `StateMachineLimitExceeded`
    StateMachineLimitExceeded,
    /// `StateMachineTypeNotSupported`
    StateMachineTypeNotSupported,
    /// `TaskDoesNotExist`
    TaskDoesNotExist,
    /// `TaskTimedOut`
    TaskTimedOut,
    /// `TooManyTags`
    TooManyTags,
    /// `ValidationException`
    Validation,
    /// `ServiceUnavailable`: overloaded, out of disk, or the shard is changing hands. Trying again helps.
    Unavailable,
    /// A bug or a damaged record. Only the entity concerned is affected.
    Internal,
}

impl ErrorKind {
    /// Whether a key is the reason: what it protects is there, and can be told once the key can be used.
    pub(crate) const fn is_key(self) -> bool {
        matches!(self, Self::KmsAccessDenied | Self::KmsInvalidState(_))
    }
}

impl Error {
    /// A refusal of that kind.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), resource: None }
    }

    pub(crate) fn no_execution(arn: &str) -> Self {
        Self::new(ErrorKind::ExecutionDoesNotExist, format!("Execution Does Not Exist: '{arn}'"))
    }

    pub(crate) fn no_machine(arn: &Str) -> Self {
        Self::new(ErrorKind::StateMachineDoesNotExist, format!("State Machine Does Not Exist: '{arn}'"))
    }

    /// The same refusal, which tells what it is about: `resourceName`.
    #[must_use]
    pub fn about(self, resource: &str) -> Self {
        Self { resource: Some(resource.into()), ..self }
    }

    /// Something that a request names isn't there, in the words AWS has for versions and aliases.
    pub(crate) fn no_resource(arn: &str) -> Self {
        Self::new(ErrorKind::ResourceNotFound, "Request references a resource that does not exist.")
            .about(arn)
    }

    /// A map run, or what tags are asked of, isn't there.
    pub(crate) fn not_found(arn: &str) -> Self {
        Self::new(ErrorKind::ResourceNotFound, format!("Resource not found: '{arn}'")).about(arn)
    }

    /// The state machine is of the type that doesn't have this operation.
    pub(crate) fn wrong_type() -> Self {
        Self::new(
            ErrorKind::StateMachineTypeNotSupported,
            "This operation is not supported by this type of state machine",
        )
    }

    pub(crate) fn unavailable(why: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, why)
    }

    pub(crate) fn full() -> Self {
        Self::unavailable("the store is full; free some space")
    }

    pub(crate) fn shutting_down() -> Self {
        Self::unavailable("the engine is shutting down")
    }
}

impl From<newel_store::Error> for Error {
    fn from(error: newel_store::Error) -> Self {
        let kind = match error {
            newel_store::Error::Unavailable(_) => ErrorKind::Unavailable,
            newel_store::Error::Corrupt(_) | newel_store::Error::TooNew { .. } => ErrorKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}
