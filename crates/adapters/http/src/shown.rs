//! What somebody who tests an HTTP Task is shown of it: the request that was sent and the answer to it.
//!
//! What the connection adds is left out unless it was asked for by name: its headers, query parameters and members of the
//! body, whatever their values, as in AWS
//! (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html>). What a connection may send to some
//! hosts only is never shown: who tests a state would be one more.

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use newel_worker::{Exchange, HttpTrace, TracedRequest, TracedResponse};

use crate::client::{Call, Fault, Reply};
use crate::connections::{Additions, Connection};
use crate::parameters::without_query;
use crate::reply::MAX_BODY;

/// Notes what is sent for an attempt.
#[derive(Debug)]
pub(crate) struct Watched<'a> {
    trace: &'a HttpTrace,
    /// Whether what the connection adds is shown.
    reveals: bool,
    additions: &'a Additions,
    /// The body without what the connection adds.
    own_body: Bytes,
}

impl<'a> Watched<'a> {
    pub(crate) const fn new(
        trace: &'a HttpTrace,
        connection: &Connection,
        additions: &'a Additions,
        own_body: Bytes,
    ) -> Self {
        let reveals = trace.reveals_secrets() && connection.hosts.is_empty();
        Self { trace, reveals, additions, own_body }
    }

    /// Notes a call and what became of it. What certainly wasn't sent doesn't take the place of what was.
    pub(crate) fn saw(&self, call: &Call, answer: &Result<Reply, Fault>) {
        let reply = match answer {
            Ok(reply) => Some(reply),
            Err(fault) if fault.is_unsent() => return,
            Err(_) => None,
        };
        let protocol = call.url.scheme();
        let response = reply.map(|reply| TracedResponse {
            protocol: protocol.to_owned(),
            status: reply.status.as_u16(),
            message: reply.reason.clone(),
            headers: listed(&reply.headers, |name| match reply.spelling.get(name.as_str()) {
                Some(spelt) => spelt.clone(),
                None => name.to_string(),
            }),
            body: bounded(reply.text().unwrap_or_else(|_| lossy(&reply.body))),
        });
        self.trace.note(Exchange { request: self.request(call), response });
    }

    fn request(&self, call: &Call) -> TracedRequest {
        let (mut url, mut headers) = (call.url.clone(), call.headers.clone());
        url.set_fragment(None);
        let mut body = &call.body;
        if !self.reveals {
            without_query(&mut url, |name| self.additions.query.iter().any(|(added, _)| added == name));
            for name in self.additions.headers.keys() {
                headers.remove(name);
            }
            // A redirect that is followed has none.
            body = if body.is_empty() { body } else { &self.own_body };
        }
        TracedRequest {
            protocol: url.scheme().to_owned(),
            method: call.method.to_string(),
            url: url.into(),
            headers: listed(&headers, as_sent),
            body: lossy(body),
        }
    }
}

/// Headers in AWS's form: `[Name: value, Name: value]`.
fn listed(headers: &HeaderMap, spelt: impl Fn(&HeaderName) -> String) -> String {
    let lines = headers.iter().map(|(name, value)| format!("{}: {}", spelt(name), lossy(value.as_bytes())));
    format!("[{}]", lines.collect::<Vec<_>>().join(", "))
}

/// A name as the client writes it: each of its words with a capital.
fn as_sent(name: &HeaderName) -> String {
    let mut begins = true;
    let letter = |letter: char| {
        let letter = if begins { letter.to_ascii_uppercase() } else { letter };
        begins = letter == '-';
        letter
    };
    name.as_str().chars().map(letter).collect()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What isn't UTF-8 takes more room as text.
fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_BODY));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelt_as_they_are_sent() {
        for (name, expect) in [("x-api-key", "X-Api-Key"), ("range", "Range"), ("x--1a", "X--1a")] {
            assert_eq!(as_sent(&HeaderName::from_static(name)), expect);
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(bounded("\u{fffd}".repeat(MAX_BODY)).len(), MAX_BODY - MAX_BODY % 3);
        assert_eq!(bounded("short".to_owned()), "short");
    }
}
