//! A worker from start to end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use newel_runtime::{SecretFile, Shutdown};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::adapter::Adapter;
use crate::event_queue::EventQueue;
use crate::executor::Executor;
use crate::health;
use crate::ledger::{Credit, Ledger};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::poll::Poller;
use crate::session::{self, Shared};

/// How often a draining worker looks whether it is done.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// Why a worker can't run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong.
    #[error("{0}")]
    Options(String),
    /// The health service can't be served.
    #[error("the health service can't be served on {address}: {error}")]
    Health {
        /// Where.
        address: SocketAddr,
        /// What happened.
        error: std::io::Error,
    },
}

/// Runs a worker of `adapter`'s family until `shutdown` is requested. Then it takes no more submits, gives those under
/// way [`Options::drain_seconds`] to finish and be acknowledged, and returns; jobs under watch are left to other workers.
///
/// # Errors
/// The configuration is wrong or the health service can't be served. An orchestrator that can't be reached is not an error.
pub async fn run(options: Options, adapter: Arc<dyn Adapter>, shutdown: Shutdown) -> Result<(), Error> {
    options.check().map_err(Error::Options)?;
    let metrics = Metrics::new(adapter.family());
    let queue = EventQueue::new(&options, &*adapter, &metrics).await.map_err(Error::Options)?;
    let credit = Credit { count: options.submit_credits, bytes: options.submit_credit_bytes };
    let ledger = Arc::new(Ledger::new(credit));
    let poller = Poller::new(Arc::clone(&adapter), Arc::clone(&ledger), metrics.clone(), &options);
    let abandon = CancellationToken::new();
    let executor = Executor::new(
        Arc::clone(&adapter),
        Arc::clone(&ledger),
        Arc::clone(&poller),
        options.max_concurrent_calls,
        abandon.clone(),
    );
    let (open, open_sessions) = watch::channel(0);
    let shared = Arc::new(Shared {
        worker_id: worker_id(&options, adapter.family()),
        token: options.token_file.clone().map(SecretFile::new),
        adapter,
        ledger: Arc::clone(&ledger),
        executor: Arc::clone(&executor),
        poller: Arc::clone(&poller),
        metrics,
        draining: CancellationToken::new(),
        stop: CancellationToken::new(),
        open,
        options,
    });
    tracing::info!(family = shared.adapter.family(), worker_id = shared.worker_id, "worker starting");

    let stop = shared.stop.clone();
    let _guard = (stop.clone().drop_guard(), abandon.clone().drop_guard());
    let listening = queue.map(|queue| tokio::spawn(queue.run(Arc::clone(&poller), shared.draining.clone())));
    let polling = tokio::spawn(poller.run(shared.draining.clone()));
    let sessions = session::run(Arc::clone(&shared));
    let health = async {
        match shared.options.health_address {
            Some(address) => health::serve(address, open_sessions, stop.clone()).await,
            None => {
                stop.cancelled().await;
                Ok(())
            }
        }
    };
    let ending = async {
        shutdown.requested().await;
        drain(&shared).await;
        abandon.cancel();
        executor.finished().await;
        stop.cancel();
        Ok(())
    };
    tokio::try_join!(sessions, health, ending)?;
    // It ends with the drain; if it panicked there is nothing left to do about it.
    let _ = polling.await;
    if let Some(listening) = listening {
        let _ = listening.await;
    }
    tracing::info!(family = shared.adapter.family(), "worker stopped");
    Ok(())
}

/// Lets what is under way finish, as long as the grace time lasts.
async fn drain(shared: &Shared) {
    shared.ledger.drain();
    shared.draining.cancel();
    let grace = Duration::from_secs(shared.options.drain_seconds);
    let drained = async {
        while !shared.ledger.is_drained() {
            tokio::time::sleep(DRAIN_LOOK).await;
        }
    };
    if tokio::time::timeout(grace, drained).await.is_err() {
        tracing::warn!("stopping with submits under way: they will be reconciled");
    }
}

fn worker_id(options: &Options, family: &str) -> String {
    if !options.worker_id.is_empty() {
        return options.worker_id.clone();
    }
    let host = std::env::var("HOSTNAME").ok().filter(|host| !host.is_empty());
    format!("{}-{family}-{:08x}", host.as_deref().unwrap_or("worker"), fastrand::u32(..))
}
