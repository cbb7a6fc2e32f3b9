//! How the calls of integrations are made.

use async_trait::async_trait;
use newel_aws_client::Caller;
use newel_integrations::{HttpAnswer, WireRequest};
use newel_value::Value;

use super::Calls;
use crate::aws::CallError;

/// How a call may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// As the SDK sees fit.
    Freely,
    /// Never once it may have reached the service.
    Never,
}

/// The outcome of a call: the answer's JSON as on the wire, and what came with it.
pub type CallResult = Result<(Value, HttpAnswer), CallError>;

/// A job found by its marker: the answer of its start call, and what came with the answer that showed it.
pub type Found = (Value, HttpAnswer);

/// A way to call the services of a family.
#[async_trait]
pub trait Service: Send + Sync + std::fmt::Debug + Sized + 'static {
    /// What makes calls under one identity.
    type Client: Send + Sync;

    /// A client.
    fn client(&self, caller: &Caller) -> Self::Client;

    /// Makes a call, without retries of its own if it may not be repeated.
    async fn send(&self, client: &Self::Client, request: &WireRequest, repeat: Repeat) -> CallResult;

    /// Looks for the job whose marker says that `token` started it, and gives the answer its start call had (as much of
    /// it as can be told). For services whose table says that start calls are marked.
    async fn find(
        calls: &Calls<'_, Self>,
        start: &WireRequest,
        token: &str,
    ) -> Result<Option<Found>, CallError> {
        let _ = (calls, start, token);
        Ok(None)
    }
}

/// Makes a typed SDK call as [`Service::send`] is to make it: `typed_call!(aws_sdk_batch, client.submit_job(), request,
/// repeat)`.
#[macro_export]
macro_rules! typed_call {
    ($sdk:ident, $operation:expr, $request:expr, $repeat:expr) => {{
        let exchange = $crate::aws::RawExchange::new($request.body.to_json());
        let mut call = $operation.customize().interceptor(exchange.clone());
        if $repeat == $crate::Repeat::Never {
            let once = $sdk::config::retry::RetryConfig::disabled();
            call = call.config_override($sdk::config::Config::builder().retry_config(once));
        }
        $crate::aws::outcome(&exchange, Box::pin(call.send()).await)
    }};
}
