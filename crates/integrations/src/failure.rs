//! Failures: the names and causes of errors.

use newel_aws_catalog::naming;

use crate::integration::Integration;

/// How a task fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFailure {
    /// The error's name, which `Retry` and `Catch` match.
    pub error: String,
    /// The cause.
    pub cause: String,
}

/// An error that a service answered with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceError {
    /// HTTP status.
    pub status: u16,
    /// The code as it came, name space and all: `com.amazonaws.dynamodb.v20120810#ResourceNotFoundException`.
    pub code: String,
    /// The message, if there is one.
    pub message: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// S3's second id of the request.
    pub extended_request_id: Option<String>,
}

impl ServiceError {
    /// The code without its name space and without what may follow it after a colon.
    #[must_use]
    pub fn code(&self) -> &str {
        let code = self.code.rsplit('#').next().unwrap_or_default();
        code.split(':').next().unwrap_or_default()
    }
}

impl Integration<'_> {
    /// The failure of a task whose call a service refused: `Batch.ClientException`, or the service's base exception
    /// for codes that the model doesn't know.
    #[must_use]
    pub fn service_failure(&self, error: &ServiceError) -> TaskFailure {
        let code = error.code();
        let class =
            self.api.error(code).map_or_else(|| self.family.base_exception.to_owned(), |s| class(&s.name));
        let or_null = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".to_owned());
        TaskFailure {
            error: format!("{}.{class}", self.family.error_prefix),
            cause: format!(
                "{} (Service: {}; Status Code: {}; Error Code: {code}; Request ID: {}; Proxy: null)",
                or_null(&error.message),
                self.family.display_name,
                error.status,
                or_null(&error.request_id),
            ),
        }
    }

    /// The failure of a task whose call succeeded with more than a state can take.
    #[must_use]
    pub fn too_large(&self) -> TaskFailure {
        too_large(self.family.service)
    }

    /// The failure of a task whose call got no answer, or may or may not have arrived.
    #[must_use]
    pub fn client_failure(&self, cause: impl Into<String>) -> TaskFailure {
        TaskFailure { error: format!("{}.SdkClientException", self.family.error_prefix), cause: cause.into() }
    }
}

/// The failure of a task whose answer is larger than a result may be, in AWS's words (recorded).
pub(crate) fn too_large(resource_type: &str) -> TaskFailure {
    TaskFailure {
        error: "States.DataLimitExceeded".to_owned(),
        cause: format!(
            "The state/task '{resource_type}' returned a result with a size exceeding the maximum number of bytes service \
             limit."
        ),
    }
}

/// An error's class in the AWS SDK for Java v1: the model's name, with `Exception` at its end.
pub(crate) fn class(shape: &str) -> String {
    let mut name = naming::capitalize(shape.strip_suffix("Fault").unwrap_or(shape));
    if !name.ends_with("Exception") {
        name.push_str("Exception");
    }
    name
}
