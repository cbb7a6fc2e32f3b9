//! The world outside: clock, randomness, tasks and threads. Production, simulation and virtual-time tests differ only here.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use newel_asl::timestamp::Timestamp;
use tokio::sync::Semaphore;

/// What the engine takes from outside. Sleeping is `tokio::time`, which a test runtime makes virtual.
pub trait Env: Send + Sync + fmt::Debug + 'static {
    /// What time it is.
    fn now(&self) -> Timestamp;

    /// 64 random bits, good enough for secrets.
    fn random(&self) -> u64;

    /// Milliseconds on a clock that never goes back, for budgets.
    fn monotonic_millis(&self) -> u64;

    /// Runs a future on its own.
    fn spawn(&self, future: BoxFuture<'static, ()>);

    /// Passes a named point at which a crash test may end the process. Nothing in production.
    fn failpoint(&self, name: &'static str);

    /// Runs work that may take its time where it holds up nobody else.
    fn compute(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()>;
}

/// The real world.
#[derive(Debug)]
pub struct SystemEnv {
    started: std::time::Instant,
    threads: Arc<Semaphore>,
    failpoint: fn(&'static str),
}

impl SystemEnv {
    /// The real world, with what happens at fail points.
    #[must_use]
    pub fn new(failpoint: fn(&'static str)) -> Self {
        // More threads than cores: the system then shares the cores among a slow expression and everything else.
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            started: std::time::Instant::now(),
            threads: Arc::new(Semaphore::new(4 * cores + 4)),
            failpoint,
        }
    }
}

impl Env for SystemEnv {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn random(&self) -> u64 {
        getrandom::u64().unwrap_or_else(|_| fastrand::u64(..))
    }

    fn monotonic_millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn spawn(&self, future: BoxFuture<'static, ()>) {
        tokio::spawn(future);
    }

    fn failpoint(&self, name: &'static str) {
        (self.failpoint)(name);
    }

    fn compute(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        let threads = Arc::clone(&self.threads);
        Box::pin(async move {
            let permit = threads.acquire_owned().await;
            let _finished = tokio::task::spawn_blocking(move || {
                work();
                drop(permit);
            })
            .await;
        })
    }
}
