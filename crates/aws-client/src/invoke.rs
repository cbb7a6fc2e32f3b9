//! The SDK's orchestrator, given a request that is written already: it signs, sends, times and repeats.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_runtime::auth::sigv4::SigV4AuthScheme;
use aws_runtime::auth::sigv4a::SigV4aAuthScheme;
use aws_runtime::auth::{sigv4, sigv4a};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::auth::no_auth::{NO_AUTH_SCHEME_ID, NoAuthScheme};
use aws_smithy_runtime::client::defaults::{DefaultPluginParams, default_plugins};
use aws_smithy_runtime::client::identity::no_auth::NoAuthIdentityResolver;
use aws_smithy_runtime::client::orchestrator;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime::client::retries::strategy::StandardRetryStrategy;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeId, AuthSchemeOption, AuthSchemeOptionResolverParams, AuthSchemeOptionsFuture,
    ResolveAuthSchemeOptions, SharedAuthScheme,
};
use aws_smithy_runtime_api::client::endpoint::{EndpointFuture, EndpointResolverParams, ResolveEndpoint};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, Error, Input, Output,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_runtime_api::client::runtime_plugin::{RuntimePlugins, StaticRuntimePlugin};
use aws_smithy_runtime_api::client::ser_de::{
    DeserializeResponse, SerializeRequest, SharedRequestSerializer, SharedResponseDeserializer,
};
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, Layer, Storable, StoreReplace};
use aws_smithy_types::endpoint::Endpoint;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use http_body_util::Limited;
use newel_aws_catalog::model::Protocol;
use newel_aws_catalog::{Operation, Service};
use tracing::Instrument as _;

use crate::codec::{self, Request, Response};
use crate::settings::{SignatureVersion, Signing};
use crate::{CallError, Caller};

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

/// What is a call's own; the rest is the caller's.
#[derive(Debug)]
pub(crate) struct Invocation<'a> {
    pub(crate) service: &'a Service,
    pub(crate) operation: &'a Operation,
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

pub(crate) async fn invoke(caller: &Caller, invocation: Invocation<'_>) -> Result<Raw, Failure> {
    let sent = Sent::default();
    let Invocation { service, operation, .. } = invocation;
    let (layer, request) = layer(caller.config(), invocation, sent.clone()).map_err(Failure::Call)?;
    let prepared = caller.prepared(service);
    let own = StaticRuntimePlugin::new().with_config(layer.freeze());
    let plugins = prepared.plugins.clone().with_operation_plugin(own);
    let call = orchestrator::invoke(service.name(), &operation.name, Input::erase(request), &plugins);
    let span =
        tracing::debug_span!("invoke", "rpc.service" = service.name(), "rpc.method" = &*operation.name);
    let error = match Box::pin(call.instrument(span)).await {
        Ok(output) => {
            let lost = || CallError::Unknown { answer: None, cause: "the answer got lost".to_owned() };
            return output.downcast::<Raw>().map_err(|_| Failure::Call(lost()));
        }
        Err(error) => error.map_service_error(Refused),
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

/// What the orchestrator is given for every call of a service: how to sign, to send, to repeat.
pub(crate) fn plugins(config: &SdkConfig, service: &Service) -> RuntimePlugins {
    let behavior = config.behavior_version().unwrap_or_else(BehaviorVersion::latest);
    let defaults = DefaultPluginParams::new()
        .with_retry_partition_name(service.name().to_owned())
        .with_behavior_version(behavior);
    let mut layer = Layer::new("newel");
    layer.store_put(SharedRequestSerializer::new(Written));
    layer
        .store_put(SharedResponseDeserializer::new(Reader { protocol: codec::protocol(service.metadata()) }));
    layer.store_put(config.retry_config().cloned().unwrap_or_else(RetryConfig::standard));
    if let Some(timeouts) = config.timeout_config() {
        layer.store_put(timeouts.clone());
    }
    if let Some(protection) = config.stalled_stream_protection() {
        layer.store_put(protection);
    }
    let mut components = RuntimeComponentsBuilder::new("newel")
        .with_http_client(config.http_client())
        .with_endpoint_resolver(Some(Resolved))
        .with_auth_scheme_option_resolver(Some(Chosen))
        .with_auth_scheme(SharedAuthScheme::new(NoAuthScheme::default()))
        .with_identity_resolver(NO_AUTH_SCHEME_ID, SharedIdentityResolver::new(NoAuthIdentityResolver::new()))
        .with_retry_strategy(Some(StandardRetryStrategy::new()))
        .with_retry_classifier(TransientErrorClassifier::<Refusal>::new())
        .with_retry_classifier(HttpStatusCodeClassifier::default())
        .with_retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
        .with_interceptor(InvocationIdInterceptor::new())
        .with_interceptor(RequestInfoInterceptor::new())
        .with_interceptor(NoteSent);
    if let Some(sleep) = config.sleep_impl() {
        components = components.with_sleep_impl(Some(sleep));
    }
    if let Some(time) = config.time_source() {
        components = components.with_time_source(Some(time));
    }
    if let Some(cache) = config.identity_cache() {
        components = components.with_identity_cache(Some(cache));
    }
    if let Some(credentials) = config.credentials_provider() {
        let credentials = SharedIdentityResolver::new(credentials);
        components = components
            .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
            .with_identity_resolver(sigv4::SCHEME_ID, credentials.clone())
            .with_auth_scheme(SharedAuthScheme::new(SigV4aAuthScheme::new()))
            .with_identity_resolver(sigv4a::SCHEME_ID, credentials);
    }
    let own = StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components);
    RuntimePlugins::new().with_client_plugins(default_plugins(defaults)).with_client_plugin(own)
}

/// What the orchestrator is given for one call: whom to sign for, where to send, how often and how long; and the request.
fn layer(config: &SdkConfig, invocation: Invocation<'_>, sent: Sent) -> Result<(Layer, Request), CallError> {
    let Invocation { service, operation, request, signing, endpoint, once, timeout } = invocation;
    let mut layer = Layer::new("newel call");
    layer.store_put(Metadata::new(operation.name.to_string(), service.name().to_owned()));
    layer.store_put(EndpointResolverParams::new(endpoint));
    layer.store_put(sent);
    if once {
        layer.store_put(RetryConfig::disabled());
    }
    if codec::answers_with_events(service, operation) {
        // Between two events may be as long as it takes to think.
        layer.store_put(StalledStreamProtectionConfig::disabled());
    }
    if let Some(timeout) = timeout {
        let timeouts = config.timeout_config().map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
        layer.store_put(timeouts.operation_timeout(timeout).build());
    }
    let scheme = match signing {
        Signing::Anonymous => NO_AUTH_SCHEME_ID,
        Signing::Signed(..) if config.credentials_provider().is_none() => {
            return Err(CallError::NotSent("there are no credentials".to_owned()));
        }
        Signing::Signed(version, signing, unsigned) => {
            layer.store_put(signing);
            if let Some(unsigned) = unsigned {
                layer.store_put(unsigned);
            }
            match version {
                SignatureVersion::V4 => sigv4::SCHEME_ID,
                SignatureVersion::V4a => sigv4a::SCHEME_ID,
            }
        }
    };
    layer.store_put(AuthSchemeOptionResolverParams::new(scheme));
    Ok((layer, request))
}

/// Hands on the request, which is written already.
#[derive(Debug)]
struct Written;

impl SerializeRequest for Written {
    fn serialize_input(&self, input: Input, _: &mut ConfigBag) -> Result<HttpRequest, BoxError> {
        let request = input.downcast::<Request>().map_err(|_| "the input isn't a written request")?;
        http_request(request)
    }
}

fn http_request(request: Request) -> Result<HttpRequest, BoxError> {
    let Request { method, path, query, headers, body } = request;
    let uri = if query.is_empty() { path } else { format!("{path}?{query}") };
    let length = (!body.is_empty() || matches!(&*method, "POST" | "PUT")).then_some(body.len());
    let mut http = HttpRequest::new(SdkBody::from(body));
    http.set_method(&method)?;
    http.set_uri(uri)?;
    for (name, value) in headers {
        http.headers_mut().try_append(name, value)?;
    }
    http.headers_mut().try_insert("user-agent", concat!("newel/", env!("CARGO_PKG_VERSION")))?;
    if let Some(length) = length {
        http.headers_mut().try_insert("content-length", length.to_string())?;
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

/// The error of a refused call; what it says is read from the answer itself.
#[derive(Debug)]
struct Refused(Error);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Refused {}

/// An endpoint that is found already: the call's layer has it.
#[derive(Debug)]
struct Resolved;

impl ResolveEndpoint for Resolved {
    fn resolve_endpoint<'a>(&'a self, params: &'a EndpointResolverParams) -> EndpointFuture<'a> {
        let endpoint = params.get::<Endpoint>().cloned();
        EndpointFuture::ready(endpoint.ok_or_else(|| "the call has no endpoint".into()))
    }
}

/// The way of signing that is chosen already: the call's layer has it.
#[derive(Debug)]
struct Chosen;

impl ResolveAuthSchemeOptions for Chosen {
    fn resolve_auth_scheme_options_v2<'a>(
        &'a self,
        params: &'a AuthSchemeOptionResolverParams,
        _: &'a ConfigBag,
        _: &'a RuntimeComponents,
    ) -> AuthSchemeOptionsFuture<'a> {
        let scheme = params.get::<AuthSchemeId>().cloned();
        let options = scheme.map(|scheme| vec![AuthSchemeOption::from(scheme)]);
        AuthSchemeOptionsFuture::ready(options.ok_or_else(|| "the call has no way of signing".into()))
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

impl Storable for Sent {
    type Storer = StoreReplace<Self>;
}

/// Notes in the call's [`Sent`] that it is sent.
#[derive(Debug)]
struct NoteSent;

#[dyn_dispatch_hint]
impl Intercept for NoteSent {
    fn name(&self) -> &'static str {
        "NewelSent"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(Sent(sent)) = bag.load::<Sent>() {
            sent.store(true, Ordering::Relaxed);
        }
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
