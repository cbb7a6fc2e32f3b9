//! What somebody who tests an HTTP Task is shown of the call.

use newel_worker::{
    Adapter as _, Attempt, AuthKind, Exchange, HttpTrace, Options, SourceOptions, Submission,
};
use newel_worker_http::Http;

use crate::support::{Server, adapter, answer, http_task, options};

/// An attempt whose state is tested, and where its exchange is noted.
fn watched(attempt: Attempt, reveal_secrets: bool) -> (Attempt, HttpTrace) {
    let trace = HttpTrace::new(reveal_secrets);
    (Attempt { http_trace: Some(trace.clone()), ..attempt }, trace)
}

/// What is shown of an attempt.
async fn shown(adapter: &Http, attempt: Attempt, reveal_secrets: bool) -> Option<Exchange> {
    let (attempt, trace) = watched(attempt, reveal_secrets);
    let _outcome = adapter.submit(&attempt).await;
    trace.take()
}

fn value(text: &str) -> SourceOptions {
    SourceOptions { value: Some(text.to_owned()), ..Default::default() }
}

/// Options with a connection that adds something everywhere.
fn adding() -> Options {
    let mut options = options();
    options.http.plain_http = true;
    options.http.allow = vec!["127.0.0.1".to_owned()];
    let connection = options.http.connections.get_mut("plain").unwrap();
    connection.auth = AuthKind::ApiKey;
    connection.key_name = "X-Api-Key".to_owned();
    connection.key = value("s3cret-key");
    connection.headers.insert("X-Mode".into(), value("s3cret-header"));
    connection.query.insert("q".into(), value("s3cret query"));
    connection.body.insert("k".into(), value("s3cret-member"));
    options
}

const GIVEN: &str = r#","Headers":{"x-mode":"task","X-Own":["1","2"]},"QueryParameters":{"q":"task","r":"a b"},
    "RequestBody":{"k":"task","j":1}"#;

#[tokio::test]
async fn a_connections_additions_are_shown_only_if_asked_for() {
    let server = Server::plain(|_| answer(200, r#"{"a": 1}"#)).await;
    let adapter = adapter(&adding()).await;
    let base = format!("http://127.0.0.1:{}/x", server.port());
    let call = || http_task("PUT", &format!("{base}?z=0&q=url#f"), GIVEN);

    let hidden = shown(&adapter, call(), false).await.unwrap();
    let Exchange { request, response } = hidden;
    assert_eq!((&*request.protocol, &*request.method), ("http", "PUT"));
    assert_eq!(request.url, format!("{base}?z=0&r=a%20b"));
    assert_eq!(request.body, r#"{"j":1}"#);
    assert!(request.headers.starts_with("[") && request.headers.ends_with("]"), "{}", request.headers);
    for part in
        ["X-Own: 1, X-Own: 2", "Range: bytes=0-262144", "User-Agent: Amazon|StepFunctions|HttpInvoke|"]
    {
        assert!(request.headers.contains(part), "{part} in {}", request.headers);
    }
    for name in ["X-Mode", "X-Api-Key", "s3cret"] {
        assert!(!request.headers.contains(name), "{name} in {}", request.headers);
    }
    let response = response.unwrap();
    assert_eq!((&*response.protocol, response.status, &*response.message), ("http", 200, "OK"));
    assert_eq!(response.body, r#"{"a": 1}"#, "as it came, not as a result has it");
    assert!(response.headers.contains("Content-Type: application/json"), "{}", response.headers);

    let revealed = shown(&adapter, call(), true).await.unwrap().request;
    assert_eq!(revealed.url, format!("{base}?z=0&r=a%20b&q=s3cret%20query"));
    assert!(
        revealed.headers.contains("X-Api-Key: s3cret-key")
            && revealed.headers.contains("X-Mode: s3cret-header")
    );
    assert_eq!(revealed.body, server.got()[1].body);
    assert!(revealed.body.contains("s3cret-member"));
    assert_eq!(server.got()[0].body, server.got()[1].body, "what is sent is the same");
}

#[tokio::test]
async fn what_goes_to_some_hosts_only_is_never_shown() {
    let server = Server::plain(|_| answer(200, "{}")).await;
    let mut options = adding();
    options.http.connections.get_mut("plain").unwrap().hosts = vec!["127.0.0.1".to_owned()];
    let adapter = adapter(&options).await;
    let url = format!("http://127.0.0.1:{}/", server.port());
    let request = shown(&adapter, http_task("POST", &url, GIVEN), true).await.unwrap().request;
    assert!(server.got()[0].body.contains("s3cret-member"));
    let all = format!("{} {} {}", request.url, request.headers, request.body);
    assert!(!all.contains("s3cret"), "{all}");
}

#[tokio::test]
async fn a_form_and_no_body_of_ones_own_are_shown_without_additions() {
    let server = Server::plain(|_| answer(200, "{}")).await;
    let adapter = adapter(&adding()).await;
    let url = format!("http://127.0.0.1:{}/", server.port());
    let form = r#","RequestBody":{"k":"task","j":[1,2]},"Transform":{"RequestBodyEncoding":"URL_ENCODED"}"#;
    let body =
        async |more: &str| shown(&adapter, http_task("POST", &url, more), false).await.unwrap().request.body;
    assert_eq!(body(form).await, "j%5B0%5D=1&j%5B1%5D=2");
    assert_eq!(body("").await, "", "the connection's members alone were sent");
    assert_eq!(server.got()[1].body, r#"{"k":"s3cret-member"}"#);
}

#[tokio::test]
async fn a_call_that_fails_is_shown_with_its_answer_if_there_was_one() {
    let server = Server::plain(|got| match &*got.path {
        "/missing" => answer(404, "gone"),
        "/long" => answer(200, "x".repeat(300 * 1024)),
        _ => None,
    })
    .await;
    let adapter = adapter(&adding()).await;
    let call = |path: &str| http_task("GET", &format!("http://127.0.0.1:{}{path}", server.port()), "");
    let missing = shown(&adapter, call("/missing"), false).await.unwrap().response.unwrap();
    assert_eq!((missing.status, &*missing.message, &*missing.body), (404, "Not Found", "gone"));
    for path in ["/long", "/cut"] {
        let exchange = shown(&adapter, call(path), false).await.unwrap();
        assert!(exchange.request.url.ends_with(path) && exchange.response.is_none(), "{path}");
    }
    // The attempt's end isn't the worse for it.
    let (attempt, _trace) = watched(call("/missing"), false);
    assert!(matches!(adapter.submit(&attempt).await, Submission::Failed(failure) if failure.cause == "gone"));
    let refused = http_task("GET", "http://127.0.0.2:9/", "");
    assert_eq!(shown(&adapter, refused, false).await, None, "nothing was sent");
}

#[tokio::test]
async fn after_redirects_the_last_call_that_was_sent_is_shown() {
    let server = Server::plain(|got| {
        let location = match &*got.path {
            "/first" => "/second?q=s3cret%20query&own=1",
            "/out" => "http://169.254.169.254/",
            _ => return answer(200, "there"),
        };
        let mut redirect = answer(302, "")?;
        redirect.headers_mut().insert("Location", location.parse().unwrap());
        Some(redirect)
    })
    .await;
    let mut options = adding();
    options.http.max_redirects = 2;
    let adapter = adapter(&options).await;
    let base = format!("http://127.0.0.1:{}", server.port());
    let call = |path: &str| http_task("GET", &format!("{base}{path}"), GIVEN);

    let hidden = shown(&adapter, call("/first"), false).await.unwrap();
    assert_eq!(hidden.request.url, format!("{base}/second?own=1"));
    assert_eq!((&*hidden.request.body, &*hidden.response.unwrap().body), ("", "there"));
    assert!(!hidden.request.headers.contains("s3cret"), "{}", hidden.request.headers);
    let revealed = shown(&adapter, call("/first"), true).await.unwrap().request;
    assert_eq!(revealed.url, format!("{base}/second?q=s3cret%20query&own=1"));
    assert!(revealed.headers.contains("X-Api-Key: s3cret-key"));

    let stopped = shown(&adapter, call("/out"), false).await.unwrap();
    assert!(stopped.request.url.starts_with(&format!("{base}/out?")), "the guard let no other call go");
    assert_eq!(stopped.response.unwrap().status, 302);
}
