//! Sessions with the orchestrator's replicas: one each, kept open, and kept in step with who the replicas are.

mod inbound;
mod link;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use newel_runtime::SecretFile;
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::adapter::Adapter;
use crate::executor::Executor;
use crate::ledger::{Home, Ledger};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::poll::Poller;
use crate::run::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const HTTP2_KEEPALIVE: Duration = Duration::from_secs(10);

/// What every session needs.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) worker_id: String,
    pub(crate) adapter: Arc<dyn Adapter>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) executor: Arc<Executor>,
    pub(crate) poller: Arc<Poller>,
    pub(crate) metrics: Metrics,
    pub(crate) token: Option<SecretFile>,
    /// No more submits; sessions stay open for what is under way.
    pub(crate) draining: CancellationToken,
    /// Sessions end.
    pub(crate) stop: CancellationToken,
    /// How many sessions are open.
    pub(crate) open: watch::Sender<usize>,
}

/// Where sessions go.
#[derive(Debug)]
struct Directory {
    seeds: Vec<Home>,
    /// What the replicas said of themselves, by who said it.
    told: Mutex<BTreeMap<Home, Vec<Home>>>,
    open: Mutex<FxHashSet<Home>>,
    changed: Notify,
}

impl Directory {
    /// The replicas there are: those told of, or the configured addresses while none is told of or none answers.
    fn targets(&self) -> FxHashSet<Home> {
        let told: FxHashSet<Home> = self.told.lock().values().flatten().cloned().collect();
        if told.is_empty() {
            return self.seeds.iter().cloned().collect();
        }
        if self.open.lock().is_disjoint(&told) {
            return told.into_iter().chain(self.seeds.iter().cloned()).collect();
        }
        told
    }

    /// A replica said who the replicas are.
    fn tell(&self, by: &Home, replicas: Vec<Home>) {
        let mut told = self.told.lock();
        // The word of replicas that are gone doesn't count.
        told.retain(|teller, _| teller == by || replicas.contains(teller));
        told.insert(Arc::clone(by), replicas);
        drop(told);
        self.changed.notify_one();
    }

    fn opened(&self, home: &Home) {
        self.open.lock().insert(Arc::clone(home));
        self.changed.notify_one();
    }

    fn closed(&self, home: &Home) {
        self.open.lock().remove(home);
        self.changed.notify_one();
    }
}

/// How replicas are reached: the scheme and certificates of the configured addresses.
#[derive(Debug)]
struct Transport {
    scheme: &'static str,
    tls: Option<ClientTlsConfig>,
}

impl Transport {
    fn new(options: &Options) -> Result<Self, Error> {
        let tls = options.orchestrators.iter().any(|address| address.starts_with("https://"));
        if !tls {
            return Ok(Self { scheme: "http", tls: None });
        }
        let config = ClientTlsConfig::new();
        let config = match &options.tls_ca_file {
            None => config.with_native_roots(),
            Some(file) => {
                let pem = std::fs::read(file)
                    .map_err(|error| Error::Options(format!("{} can't be read: {error}", file.display())))?;
                config.ca_certificate(Certificate::from_pem(pem))
            }
        };
        Ok(Self { scheme: "https", tls: Some(config) })
    }

    fn endpoint(&self, home: &Home) -> Result<Endpoint, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(format!("{}://{home}", self.scheme))?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(HTTP2_KEEPALIVE)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true);
        match &self.tls {
            Some(tls) => endpoint.tls_config(tls.clone()),
            None => Ok(endpoint),
        }
    }
}

/// The `host:port` of a configured or told address.
fn home_of(address: &str) -> Option<Home> {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.trim_end_matches('/');
    (!rest.is_empty() && !rest.contains('/')).then(|| rest.into())
}

/// Keeps a session with every replica until told to stop.
pub(crate) async fn run(shared: Arc<Shared>) -> Result<(), Error> {
    let seeds: Option<Vec<Home>> = shared.options.orchestrators.iter().map(|seed| home_of(seed)).collect();
    let seeds =
        seeds.ok_or_else(|| Error::Options("worker.orchestrators has an address that is none".into()))?;
    let transport = Arc::new(Transport::new(&shared.options)?);
    let directory =
        Arc::new(Directory { seeds, told: Mutex::default(), open: Mutex::default(), changed: Notify::new() });
    let mut links: BTreeMap<Home, (CancellationToken, JoinHandle<()>)> = BTreeMap::new();
    loop {
        let targets = directory.targets();
        for (home, (stop, _)) in &links {
            if !targets.contains(home) {
                stop.cancel();
            }
        }
        links.retain(|_, (_, task)| !task.is_finished());
        for home in targets {
            links.entry(home).or_insert_with_key(|home| {
                let stop = shared.stop.child_token();
                let link = link::Link::new(
                    Arc::clone(&shared),
                    Arc::clone(&directory),
                    Arc::clone(&transport),
                    Arc::clone(home),
                    stop.clone(),
                );
                (stop, tokio::spawn(link.run()))
            });
        }
        tokio::select! {
            () = shared.stop.cancelled() => break,
            () = directory.changed.notified() => {}
        }
    }
    for (_, task) in links.into_values() {
        // A link that panicked has nothing left to wait for.
        let _ = task.await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_scheme() {
        let check = |address: &str, expect: Option<&str>| {
            assert_eq!(home_of(address).as_deref(), expect, "{address}");
        };
        check("http://127.0.0.1:8084", Some("127.0.0.1:8084"));
        check("https://newel.example:443/", Some("newel.example:443"));
        check("newel-0.newel:8084", Some("newel-0.newel:8084"));
        check("http://host/path", None);
        check("", None);
    }

    #[test]
    fn replicas_replace_the_seed_once_one_of_them_answers() {
        let home = |name: &str| -> Home { name.into() };
        let directory = Directory {
            seeds: vec![home("seed")],
            told: Mutex::default(),
            open: Mutex::default(),
            changed: Notify::new(),
        };
        let check = |expect: &[&str]| {
            let mut targets: Vec<Home> = directory.targets().into_iter().collect();
            targets.sort();
            assert_eq!(targets.iter().map(|t| &**t).collect::<Vec<_>>(), expect);
        };
        check(&["seed"]);
        directory.opened(&home("seed"));
        directory.tell(&home("seed"), vec![home("a"), home("b")]);
        check(&["a", "b", "seed"]);
        directory.opened(&home("a"));
        check(&["a", "b"]);
        directory.tell(&home("a"), vec![home("a"), home("c")]);
        check(&["a", "c"]);
        directory.closed(&home("a"));
        check(&["a", "c", "seed"]);
        directory.tell(&home("seed"), Vec::new());
        check(&["seed"]);
    }
}
