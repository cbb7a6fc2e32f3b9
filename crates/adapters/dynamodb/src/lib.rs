//! The worker for Amazon DynamoDB: `dynamodb:getItem`, `putItem`, `updateItem` and `deleteItem`.
//!
//! There is no job and no token. A read is repeated freely; a write whose answer was lost fails with
//! `DynamoDB.SdkClientException`, which the definition's Retry can match: only its author knows whether repeating it does
//! harm.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/connect-ddb.html>

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use newel_integrations::{Integrations, WireRequest};
use newel_worker::aws::{CallError, Caller};
use newel_worker::{CallResult, NoTable, Optimized, Options, Repeat, Service, typed_call};

/// Amazon DynamoDB through its SDK.
#[derive(Debug)]
pub struct DynamoDb;

/// The family's name.
pub const FAMILY: &str = "dynamodb";

/// The family's adapter: what [`newel_worker::run`] takes.
///
/// # Errors
/// When the integrations have no table of the service.
pub async fn adapter(
    options: &Options,
    integrations: Integrations,
) -> Result<Arc<Optimized<DynamoDb>>, NoTable> {
    Optimized::load(DynamoDb, FAMILY, options, integrations).await.map(Arc::new)
}

#[async_trait]
impl Service for DynamoDb {
    type Client = Client;

    fn client(&self, caller: &Caller) -> Client {
        Client::new(caller.config())
    }

    async fn send(&self, client: &Client, request: &WireRequest, repeat: Repeat) -> CallResult {
        // A table's ARN decides the endpoint, so the name has to be in the typed input too.
        let table = request.body.get("TableName").and_then(|name| name.as_str()).map(str::to_owned);
        match request.operation {
            "GetItem" => {
                typed_call!(aws_sdk_dynamodb, client.get_item().set_table_name(table), request, repeat)
            }
            "PutItem" => {
                typed_call!(aws_sdk_dynamodb, client.put_item().set_table_name(table), request, repeat)
            }
            "UpdateItem" => {
                typed_call!(aws_sdk_dynamodb, client.update_item().set_table_name(table), request, repeat)
            }
            "DeleteItem" => {
                typed_call!(aws_sdk_dynamodb, client.delete_item().set_table_name(table), request, repeat)
            }
            other => Err(CallError::NotSent(format!("DynamoDB has no operation {other} here"))),
        }
    }
}
