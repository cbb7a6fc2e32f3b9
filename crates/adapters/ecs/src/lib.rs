//! The worker for Amazon ECS and Fargate: `ecs:runTask`, alone, with `.sync` and with `.waitForTaskToken`.
//!
//! RunTask takes a client token: a start whose answer was lost is repeated with the same token, and the service answers
//! with the task that the first one started.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html>

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ecs::Client;
use newel_integrations::{Integrations, WireRequest};
use newel_worker::aws::{CallError, Caller};
use newel_worker::{CallResult, NoTable, Optimized, Options, Repeat, Service, typed_call};

/// Amazon ECS through its SDK.
#[derive(Debug)]
pub struct Ecs;

/// The family's name.
pub const FAMILY: &str = "ecs";

/// The family's adapter: what [`newel_worker::run`] takes.
///
/// # Errors
/// When the integrations have no table of the service.
pub async fn adapter(options: &Options, integrations: Integrations) -> Result<Arc<Optimized<Ecs>>, NoTable> {
    Optimized::load(Ecs, FAMILY, options, integrations).await.map(Arc::new)
}

#[async_trait]
impl Service for Ecs {
    type Client = Client;

    fn client(&self, caller: &Caller) -> Client {
        Client::new(caller.config())
    }

    async fn send(&self, client: &Client, request: &WireRequest, repeat: Repeat) -> CallResult {
        match request.operation {
            "RunTask" => typed_call!(aws_sdk_ecs, client.run_task(), request, repeat),
            "DescribeTasks" => typed_call!(aws_sdk_ecs, client.describe_tasks(), request, repeat),
            "StopTask" => typed_call!(aws_sdk_ecs, client.stop_task(), request, repeat),
            other => Err(CallError::NotSent(format!("ECS has no operation {other} here"))),
        }
    }
}
