//! Puts a model-driven body into a typed SDK call, and keeps the raw answer.
//!
//! The SDK's types know the members of the day their crate was made and can't be built from JSON. So the typed call is
//! made with an empty input, for its endpoint, signing and retries, and this interceptor does the rest.

use std::sync::Arc;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use newel_integrations::HttpAnswer;
use parking_lot::Mutex;

/// The interceptor of one call; a clone is the same one.
#[derive(Clone, Debug)]
pub struct RawExchange(Arc<Inner>);

struct Inner {
    body: Bytes,
    seen: Mutex<Seen>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Seen {
    transmitted: bool,
    answer: Option<(HttpAnswer, Bytes)>,
}

impl RawExchange {
    /// For one call with this JSON body.
    #[must_use]
    pub fn new(body: String) -> Self {
        Self(Arc::new(Inner { body: body.into(), seen: Mutex::default() }))
    }

    /// Whether a request has been handed to the transport.
    pub(super) fn was_transmitted(&self) -> bool {
        self.0.seen.lock().transmitted
    }

    /// The latest answer, whatever its status.
    pub(super) fn take_answer(&self) -> Option<(HttpAnswer, Bytes)> {
        self.0.seen.lock().answer.take()
    }
}

#[dyn_dispatch_hint]
impl Intercept for RawExchange {
    fn name(&self) -> &'static str {
        "NewelRawExchange"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().try_insert("content-length", self.0.body.len().to_string())?;
        *request.body_mut() = SdkBody::from(self.0.body.clone());
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.seen.lock().transmitted = true;
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let body = response.body().bytes().map(Bytes::copy_from_slice).unwrap_or_default();
        let headers: Vec<(String, String)> =
            response.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let header = |name: &str| response.headers().get(name).map(str::to_owned);
        let request_id = header("x-amzn-requestid").or_else(|| header("x-amz-request-id"));
        let http = HttpAnswer { status: response.status().as_u16(), headers, request_id };
        self.0.seen.lock().answer = Some((http, body));
        Ok(())
    }
}
