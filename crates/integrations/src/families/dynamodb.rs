//! Amazon DynamoDB: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-ddb.html>.

use crate::descriptor::{Family, call};

pub(super) const FAMILY: Family = Family {
    service: "dynamodb",
    family: "dynamodb",
    api: "dynamodb",
    error_prefix: "DynamoDB",
    base_exception: "AmazonDynamoDBException",
    display_name: "AmazonDynamoDBv2",
    actions: &[
        call("getItem", "GetItem").natural(),
        call("putItem", "PutItem"),
        call("updateItem", "UpdateItem"),
        call("deleteItem", "DeleteItem"),
    ],
};
