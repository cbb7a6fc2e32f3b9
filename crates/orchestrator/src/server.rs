//! The parts put together, and taken apart again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use newel_api::{Clock, GrpcAuth, Local, Options, Server, WorkerAuth};
use newel_aws_catalog::Catalog;
use newel_dispatch::Hub;
use newel_engine::request::Tenant;
use newel_engine::{Dispatcher, Engine, Env, Parts, SystemEnv, TestCases, Workflows};
use newel_integrations::Integrations;
use newel_nested::Nested;
use newel_runtime::telemetry::{self, LogExport, Spans};
use newel_runtime::{Shutdown, failpoint};
use newel_sinks::{Deliveries, Events, Logs, Metrics};
use newel_store::{SqliteStore, Store};
use newel_vault::Vault;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::mocks::MockFile;
use crate::observer::{Observer, Told};
use crate::{Config, credentials};

/// How long calls that are open when a stop is asked for may still use the engine. They take milliseconds; what takes
/// longer are streams of events, which resume elsewhere.
const LAST_CALLS: Duration = Duration::from_secs(1);

/// An orchestrator at work.
#[derive(Debug)]
pub struct Running {
    /// Where the AWS JSON API is served.
    pub http: SocketAddr,
    /// Where gRPC is served.
    pub grpc: SocketAddr,
    ended: JoinHandle<Result<(), newel_api::Error>>,
}

impl Running {
    /// Waits until it has stopped, which it does once the `shutdown` that it was started with is requested.
    ///
    /// # Errors
    /// A port couldn't be served any longer.
    pub async fn ended(self) -> anyhow::Result<()> {
        self.ended.await.context("the server panicked")??;
        Ok(())
    }
}

/// Where a process's telemetry takes what is told of executions.
#[derive(Debug, Default)]
pub struct Exports {
    /// Their traces.
    pub spans: Option<Spans>,
    /// Their logs, if the configuration wants them there.
    pub logs: Option<LogExport>,
}

impl Exports {
    /// The exports that a process's telemetry has.
    #[must_use]
    pub fn of(telemetry: &telemetry::Guard) -> Self {
        Self { spans: telemetry.spans(), logs: telemetry.logs() }
    }
}

/// Starts an orchestrator that runs until `shutdown` is requested. When this returns, both ports are served and work is
/// taken.
///
/// # Errors
/// The configuration is wrong, a credential can't be read, the catalog or the store can't be opened, a port is taken, or
/// other machines could reach a port that asks nobody who they are.
pub async fn start(config: Config, exports: Exports, shutdown: Shutdown) -> anyhow::Result<Running> {
    config.check().map_err(anyhow::Error::msg)?;
    let tenant = Tenant {
        account: config.identity.account.as_str().into(),
        region: config.identity.region.as_str().into(),
    };
    let credentials = credentials::load(&config.auth)?;
    let auth = GrpcAuth::new(&credentials, tenant.clone())?;
    // Before anything is opened: an address that can't be served shouldn't leave a new database behind.
    newel_api::check_bind(config.http.listen, !credentials.access_keys.is_empty())
        .context("`http.listen` needs `auth.access_keys_file`")?;
    newel_api::check_bind(config.grpc.listen, auth.is_secured())
        .context("`grpc.listen` needs `auth.client_token_file` or `auth.worker_tokens_dir`")?;

    let hub = Hub::new(config.dispatch);
    let deliveries = Deliveries::new(Arc::clone(&hub) as Arc<dyn Dispatcher>);
    let (logs, log_sinks) = Logs::new(&config.logs, exports.logs, &deliveries).map_err(anyhow::Error::msg)?;
    let (statuses, event_sinks) = Events::new(&config.events, &deliveries).map_err(anyhow::Error::msg)?;
    let (metrics, metric_sink) = Metrics::new(&config.metrics, &deliveries);
    let told = Told { logs, statuses, metrics };

    let mocks = config.mocks.file.as_deref().map(MockFile::open).transpose()?;
    let catalog = Arc::new(Catalog::find(config.catalog.path.as_deref())?);
    let vault = Arc::new(Vault::open(&config.encryption).context("`encryption` can't be used")?);
    let store = open_store(&config.store).await?;
    let env: Arc<dyn Env> = Arc::new(SystemEnv::new(failpoint::hit));
    let integrations = Integrations::new(catalog).strict(config.integrations.strict);
    let nested = Nested::new(Arc::clone(&hub) as Arc<dyn Dispatcher>, integrations.clone(), config.nested);
    let engine = Engine::start(Parts {
        env: Arc::clone(&env),
        store,
        catalog: Arc::new(integrations),
        dispatcher: Arc::clone(&nested) as Arc<dyn Dispatcher>,
        observer: Arc::new(Observer::new(exports.spans, Arc::clone(&nested), told)),
        vault,
        limits: config.limits.clone(),
        options: config.engine,
        transitions: config.throttling.transition_rates(),
        test_cases: mocks.map(|file| Arc::new(file) as Arc<dyn TestCases>),
    })
    .await
    .context("the engine can't start")?;
    hub.attach(deliveries.beside(Arc::new(engine.clone())));
    let clock = Clock::new(move || env.now());
    let api = Local::new(Arc::new(engine.clone()), config.limits.clone(), &engine.page_key(), clock.clone());
    nested.attach(Arc::new(engine.clone()), api);

    let options = Options {
        http: config.http.listen,
        grpc: config.grpc.listen,
        default_tenant: tenant,
        credentials,
        limits: config.limits,
        bounds: config.transport,
        throttling: config.throttling,
        token_key: engine.page_key(),
        clock,
    };
    let sessions = worker_sessions(&hub, auth.clone());
    let server = Server::bind(options, auth, Arc::new(engine.clone()), sessions).await?;
    let (http, grpc) = (server.http_addr(), server.grpc_addr());
    while !engine.ready() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tracing::info!(%http, %grpc, "orchestrator ready");
    let sinks = log_sinks.into_iter().chain(event_sinks).chain(metric_sink);
    let (remote, sinks): (Vec<_>, Vec<_>) = sinks.partition(newel_sinks::Service::is_remote);
    let (remote, mut sinks) = (Sinks::run(remote), Sinks::run(sinks));
    let ended = tokio::spawn(async move {
        let result = serve(server, Serving { hub, nested, engine, remote }, shutdown).await;
        // Nothing is told any more, so what is queued is the last.
        sinks.stopped().await;
        result
    });
    Ok(Running { http, grpc, ended })
}

/// The sinks at work.
struct Sinks {
    stop: CancellationToken,
    running: JoinSet<()>,
}

impl Sinks {
    fn run(services: Vec<newel_sinks::Service>) -> Self {
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        for service in services {
            running.spawn(service.run(stop.clone().cancelled_owned()));
        }
        Self { stop, running }
    }

    fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Has them write what is queued, and waits until they have.
    async fn stopped(&mut self) {
        self.stop.cancel();
        // A panic in one was logged where it happened.
        while self.running.join_next().await.is_some() {}
    }
}

/// What serves besides the server.
struct Serving {
    hub: Arc<Hub>,
    nested: Arc<Nested>,
    engine: Engine,
    /// The sinks that need workers.
    remote: Sinks,
}

/// Serves until a stop is asked for, and then ends the parts from the outside in: sessions and connections, open calls,
/// the engine. Where sinks need workers, the sessions go on until those have written what the engine told last.
async fn serve(server: Server, parts: Serving, shutdown: Shutdown) -> Result<(), newel_api::Error> {
    let Serving { hub, nested, engine, mut remote } = parts;
    let keeps_sessions = !remote.is_empty();
    let stop = async {
        shutdown.requested().await;
        if !keeps_sessions {
            hub.shutdown();
        }
    };
    let engine_stop = async {
        shutdown.requested().await;
        tokio::time::sleep(LAST_CALLS).await;
        engine.stop();
        remote.stopped().await;
        hub.shutdown();
    };
    let mut served = std::pin::pin!(server.run(stop));
    let result = tokio::select! {
        result = &mut served => result,
        // The server goes on to its own end, which open streams put off until the engine has stopped.
        () = engine_stop => served.await,
    };
    engine.stop();
    // Where no worker had a session open, the server was the first to end.
    remote.stopped().await;
    hub.shutdown();
    nested.shutdown();
    tracing::info!("orchestrator stopped");
    result
}

async fn open_store(config: &crate::Store) -> anyhow::Result<Arc<dyn Store>> {
    let (path, options) = (config.path.clone(), config.options());
    let context = format!("`store.path` {} can't be opened", path.display());
    let open = move || -> anyhow::Result<SqliteStore> {
        std::fs::create_dir_all(&path)?;
        Ok(SqliteStore::open(&path, &options)?)
    };
    Ok(Arc::new(tokio::task::spawn_blocking(open).await?.context(context)?))
}

fn worker_sessions(hub: &Arc<Hub>, auth: GrpcAuth) -> tonic::service::Routes {
    let auth = WorkerAuth::new(auth);
    let family = move |metadata: &tonic::metadata::MetadataMap| {
        Ok(auth.authenticate(metadata)?.map(|family| family.0.to_string()))
    };
    tonic::service::Routes::new(hub.service(Arc::new(family)))
}
