//! The server, as a client of its gRPC API sees it.

use std::time::Duration;

use newel_proto::v1::integrations_service_client::IntegrationsServiceClient;
use newel_proto::v1::workflows_service_client::WorkflowsServiceClient;
use newel_runtime::SecretFile;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

use crate::arguments::{Failure, Outcome, Server, exit};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Payloads may be long where limits were raised.
const MAX_MESSAGE: usize = 256 << 20;

/// A client that says who it is.
pub(crate) type Client = WorkflowsServiceClient<InterceptedService<Channel, Identity>>;
/// One that asks what workers serve.
pub(crate) type IntegrationsClient = IntegrationsServiceClient<InterceptedService<Channel, Identity>>;

/// What every call carries: the bearer token, and the account and region that are meant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    metadata: Vec<(&'static str, MetadataValue<Ascii>)>,
}

impl Interceptor for Identity {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (name, value) in &self.metadata {
            request.metadata_mut().insert(*name, value.clone());
        }
        Ok(request)
    }
}

/// A client of the server. Connects when it is first used.
pub(crate) fn connect(server: &Server) -> Result<Client, Failure> {
    Ok(WorkflowsServiceClient::with_interceptor(channel(server)?, identity(server)?)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE))
}

/// As [`connect`], to ask what workers serve.
pub(crate) fn connect_integrations(server: &Server) -> Result<IntegrationsClient, Failure> {
    Ok(IntegrationsServiceClient::with_interceptor(channel(server)?, identity(server)?)
        .max_decoding_message_size(MAX_MESSAGE))
}

fn channel(server: &Server) -> Result<Channel, Failure> {
    let address = if server.endpoint.contains("://") {
        server.endpoint.clone()
    } else {
        format!("http://{}", server.endpoint)
    };
    let bad = |error: tonic::transport::Error| Failure::usage(format!("--endpoint {address}: {error}"));
    let mut endpoint = Endpoint::from_shared(address.clone()).map_err(bad)?.connect_timeout(CONNECT_TIMEOUT);
    if address.starts_with("https://") {
        endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(bad)?;
    }
    Ok(endpoint.connect_lazy())
}

fn identity(server: &Server) -> Result<Identity, Failure> {
    let token = match &server.token_file {
        Some(path) => {
            let secret =
                SecretFile::new(path).current().map_err(|error| Failure::new(exit::NO_INPUT, error))?;
            Some(format!("Bearer {}", secret.expose()))
        }
        None => None,
    };
    let named = [
        ("authorization", token),
        ("newel-account", server.account.clone()),
        ("newel-region", server.region.clone()),
    ];
    let mut metadata = Vec::new();
    for (name, value) in named {
        let Some(value) = value else { continue };
        let mut value: MetadataValue<Ascii> =
            value.parse().map_err(|_| Failure::usage(format!("{name} has characters that can't be sent")))?;
        value.set_sensitive(name == "authorization");
        metadata.push((name, value));
    }
    Ok(Identity { metadata })
}

/// Runs a command that talks to a server. Ctrl-C ends it as it ends other programs.
pub(crate) fn block_on(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(exit::SOFTWARE, error))?.block_on(command)
}

/// The name of AWS's exception that a refusal carries.
pub(crate) fn exception(status: &Status) -> Option<&str> {
    status.metadata().get("newel-error").and_then(|name| name.to_str().ok())
}

/// What a refusal means to whoever typed the command.
pub(crate) fn refused(status: &Status) -> Failure {
    if exception(status).is_none() && matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded) {
        return Failure::new(
            exit::UNREACHABLE,
            anyhow::anyhow!("the server can't be reached: {}; is `newel dev` running?", status.message()),
        );
    }
    let name = exception(status).map_or_else(|| format!("{:?}", status.code()), str::to_owned);
    Failure::new(exit::REFUSED, anyhow::anyhow!("{name}: {}", status.message()))
}
