//! A fake AWS inside a Rust test or benchmark.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::calls::CallReport;
use crate::clock::millis;
use crate::connection::CuttableListener;
use crate::faults::FaultRule;
use crate::report::{self, JobPage, JobQuery};
use crate::scripts::ScriptRule;
use crate::server;
use crate::world::{Limits, RuleError, World};

/// A running fake. Dropping it stops the server; the methods are the control API (`/__fake/…`) without HTTP.
#[derive(Debug)]
pub struct Fake {
    world: Arc<World>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: Option<tokio::task::JoinHandle<io::Result<()>>>,
}

impl Fake {
    /// Serves on a free loopback port with the default limits.
    ///
    /// # Errors
    /// Binding failed.
    pub async fn start() -> io::Result<Self> {
        Self::bind(SocketAddr::from(([127, 0, 0, 1], 0)), Limits::default()).await
    }

    /// Serves on `address`, in tasks of the current runtime.
    ///
    /// # Errors
    /// Binding failed, or the address isn't a loopback one: a fake checks no signatures, so it is never exposed.
    pub async fn bind(address: SocketAddr, limits: Limits) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a fake listens on loopback addresses only",
            ));
        }
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let world = World::new(limits);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(server::serve(CuttableListener(listener), Arc::clone(&world), async {
            // A dropped sender means stop too.
            let _ = stopped.await;
        }));
        Ok(Self { world, address, stop: Some(stop), served: Some(served) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint URL to give to clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds script rules behind those in force.
    ///
    /// # Errors
    /// A rule makes no sense, or there would be too many; then none was added.
    pub fn add_scripts(&self, rules: Vec<ScriptRule>) -> Result<(), RuleError> {
        self.world.scripts.lock().install(rules, true, self.world.limits.rules)
    }

    /// Adds fault rules behind those in force.
    ///
    /// # Errors
    /// A rule makes no sense, or there would be too many; then none was added.
    pub fn add_faults(&self, rules: Vec<FaultRule>) -> Result<(), RuleError> {
        let now_ms = self.world.clock.now_ms();
        self.world.faults.lock().install(rules, true, self.world.limits.rules, now_ms)
    }

    /// The calls counted since the start or the last reset.
    pub fn calls(&self) -> Vec<CallReport> {
        self.world.calls.report(&self.world.callers)
    }

    /// A page of the jobs accepted since the start or the last reset.
    pub fn jobs(&self, query: &JobQuery) -> JobPage {
        report::jobs(&self.world, query)
    }

    /// Forgets jobs, tables, counts, rules and the listing lag and returns to wall time; credentials stay valid.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Stops the clock that jobs live by, or lets it run on.
    pub fn freeze(&self, frozen: bool) {
        self.world.clock.freeze(frozen);
    }

    /// Moves the clock that jobs live by forward.
    pub fn advance(&self, by: Duration) {
        self.world.clock.advance(by);
    }

    /// Leaves jobs younger than `lag` out of listings, as AWS may.
    pub fn set_listing_lag(&self, lag: Duration) {
        self.world.set_listing_lag_ms(millis(lag));
    }

    /// Stops accepting and waits until the calls under way are answered.
    ///
    /// # Errors
    /// The server had failed.
    pub async fn shut_down(mut self) -> io::Result<()> {
        self.stop.take();
        match self.served.take() {
            Some(served) => served.await.map_err(io::Error::other)?,
            None => Ok(()),
        }
    }

    /// Waits for the server to end, which it does only by failing.
    ///
    /// # Errors
    /// The server failed.
    pub async fn run(&mut self) -> io::Result<()> {
        match &mut self.served {
            Some(served) => served.await.map_err(io::Error::other)?,
            None => Ok(()),
        }
    }
}
