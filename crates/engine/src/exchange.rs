//! The HTTP request and response of a call that somebody tests a state with.

use std::fmt;

use newel_value::{Payload, Str, Value};

/// That an attempt's HTTP exchange is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpTrace {
    /// Whether it may show what a connection adds to the request. The worker leaves that out otherwise.
    pub reveal_secrets: bool,
}

/// An HTTP request that was sent, and the response if there was one.
#[derive(Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The request.
    pub request: ExchangeRequest,
    /// The response.
    pub response: Option<ExchangeResponse>,
}

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct ExchangeRequest {
    /// `https` or `http`.
    pub protocol: Str,
    /// Its method.
    pub method: Str,
    /// Its URL.
    pub url: Str,
    /// Its headers: `[Name: value, Name: value]`.
    pub headers: Str,
    /// Its body.
    pub body: Str,
}

/// A response.
#[derive(Clone, PartialEq, Eq)]
pub struct ExchangeResponse {
    /// `https` or `http`.
    pub protocol: Str,
    /// Its status: `200`.
    pub status_code: Str,
    /// The text of its status: `OK`.
    pub status_message: Str,
    /// Its headers: `[Name: value, Name: value]`.
    pub headers: Str,
    /// Its body.
    pub body: Str,
}

impl Exchange {
    /// Reads what a worker reports: an object of `request` and `response`, with the members that the AWS API has. `None` if it
    /// isn't one. A member that is missing reads as an empty text.
    #[must_use]
    pub fn read(reported: &Payload) -> Option<Self> {
        let part = |name| reported.value().get(name).filter(|part| part.as_object().is_some());
        let text = |part: &Value, name| part.get(name).and_then(Value::as_str).unwrap_or_default().into();
        let request = part("request")?;
        Some(Self {
            request: ExchangeRequest {
                protocol: text(request, "protocol"),
                method: text(request, "method"),
                url: text(request, "url"),
                headers: text(request, "headers"),
                body: text(request, "body"),
            },
            response: part("response").map(|response| ExchangeResponse {
                protocol: text(response, "protocol"),
                status_code: text(response, "statusCode"),
                status_message: text(response, "statusMessage"),
                headers: text(response, "headers"),
                body: text(response, "body"),
            }),
        })
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

debug_by_name!(Exchange ExchangeRequest ExchangeResponse);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_exchange_is_none() {
        let read = |text: &str| Exchange::read(&Payload::parse(text).unwrap());
        for text in ["1", "{}", r#"{"request":1}"#, r#"{"response":{}}"#] {
            assert_eq!(read(text), None, "{text}");
        }
        let lone = read(r#"{"request":{"method":"GET","url":7}}"#).unwrap();
        assert_eq!((&*lone.request.method, &*lone.request.url, lone.response.is_some()), ("GET", "", false));
        let both = read(r#"{"request":{"url":"https://h"},"response":{"statusCode":"404"}}"#).unwrap();
        assert_eq!(both.response.as_ref().map(|response| &*response.status_code), Some("404"));
        assert!(!format!("{both:?}").contains("https"));
    }
}
