//! What becomes of a call.

use newel_value::Value;

/// How a call may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// As the SDK sees fit.
    Freely,
    /// Never once it may have reached the service.
    Never,
}

/// An answer of success.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The headers in the order they came, names in lower case; a name may come more than once.
    pub headers: Vec<(String, String)>,
    /// The request's id, from whichever header the service sends it in.
    pub request_id: Option<String>,
    /// The output as the wire's JSON; members that the protocol puts into headers or the status are in it too.
    pub body: Value,
}

/// An error that a service answered with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceError {
    /// HTTP status.
    pub status: u16,
    /// The code as it came, name space and all.
    pub code: String,
    /// The message, if there is one.
    pub message: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// S3's second id of the request.
    pub extended_request_id: Option<String>,
    /// The members of an error that the model knows, as the wire's JSON.
    pub members: Value,
}

impl ServiceError {
    /// The code without its name space and without what may follow it after a colon.
    #[must_use]
    pub fn code(&self) -> &str {
        crate::codec::bare(&self.code)
    }
}

/// Why a call has no answer of success.
#[derive(Clone, Debug, PartialEq)]
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
    TooLarge {
        /// The most bytes that are read.
        limit: usize,
    },
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
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotSent(_) => "not_sent",
            Self::Refused { throttled: true, .. } => "throttled",
            Self::Refused { .. } => "refused",
            Self::TooLarge { .. } => "too_large",
            Self::Unknown { .. } => "unknown",
        }
    }
}
