//! Amazon DynamoDB: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-ddb.html>.

use crate::descriptor::{Action, Family, Idempotency, complete_nothing, refuse_nothing};

pub(super) const FAMILY: Family = Family {
    service: "dynamodb",
    family: "dynamodb",
    api: "dynamodb",
    error_prefix: "DynamoDB",
    base_exception: "AmazonDynamoDBException",
    display_name: "AmazonDynamoDBv2",
    actions: &[
        item("getItem", "GetItem"),
        item("putItem", "PutItem"),
        item("updateItem", "UpdateItem"),
        item("deleteItem", "DeleteItem"),
    ],
};

/// The four actions differ in their names only.
const fn item(name: &'static str, operation: &'static str) -> Action {
    Action {
        name,
        operation,
        job: None,
        callback: false,
        complete: complete_nothing,
        refuse: refuse_nothing,
        idempotency: Idempotency::None,
        repeated: &[],
        failures: None,
    }
}
