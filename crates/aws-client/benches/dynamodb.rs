//! What a call costs beside the generated client: both write, sign and read the same calls of DynamoDB over one transport
//! that answers at once from memory, so that the processor time is the clients' own.
//!
//! Rounds of the two alternate; the ratio is that of the medians. At most 1.5 is wanted. `NEWEL_CATALOG` names the packed
//! models.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::{env, hint};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use newel_aws_catalog::Catalog;
use newel_aws_client::{Call, Caller, Client};
use newel_value::Value;
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 11;
const CALLS: u32 = 2_000;
const WANTED: f64 = 1.5;

/// Answers GetItem with an item, and PutItem with nothing.
#[derive(Debug)]
struct Memory {
    item: String,
}

impl HttpConnector for Memory {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let get = request.headers().get("x-amz-target").is_some_and(|target| target.ends_with(".GetItem"));
        let body =
            if get { SdkBody::from(format!(r#"{{"Item":{}}}"#, self.item)) } else { SdkBody::from("{}") };
        let mut response =
            HttpResponse::new(StatusCode::try_from(200).unwrap_or_else(|_| unreachable!()), body);
        response.headers_mut().insert("x-amzn-requestid", "0123456789ABCDEF");
        response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// An item of some twenty attributes, two of them documents.
fn item() -> HashMap<String, AttributeValue> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: usize| AttributeValue::N(number.to_string());
    let plain = (0..16).map(|i| match i % 2 {
        0 => (format!("attribute{i}"), text("a value of some thirty characters")),
        _ => (format!("attribute{i}"), number(i * 1_000_003)),
    });
    let document = (0..5).map(|i| (format!("field{i}"), number(i))).collect();
    let list = (0..5).map(|i| text(&format!("element {i}"))).collect();
    let nested =
        [("document".to_owned(), AttributeValue::M(document)), ("list".to_owned(), AttributeValue::L(list))];
    plain.chain(nested).chain([("id".to_owned(), text("item-1"))]).collect()
}

/// The wire's JSON of an attribute.
fn wire(attribute: &AttributeValue) -> Value {
    let (kind, value) = match attribute {
        AttributeValue::S(text) => ("S", Value::from(text.as_str())),
        AttributeValue::N(number) => ("N", Value::from(number.as_str())),
        AttributeValue::L(list) => ("L", list.iter().map(wire).collect()),
        AttributeValue::M(map) => ("M", wire_item(map)),
        other => unreachable!("the item has no {other:?}"),
    };
    Value::Object([(kind, value)].into_iter().collect())
}

fn wire_item(item: &HashMap<String, AttributeValue>) -> Value {
    Value::Object(item.iter().map(|(name, value)| (name.as_str(), wire(value))).collect())
}

fn config(item: String) -> SdkConfig {
    let transport = SharedHttpConnector::new(Memory { item });
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "benchmark");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(aws_config::identity::IdentityCache::lazy().build())
        .http_client(http_client_fn(move |_, _| transport.clone()))
        .build()
}

/// Processor time of this process in microseconds.
fn processor() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Microseconds a call of each of two, their rounds taking turns; a first round of each warms up and isn't counted.
async fn measure(mut ours: impl AsyncFnMut(), mut theirs: impl AsyncFnMut()) -> (f64, f64) {
    let (mut of_ours, mut of_theirs) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let start = processor();
        for _ in 0..CALLS {
            ours().await;
        }
        let middle = processor();
        for _ in 0..CALLS {
            theirs().await;
        }
        let end = processor();
        if round > 0 {
            of_ours.push((middle - start) / f64::from(CALLS));
            of_theirs.push((end - middle) / f64::from(CALLS));
        }
    }
    (median(of_ours), median(of_theirs))
}

fn main() -> ExitCode {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let catalog =
        env::var_os("NEWEL_CATALOG").map_or_else(|| root.join(".newel/aws-catalog.bin"), PathBuf::from);
    let catalog = match Catalog::open(&catalog) {
        Ok(catalog) => Arc::new(catalog),
        Err(error) => {
            eprintln!("{}: {error}; `make setup` packs it", catalog.display());
            return ExitCode::FAILURE;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.expect("a runtime").block_on(compare(catalog)) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Prints a row for each operation; false if one costs more than wanted.
async fn compare(catalog: Arc<Catalog>) -> bool {
    let item = item();
    let wire_item = wire_item(&item);
    let config = config(wire_item.to_json());
    let generated = aws_sdk_dynamodb::Client::new(&config);
    let client = Client::new(Arc::clone(&catalog));
    let caller = Caller::new(config);
    let service = catalog.service("dynamodb").expect("a readable model").expect("DynamoDB in the catalog");
    let call = async |name: &str, body: &Value| {
        let operation = service.operation(name).expect("the operation in the model");
        let answer = client.call(&caller, Call::new(service, operation, body)).await;
        hint::black_box(answer.expect("an answer"));
    };
    let key = HashMap::from([("id".to_owned(), AttributeValue::S("item-1".to_owned()))]);
    let object = |name: &str, value: Value| {
        Value::Object([("TableName", Value::from("benchmark")), (name, value)].into_iter().collect())
    };
    let (get, put) = (object("Key", self::wire_item(&key)), object("Item", wire_item));

    println!("µs of processor a call | newel-aws-client | aws-sdk-dynamodb | ratio");
    let row = |name: &str, (ours, theirs): (f64, f64)| {
        println!("{name:<22} | {ours:>16.1} | {theirs:>16.1} | {:.2}", ours / theirs);
        ours / theirs <= WANTED
    };
    let of_get = measure(
        async || call("GetItem", &get).await,
        async || {
            let answer = generated.get_item().table_name("benchmark").set_key(Some(key.clone())).send().await;
            hint::black_box(answer.expect("an answer"));
        },
    );
    let of_get = row("GetItem", of_get.await);
    let of_put = measure(
        async || call("PutItem", &put).await,
        async || {
            let answer =
                generated.put_item().table_name("benchmark").set_item(Some(item.clone())).send().await;
            hint::black_box(answer.expect("an answer"));
        },
    );
    row("PutItem", of_put.await) && of_get
}
