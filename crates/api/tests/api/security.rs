//! Who may call what.

use newel_api::{AccessKeys, ClientToken, Credentials, WorkerToken};
use newel_proto::v1 as pb;
use newel_proto::v1::integrations_service_client::IntegrationsServiceClient;
use newel_proto::v1::workflows_service_client::WorkflowsServiceClient;
use newel_runtime::SecretFile;
use tonic::{Code, Request};

use crate::client::{Api, options};

fn authorization(key: &str, region: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20231114/{region}/states/aws4_request, \
         SignedHeaders=host;x-amz-date;x-amz-target, Signature=00"
    )
}

#[tokio::test]
async fn without_keys_the_claimed_account_and_region_are_believed() {
    let api = Api::start().await;
    for (key, region, tenant) in [
        ("123456789012", "eu-west-1", r#"Tenant { account: "123456789012", region: "eu-west-1" }"#),
        ("AKIDEXAMPLE", "eu-west-1", r#"Tenant { account: "000000000000", region: "eu-west-1" }"#),
        ("AKIDEXAMPLE", "N/A", r#"Tenant { account: "000000000000", region: "us-east-1" }"#),
    ] {
        let mut request = api.request("ListStateMachines", "{}");
        request.headers_mut().insert("authorization", authorization(key, region).parse().unwrap());
        assert_eq!(api.send(request).await.status, 200);
        assert!(api.engine.last_call().contains(tenant), "{}", api.engine.last_call());
    }
}

#[tokio::test]
async fn with_keys_nothing_unsigned_reaches_the_engine() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    let text = "[[access_keys]]\naccess_key_id='AKID'\nsecret_access_key='s'\naccount='111122223333'\n";
    std::fs::write(&path, text).unwrap();
    let mut options = options();
    options.credentials.access_keys = AccessKeys::load(&path).unwrap();
    let api = Api::with(options).await;

    let refused = api.refused("ListStateMachines", "{}").await;
    assert_eq!((refused.0, &*refused.1), (400, "MissingAuthenticationTokenException"));
    let (_, name, _) = api.refused("TestState", "{}").await;
    assert_eq!(name, "MissingAuthenticationTokenException", "an unknown operation isn't told to strangers");
    let mut request = api.request("ListStateMachines", "{}");
    request.headers_mut().insert("authorization", authorization("AKID", "us-east-1").parse().unwrap());
    request.headers_mut().insert("x-amz-date", "20231114T221320Z".parse().unwrap());
    let answer = api.send(request).await;
    assert!(answer.status == 400 && answer.body.contains("InvalidSignatureException"), "{}", answer.body);
    assert_eq!(api.engine.calls(), 0);
    assert_eq!(api.get("/healthz").await.status, 200, "probes need no key");
}

fn asked(token: &str, metadata: &[(&'static str, &str)]) -> Request<pb::ListStateMachinesRequest> {
    let mut request = Request::new(pb::ListStateMachinesRequest::default());
    if !token.is_empty() {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    for (key, value) in metadata {
        request.metadata_mut().insert(*key, value.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn grpc_clients_need_a_client_token() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, name).unwrap();
        SecretFile::new(path)
    };
    let mut options = options();
    options.credentials = Credentials {
        client_tokens: vec![ClientToken {
            file: file("client"),
            account: Some("111122223333".into()),
            region: None,
        }],
        worker_tokens: vec![WorkerToken { family: "batch".into(), file: file("worker") }],
        ..Credentials::default()
    };
    let api = Api::with(options).await;
    let mut client = WorkflowsServiceClient::new(api.channel().await);
    for (token, code) in
        [("", Code::Unauthenticated), ("guess", Code::Unauthenticated), ("worker", Code::PermissionDenied)]
    {
        let refused = client.list_state_machines(asked(token, &[])).await.unwrap_err();
        assert_eq!(refused.code(), code, "{token}");
    }
    assert_eq!(api.engine.calls(), 0);
    let mut integrations = IntegrationsServiceClient::new(api.channel().await);
    let remove = |token| {
        let metadata = asked(token, &[]).into_parts().0;
        let all = pb::RemoveIntegrationRequest { service: "acme".into(), action: None };
        Request::from_parts(metadata, tonic::Extensions::default(), all)
    };
    for (token, code) in
        [("", Code::Unauthenticated), ("worker", Code::PermissionDenied), ("client", Code::PermissionDenied)]
    {
        let refused = integrations.remove_integration(remove(token)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{token}");
    }
    assert_eq!(api.engine.calls(), 0, "what is about every account isn't a bound token's");
    client.list_state_machines(asked("client", &[("newel-region", "eu-west-1")])).await.unwrap();
    let tenant = r#"Tenant { account: "111122223333", region: "eu-west-1" }"#;
    assert!(api.engine.last_call().contains(tenant), "{}", api.engine.last_call());
}
