//! A sink's queue: put into without waiting, bounded in entries and bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};
use tokio::sync::mpsc;

use crate::sink::Entry;

/// What becomes of entries.
#[derive(Clone, Debug)]
pub(crate) struct Counters {
    delivered: Counter<u64>,
    dropped: Counter<u64>,
    sink: &'static str,
}

impl Counters {
    /// The counters of what is told, `logs` or `events`, in one of its sinks.
    pub(crate) fn new(told: &'static str, sink: &'static str) -> Self {
        let meter = global::meter("newel.sinks");
        let counter = |what, description| {
            meter.u64_counter(format!("newel.{told}.{what}")).with_description(description).build()
        };
        Self {
            delivered: counter("delivered", "Entries that a sink took."),
            dropped: counter("dropped", "Entries that were dropped: queue full, or given up by the sink."),
            sink,
        }
    }

    pub(crate) fn delivered(&self, count: usize) {
        self.delivered.add(u64::try_from(count).unwrap_or(u64::MAX), &[KeyValue::new("sink", self.sink)]);
    }

    pub(crate) fn dropped(&self, count: usize, reason: &'static str) {
        let attributes = [KeyValue::new("sink", self.sink), KeyValue::new("reason", reason)];
        self.dropped.add(u64::try_from(count).unwrap_or(u64::MAX), &attributes);
    }
}

/// The end that is put into.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    send: mpsc::Sender<Arc<T>>,
    bytes: Arc<AtomicUsize>,
    most_bytes: usize,
    counters: Counters,
}

/// The end that is emptied.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    receive: mpsc::Receiver<Arc<T>>,
    bytes: Arc<AtomicUsize>,
    pub(crate) counters: Counters,
}

pub(crate) fn queue<T>(
    told: &'static str,
    sink: &'static str,
    most: usize,
    most_bytes: usize,
) -> (Queue<T>, Waiting<T>) {
    let (send, receive) = mpsc::channel(most.max(1));
    let bytes = Arc::new(AtomicUsize::new(0));
    let counters = Counters::new(told, sink);
    let queue = Queue { send, bytes: Arc::clone(&bytes), most_bytes, counters: counters.clone() };
    (queue, Waiting { receive, bytes, counters })
}

impl<T: Entry> Queue<T> {
    /// Puts an entry in, or drops it when there is no room.
    pub(crate) fn put(&self, entry: &Arc<T>) {
        let weight = entry.weight();
        let waiting = self.bytes.fetch_add(weight, Ordering::Relaxed);
        // One alone always fits, however large.
        let fits = waiting == 0 || waiting.saturating_add(weight) <= self.most_bytes;
        if !fits || self.send.try_send(Arc::clone(entry)).is_err() {
            self.bytes.fetch_sub(weight, Ordering::Relaxed);
            self.counters.dropped(1, "full");
        }
    }
}

impl<T: Entry> Waiting<T> {
    /// Waits for entries and takes up to `most`; none once nothing more can come.
    pub(crate) async fn take(&mut self, most: usize) -> Vec<Arc<T>> {
        let mut batch = Vec::new();
        self.receive.recv_many(&mut batch, most).await;
        let weight = batch.iter().map(|entry| entry.weight()).sum();
        self.bytes.fetch_sub(weight, Ordering::Relaxed);
        batch
    }

    /// Takes no more; what is in it can still be taken.
    pub(crate) fn close(&mut self) {
        self.receive.close();
    }

    /// How many are in it.
    pub(crate) fn len(&self) -> usize {
        self.receive.len()
    }
}

#[cfg(test)]
mod tests {
    use newel_asl::Timestamp;

    use super::*;

    #[derive(Debug)]
    struct Heavy(usize);

    impl Entry for Heavy {
        fn text(&self) -> &str {
            "{}"
        }

        fn weight(&self) -> usize {
            self.0
        }

        fn at(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }

        fn id(&self) -> String {
            self.0.to_string()
        }
    }

    #[tokio::test]
    async fn what_has_no_room_is_dropped_and_room_comes_back() {
        let (queue, mut waiting) = queue("logs", "test", 3, 100);
        for weight in [200, 1, 1] {
            queue.put(&Arc::new(Heavy(weight)));
        }
        let taken = waiting.take(9).await;
        assert_eq!(taken.iter().map(|entry| entry.0).collect::<Vec<_>>(), [200], "one alone fits");
        for weight in [50, 50, 1] {
            queue.put(&Arc::new(Heavy(weight)));
        }
        assert_eq!(waiting.len(), 2, "bytes are bounded");
        waiting.take(9).await;
        for _ in 0..5 {
            queue.put(&Arc::new(Heavy(1)));
        }
        assert_eq!(waiting.len(), 3, "entries are bounded");
        waiting.close();
        queue.put(&Arc::new(Heavy(1)));
        assert_eq!((waiting.take(9).await.len(), waiting.take(9).await.len()), (3, 0));
    }
}
