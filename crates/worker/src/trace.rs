//! What somebody who tests a state is shown of the call that it makes.

use std::fmt;
use std::sync::Arc;

use newel_value::{ObjectBuilder, Payload, Value};
use parking_lot::Mutex;

/// That somebody tests the attempt's state and wants to see its HTTP request and the response. Clones share what is noted.
#[derive(Clone)]
pub struct HttpTrace {
    reveal_secrets: bool,
    noted: Arc<Mutex<Option<Exchange>>>,
}

impl HttpTrace {
    /// With nothing noted.
    #[must_use]
    pub fn new(reveal_secrets: bool) -> Self {
        Self { reveal_secrets, noted: Arc::default() }
    }

    /// Whether an exchange may show what a connection adds to the request. If not, whoever notes it leaves that out.
    #[must_use]
    pub const fn reveals_secrets(&self) -> bool {
        self.reveal_secrets
    }

    /// Notes an exchange, in place of one before.
    pub fn note(&self, exchange: Exchange) {
        *self.noted.lock() = Some(exchange);
    }

    /// What was noted last.
    #[must_use]
    pub fn take(&self) -> Option<Exchange> {
        self.noted.lock().take()
    }
}

/// Without the exchange, which is not for logs.
impl fmt::Debug for HttpTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTrace").field("reveal_secrets", &self.reveal_secrets).finish_non_exhaustive()
    }
}

/// An HTTP request that was sent, and the response if there was one.
#[derive(Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The request.
    pub request: TracedRequest,
    /// The response.
    pub response: Option<TracedResponse>,
}

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct TracedRequest {
    /// `https` or `http`.
    pub protocol: String,
    /// Its method.
    pub method: String,
    /// Its URL.
    pub url: String,
    /// Its headers: `[Name: value, Name: value]`.
    pub headers: String,
    /// Its body.
    pub body: String,
}

/// A response.
#[derive(Clone, PartialEq, Eq)]
pub struct TracedResponse {
    /// `https` or `http`.
    pub protocol: String,
    /// Its status.
    pub status: u16,
    /// The status line's text.
    pub message: String,
    /// Its headers: `[Name: value, Name: value]`.
    pub headers: String,
    /// Its body.
    pub body: String,
}

impl Exchange {
    /// As it is reported: with the members that the AWS API has.
    pub(crate) fn into_payload(self) -> Payload {
        let Self { request, response } = self;
        let mut members = ObjectBuilder::default();
        members.insert(
            "request",
            object([
                ("protocol", request.protocol),
                ("method", request.method),
                ("url", request.url),
                ("headers", request.headers),
                ("body", request.body),
            ]),
        );
        if let Some(response) = response {
            members.insert(
                "response",
                object([
                    ("protocol", response.protocol),
                    ("statusCode", response.status.to_string()),
                    ("statusMessage", response.message),
                    ("headers", response.headers),
                    ("body", response.body),
                ]),
            );
        }
        Value::from(members.build()).into()
    }
}

/// Without their parts, which are not for logs.
macro_rules! debug_by_name {
    ($($type:ident)*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type)).finish_non_exhaustive()
            }
        }
    )*};
}

debug_by_name!(Exchange TracedRequest TracedResponse);

fn object(members: [(&str, String); 5]) -> Value {
    let mut object = ObjectBuilder::with_capacity(members.len());
    for (name, text) in members {
        object.insert(name, text);
    }
    object.build().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(response: Option<TracedResponse>) -> Exchange {
        let request = TracedRequest {
            protocol: "https".into(),
            method: "GET".into(),
            url: "https://h/?a=secret".into(),
            headers: "[A: b]".into(),
            body: String::new(),
        };
        Exchange { request, response }
    }

    #[test]
    fn an_exchange_has_the_members_that_the_api_has() {
        let response = TracedResponse {
            protocol: "https".into(),
            status: 404,
            message: "Not Found".into(),
            headers: "[]".into(),
            body: "\"x\"".into(),
        };
        let request = r#""request":{"body":"","headers":"[A: b]","method":"GET","protocol":"https","url":"https://h/?a=secret"}"#;
        let parsed = |text: &str| Payload::parse(text).unwrap().value().clone();
        let response_text = r#""response":{"body":"\"x\"","headers":"[]","protocol":"https","statusCode":"404","statusMessage":"Not Found"}"#;
        assert_eq!(exchange(None).into_payload().value(), &parsed(&format!("{{{request}}}")));
        let both = exchange(Some(response)).into_payload();
        assert_eq!(both.value(), &parsed(&format!("{{{request},{response_text}}}")));
    }

    #[test]
    fn the_last_exchange_counts_and_shows_in_no_log() {
        let trace = HttpTrace::new(true);
        let other = trace.clone();
        other.note(exchange(None));
        assert!(!format!("{trace:?} {:?}", exchange(None)).contains("https"));
        assert_eq!(trace.take(), Some(exchange(None)));
        assert_eq!(other.take(), None);
    }
}
