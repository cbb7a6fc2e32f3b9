//! The adapter keeps the contract, and its results and errors are AWS's, over the fake AWS.

#![expect(clippy::unwrap_used, reason = "a test that can't go on panics")]

#[path = "../../testing/fake_bench.rs"]
mod fake_bench;

use std::sync::Arc;

use async_trait::async_trait;
use fake_bench::{Bench, attempt, integrations, options};
use newel_aws_fake::{FaultKind, FaultRule, Selector, Service};
use newel_worker::contract::{self, Ending, Fault};
use newel_worker::{Adapter, Attempt, Optimized, Pattern, Reconciled, Submission};
use newel_worker_dynamodb::DynamoDb;

/// The bench with its adapter.
#[derive(Debug)]
struct Over {
    bench: Bench,
    adapter: Arc<Optimized<DynamoDb>>,
}

#[async_trait]
impl contract::Bench for Over {
    fn adapter(&self) -> Arc<dyn Adapter> {
        Arc::<Optimized<DynamoDb>>::clone(&self.adapter)
    }

    fn attempt(&self, pattern: Pattern, _ending: Ending) -> Attempt {
        let counted = update("");
        let parameters = update(&key_of(&counted)).parameters;
        Attempt { parameters, pattern, ..counted }
    }

    async fn effects(&self, attempt: &Attempt) -> usize {
        let count = get(self, &key_of(attempt)).await.pointer("/Item/count/N").cloned();
        count.and_then(|count| count.as_str()?.parse().ok()).unwrap_or(0)
    }

    fn break_next_start(&self, fault: Fault) {
        self.bench.break_next_start(fault);
    }

    fn pass_time(&self) {
        self.bench.pass_time();
    }

    fn has_jobs(&self) -> bool {
        false
    }

    fn can_tell(&self) -> bool {
        false
    }
}

/// A counter's increment: each time it takes effect shows.
fn update(key: &str) -> Attempt {
    let parameters = format!(
        r##"{{"TableName":"t","Key":{{"id":{{"S":"{key}"}}}},"UpdateExpression":"ADD #c :one",
            "ExpressionAttributeNames":{{"#c":"count"}},"ExpressionAttributeValues":{{":one":{{"N":"1"}}}}}}"##
    );
    attempt("dynamodb:updateItem", Pattern::RequestResponse, &parameters)
}

/// The key that an attempt counts under.
fn key_of(attempt: &Attempt) -> String {
    attempt.submit_token.to_string()
}

async fn get(over: &Over, key: &str) -> newel_value::Value {
    let parameters = format!(r#"{{"TableName":"t","Key":{{"id":{{"S":"{key}"}}}},"ConsistentRead":true}}"#);
    match over.adapter.submit(&attempt("dynamodb:getItem", Pattern::RequestResponse, &parameters)).await {
        Submission::Finished(output) => output.value().clone(),
        other => panic!("{other:?}"),
    }
}

async fn over() -> Over {
    let bench = Bench::start(Service::DynamoDb, "UpdateItem").await;
    create_table(&bench).await;
    let adapter = newel_worker_dynamodb::adapter(&options(&bench.fake), integrations()).await.unwrap();
    Over { bench, adapter }
}

async fn create_table(bench: &Bench) {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
    use aws_sdk_dynamodb::types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    };
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(bench.fake.url())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(fake_bench::ACCOUNT, "x", None, None, "test"))
        .build();
    let id = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    aws_sdk_dynamodb::Client::from_conf(config)
        .create_table()
        .table_name("t")
        .attribute_definitions(id.build().unwrap())
        .key_schema(key.build().unwrap())
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn the_contract() {
    contract::check(&over().await).await;
}

#[tokio::test]
async fn items_go_in_and_out_as_they_are() {
    let over = over().await;
    let put = r#"{"TableName":"t","Item":{"id":{"S":"k"},"n":{"N":"1.50"},"b":{"BOOL":true},"m":{"M":{"x y":{"NULL":true}}}}}"#;
    let submission = over.adapter.submit(&attempt("dynamodb:putItem", Pattern::RequestResponse, put)).await;
    assert!(matches!(submission, Submission::Finished(_)), "{submission:?}");
    let got = get(&over, "k").await;
    assert_eq!(got.pointer("/Item/n/N").and_then(|v| v.as_str()), Some("1.50"), "{got}");
    assert_eq!(got.pointer("/Item/b/BOOL").and_then(|v| v.as_bool()), Some(true), "{got}");
    assert_eq!(got.pointer("/Item/m/M/x y/NULL").and_then(|v| v.as_bool()), Some(true), "{got}");
    let delete = r#"{"TableName":"t","Key":{"id":{"S":"k"}}}"#;
    over.adapter.submit(&attempt("dynamodb:deleteItem", Pattern::RequestResponse, delete)).await;
    assert_eq!(get(&over, "k").await.pointer("/Item"), None);
}

#[tokio::test]
async fn errors_are_named_as_the_java_sdk_names_them() {
    let over = over().await;
    let check = async |resource: &str, parameters: &str, error: &str| match over
        .adapter
        .submit(&attempt(resource, Pattern::RequestResponse, parameters))
        .await
    {
        Submission::Failed(failure) => assert_eq!(failure.error, error, "{}", failure.cause),
        other => panic!("{other:?}"),
    };
    let item = r#"{"TableName":"t","Item":{"id":{"S":"k"}},"ConditionExpression":"attribute_exists(id)"}"#;
    check("dynamodb:putItem", item, "DynamoDB.ConditionalCheckFailedException").await;
    let missing = r#"{"TableName":"none","Key":{"id":{"S":"k"}}}"#;
    check("dynamodb:getItem", missing, "DynamoDB.ResourceNotFoundException").await;
    let wrong = r#"{"TableName":"t","Key":{"other":{"S":"k"}}}"#;
    check("dynamodb:getItem", wrong, "DynamoDB.AmazonDynamoDBException").await;
    check("dynamodb:getItem", r#"{"TableName":"t","Nope":1}"#, "States.Runtime").await;
}

#[tokio::test]
async fn a_read_is_repeated_freely() {
    let over = over().await;
    let select = Selector { operation: Some("GetItem".to_owned()), ..Selector::default() };
    over.bench.fake.add_faults(vec![FaultRule::new(select, FaultKind::LostAnswer).times(2)]).unwrap();
    assert!(get(&over, "k").await.as_object().is_some());
    let read =
        attempt("dynamodb:getItem", Pattern::RequestResponse, r#"{"TableName":"t","Key":{"id":{"S":"k"}}}"#);
    assert!(matches!(over.adapter.reconcile(&read).await, Reconciled::NotStarted));
}
