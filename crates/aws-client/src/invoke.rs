//! The SDK's orchestrator, given a request that is written already: it signs, sends, times and repeats.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::auth::no_auth::{NO_AUTH_SCHEME_ID, NoAuthScheme};
use aws_smithy_runtime::client::identity::no_auth::NoAuthIdentityResolver;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime::client::retries::strategy::StandardRetryStrategy;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthScheme};
use aws_smithy_runtime_api::client::endpoint::{EndpointFuture, EndpointResolverParams, ResolveEndpoint};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, Error, Output,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_runtime_api::client::ser_de::DeserializeResponse;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, Layer};
use aws_smithy_types::endpoint::Endpoint;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use http_body_util::Limited;
use newel_aws_catalog::model::Protocol;

use crate::CallError;
use crate::codec::{self, Request, Response};
use crate::settings::Signing;

/// Codes by which AWS services ask for fewer calls.
const THROTTLES: &[&str] = &[
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// The largest answer of failure that is read.
const MAX_ERROR: usize = 1 << 20;

/// Whether a service's error asks for fewer calls.
#[must_use]
pub fn is_throttle(code: &str, status: u16) -> bool {
    THROTTLES.contains(&code) || status == 429
}

/// Everything a call needs but the configuration.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) protocol: Protocol,
    pub(crate) request: Request,
    pub(crate) signing: Signing,
    pub(crate) endpoint: Endpoint,
    /// Whether it may never be sent again once it may have reached the service.
    pub(crate) once: bool,
    pub(crate) timeout: Option<Duration>,
}

/// An answer of success.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: SdkBody,
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The service answered with an error.
    Answer { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// It didn't answer.
    Call(CallError),
}

pub(crate) async fn invoke(config: &SdkConfig, invocation: Invocation) -> Result<Raw, Failure> {
    let sent = Sent::default();
    let plugin = plugin(config, &invocation, sent.clone()).map_err(Failure::Call)?;
    let Invocation { service, operation, protocol, request, .. } = invocation;
    let built = Operation::builder()
        .service_name(service)
        .operation_name(operation)
        .behavior_version(config.behavior_version().unwrap_or_else(BehaviorVersion::latest))
        .runtime_plugin(plugin)
        .serializer(move |()| http_request(&request))
        .deserializer_impl::<Raw, Refusal>(Reader { protocol })
        .build();
    let error = match Box::pin(built.invoke(())).await {
        Ok(raw) => return Ok(raw),
        Err(error) => error,
    };
    Err(match error {
        SdkError::ServiceError(refused) => {
            let response = refused.into_raw();
            let body = response.body().bytes().map(<[u8]>::to_vec).unwrap_or_default();
            Failure::Answer { status: response.status().as_u16(), headers: headers(&response), body }
        }
        error if !sent.was() || never_connected(&error) => Failure::Call(CallError::NotSent(causes(&error))),
        error => Failure::Call(CallError::Unknown { answer: None, cause: causes(&error) }),
    })
}

/// What the orchestrator is given besides the request: whom to sign for, where to send, how often.
fn plugin(config: &SdkConfig, invocation: &Invocation, sent: Sent) -> Result<StaticRuntimePlugin, CallError> {
    let mut layer = Layer::new("newel");
    layer.store_put(EndpointResolverParams::new(()));
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    let retries = config.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
    layer.store_put(if invocation.once { RetryConfig::disabled() } else { retries });
    if let Some(timeouts) = config.timeout_config() {
        let timeouts = timeouts.to_builder();
        let timeouts = match invocation.timeout {
            Some(timeout) => timeouts.operation_timeout(timeout),
            None => timeouts,
        };
        layer.store_put(timeouts.build());
    }
    if let Some(protection) = config.stalled_stream_protection() {
        layer.store_put(protection);
    }
    let mut components = RuntimeComponentsBuilder::new("newel")
        .with_http_client(config.http_client())
        .with_endpoint_resolver(Some(Fixed(invocation.endpoint.clone())))
        .with_retry_strategy(Some(StandardRetryStrategy::new()))
        .with_retry_classifier(TransientErrorClassifier::<Refusal>::new())
        .with_retry_classifier(HttpStatusCodeClassifier::default())
        .with_retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
        .with_interceptor(InvocationIdInterceptor::new())
        .with_interceptor(RequestInfoInterceptor::new())
        .with_interceptor(sent);
    if let Some(sleep) = config.sleep_impl() {
        components = components.with_sleep_impl(Some(sleep));
    }
    if let Some(time) = config.time_source() {
        components = components.with_time_source(Some(time));
    }
    if let Some(cache) = config.identity_cache() {
        components = components.with_identity_cache(Some(cache));
    }
    components = match &invocation.signing {
        Signing::Anonymous => components
            .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![
                NO_AUTH_SCHEME_ID,
            ])))
            .with_auth_scheme(SharedAuthScheme::new(NoAuthScheme::default()))
            .with_identity_resolver(
                NO_AUTH_SCHEME_ID,
                SharedIdentityResolver::new(NoAuthIdentityResolver::new()),
            ),
        Signing::V4(signing, unsigned) => {
            let Some(credentials) = config.credentials_provider() else {
                return Err(CallError::NotSent("there are no credentials".to_owned()));
            };
            layer.store_put(signing.clone());
            if let Some(unsigned) = unsigned {
                layer.store_put(unsigned.clone());
            }
            components
                .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])))
                .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
                .with_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials))
        }
    };
    Ok(StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components))
}

fn http_request(request: &Request) -> Result<HttpRequest, BoxError> {
    let uri = match request.query.as_str() {
        "" => request.path.clone(),
        query => format!("{}?{query}", request.path),
    };
    let mut http = HttpRequest::new(SdkBody::from(request.body.clone()));
    http.set_method(request.method.as_str())?;
    http.set_uri(uri.as_str())?;
    for (name, value) in &request.headers {
        http.headers_mut().try_append(name.clone(), value.clone())?;
    }
    http.headers_mut().try_insert("user-agent", concat!("newel/", env!("CARGO_PKG_VERSION")))?;
    if !request.body.is_empty() || matches!(request.method.as_str(), "POST" | "PUT") {
        http.headers_mut().try_insert("content-length", request.body.len().to_string())?;
    }
    Ok(http)
}

fn headers(response: &HttpResponse) -> Vec<(String, String)> {
    response.headers().iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect()
}

/// Hands out an answer of success unread, and reads of an error what tells whether it is worth a repetition.
#[derive(Debug)]
struct Reader {
    protocol: Protocol,
}

impl DeserializeResponse for Reader {
    fn deserialize_streaming(
        &self,
        response: &mut HttpResponse,
    ) -> Option<Result<Output, OrchestratorError<Error>>> {
        let status = response.status().as_u16();
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        if !(200..300).contains(&status) {
            // The orchestrator reads it whole.
            *response.body_mut() = limited(body);
            return None;
        }
        let headers = headers(response);
        Some(Ok(Output::erase(Raw { status, headers, body })))
    }

    fn deserialize_nonstreaming(&self, response: &HttpResponse) -> Result<Output, OrchestratorError<Error>> {
        let headers = headers(response);
        let body = response.body().bytes().unwrap_or_default();
        let response = Response { status: response.status().as_u16(), headers: &headers, body };
        let summary = codec::summary(self.protocol, response);
        let code = summary.code.as_deref().map(codec::bare).unwrap_or_default();
        let metadata =
            ErrorMetadata::builder().code(code).message(summary.message.unwrap_or_default()).build();
        Err(OrchestratorError::operation(Error::erase(Refusal(metadata))))
    }
}

/// A body that fails where it is longer than an error may be.
fn limited(body: SdkBody) -> SdkBody {
    match body.bytes() {
        Some(bytes) if bytes.len() <= MAX_ERROR => body,
        _ => SdkBody::from_body_1_x(Limited::new(body, MAX_ERROR)),
    }
}

/// A service's error, as the SDK's retry classifiers look at it.
#[derive(Debug)]
struct Refusal(ErrorMetadata);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Refusal {}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

/// An endpoint that is found already.
#[derive(Debug)]
struct Fixed(Endpoint);

impl ResolveEndpoint for Fixed {
    fn resolve_endpoint<'a>(&'a self, _: &'a EndpointResolverParams) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(self.0.clone()))
    }
}

/// Whether the request has been handed to the transport; a clone is the same one.
#[derive(Clone, Debug, Default)]
struct Sent(Arc<AtomicBool>);

impl Sent {
    fn was(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Sent {
    fn name(&self) -> &'static str {
        "NewelSent"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Whether no connection was made, so that no byte of the request left.
#[must_use]
pub fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|error| {
        error.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect())
    })
}

/// An error and its causes, as one line.
#[must_use]
pub fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut parts: Vec<String> = chain(error).map(ToString::to_string).collect();
    parts.dedup();
    parts.join(": ")
}

/// An error and what caused it, outermost first.
pub fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}
