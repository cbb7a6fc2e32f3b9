//! A world of its own for one life of an engine: seeded, on virtual time, and able to end at any moment.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use newel_asl::Timestamp;
use newel_engine::Env;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// One life of a process. When it ends, everything that runs in it stops where it is.
#[derive(Debug, Default)]
pub(crate) struct Life {
    over: CancellationToken,
    /// Whether something in it panicked other than by the end itself.
    panicked: AtomicBool,
}

/// What unwinds out of a fail point when the process "dies" there.
struct Crash;

impl Life {
    /// Ends it.
    pub(crate) fn end(&self) {
        self.over.cancel();
    }

    /// Ends it in the middle of what the caller is doing.
    fn end_here(&self) -> ! {
        self.end();
        resume_unwind(Box::new(Crash))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    pub(crate) fn has_panicked(&self) -> bool {
        self.panicked.load(Ordering::Relaxed)
    }

    /// Waits for its end.
    pub(crate) async fn ended(&self) {
        self.over.cancelled().await;
    }

    /// Runs something in it; `None` if the life ended first.
    pub(crate) async fn run<F: Future>(&self, future: F) -> Option<F::Output> {
        let unwinding = AssertUnwindSafe(future).catch_unwind();
        let result = tokio::select! {
            biased;
            () = self.over.cancelled() => return None,
            result = unwinding => result,
        };
        match result {
            Ok(output) => Some(output),
            Err(panic) if panic.is::<Crash>() => None,
            Err(panic) => {
                self.panicked.store(true, Ordering::Relaxed);
                resume_unwind(panic)
            }
        }
    }
}

/// A world on tokio's clock, which a test may pause.
#[derive(Debug)]
pub(crate) struct SimEnv {
    pub(crate) life: Arc<Life>,
    began: Instant,
    random: Mutex<fastrand::Rng>,
    /// How likely the life ends at a fail point.
    crash: f64,
}

/// What the clock shows at the beginning.
const EPOCH_MILLIS: i64 = 1_700_000_000_000;

impl SimEnv {
    /// A world whose clock began at `began`.
    pub(crate) fn new(began: Instant, seed: u64, crash: f64) -> Self {
        let random = Mutex::new(fastrand::Rng::with_seed(seed));
        Self { life: Arc::default(), began, random, crash }
    }
}

impl Env for SimEnv {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(EPOCH_MILLIS + i64::try_from(self.began.elapsed().as_millis()).unwrap())
    }

    fn random(&self) -> u64 {
        self.random.lock().u64(..)
    }

    fn monotonic_millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    fn spawn(&self, future: BoxFuture<'static, ()>) {
        let life = Arc::clone(&self.life);
        tokio::spawn(async move { life.run(future).await });
    }

    fn failpoint(&self, _: &'static str) {
        let dies = self.crash > 0.0 && self.random.lock().f64() < self.crash;
        if dies {
            self.life.end_here();
        }
    }

    fn compute(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        Box::pin(async move { work() })
    }
}
