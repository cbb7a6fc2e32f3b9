//! A call from end to end: the request written, its endpoint found, signed, sent and repeated by the SDK's orchestrator,
//! the answer read.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_smithy_types::byte_stream::ByteStream;
use newel_aws_catalog::{Catalog, Operation, Service};
use newel_value::Value;

use crate::codec::{self, Response};
use crate::discovery;
use crate::endpoint::{self, Endpoint, Resolver, Settings};
use crate::invoke::{self, Invocation, Raw};
use crate::quirks::{self, CrossRegionCopy, Plan};
use crate::settings;
use crate::{Answer, CallError, Caller, Repeat, ServiceError};

/// The largest answer that is read: more than sixty times what a workflow may keep of it, since a page of descriptions
/// serves many. Larger ones are for [`Client::stream`].
pub const MAX_ANSWER: usize = 16 << 20;

/// A call of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The service's model.
    pub service: &'a Service,
    /// The operation, one of the service's.
    pub operation: &'a Operation,
    /// The request as the wire's JSON.
    pub body: &'a Value,
    /// How it may be repeated.
    pub repeat: Repeat,
    /// What idempotency tokens are that `body` doesn't give. Without one they stay absent.
    pub token: Option<&'a str>,
    /// How long the whole call may take, if not as long as the caller's configuration says.
    pub timeout: Option<Duration>,
}

impl<'a> Call<'a> {
    /// A call that may be repeated freely, without a token.
    #[must_use]
    pub const fn new(service: &'a Service, operation: &'a Operation, body: &'a Value) -> Self {
        Self { service, operation, body, repeat: Repeat::Freely, token: None, timeout: None }
    }

    /// Whether an operation answers with a stream of events, which takes as long as there is something to tell. The body of
    /// the answer is then a list with an object for each event, whose one member is the event's name.
    #[must_use]
    pub fn answers_with_events(service: &Service, operation: &Operation) -> bool {
        codec::answers_with_events(service, operation)
    }
}

/// An answer of success whose body hasn't been read yet.
#[derive(Debug)]
pub struct Streamed {
    /// HTTP status.
    pub status: u16,
    /// The headers in the order they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: ByteStream,
}

/// The client of all services. It keeps the endpoint rules it has read; connections and credentials are the
/// caller's.
#[derive(Debug)]
pub struct Client {
    endpoints: Resolver,
}

impl Client {
    /// A client of the services in this catalog.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self { endpoints: Resolver::new(catalog) }
    }

    /// Makes a call and reads its answer.
    ///
    /// # Errors
    /// [`CallError`], which tells what may have happened in the service.
    pub async fn call(&self, caller: &Caller, call: Call<'_>) -> Result<Answer, CallError> {
        let Some(timeout) = call.timeout else { return self.whole(caller, call).await };
        // The orchestrator's own limit ends where the body begins.
        let whole = tokio::time::timeout(timeout, Box::pin(self.whole(caller, call))).await;
        whole.unwrap_or_else(|_| {
            let cause = format!("there was no whole answer within {} s", timeout.as_secs_f64());
            Err(CallError::Unknown { answer: None, cause })
        })
    }

    async fn whole(&self, caller: &Caller, call: Call<'_>) -> Result<Answer, CallError> {
        let Streamed { status, headers, body } = self.stream(caller, call).await?;
        let body = collect(body).await?;
        let response = Response { status, headers: &headers, body: &body };
        if codec::is_disguised_error(call.service, call.operation, &body) {
            return Err(refusal(codec::read_error(call.service, call.operation, response)));
        }
        let read = codec::read(call.service, call.operation, response);
        let body = read.map_err(|cause| CallError::Unknown { answer: None, cause })?;
        let body = quirks::answer(call.service, call.operation, body);
        let request_id = request_id(&headers);
        Ok(Answer { status, headers, request_id, body })
    }

    /// Makes a call and hands out the body of its answer unread.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn stream(&self, caller: &Caller, call: Call<'_>) -> Result<Streamed, CallError> {
        if !discovery::is_needed(caller, call.service, call.operation) {
            return self.send(caller, call, None).await;
        }
        let prepared = caller.prepared(call.service);
        let url = prepared.discovered.url(self, caller, call.service).await?;
        let answer = self.send(caller, call, Some(url)).await;
        if !answer.as_ref().is_err_and(discovery::is_outdated) {
            return answer;
        }
        prepared.discovered.forget().await;
        let url = prepared.discovered.url(self, caller, call.service).await?;
        self.send(caller, call, Some(url)).await
    }

    /// Sends a call where its service's rules say, or to `url`.
    async fn send(
        &self,
        caller: &Caller,
        call: Call<'_>,
        url: Option<String>,
    ) -> Result<Streamed, CallError> {
        let addressed = self.addressed(caller, call).await?;
        let call = Call { body: addressed.as_ref().unwrap_or(call.body), ..call };
        let invocation = self.prepare(caller, call, url)?;
        match invoke::invoke(caller, invocation).await {
            Ok(Raw { status, headers, body }) => {
                Ok(Streamed { status, headers, body: ByteStream::new(body) })
            }
            Err(invoke::Failure::Call(error)) => Err(error),
            Err(invoke::Failure::Answer { status, headers, body }) => {
                let response = Response { status, headers: &headers, body: &body };
                Err(refusal(codec::read_error(call.service, call.operation, response)))
            }
        }
    }

    /// The body of a copy from another region, with the address that the service calls there; none if a call is no such copy.
    async fn addressed(&self, caller: &Caller, call: Call<'_>) -> Result<Option<Value>, CallError> {
        let Call { service, operation, body, .. } = call;
        let config = caller.config();
        let region = config.region().map(AsRef::as_ref);
        let copy = match CrossRegionCopy::plan(service, operation, body, region) {
            Plan::Nothing => return Ok(None),
            Plan::Plain(body) => return Ok(Some(body)),
            Plan::Sign(copy) => copy,
        };
        let unsigned = |cause: String| {
            CallError::NotSent(format!("the address of the copy's source can't be signed: {cause}"))
        };
        let settings = Settings { region: copy.source.clone(), ..caller.prepared(service).settings.clone() };
        let endpoint = self.endpoints.resolve(service, operation, body, &settings);
        let endpoint = endpoint.map_err(|error| unsigned(error.to_string()))?;
        let provider = config.credentials_provider();
        let provider = provider.ok_or_else(|| unsigned("there are no credentials".to_owned()))?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials.map_err(|error| unsigned(invoke::causes(&error)))?;
        let now = config.time_source().map_or_else(SystemTime::now, |time| time.now());
        copy.signed(&endpoint.url, credentials, now).map(Some).map_err(unsigned)
    }

    fn prepare<'a>(
        &self,
        caller: &Caller,
        call: Call<'a>,
        url: Option<String>,
    ) -> Result<Invocation<'a>, CallError> {
        let Call { service, operation, .. } = call;
        let filled = call.token.map(|token| codec::with_token(service, operation, call.body, token));
        let not_sent = |problem: String| CallError::NotSent(problem);
        let body =
            quirks::body(service, operation, filled.as_ref().unwrap_or(call.body)).map_err(not_sent)?;
        let body = body.as_ref();
        let request = codec::write(service, operation, body)?;
        let mut request = codec::finished(service, operation, body, request)?;
        quirks::written(service, operation, &mut request);
        let prepared = caller.prepared(service);
        let settings = &prepared.settings;
        let resolved = self.endpoints.resolve(service, operation, body, settings);
        let mut resolved = resolved.map_err(|error| not_sent(error.to_string()))?;
        if let Some(url) = url.or_else(|| elsewhere(settings, &resolved)) {
            resolved = Arc::new(Endpoint { url, ..Endpoint::clone(&resolved) });
        }
        // Who names an endpoint means that host and no other.
        let prefix = match settings.endpoint {
            Some(_) => None,
            None => endpoint::host_prefix(operation, service, body)
                .map_err(|error| not_sent(error.to_string()))?,
        };
        Ok(Invocation {
            service,
            operation,
            request,
            signing: settings::signing(caller.config(), service, operation, &resolved)?,
            endpoint: settings::endpoint(&resolved, prefix.as_deref())?,
            once: call.repeat == Repeat::Never,
            timeout: call.timeout,
        })
    }
}

/// The endpoint that somebody names, where the rules lead elsewhere all the same: some of `signin`'s don't look at it. S3's put
/// a bucket before its host.
fn elsewhere(settings: &Settings, resolved: &Endpoint) -> Option<String> {
    let named = settings.endpoint.as_deref()?;
    let host = named.split_once("://").map_or(named, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or(host);
    (!resolved.url.contains(host)).then(|| named.to_owned())
}

/// What an answer of failure proves.
fn refusal(error: ServiceError) -> CallError {
    let error = Box::new(error);
    let throttled = invoke::is_throttle(error.code(), error.status);
    // In disguise, a 500 has the status of success.
    let internal = error.status >= 500 || error.status < 300 && error.code() == "InternalError";
    if internal && !throttled {
        let cause = format!("{} (status {})", error.code(), error.status);
        return CallError::Unknown { answer: Some(error), cause };
    }
    CallError::Refused { error, throttled }
}

/// The id that a service gives to a request, from whichever header it is in.
fn request_id(headers: &[(String, String)]) -> Option<String> {
    let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    header("x-amzn-requestid").or_else(|| header("x-amz-request-id"))
}

async fn collect(mut body: ByteStream) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| CallError::Unknown { answer: None, cause: error.to_string() })?;
        if bytes.len() + chunk.len() > MAX_ANSWER {
            return Err(CallError::TooLarge { limit: MAX_ANSWER });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
