//! Why a call is refused, in AWS's terms, for both doors.

use http::StatusCode;
use newel_engine::ErrorKind;
use newel_value::{Str, write_string};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The trailing metadata that carries the exception's name to gRPC clients.
const ERROR_NAME: &str = "newel-error";

/// Whose the reasons are that gRPC clients read in a `google.rpc.ErrorInfo`.
const DOMAIN: &str = "states.amazonaws.com";

/// A refusal: AWS's exception and what the client reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The exception's name.
    pub(crate) name: &'static str,
    /// What the client reads.
    pub(crate) message: String,
    /// What AWS's exception tells beside the message: a member's name and its value.
    pub(crate) member: Option<(&'static str, Str)>,
}

/// What each exception is beside its name. One that isn't here is the client's fault: 400, `InvalidArgument`.
const CLASSES: [(&str, u16, tonic::Code); 37] = [
    ("AccessDeniedException", 400, tonic::Code::PermissionDenied),
    ("ActivityAlreadyExists", 400, tonic::Code::AlreadyExists),
    ("ActivityDoesNotExist", 400, tonic::Code::NotFound),
    ("ActivityLimitExceeded", 400, tonic::Code::ResourceExhausted),
    ("ActivityWorkerLimitExceeded", 400, tonic::Code::ResourceExhausted),
    ("ConflictException", 400, tonic::Code::Aborted),
    ("ExecutionAlreadyExists", 400, tonic::Code::AlreadyExists),
    ("ExecutionDoesNotExist", 400, tonic::Code::NotFound),
    ("ExecutionLimitExceeded", 400, tonic::Code::ResourceExhausted),
    ("ExecutionNotRedrivable", 400, tonic::Code::FailedPrecondition),
    ("ExpiredTokenException", 400, tonic::Code::Unauthenticated),
    ("IncompleteSignatureException", 400, tonic::Code::Unauthenticated),
    ("InternalServerError", 500, tonic::Code::Internal),
    ("InvalidSignatureException", 400, tonic::Code::Unauthenticated),
    ("MissingAuthenticationTokenException", 400, tonic::Code::Unauthenticated),
    ("KmsAccessDeniedException", 400, tonic::Code::PermissionDenied),
    ("KmsInvalidStateException", 400, tonic::Code::FailedPrecondition),
    ("RequestEntityTooLargeException", 413, tonic::Code::ResourceExhausted),
    ("RequestTimeoutException", 408, tonic::Code::DeadlineExceeded),
    ("ResourceNotFound", 400, tonic::Code::NotFound),
    ("ServiceQuotaExceededException", 400, tonic::Code::ResourceExhausted),
    ("ServiceUnavailable", 503, tonic::Code::Unavailable),
    ("StateMachineAlreadyExists", 400, tonic::Code::AlreadyExists),
    ("StateMachineDeleting", 400, tonic::Code::FailedPrecondition),
    ("StateMachineDoesNotExist", 400, tonic::Code::NotFound),
    ("StateMachineLimitExceeded", 400, tonic::Code::ResourceExhausted),
    ("StateMachineTypeNotSupported", 400, tonic::Code::FailedPrecondition),
    ("TaskDoesNotExist", 400, tonic::Code::NotFound),
    ("TaskTimedOut", 400, tonic::Code::FailedPrecondition),
    ("ThrottlingException", 400, tonic::Code::ResourceExhausted),
    ("TooManyTags", 400, tonic::Code::ResourceExhausted),
    ("UnknownOperationException", 400, tonic::Code::Unimplemented),
    ("UnrecognizedClientException", 400, tonic::Code::Unauthenticated),
    ("InvalidArn", 400, tonic::Code::InvalidArgument),
    ("InvalidDefinition", 400, tonic::Code::InvalidArgument),
    ("SerializationException", 400, tonic::Code::InvalidArgument),
    ("ValidationException", 400, tonic::Code::InvalidArgument),
];

impl Refusal {
    /// A refusal.
    pub(crate) fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: message.into(), member: None }
    }

    /// `ValidationException`
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// The same refusal with a reason that programs can read.
    pub(crate) fn because(mut self, reason: &'static str) -> Self {
        self.member = Some(("reason", reason.into()));
        self
    }

    /// The same refusal with the ARN of what it is about.
    pub(crate) fn about(mut self, resource: &str) -> Self {
        self.member = Some(("resourceName", resource.into()));
        self
    }

    /// `SerializationException`
    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    /// `InvalidToken`, for page tokens as for task tokens.
    pub(crate) fn invalid_token() -> Self {
        Self::new("InvalidToken", "Invalid Token: 'Invalid token'")
    }

    fn class(&self) -> (u16, tonic::Code) {
        CLASSES
            .iter()
            .find(|(name, ..)| *name == self.name)
            .map_or((400, tonic::Code::InvalidArgument), |&(_, status, code)| (status, code))
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.class().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What gRPC clients read beside the message, if there is anything: a resource as `google.rpc.ResourceInfo`, whatever else
    /// AWS's exception tells as `google.rpc.ErrorInfo`.
    fn details(&self) -> Option<ErrorDetails> {
        let (name, value) = self.member.as_ref()?;
        Some(match *name {
            "resourceName" => {
                // `…:states:REGION:ACCOUNT:TYPE:NAME`
                let kind = value.split(':').nth(5).unwrap_or_default();
                ErrorDetails::with_resource_info(kind, &**value, "", &*self.message)
            }
            "reason" => ErrorDetails::with_error_info(&**value, DOMAIN, []),
            other => {
                let told = [(other.to_owned(), value.to_string())];
                ErrorDetails::with_error_info(self.name, DOMAIN, told)
            }
        })
    }

    /// The body that AWS JSON has for it.
    pub(crate) fn body(&self) -> String {
        let mut out = String::with_capacity(self.message.len() + self.name.len() + 32);
        out.push_str("{\"__type\":\"");
        out.push_str(self.name);
        out.push_str("\",\"message\":");
        write_string(&self.message, &mut out);
        if let Some((name, value)) = &self.member {
            out.push_str(",\"");
            out.push_str(name);
            out.push_str("\":");
            write_string(value, &mut out);
        }
        out.push('}');
        out
    }
}

impl From<newel_engine::Error> for Refusal {
    fn from(error: newel_engine::Error) -> Self {
        let name = match error.kind {
            ErrorKind::ActivityAlreadyExists => "ActivityAlreadyExists",
            ErrorKind::ActivityDoesNotExist => "ActivityDoesNotExist",
            ErrorKind::ActivityLimitExceeded => "ActivityLimitExceeded",
            ErrorKind::ActivityWorkerLimitExceeded => "ActivityWorkerLimitExceeded",
            ErrorKind::Conflict => "ConflictException",
            ErrorKind::ExecutionAlreadyExists => "ExecutionAlreadyExists",
            ErrorKind::ExecutionDoesNotExist => "ExecutionDoesNotExist",
            ErrorKind::ExecutionLimitExceeded => "ExecutionLimitExceeded",
            ErrorKind::ExecutionNotRedrivable => "ExecutionNotRedrivable",
            ErrorKind::InvalidArn => "InvalidArn",
            ErrorKind::InvalidDefinition => "InvalidDefinition",
            ErrorKind::InvalidEncryptionConfiguration => "InvalidEncryptionConfiguration",
            ErrorKind::InvalidExecutionInput => "InvalidExecutionInput",
            ErrorKind::InvalidOutput => "InvalidOutput",
            ErrorKind::InvalidToken => "InvalidToken",
            ErrorKind::KmsAccessDenied => "KmsAccessDeniedException",
            ErrorKind::KmsInvalidState(_) => "KmsInvalidStateException",
            ErrorKind::ResourceNotFound => "ResourceNotFound",
            ErrorKind::ServiceQuotaExceeded => "ServiceQuotaExceededException",
            ErrorKind::StateMachineAlreadyExists => "StateMachineAlreadyExists",
            ErrorKind::StateMachineDeleting => "StateMachineDeleting",
            ErrorKind::StateMachineDoesNotExist => "StateMachineDoesNotExist",
            ErrorKind::StateMachineLimitExceeded => "StateMachineLimitExceeded",
            ErrorKind::StateMachineTypeNotSupported => "StateMachineTypeNotSupported",
            ErrorKind::TaskDoesNotExist => "TaskDoesNotExist",
            ErrorKind::TaskTimedOut => "TaskTimedOut",
            ErrorKind::TooManyTags => "TooManyTags",
            ErrorKind::Validation
            | ErrorKind::InvalidRouting
            | ErrorKind::LabelledArn
            | ErrorKind::CompletedMapRun => "ValidationException",
            ErrorKind::Unavailable => "ServiceUnavailable",
            ErrorKind::Internal => {
                // What broke is for the operator; a client learns only that something did.
                tracing::error!(error = %error.message, "internal error");
                return Self::new("InternalServerError", "An internal error occurred");
            }
        };
        let refusal = Self::new(name, error.message);
        if let Some(resource) = error.resource {
            return refusal.about(&resource);
        }
        match error.kind {
            ErrorKind::InvalidRouting => refusal.because("INVALID_ROUTING_CONFIGURATION"),
            ErrorKind::LabelledArn => refusal.because("API_DOES_NOT_SUPPORT_LABELED_ARNS"),
            ErrorKind::CompletedMapRun => refusal.because("CANNOT_UPDATE_COMPLETED_MAP_RUN"),
            ErrorKind::KmsInvalidState(state) => {
                Self { member: Some(("kmsKeyState", state.name().into())), ..refusal }
            }
            _ => refusal,
        }
    }
}

impl From<Refusal> for tonic::Status {
    fn from(refusal: Refusal) -> Self {
        let (_, code) = refusal.class();
        let mut metadata = MetadataMap::new();
        metadata.insert(ERROR_NAME, MetadataValue::from_static(refusal.name));
        match refusal.details() {
            Some(details) => Self::with_error_details_and_metadata(code, refusal.message, details, metadata),
            None => Self::with_metadata(code, refusal.message, metadata),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exception_has_its_status_and_code() {
        for (name, status, code) in [
            ("InvalidName", 400, tonic::Code::InvalidArgument),
            ("ExecutionDoesNotExist", 400, tonic::Code::NotFound),
            ("ServiceUnavailable", 503, tonic::Code::Unavailable),
            ("InternalServerError", 500, tonic::Code::Internal),
        ] {
            let refusal = Refusal::new(name, "m");
            assert_eq!(refusal.status().as_u16(), status, "{name}");
            assert_eq!(tonic::Status::from(refusal).code(), code, "{name}");
        }
    }

    #[test]
    fn an_internal_error_keeps_its_secret() {
        let refusal = Refusal::from(newel_engine::Error::new(ErrorKind::Internal, "row 7 is damaged"));
        assert_eq!(
            refusal.body(),
            r#"{"__type":"InternalServerError","message":"An internal error occurred"}"#
        );
    }

    #[test]
    fn a_keys_state_is_a_member_of_its_own() {
        let kind = ErrorKind::KmsInvalidState(newel_engine::KeyState::Disabled);
        let body = Refusal::from(newel_engine::Error::new(kind, "m")).body();
        assert_eq!(body, r#"{"__type":"KmsInvalidStateException","message":"m","kmsKeyState":"DISABLED"}"#);
    }

    #[test]
    fn what_is_missing_is_a_member_of_its_own() {
        let error = newel_engine::Error::new(ErrorKind::ResourceNotFound, "m").about("arn:aws:states");
        let body = r#"{"__type":"ResourceNotFound","message":"m","resourceName":"arn:aws:states"}"#;
        assert_eq!(Refusal::from(error).body(), body);
    }

    #[test]
    fn grpc_clients_read_in_details_what_json_has_as_a_member() {
        let arn = "arn:aws:states:us-east-1:000000000000:mapRun:m/l:r";
        let status = tonic::Status::from(Refusal::new("ResourceNotFound", "m").about(arn));
        let told = status.get_details_resource_info().unwrap();
        assert_eq!((&*told.resource_type, &*told.resource_name), ("mapRun", arn));
        assert_eq!(status.metadata().get(ERROR_NAME).unwrap(), "ResourceNotFound");

        let status = tonic::Status::from(Refusal::validation("m").because("R"));
        let told = status.get_details_error_info().unwrap();
        assert_eq!((&*told.reason, &*told.domain), ("R", DOMAIN));

        let kind = ErrorKind::KmsInvalidState(newel_engine::KeyState::Disabled);
        let status = tonic::Status::from(Refusal::from(newel_engine::Error::new(kind, "m")));
        let told = status.get_details_error_info().unwrap();
        assert_eq!((&*told.reason, &*told.metadata["kmsKeyState"]), ("KmsInvalidStateException", "DISABLED"));

        assert!(tonic::Status::from(Refusal::validation("m")).details().is_empty());
    }

    #[test]
    fn messages_are_escaped() {
        let body = Refusal::validation("a \"b\"\n").body();
        assert_eq!(body, r#"{"__type":"ValidationException","message":"a \"b\"\n"}"#);
    }
}
