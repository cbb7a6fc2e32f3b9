//! `newel dev`: the orchestrator and every worker in one process. Between them it is gRPC as ever, over loopback.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use newel_aws_catalog::Catalog;
use newel_integrations::Integrations;
use newel_orchestrator::{
    Auth, CatalogFile, EventOptions, Exports, Grpc, Http, Identity, IntegrationOptions, LogOptions,
    MetricOptions, MockOptions, Running, Store,
};
use newel_runtime::{Shutdown, Telemetry, config, telemetry};
use newel_worker::{Adapter, Options as WorkerOptions};
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::arguments::{Dev, Failure, Outcome, exit};

/// The families that the workers of this process serve, beside those of [`newel_worker_aws::FAMILIES`].
const FAMILIES: &[&str] = &["batch", "ecs", "glue", "dynamodb", "http", "s3", "sdk"];

/// The orchestrator's sections and the workers'. Written out, because the check for unknown keys needs plain fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    http: Http,
    grpc: Grpc,
    transport: newel_api::Bounds,
    identity: Identity,
    auth: Auth,
    store: Store,
    limits: newel_asl::Limits,
    encryption: newel_vault::Options,
    throttling: newel_api::Throttling,
    engine: newel_engine::Options,
    dispatch: newel_dispatch::Options,
    nested: newel_orchestrator::NestedOptions,
    catalog: CatalogFile,
    integrations: IntegrationOptions,
    mocks: MockOptions,
    telemetry: Telemetry,
    logs: LogOptions,
    events: EventOptions,
    metrics: MetricOptions,
    worker: WorkerOptions,
}

impl Config {
    fn apart(self) -> (newel_orchestrator::Config, WorkerOptions) {
        let Self {
            http,
            grpc,
            transport,
            identity,
            auth,
            store,
            limits,
            encryption,
            throttling,
            engine,
            dispatch,
            nested,
            catalog,
            integrations,
            mocks,
            telemetry,
            logs,
            events,
            metrics,
            worker,
        } = self;
        let orchestrator = newel_orchestrator::Config {
            http,
            grpc,
            transport,
            identity,
            auth,
            store,
            limits,
            encryption,
            throttling,
            engine,
            dispatch,
            nested,
            catalog,
            integrations,
            mocks,
            telemetry,
            logs,
            events,
            metrics,
        };
        (orchestrator, worker)
    }
}

/// Runs the command until SIGTERM or SIGINT.
pub(crate) fn run(command: &Dev) -> Outcome {
    let config = configured(command).map_err(|error| Failure::new(exit::USAGE, error))?;
    everything(config).map_err(|error| Failure::new(exit::FAILED, error))?;
    Ok(exit::SUCCESS)
}

fn configured(command: &Dev) -> anyhow::Result<Config> {
    let mut config: Config = config::load(command.config.as_deref(), "")?;
    if let Some(directory) = &command.data_dir {
        config.store.path.clone_from(directory);
    }
    if let Some(address) = command.http {
        config.http.listen = address;
    }
    if let Some(address) = command.grpc {
        config.grpc.listen = address;
    }
    if let Some(file) = &command.mock_config {
        config.mocks.file = Some(file.clone());
    }
    if let Some(endpoint) = &command.aws_endpoint {
        config.worker.aws.endpoint_url = Some(endpoint.clone());
        config.worker.aws.dev_account_credentials = true;
    }
    if config.dispatch.families.is_empty() {
        let families = FAMILIES.iter().chain(newel_worker_aws::FAMILIES);
        config.dispatch.families = families.map(|family| (*family).to_owned()).collect();
    }
    config.worker.check().map_err(anyhow::Error::msg)?;
    Ok(config)
}

fn everything(config: Config) -> anyhow::Result<()> {
    let (orchestrator, worker) = config.apart();
    let telemetry = telemetry::init("newel", &orchestrator.telemetry)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let asked = Shutdown::on_signals()?;
        // Workers stop first: what they report while they drain is taken.
        let orchestrator_stop = Shutdown::manual();
        let (catalog, tokens) =
            (orchestrator.catalog.path.clone(), orchestrator.auth.worker_tokens_dir.clone());
        let running =
            newel_orchestrator::start(orchestrator, Exports::of(&telemetry), orchestrator_stop.clone())
                .await?;
        let integrations = Integrations::new(Arc::new(Catalog::find(catalog.as_deref())?));
        let mut workers = workers(&running, worker, tokens, integrations, &asked).await?;
        newel_orchestrator::cli::announce(&running);
        let mut result = Ok(());
        while let Some(ended) = workers.join_next().await {
            let ended =
                ended.context("a worker panicked").and_then(|ended| ended.map_err(anyhow::Error::from));
            if let Err(error) = ended {
                asked.request();
                result = Err(error);
            }
        }
        orchestrator_stop.request();
        result.and(running.ended().await)
    })
}

/// Starts a worker of each family.
async fn workers(
    running: &Running,
    options: WorkerOptions,
    tokens: Option<PathBuf>,
    integrations: Integrations,
    asked: &Shutdown,
) -> anyhow::Result<JoinSet<Result<(), newel_worker::Error>>> {
    let mut adapters: Vec<Arc<dyn Adapter>> = vec![
        newel_worker_batch::adapter(&options, integrations.clone()).await?,
        newel_worker_ecs::adapter(&options, integrations.clone()).await?,
        newel_worker_glue::adapter(&options, integrations.clone()).await?,
        newel_worker_dynamodb::adapter(&options, integrations.clone()).await?,
        newel_worker_http::adapter(&options, integrations.clone()).await?,
        newel_worker_s3::adapter(&options, integrations.clone()).await,
        newel_worker_sdk::adapter(&options, integrations.clone()).await,
    ];
    for family in newel_worker_aws::FAMILIES {
        adapters.push(newel_worker_aws::adapter(family, &options, integrations.clone()).await?);
    }
    let mut workers = JoinSet::new();
    for adapter in adapters {
        let mut options = options.clone();
        options.orchestrators = vec![format!("http://{}", reachable(running.grpc))];
        // One port for each would be needed, and who looks at this process looks at the orchestrator's.
        options.health_address = None;
        if let Some(directory) = &tokens {
            options.token_file = Some(directory.join(adapter.family()));
        }
        workers.spawn(newel_worker::run(options, adapter, asked.clone()));
    }
    Ok(workers)
}

/// An address that is served on every interface is reached over loopback.
fn reachable(mut address: std::net::SocketAddr) -> std::net::SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_everyone_is_reached_over_loopback() {
        for (bound, reached) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.0.0.1:1", "10.0.0.1:1")]
        {
            assert_eq!(reachable(bound.parse().unwrap()), reached.parse().unwrap());
        }
    }
}
