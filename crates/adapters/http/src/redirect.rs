//! Redirects of HTTP Tasks, where the operator lets them be followed. Each goes through the guard like a first call.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, LOCATION, RANGE, USER_AGENT};
use http::{Method, StatusCode};
use url::Url;

use crate::client::{Call, Client, Reply};

const FOLLOWED: &[StatusCode] = &[
    StatusCode::MOVED_PERMANENTLY,
    StatusCode::FOUND,
    StatusCode::SEE_OTHER,
    StatusCode::TEMPORARY_REDIRECT,
    StatusCode::PERMANENT_REDIRECT,
];
/// The headers that tell nothing about who calls.
const HARMLESS: &[http::HeaderName] = &[CONTENT_TYPE, RANGE, USER_AGENT];

/// The call that an answer to `last` asks for instead, if it is a redirect that can be followed: of a GET or HEAD, and not
/// from TLS to none. `first` is the task's own call: its headers, among them the connection's, go to no other origin.
pub(crate) fn follow(client: &Client, first: &Call, last: &Call, reply: &Reply) -> Option<Call> {
    if !FOLLOWED.contains(&reply.status) || ![Method::GET, Method::HEAD].contains(&first.method) {
        return None;
    }
    let location = reply.headers.get(LOCATION)?.to_str().ok()?;
    let url = last.url.join(location).ok()?;
    let url = client.endpoint(url.as_str()).ok()?;
    if last.url.scheme() == "https" && url.scheme() != "https" {
        return None;
    }
    let headers =
        if url.origin() == first.url.origin() { first.headers.clone() } else { harmless(&first.headers) };
    Some(Call { method: first.method.clone(), url: without_fragment(url), headers, body: Bytes::new() })
}

fn harmless(headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, value)| HARMLESS.contains(name) && !value.is_sensitive());
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn without_fragment(mut url: Url) -> Url {
    url.set_fragment(None);
    url
}
