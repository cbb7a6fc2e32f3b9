//! Execution logs, in the shape in which AWS writes them to CloudWatch Logs
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html>): one record an event.

use std::sync::{Arc, OnceLock};

use newel_asl::Timestamp;
use newel_engine::{Committed, LogLevel};
use newel_machine::{Event, Told};
use newel_runtime::telemetry::LogExport;
use newel_value::{Members, Str, object};

use crate::cloudwatch_logs::CloudWatchLogsSink;
use crate::delivery::Deliveries;
use crate::file::FileSink;
use crate::options::LogOptions;
use crate::otlp::OtlpSink;
use crate::queue::Queue;
use crate::service::Service;
use crate::sink::Entry;
use crate::stdout::StdoutSink;

/// What of a payload is logged, with its escapes: CloudWatch takes 256 KiB a record.
const PAYLOAD_BYTES: usize = 248 << 10;

/// Where the records of an execution belong.
#[derive(Debug)]
pub(crate) struct Destination {
    /// The ARNs of the log groups that its state machine names.
    pub(crate) groups: Vec<Str>,
    /// Its account.
    pub(crate) account: Str,
    /// Its state machine's name.
    pub(crate) machine: Str,
    /// Its role's ARN.
    pub(crate) role: Str,
}

impl Destination {
    fn of(turn: &Committed<'_>) -> Self {
        let info = turn.info;
        Self {
            groups: turn.logging.log_groups.clone(),
            account: Arc::clone(&info.account),
            machine: Arc::clone(&info.machine_name),
            role: Arc::clone(&info.role_arn),
        }
    }
}

/// An event to be logged.
#[derive(Debug)]
pub struct LogRecord {
    execution_arn: Str,
    destination: Arc<Destination>,
    event: Event,
    redrives: u64,
    data: bool,
    weight: usize,
    text: OnceLock<String>,
}

impl LogRecord {
    pub(crate) fn new(
        execution_arn: Str,
        event: Event,
        redrives: u64,
        data: bool,
        destination: Arc<Destination>,
    ) -> Self {
        let weight = event.bytes();
        Self { execution_arn, destination, event, redrives, data, weight, text: OnceLock::new() }
    }

    pub(crate) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// The execution.
    #[must_use]
    pub fn execution_arn(&self) -> &str {
        &self.execution_arn
    }

    /// The event's type.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.event.detail.type_name()
    }

    /// Whether it is one that level ERROR has too.
    #[must_use]
    pub fn tells_of_error(&self) -> bool {
        LogLevel::Error.takes(&self.event.detail)
    }

    fn render(&self) -> String {
        let mut out = String::with_capacity(self.weight + 256);
        let told = if self.data { Told::UpTo(PAYLOAD_BYTES) } else { Told::Nothing };
        object(&mut out, |m| {
            figure(m, "id", self.event.id);
            m.text("type", self.event.detail.type_name());
            m.object("details", |m| self.event.detail.write_details(told, m));
            figure(m, "previous_event_id", self.event.previous);
            m.text("event_timestamp", &self.event.timestamp.as_millis().to_string());
            m.text("execution_arn", &self.execution_arn);
            figure(m, "redrive_count", self.redrives);
        });
        out
    }
}

/// Numbers are strings in these records.
fn figure(m: &mut Members<'_>, name: &str, value: u64) {
    m.text(name, &value.to_string());
}

impl Entry for LogRecord {
    fn text(&self) -> &str {
        self.text.get_or_init(|| self.render())
    }

    fn weight(&self) -> usize {
        self.weight
    }

    fn at(&self) -> Timestamp {
        self.event.timestamp
    }

    fn id(&self) -> String {
        format!("{}#{}", self.execution_arn, self.event.id)
    }
}

/// Takes the events of executions that log. Cheap to tell: what is made of them is made by the sinks.
#[derive(Debug, Default)]
pub struct Logs {
    queues: Vec<Queue<LogRecord>>,
}

impl Logs {
    /// The sinks that are configured. `otlp` is the exporter of the process's telemetry, if it has one.
    ///
    /// # Errors
    /// OTLP is asked for and there is no exporter.
    pub fn new(
        options: &LogOptions,
        otlp: Option<LogExport>,
        deliveries: &Arc<Deliveries>,
    ) -> Result<(Self, Vec<Service>), String> {
        let LogOptions { queue, queue_bytes, .. } = *options;
        let mut built = Vec::new();
        if options.stdout {
            built.push(Service::new("logs", StdoutSink, queue, queue_bytes));
        }
        if let Some(path) = &options.file {
            let sink = FileSink::new(path.clone(), options.file_bytes, options.file_keep);
            built.push(Service::new("logs", sink, queue, queue_bytes));
        }
        if options.otlp {
            let otlp = otlp.ok_or("logs.otlp needs telemetry.otlp_endpoint")?;
            built.push(Service::new("logs", OtlpSink(otlp), queue, queue_bytes));
        }
        if options.cloudwatch {
            let sink = CloudWatchLogsSink::new(Arc::clone(deliveries));
            built.push(Service::remote("logs", sink, queue, queue_bytes));
        }
        let (queues, services) = built.into_iter().unzip();
        Ok((Self { queues }, services))
    }

    /// Events of an execution can't be taken back any more.
    pub fn committed(&self, turn: &Committed<'_>) {
        let logging = turn.logging;
        if self.queues.is_empty() || logging.level == LogLevel::Off {
            return;
        }
        let destination = Arc::new(Destination::of(turn));
        for event in turn.events.iter().filter(|event| logging.level.takes(&event.detail)) {
            let (arn, data) = (turn.info.arn.clone(), logging.include_execution_data);
            let destination = Arc::clone(&destination);
            let record = LogRecord::new(arn, event.clone(), turn.redrives.count, data, destination);
            let record = Arc::new(record);
            self.queues.iter().for_each(|queue| queue.put(&record));
        }
    }
}

#[cfg(test)]
mod tests {
    use newel_machine::{Detail, Fault, StateType};
    use newel_value::Payload;

    use super::*;

    const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:m:e";

    fn text(id: u64, detail: Detail, data: bool) -> String {
        let event =
            Event { id, previous: id - 1, timestamp: Timestamp::from_millis(1_700_000_000_123), detail };
        let (account, machine, role) = ("1".into(), "m".into(), "r".into());
        let destination = Destination { groups: Vec::new(), account, machine, role };
        LogRecord::new(ARN.into(), event, 2, data, Arc::new(destination)).text().to_owned()
    }

    #[test]
    fn records_are_as_aws_writes_them() {
        let tail =
            format!(r#""event_timestamp":"1700000000123","execution_arn":"{ARN}","redrive_count":"2"}}"#);
        let exited = || Detail::StateExited {
            state_type: StateType::Pass,
            name: "P".into(),
            output: Payload::from_checked_text("{\"a\": 1}"),
            assigned: Vec::new(),
        };
        assert_eq!(
            text(4, exited(), true),
            format!(
                r#"{{"id":"4","type":"PassStateExited","details":{{"name":"P","output":"{{\"a\": 1}}","outputDetails":{{"truncated":false}}}},"previous_event_id":"3",{tail}"#
            )
        );
        assert_eq!(
            text(4, exited(), false),
            format!(
                r#"{{"id":"4","type":"PassStateExited","details":{{"name":"P"}},"previous_event_id":"3",{tail}"#
            )
        );
        assert_eq!(
            text(1, Detail::ExecutionAborted(Fault::default()), true),
            format!(r#"{{"id":"1","type":"ExecutionAborted","details":{{}},"previous_event_id":"0",{tail}"#)
        );
    }

    #[test]
    fn a_payload_that_fills_a_record_is_cut() {
        let output = Payload::from_checked_text(format!("\"{}\"", "x".repeat(256 << 10)));
        let record = text(2, Detail::ExecutionSucceeded { output }, true);
        assert!(record.len() < 249 << 10, "{}", record.len());
        assert!(record.contains(r#""outputDetails":{"truncated":true}"#));
    }
}
