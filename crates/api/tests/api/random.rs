//! Whatever comes in, an answer goes out.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use proptest::prelude::*;

use crate::client::Api;

const OPERATIONS: [&str; 5] =
    ["CreateStateMachine", "StartExecution", "ListExecutions", "GetExecutionHistory", "TagResource"];

/// JSON of any shape, with the API's own names for keys so that it gets past the first check now and then.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|i| i.to_string()),
        any::<f64>().prop_filter("JSON has no NaN", |f| f.is_finite()).prop_map(|f| f.to_string()),
        ".{0,20}".prop_map(|s| serde_json::to_string(&s).unwrap()),
    ];
    let key = prop_oneof![
        Just("name"),
        Just("definition"),
        Just("roleArn"),
        Just("stateMachineArn"),
        Just("executionArn"),
        Just("resourceArn"),
        Just("tags"),
        Just("input"),
        Just("maxResults"),
        Just("nextToken"),
        Just("type"),
        Just("loggingConfiguration"),
        Just("encryptionConfiguration"),
        Just("level"),
        Just("key"),
        Just("value"),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn request(api: &Api, operation: &str, body: Vec<u8>, authorization: &[u8]) -> Request<Full<Bytes>> {
    let mut builder = Request::post(format!("http://{}/", api.http))
        .header("x-amz-target", format!("AWSStepFunctions.{operation}"));
    if let Ok(value) = http::HeaderValue::from_bytes(authorization) {
        builder = builder.header("authorization", value);
    }
    builder.body(Full::from(body)).unwrap()
}

#[test]
fn any_body_and_header_is_answered() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let api = runtime.block_on(Api::start());
    let body = prop_oneof![json().prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..200)];
    let strategy = (prop::sample::select(&OPERATIONS), body, prop::collection::vec(any::<u8>(), 0..60));
    proptest!(ProptestConfig::with_cases(300), |((operation, body, header) in strategy)| {
        let answer = runtime.block_on(api.send(request(&api, operation, body, &header)));
        // A panic would have closed the connection; an internal error is never a client's doing.
        prop_assert!([200, 400].contains(&answer.status), "{}: {}", answer.status, answer.body);
        let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        prop_assert!(json.is_object());
    });
}
