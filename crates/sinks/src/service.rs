//! Empties the queue of a sink.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::queue::{Queue, Waiting, queue};
use crate::sink::{Entry, Sink};

/// Entries that a sink gets at a time.
const BATCH: usize = 512;
/// How long an orderly stop may take to write out what is queued.
const LAST_WRITES: Duration = Duration::from_secs(5);
/// A sink that keeps failing is complained about once in a while.
const COMPLAINTS: Duration = Duration::from_secs(10);

/// What empties a sink's queue. Nothing is written unless it runs.
#[derive(Debug)]
pub struct Service {
    emptying: Box<dyn Emptying>,
    is_remote: bool,
}

/// A queue with its sink, whatever its entries are.
#[async_trait::async_trait]
pub(crate) trait Emptying: Send + std::fmt::Debug {
    /// Writes what comes; once stopping, what is there, and ends.
    async fn empty(&mut self, stopping: &CancellationToken);

    /// What is left is given up.
    fn abandon(&mut self);
}

#[derive(Debug)]
struct Pair<T> {
    waiting: Waiting<T>,
    sink: Box<dyn Sink<T>>,
    /// Entries that are being written: neither in the queue any more nor counted yet.
    under_way: usize,
    complained: Option<Instant>,
}

impl<T: Entry> Pair<T> {
    async fn write(&mut self, batch: &[Arc<T>]) {
        self.under_way = batch.len();
        let lost = match self.sink.write(batch).await {
            Ok(()) => 0,
            Err(error) => {
                let now = Instant::now();
                if self.complained.is_none_or(|before| now - before >= COMPLAINTS) {
                    self.complained = Some(now);
                    tracing::warn!(sink = self.sink.name(), %error, "a sink lost entries");
                }
                error.count.min(batch.len())
            }
        };
        self.under_way = 0;
        self.waiting.counters.delivered(batch.len() - lost);
        if lost > 0 {
            self.waiting.counters.dropped(lost, "failed");
        }
    }
}

#[async_trait::async_trait]
impl<T: Entry> Emptying for Pair<T> {
    async fn empty(&mut self, stopping: &CancellationToken) {
        loop {
            // Both are safe to drop: what isn't taken stays in the queue.
            let batch = tokio::select! {
                biased;
                batch = self.waiting.take(BATCH) => batch,
                () = stopping.cancelled() => {
                    self.waiting.close();
                    self.waiting.take(BATCH).await
                }
            };
            if batch.is_empty() {
                return;
            }
            self.write(&batch).await;
        }
    }

    fn abandon(&mut self) {
        let left = self.waiting.len() + self.under_way;
        tracing::warn!(sink = self.sink.name(), left, "the process ends before a sink is done");
        if left > 0 {
            self.waiting.counters.dropped(left, "stopped");
        }
    }
}

impl Service {
    /// A queue for what is told, `logs` or `events`, and what empties it into a sink.
    pub(crate) fn new<T: Entry>(
        told: &'static str,
        sink: impl Sink<T> + 'static,
        most: usize,
        most_bytes: usize,
    ) -> (Queue<T>, Self) {
        let (queue, waiting) = queue(told, sink.name(), most, most_bytes);
        let emptying = Box::new(Pair { waiting, sink: Box::new(sink), under_way: 0, complained: None });
        (queue, Self { emptying, is_remote: false })
    }

    /// As [`Self::new`], for a sink that needs workers.
    pub(crate) fn remote<T: Entry>(
        told: &'static str,
        sink: impl Sink<T> + 'static,
        most: usize,
        most_bytes: usize,
    ) -> (Queue<T>, Self) {
        let (queue, service) = Self::new(told, sink, most, most_bytes);
        (queue, Self { is_remote: true, ..service })
    }

    /// What isn't a queue and needs workers.
    pub(crate) fn of(emptying: impl Emptying + 'static) -> Self {
        Self { emptying: Box::new(emptying), is_remote: true }
    }

    /// Whether it needs workers, so that it has to be stopped before their sessions are.
    #[must_use]
    pub const fn is_remote(&self) -> bool {
        self.is_remote
    }

    /// Writes until `stop` ends, and then for a few seconds what is queued.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let mut pair = self.emptying;
        let stopping = CancellationToken::new();
        let done = {
            let mut work = std::pin::pin!(pair.empty(&stopping));
            tokio::select! {
                () = &mut work => true,
                () = stop => {
                    stopping.cancel();
                    timeout(LAST_WRITES, work).await.is_ok()
                }
            }
        };
        if !done {
            pair.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use newel_asl::Timestamp;
    use tokio::sync::mpsc;

    use super::*;
    use crate::sink::Error;

    #[derive(Debug)]
    struct Number(u32);

    impl Entry for Number {
        fn text(&self) -> &str {
            "{}"
        }

        fn weight(&self) -> usize {
            1
        }

        fn at(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }

        fn id(&self) -> String {
            self.0.to_string()
        }
    }

    /// Takes its time over every entry and says which it has written.
    #[derive(Debug)]
    struct Slow(Duration, mpsc::UnboundedSender<u32>);

    #[async_trait]
    impl Sink<Number> for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        async fn write(&mut self, batch: &[Arc<Number>]) -> Result<(), Error> {
            for entry in batch {
                tokio::time::sleep(self.0).await;
                // The test may have seen enough.
                let _gone = self.1.send(entry.0);
            }
            Ok(())
        }
    }

    /// How many of five entries are written by a sink that takes `each` for one, when the stop comes at once.
    async fn written(each: Duration) -> usize {
        let (send, mut seen) = mpsc::unbounded_channel();
        let (queue, service) = Service::new("logs", Slow(each, send), 10, 100);
        (0..5).for_each(|number| queue.put(&Arc::new(Number(number))));
        service.run(async {}).await;
        let mut order = Vec::new();
        while let Ok(number) = seen.try_recv() {
            order.push(number);
        }
        assert!(order.is_sorted());
        order.len()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_writes_out_what_is_queued_unless_that_takes_too_long() {
        assert_eq!(written(Duration::from_millis(10)).await, 5);
        assert_eq!(written(Duration::from_secs(2)).await, 2);
    }
}
