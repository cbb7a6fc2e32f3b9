//! OTLP log records, by the exporter that the process's telemetry has.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use newel_runtime::telemetry::LogExport;

use crate::logs::LogRecord;
use crate::sink::{Entry as _, Error, Sink};

/// Hands records to the exporter, which batches them and has a bounded queue of its own.
#[derive(Debug)]
pub(crate) struct OtlpSink(pub(crate) LogExport);

#[async_trait]
impl Sink<LogRecord> for OtlpSink {
    fn name(&self) -> &'static str {
        "otlp"
    }

    async fn write(&mut self, batch: &[Arc<LogRecord>]) -> Result<(), Error> {
        for record in batch {
            let millis = u64::try_from(record.at().as_millis()).unwrap_or(0);
            let at = UNIX_EPOCH + Duration::from_millis(millis);
            self.0.emit(
                at,
                record.tells_of_error(),
                record.text(),
                &[("newel.execution.arn", record.execution_arn()), ("newel.event.type", record.event_type())],
            );
        }
        Ok(())
    }
}
