//! HTTP Tasks and API Gateway over TLS, and what is made of calls that come to no answer.

use newel_worker::contract::attempt;
use newel_worker::{Adapter as _, Options, Pattern, Reconciled, Submission};

use crate::support::{Server, adapter, answer, failure, finished, http_task, options};

/// Options that trust a server and reach it.
fn trusting(server: &Server, directory: &tempfile::TempDir) -> Options {
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, &server.certificate).unwrap();
    let mut options = options();
    options.http.allow = vec!["127.0.0.0/8".to_owned()];
    options.http.ca_file = Some(file);
    options
}

#[tokio::test]
async fn a_certificate_has_to_be_for_the_host_and_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::tls(&["localhost"], |_| answer(200, r#"{"a":1}"#)).await;
    let options = trusting(&server, &directory);
    let trusting = adapter(&options).await;
    let url = |host: &str| format!("https://{host}:{}/x", server.port());
    let result = finished(&trusting, &http_task("GET", &url("localhost"), "")).await;
    assert_eq!(result["ResponseBody"]["a"], 1);
    assert_eq!(result["Headers"]["Content-Type"][0], "application/json");
    let other_name = failure(&trusting, &http_task("GET", &url("127.0.0.1"), "")).await;
    assert_eq!(other_name.error, "States.Http.Socket");
    assert!(other_name.cause.contains("TLS"), "{other_name:?}");
    let strict =
        adapter(&Options { http: newel_worker::HttpOptions { ca_file: None, ..options.http }, ..options })
            .await;
    let untrusted = failure(&strict, &http_task("POST", &url("localhost"), "")).await;
    assert_eq!(untrusted.error, "States.Http.Socket", "nothing was sent, so nothing is unknown");
    assert_eq!(server.got().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_unknown_unless_the_call_is_safe() {
    let server = Server::plain(|_| None).await;
    let mut options = options();
    options.http.plain_http = true;
    options.http.allow = vec!["127.0.0.1".to_owned()];
    let adapter = adapter(&options).await;
    let url = format!("http://127.0.0.1:{}/", server.port());
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let attempt = http_task(method, &url, "");
        match adapter.submit(&attempt).await {
            Submission::Unknown { answer: Some(failure), .. } => {
                assert_eq!(failure.error, "States.Http.Socket")
            }
            other => panic!("{method}: {other:?}"),
        }
        assert!(matches!(adapter.reconcile(&attempt).await, Reconciled::Unknown { .. }), "{method}");
        assert_eq!(adapter.unanswered(&attempt, "why").error, "States.Http.Socket");
    }
    for method in ["GET", "HEAD", "OPTIONS"] {
        let attempt = http_task(method, &url, "");
        assert_eq!(failure(&adapter, &attempt).await.error, "States.Http.Socket");
        assert!(matches!(adapter.reconcile(&attempt).await, Reconciled::NotStarted), "{method}");
    }
    assert_eq!(server.got().len(), 7, "nothing was sent twice");
}

#[tokio::test]
async fn a_call_ends_in_time() {
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = options();
    options.http.plain_http = true;
    options.http.timeout_seconds = 1;
    options.http.allow = vec!["127.0.0.1".to_owned()];
    let adapter = adapter(&options).await;
    let url = format!("http://{}/", hanging.local_addr().unwrap());
    let begun = std::time::Instant::now();
    let failure = failure(&adapter, &http_task("GET", &url, "")).await;
    assert_eq!(failure.error, "States.Http.Socket");
    assert!(begun.elapsed() < std::time::Duration::from_secs(8));
}

#[tokio::test]
async fn an_api_is_signed_for() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::tls(&["localhost"], |_| answer(200, "{}")).await;
    let mut options = trusting(&server, &directory);
    options.http.allow.push("localhost".to_owned());
    let adapter = adapter(&options).await;
    let parameters = |auth: &str| {
        format!(
            r#"{{"ApiEndpoint":"localhost:{}","Method":"POST","Stage":"prod","Path":"a b","QueryParameters":{{"q":["1","ä"]}},
                "RequestBody":{{"x":1}},"AuthType":"{auth}"}}"#,
            server.port()
        )
    };
    for auth in ["IAM_ROLE", "RESOURCE_POLICY", "NO_AUTH"] {
        finished(&adapter, &attempt("apigateway:invoke", Pattern::RequestResponse, &parameters(auth))).await;
        let got = server.got().pop().unwrap();
        assert_eq!((&*got.path, &*got.raw_query, &*got.body), ("/prod/a%20b", "q=1&q=%C3%A4", r#"{"x":1}"#));
        let signed = got.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        match auth {
            "NO_AUTH" => assert_eq!(signed, None),
            _ => {
                let signed = signed.unwrap();
                assert!(signed.contains("/us-east-1/execute-api/aws4_request"), "{signed}");
                assert!(signed.contains("SignedHeaders=content-type;host;x-amz-date"), "{signed}");
            }
        }
    }
    let elsewhere = parameters("NO_AUTH").replace("localhost", "127.0.0.9");
    let mut strict = options.clone();
    strict.http.allow = Vec::new();
    let strict = crate::support::adapter(&strict).await;
    let failure = failure(&strict, &attempt("apigateway:invoke", Pattern::RequestResponse, &elsewhere)).await;
    assert!(failure.cause.contains("execute-api"), "{failure:?}");
}

#[tokio::test]
async fn an_emulators_apis_are_reached_at_its_endpoint() {
    let emulator = Server::plain(|_| answer(200, "{}")).await;
    let mut options = options();
    options.aws.endpoint_url = Some(format!("http://127.0.0.1:{}", emulator.port()));
    let adapter = adapter(&options).await;
    let parameters = r#"{"ApiEndpoint":"a1b2.execute-api.us-east-1.amazonaws.com","Method":"GET","Stage":"dev","Path":"/x"}"#;
    finished(&adapter, &attempt("apigateway:invoke", Pattern::RequestResponse, parameters)).await;
    assert_eq!(emulator.got()[0].path, "/restapis/a1b2/dev/_user_request_/x");
    let url = format!("https://127.0.0.1:{}/", emulator.port());
    assert!(
        failure(&adapter, &http_task("GET", &url, "")).await.cause.contains("loopback"),
        "tasks don't go there"
    );
}
