//! Calls of a service that says itself which endpoint to call, over a transport that answers from memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod models;

use std::sync::{Arc, Mutex};

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use newel_aws_client::{Answer, Call, CallError, Caller, Client};
use newel_value::{Object, Value};

use models::catalog;

const QUERY: &str = r#"{"QueryString": "SELECT 1"}"#;

/// A service of cells: `DescribeEndpoints` names the current one, every other refuses.
#[derive(Clone, Debug, Default)]
struct Cells {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    current: u32,
    denied: bool,
    requests: Vec<String>,
}

impl HttpConnector for Cells {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut state = self.state.lock().unwrap();
        let host = request.uri().trim_start_matches("https://").trim_end_matches('/').to_owned();
        let (status, body) = if host.starts_with("query.timestream") {
            let current = state.current;
            let endpoint =
                format!(r#"{{"Endpoints":[{{"Address":"cell{current}.test","CachePeriodInMinutes":60}}]}}"#);
            let denied = r#"{"__type":"AccessDeniedException","message":"no"}"#.to_owned();
            if state.denied { (400, denied) } else { (200, endpoint) }
        } else if host == format!("cell{}.test", state.current) {
            (200, r#"{"QueryId":"q"}"#.to_owned())
        } else {
            (400, r#"{"__type":"InvalidEndpointException","message":"gone"}"#.to_owned())
        };
        state.requests.push(host);
        HttpConnectorFuture::ready(Ok(HttpResponse::new(
            StatusCode::try_from(status).unwrap(),
            SdkBody::from(body),
        )))
    }
}

impl Cells {
    fn caller(&self) -> Caller {
        let transport = SharedHttpConnector::new(self.clone());
        let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .identity_cache(IdentityCache::lazy().build())
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_fn(move |_, _| transport.clone()));
        Caller::new(config.build())
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

#[tokio::test]
async fn an_endpoint_is_asked_for_once_and_again_when_it_is_out_of_use() {
    let Some(catalog) = catalog() else { return };
    let service = catalog.botocore("timestream-query").unwrap().unwrap();
    let operation = service.operation("Query").unwrap();
    let body: Value = Value::parse(QUERY).unwrap();
    let cells = Cells::default();
    let (client, caller) = (Client::new(Arc::clone(&catalog)), cells.caller());
    let query = async || -> Result<Answer, CallError> {
        client.call(&caller, Call::new(service, operation, &body)).await
    };
    let discovery = "query.timestream.eu-west-1.amazonaws.com";
    for requests in [&[discovery, "cell0.test"][..], &["cell0.test"]] {
        assert_eq!(query().await.unwrap().body.get("QueryId"), Some(&"q".into()));
        assert_eq!(cells.requests(), requests);
    }
    cells.state.lock().unwrap().current = 1;
    assert!(query().await.is_ok());
    assert_eq!(cells.requests(), ["cell0.test", discovery, "cell1.test"]);
}

#[tokio::test]
async fn a_service_that_does_not_tell_its_endpoint_is_not_called() {
    let Some(catalog) = catalog() else { return };
    let service = catalog.botocore("timestream-query").unwrap().unwrap();
    let cells = Cells::default();
    cells.state.lock().unwrap().denied = true;
    let client = Client::new(Arc::clone(&catalog));
    let body = Value::from(Object::default());
    let operation = service.operation("ListScheduledQueries").unwrap();
    let refused = client.call(&cells.caller(), Call::new(service, operation, &body)).await;
    assert!(
        matches!(&refused, Err(CallError::Refused { error, .. }) if error.code() == "AccessDeniedException"),
        "{refused:?}"
    );
    assert_eq!(cells.requests().len(), 1);
}
