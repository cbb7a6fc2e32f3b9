//! Log records that aren't the process's own, such as those of executions, on their way to the OTLP exporter.

use std::fmt;
use std::time::SystemTime;

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, Severity};
use opentelemetry_sdk::logs::SdkLogger;

/// Takes records to the exporter. It batches them in a bounded queue; what finds that full is dropped (the standard
/// `OTEL_BLRP_…` variables size it).
pub struct LogExport(SdkLogger);

impl fmt::Debug for LogExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogExport")
    }
}

impl LogExport {
    pub(crate) const fn new(logger: SdkLogger) -> Self {
        Self(logger)
    }

    /// Hands over a record: when what it tells of happened, whether that is an error, its text and attributes. Never blocks.
    pub fn emit(&self, at: SystemTime, is_error: bool, text: &str, attributes: &[(&'static str, &str)]) {
        let mut record = self.0.create_log_record();
        let (severity, name) = if is_error { (Severity::Error, "ERROR") } else { (Severity::Info, "INFO") };
        record.set_timestamp(at);
        record.set_observed_timestamp(SystemTime::now());
        record.set_severity_number(severity);
        record.set_severity_text(name);
        record.set_body(AnyValue::from(text.to_owned()));
        for (name, value) in attributes {
            record.add_attribute(*name, (*value).to_owned());
        }
        self.0.emit(record);
    }
}
