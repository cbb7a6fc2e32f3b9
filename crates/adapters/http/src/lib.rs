//! The worker for HTTP APIs: HTTP Tasks (`http:invoke`), API Gateway (`apigateway:invoke`) and the Kubernetes API of EKS
//! clusters (`eks:call`, `eks:runJob`).
//!
//! Where a call goes is the definition's choice, so every call passes the guard (module `guard`), which lets it reach the
//! public internet and what the operator allowed, and goes over a connection to the very address that was vetted (module
//! `client`). `docs/http-task.md` says how guard and connections are configured.
//!
//! Invariants:
//! * HTTP-1: no connection is made to an address that the guard didn't vet, on behalf of whatever name or redirect.
//! * HTTP-2: a call that may have had an effect isn't made again, unless it is a GET, HEAD or OPTIONS, or was refused.
//! * HTTP-3: answers are bounded in bytes and calls in time.
//! * HTTP-4: a connection's values are sent only to hosts and for accounts it is meant for, and never logged. Nobody is told them but
//!   who tests a state and asks to see them.

mod api_gateway;
mod aws_connections;
mod client;
mod connections;
mod form;
mod guard;
mod kubernetes;
mod oauth;
mod parameters;
mod redirect;
mod reply;
mod resolve;
mod shown;
mod signing;
mod source;
mod spelling;
mod task;
mod tls;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use newel_integrations::Integrations;
use newel_value::Value;
use newel_worker::aws::Aws;
use newel_worker::cli::Arguments;
use newel_worker::{
    Adapter, Attempt, CallFailure, ExternalRef, Failure, JobState, Modelled, Options, Reconciled, Submission,
    WatchKey,
};
use url::Url;

use crate::api_gateway::ApiGateway;
use crate::aws_connections::AwsConnections;
use crate::client::Client;
use crate::connections::Connections;
use crate::guard::Guard;
use crate::kubernetes::Clusters;
use crate::parameters::invalid;
use crate::source::Secrets;
use crate::task::HttpTasks;

pub use resolve::{Resolve, System};

/// The program's name.
const PROGRAM: &str = "newel-worker-http";

/// The adapter can't be made.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Misconfigured(String);

/// The family's adapter: what [`newel_worker::run`] takes.
///
/// # Errors
/// When section `worker.http` says what can't be.
pub async fn adapter(options: &Options, integrations: Integrations) -> Result<Arc<Http>, Misconfigured> {
    Http::new(options, integrations, Arc::new(System)).await.map(Arc::new).map_err(Misconfigured)
}

/// The program: runs a worker of the family until it is told to stop.
#[must_use]
pub fn main_with(arguments: &Arguments) -> ExitCode {
    newel_worker::cli::serve(PROGRAM, arguments, async |options, integrations| {
        Ok(adapter(options, integrations).await? as Arc<dyn Adapter>)
    })
}

/// As [`main_with`], with the arguments of the command line.
#[must_use]
pub fn main() -> ExitCode {
    main_with(&clap::Parser::parse())
}

/// What a Task resource of the family asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    HttpTask,
    ApiGateway,
    ClusterCall,
    ClusterJob,
}

impl Action {
    /// The action that a resource names.
    fn of(resource: &str) -> Option<Self> {
        let action = resource.splitn(6, ':').nth(5)?;
        Some(match action.split('.').next()? {
            "http:invoke" => Self::HttpTask,
            "apigateway:invoke" => Self::ApiGateway,
            "eks:call" => Self::ClusterCall,
            "eks:runJob" => Self::ClusterJob,
            _ => return None,
        })
    }
}

/// The adapter of the family `http`.
#[derive(Debug)]
pub struct Http {
    integrations: Integrations,
    aws: Arc<Aws>,
    client: Client,
    tasks: HttpTasks,
    apis: ApiGateway,
    clusters: Clusters,
}

impl Http {
    /// The adapter, with names resolved by `resolver`.
    ///
    /// # Errors
    /// What is wrong with section `worker.http`.
    pub async fn new(
        options: &Options,
        integrations: Integrations,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, String> {
        let http = &options.http;
        let tls = tls::of_the_system(http.ca_file.as_deref())?;
        let timeout = Duration::from_secs(http.timeout_seconds);
        let emulator = match &options.aws.endpoint_url {
            None => None,
            Some(text) => {
                let url =
                    Url::parse(text).map_err(|error| format!("worker.aws.endpoint_url {text:?}: {error}"))?;
                let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
                // Its own client: that the operator's emulator is reached doesn't let tasks go there.
                let client = Client::new(Guard::new(&[host])?, Arc::clone(&resolver), Arc::clone(&tls), true);
                Some((url, client))
            }
        };
        let aws = Arc::new(Aws::load(options.aws.clone()).await);
        let modelled = Modelled::new(Arc::clone(integrations.catalog()));
        let secrets = Secrets::new(Arc::clone(&aws), modelled.clone());
        let in_aws = AwsConnections::new(modelled);
        let connections = Connections::new(&http.connections)?;
        Ok(Self {
            integrations,
            aws,
            client: Client::new(Guard::new(&http.allow)?, resolver, tls, http.plain_http),
            tasks: HttpTasks::new(connections, in_aws, secrets, timeout, http.max_redirects),
            apis: ApiGateway::new(timeout, emulator),
            clusters: Clusters { timeout, markers: options.markers },
        })
    }

    async fn start(&self, attempt: &Attempt) -> Result<Submission, Failure> {
        let (action, parameters) = self.asked(attempt)?;
        match action {
            Action::HttpTask => self.tasks.submit(&self.client, &self.aws, attempt, &parameters).await,
            Action::ApiGateway => self.apis.submit(&self.client, &self.aws, attempt, &parameters).await,
            Action::ClusterCall => self.clusters.call(&self.client, &self.aws, attempt, &parameters).await,
            Action::ClusterJob => self.clusters.run_job(&self.client, &self.aws, attempt, &parameters).await,
        }
    }

    async fn look(&self, attempt: &Attempt) -> Result<Reconciled, Failure> {
        let (action, parameters) = self.asked(attempt)?;
        if action == Action::ClusterJob {
            return self.clusters.find_job(&self.client, &self.aws, attempt, &parameters).await;
        }
        let method = parameters.get("Method").and_then(Value::as_str).unwrap_or_default();
        if ["GET", "HEAD", "OPTIONS"].contains(&method) {
            return Ok(Reconciled::NotStarted);
        }
        Ok(Reconciled::Unknown { cause: "nobody can tell whether the call had an effect".to_owned() })
    }

    /// What an attempt asks for. Its parameters are checked once more: the guard and the rules on headers are this
    /// process's to keep, whoever sent the order.
    fn asked(&self, attempt: &Attempt) -> Result<(Action, Value), Failure> {
        let resource = &*attempt.resource;
        let action = Action::of(resource);
        let action = action.ok_or_else(|| invalid(format_args!("the http worker has no {resource}")))?;
        let parameters = attempt.parameters.as_ref().map(|given| given.value().clone()).unwrap_or_default();
        let reasons = self.integrations.refusals(resource, &parameters);
        if reasons.is_empty() { Ok((action, parameters)) } else { Err(invalid(reasons.join(", "))) }
    }
}

#[async_trait]
impl Adapter for Http {
    fn family(&self) -> &'static str {
        "http"
    }

    fn resources(&self) -> Vec<String> {
        let prefixes = ["states:::http:", "states:::apigateway:", "states:::eks:call", "states:::eks:runJob"];
        prefixes.map(str::to_owned).to_vec()
    }

    /// Of its jobs, which clusters alone have. What an attempt's own prefix is, [`Self::unanswered`] knows.
    fn error_prefix(&self) -> &'static str {
        kubernetes::PREFIX
    }

    fn unanswered(&self, attempt: &Attempt, cause: &str) -> Failure {
        match Action::of(&attempt.resource) {
            Some(Action::HttpTask) => Failure::new(task::SOCKET, cause),
            Some(Action::ApiGateway) => api_gateway::client_failure(cause),
            Some(Action::ClusterCall | Action::ClusterJob) | None => {
                Failure::sdk_client(kubernetes::PREFIX, cause)
            }
        }
    }

    fn describe_limit(&self, _: &str) -> usize {
        kubernetes::DESCRIBE_LIMIT
    }

    fn describe_group(&self, job: &ExternalRef) -> Arc<str> {
        kubernetes::group(job)
    }

    async fn submit(&self, attempt: &Attempt) -> Submission {
        Box::pin(self.start(attempt)).await.unwrap_or_else(Submission::Failed)
    }

    async fn reconcile(&self, attempt: &Attempt) -> Reconciled {
        let found = Box::pin(self.look(attempt)).await;
        found.unwrap_or_else(|failure| Reconciled::Unknown { cause: failure.cause })
    }

    async fn describe(&self, watch: &WatchKey, jobs: &[ExternalRef]) -> Result<Vec<JobState>, CallFailure> {
        Box::pin(self.clusters.describe(&self.client, &self.aws, watch, jobs)).await
    }

    async fn cancel(&self, attempt: &Attempt, job: &ExternalRef) -> Result<(), CallFailure> {
        Box::pin(self.clusters.delete(&self.client, &self.aws, attempt, job)).await
    }
}
