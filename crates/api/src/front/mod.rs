//! AWS JSON 1.0 over HTTP, and the pages for operators (`/healthz`, `/readyz`, `/metrics`).

pub(crate) mod dispatch;
mod history;
mod instant;
mod render;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use newel_runtime::metrics::{PROMETHEUS_CONTENT_TYPE, prometheus_text};
use newel_runtime::propagation::{TRACEPARENT, set_parent};
use newel_value::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::auth::HttpAuth;
use crate::metrics::Metrics;
use crate::model::{Input, Operation};
use crate::refusal::Refusal;
use crate::service::Service;

const TARGET_PREFIX: &str = "AWSStepFunctions.";
const AWS_JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
/// Bytes of a body beyond its limit that are read before it is refused.
const DRAINED: usize = 8 * 1_024 * 1_024;
/// What the operation's label is when the request names none that is served.
const UNKNOWN: &str = "unknown";

/// Serves the AWS JSON port. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Front(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    service: Service,
    auth: HttpAuth,
    metrics: Metrics,
    calls: Semaphore,
    call_timeout: Duration,
}

type Answer = Response<Full<Bytes>>;

impl Front {
    pub(crate) fn new(
        service: Service,
        auth: HttpAuth,
        metrics: Metrics,
        calls: usize,
        call_timeout: Duration,
    ) -> Self {
        Self(Arc::new(Inner { service, auth, metrics, calls: Semaphore::new(calls), call_timeout }))
    }

    /// Answers a request; a refusal is an answer too.
    pub(crate) async fn handle<B>(self, request: Request<B>) -> Result<Answer, Infallible>
    where
        B: hyper::body::Body<Data = Bytes> + Send,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let inner = &*self.0;
        Ok(match (request.method(), request.uri().path()) {
            (&Method::POST, "/") => inner.call(request).await,
            (&Method::GET, "/healthz") => text(StatusCode::OK, "text/plain", "ok\n"),
            (&Method::GET, "/readyz") if inner.service.engine().ready() => {
                text(StatusCode::OK, "text/plain", "ready\n")
            }
            (&Method::GET, "/readyz") => text(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "not ready\n"),
            (&Method::GET, "/metrics") => text(StatusCode::OK, PROMETHEUS_CONTENT_TYPE, prometheus_text()),
            _ => text(StatusCode::NOT_FOUND, "text/plain", "not found\n"),
        })
    }
}

impl Inner {
    async fn call<B>(&self, request: Request<B>) -> Answer
    where
        B: hyper::body::Body<Data = Bytes> + Send,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let begun = Instant::now();
        let (parts, body) = request.into_parts();
        let target =
            parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let name = target.strip_prefix(TARGET_PREFIX).unwrap_or_default();
        let operation = Operation::parse(name);
        let label = operation.map_or(UNKNOWN, Operation::name);
        let request_id = uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid();
        let span =
            tracing::info_span!("aws_json", operation = label, %request_id, account = Empty, region = Empty);
        if let Some(parent) = parts.headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()) {
            set_parent(&span, parent);
        }
        let answered = async {
            let limit = self.service.call_timeout(operation, self.call_timeout);
            let Ok(result) = timeout(limit, self.answer(&parts, body, operation)).await else {
                return Err(Refusal::new("RequestTimeoutException", "The request took too long"));
            };
            result
        }
        .instrument(span)
        .await;
        let outcome = answered.as_ref().map_or_else(|refusal| refusal.name, |_| "ok");
        self.metrics.call("aws_json", label, outcome, begun.elapsed());
        respond(answered, &request_id.hyphenated().to_string())
    }

    async fn answer<B>(&self, parts: &Parts, body: B, operation: Option<Operation>) -> Result<String, Refusal>
    where
        B: hyper::body::Body<Data = Bytes> + Send,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        // The semaphore is never closed.
        let permit = self.calls.acquire().await.map_err(|_| unavailable())?;
        let body = read(parts, body, self.service.limits().request_bytes).await?;
        let tenant = self.auth.tenant(parts, &body, self.service.now())?;
        tracing::Span::current().record("account", &*tenant.account).record("region", &*tenant.region);
        let operation = operation.ok_or_else(unknown_operation)?;
        let input = Input::new(operation, members(&body)?, self.service.limits())?;
        drop(body);
        self.service.admit(&tenant, operation, &input).await?;
        // Those that wait are bounded by the engine, and must not keep others out.
        let _permit = (!operation.waits()).then_some(permit);
        dispatch::dispatch(&self.service, operation, &tenant, &input).await
    }
}

fn unavailable() -> Refusal {
    Refusal::new("ServiceUnavailable", "The server is going away")
}

fn unknown_operation() -> Refusal {
    Refusal::new("UnknownOperationException", "The X-Amz-Target header names no operation of this service")
}

/// The whole body, if it is no longer than it may be.
///
/// What is too long is read on for a while and thrown away: many clients look for an answer only once they have sent
/// everything.
async fn read<B>(parts: &Parts, body: B, max: usize) -> Result<Vec<u8>, Refusal>
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let most = max.saturating_add(DRAINED);
    let declared =
        parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let mut length = declared.filter(|length| *length > most).unwrap_or(0);
    let mut kept = Vec::with_capacity(declared.unwrap_or(0).min(max));
    let mut body = std::pin::pin!(body);
    while length <= most
        && let Some(frame) = body.frame().await
    {
        let frame = frame.map_err(|_| Refusal::serialization("The request's body broke off"))?;
        let data = frame.into_data().unwrap_or_default();
        length = length.saturating_add(data.len());
        if length <= max {
            kept.extend_from_slice(&data);
        }
    }
    if length > max {
        let message = format!("The request has more than {max} bytes");
        return Err(Refusal::new("RequestEntityTooLargeException", message));
    }
    Ok(kept)
}

/// The members of a request.
fn members(body: &[u8]) -> Result<newel_value::Object, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::serialization("The request is not UTF-8"))?;
    match Value::parse(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::serialization("The request is not a JSON object")),
        Err(error) => Err(Refusal::serialization(error.to_string())),
    }
}

fn respond(answered: Result<String, Refusal>, request_id: &str) -> Answer {
    let (status, error, body) = match answered {
        Ok(body) => (StatusCode::OK, None, body),
        Err(refusal) => (refusal.status(), Some(HeaderValue::from_static(refusal.name)), refusal.body()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, AWS_JSON);
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(error) = error {
        headers.insert("x-amzn-errortype", error);
    }
    response
}

fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
