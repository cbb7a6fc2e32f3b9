//! Standard output, one line an entry.

use std::io::Write as _;
use std::sync::Arc;

use async_trait::async_trait;

use crate::sink::{Entry, Error, Sink};

/// Lines of a batch.
pub(crate) fn lines<T: Entry>(batch: &[Arc<T>]) -> String {
    let mut lines = String::with_capacity(batch.iter().map(|entry| entry.text().len() + 1).sum());
    for entry in batch {
        lines.push_str(entry.text());
        lines.push('\n');
    }
    lines
}

/// Writes to standard output. Whoever reads it may be slow, so it is written where it holds up nobody.
#[derive(Debug)]
pub(crate) struct StdoutSink;

#[async_trait]
impl<T: Entry> Sink<T> for StdoutSink {
    fn name(&self) -> &'static str {
        "stdout"
    }

    async fn write(&mut self, batch: &[Arc<T>]) -> Result<(), Error> {
        let lines = lines(batch);
        let written = tokio::task::spawn_blocking(move || {
            let mut stdout = std::io::stdout().lock();
            stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush())
        });
        let failed = |why: String| Error { count: batch.len(), why };
        written.await.map_err(|why| failed(why.to_string()))?.map_err(|why| failed(why.to_string()))
    }
}
