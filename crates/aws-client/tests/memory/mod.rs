//! A transport that answers from memory, and keeps what it was asked.

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
use newel_aws_catalog::Catalog;
use newel_aws_client::{Answer, Call, CallError, Caller, Client};
use newel_value::Value;

/// Gives every request one answer, and keeps the requests.
#[derive(Clone, Debug)]
struct Memory {
    status: u16,
    body: Arc<[u8]>,
    requests: Arc<Mutex<Vec<HttpRequest>>>,
}

impl HttpConnector for Memory {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.requests.lock().unwrap().push(request);
        let body = SdkBody::from(self.body.to_vec());
        let mut response = HttpResponse::new(StatusCode::try_from(self.status).unwrap(), body);
        response.headers_mut().insert("x-amz-request-id", "R1");
        HttpConnectorFuture::ready(Ok(response))
    }
}

pub(crate) struct Outcome {
    pub(crate) answer: Result<Answer, CallError>,
    requests: Arc<Mutex<Vec<HttpRequest>>>,
}

impl Outcome {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.requests.lock().unwrap()[0].headers().get(name).map(str::to_owned)
    }

    pub(crate) fn uri(&self) -> String {
        self.requests.lock().unwrap()[0].uri().to_owned()
    }

    #[allow(dead_code, reason = "not every test looks at bodies")]
    pub(crate) fn request(&self) -> (String, String) {
        let requests = self.requests.lock().unwrap();
        let body = requests[0].body().bytes().unwrap_or_default();
        (requests[0].method().to_owned(), String::from_utf8_lossy(body).into_owned())
    }

    pub(crate) fn sent(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

fn config(transport: Memory) -> SdkConfig {
    let transport = SharedHttpConnector::new(transport);
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(IdentityCache::lazy().build())
        .retry_config(RetryConfig::disabled())
        .http_client(http_client_fn(move |_, _| transport.clone()))
        .build()
}

pub(crate) async fn call(
    catalog: &Arc<Catalog>,
    of: (&str, &str),
    request: &str,
    answer: (u16, impl AsRef<[u8]>),
) -> Outcome {
    call_at(None, catalog, of, request, answer).await
}

/// The same with an endpoint that somebody names.
pub(crate) async fn call_at(
    endpoint: Option<&str>,
    catalog: &Arc<Catalog>,
    of: (&str, &str),
    request: &str,
    answer: (u16, impl AsRef<[u8]>),
) -> Outcome {
    let service = catalog.botocore(of.0).unwrap().unwrap();
    let operation = service.operation(of.1).unwrap();
    let requests = Arc::default();
    let transport =
        Memory { status: answer.0, body: answer.1.as_ref().into(), requests: Arc::clone(&requests) };
    let body = Value::parse(request).unwrap();
    let client = Client::new(Arc::clone(catalog));
    let mut config = config(transport).into_builder();
    config.set_endpoint_url(endpoint.map(str::to_owned));
    let answer = client.call(&Caller::new(config.build()), Call::new(service, operation, &body)).await;
    Outcome { answer, requests }
}
