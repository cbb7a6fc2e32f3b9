//! The world outside: clock, randomness, tasks and threads. Production, simulation and virtual-time tests differ only here.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use newel_asl::timestamp::Timestamp;
use parking_lot::Mutex;
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
    random: Mutex<Pool>,
    threads: Arc<Semaphore>,
    failpoint: fn(&'static str),
}

/// Random numbers of the system's, fetched some at a time: asking it for each costs more than a short turn does.
#[derive(Default)]
struct Pool {
    numbers: Vec<u64>,
}

impl Pool {
    const FETCHED: usize = 64;

    fn take(&mut self) -> u64 {
        if self.numbers.is_empty() {
            let mut bytes = [0; 8 * Self::FETCHED];
            if getrandom::fill(&mut bytes).is_err() {
                return fastrand::u64(..);
            }
            self.numbers.extend(bytes.chunks_exact(8).map(|number| {
                let mut eight = [0; 8];
                eight.copy_from_slice(number);
                u64::from_ne_bytes(eight)
            }));
        }
        // What is taken must not stay in memory behind the end of the list: it may be a secret.
        match self.numbers.last_mut().map(std::mem::take) {
            Some(number) => {
                self.numbers.truncate(self.numbers.len() - 1);
                number
            }
            None => fastrand::u64(..),
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("left", &self.numbers.len()).finish_non_exhaustive()
    }
}

impl SystemEnv {
    /// The real world, with what happens at fail points.
    #[must_use]
    pub fn new(failpoint: fn(&'static str)) -> Self {
        // More threads than cores: the system then shares the cores among a slow expression and everything else.
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            started: std::time::Instant::now(),
            random: Mutex::default(),
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
        self.random.lock().take()
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn random_numbers_differ_over_many_fetches() {
        let mut pool = Pool::default();
        let taken: HashSet<u64> = (0..10 * Pool::FETCHED).map(|_| pool.take()).collect();
        assert_eq!(taken.len(), 10 * Pool::FETCHED);
    }
}
