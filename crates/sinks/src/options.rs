//! Settings.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Section `[logs]`: where execution logs go. Which executions log what is said by their state machines' `loggingConfiguration`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogOptions {
    /// Records are written to standard output, one JSON object a line. Default false.
    pub stdout: bool,
    /// Records are appended to this file, one JSON object a line.
    pub file: Option<PathBuf>,
    /// Bytes from which the file is set aside as `FILE.1` and a new one is begun. Default 100 MiB.
    pub file_bytes: u64,
    /// How many files that were set aside are kept. Default 5.
    pub file_keep: u32,
    /// Records are exported as OTLP log records to `telemetry.otlp_endpoint`. Default false.
    pub otlp: bool,
    /// Records go to the CloudWatch log groups that `loggingConfiguration` names, through the workers of the family `sdk`. Default
    /// false.
    pub cloudwatch: bool,
    /// Records that may wait for a sink. More are dropped and counted. Default 100,000.
    pub queue: usize,
    /// Bytes of records that may wait for a sink, about. Default 64 MiB.
    pub queue_bytes: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            stdout: false,
            file: None,
            file_bytes: 100 << 20,
            file_keep: 5,
            otlp: false,
            cloudwatch: false,
            queue: 100_000,
            queue_bytes: 64 << 20,
        }
    }
}

/// Section `[events]`: where the status-change events of Standard executions go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventOptions {
    /// Events are appended to this file, one JSON object a line.
    pub file: Option<PathBuf>,
    /// Bytes from which the file is set aside as `FILE.1` and a new one is begun. Default 100 MiB.
    pub file_bytes: u64,
    /// How many files that were set aside are kept. Default 5.
    pub file_keep: u32,
    /// Each event is the body of a POST to this URL, `http://…` or `https://…`.
    pub webhook_url: Option<String>,
    /// File with the secret that requests to the webhook are signed with. Read again when it changes.
    pub webhook_secret_file: Option<PathBuf>,
    /// Seconds that a request to the webhook may take. Default 10.
    pub webhook_timeout_seconds: u64,
    /// How often an event is sent at most before it is dropped. Waits between grow from half a second to a minute. Default 8.
    pub webhook_attempts: u32,
    /// Requests to the webhook that may be under way at once. Default 16.
    pub webhook_concurrency: usize,
    /// Events are put on an event bus of Amazon EventBridge, through the workers of the family `sdk`. Default false.
    pub eventbridge: bool,
    /// The bus, by name or ARN. Default `default`.
    pub eventbridge_bus: String,
    /// The events' `source`. AWS keeps `aws.states` to itself: it refuses sources that begin with `aws.` from everybody else, so the
    /// default is `newel.states`, and rules that were made for Step Functions name both.
    pub eventbridge_source: String,
    /// A role that is assumed to put them. Default: the worker's own rights.
    pub eventbridge_role_arn: Option<String>,
    /// Events that may wait for a sink. More are dropped and counted. Default 10,000.
    pub queue: usize,
    /// Bytes of events that may wait for a sink, about. Default 64 MiB.
    pub queue_bytes: usize,
}

impl Default for EventOptions {
    fn default() -> Self {
        Self {
            file: None,
            file_bytes: 100 << 20,
            file_keep: 5,
            webhook_url: None,
            webhook_secret_file: None,
            webhook_timeout_seconds: 10,
            webhook_attempts: 8,
            webhook_concurrency: 16,
            eventbridge: false,
            eventbridge_bus: "default".to_owned(),
            eventbridge_source: "newel.states".to_owned(),
            eventbridge_role_arn: None,
            queue: 10_000,
            queue_bytes: 64 << 20,
        }
    }
}

/// Section `[metrics]`: the metrics of executions that AWS gives to CloudWatch, under the same names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricOptions {
    /// They are put to CloudWatch, through the workers of the family `sdk`. Default false.
    pub cloudwatch: bool,
    /// Their namespace. AWS keeps `AWS/States` to itself: it refuses namespaces that begin with `AWS/` from everybody else, so the
    /// default is `Newel/States`.
    pub namespace: String,
    /// Seconds that one value of a metric stands for, and after which it is put. Default 60.
    pub interval_seconds: u64,
    /// A role that is assumed to put them. Default: the worker's own rights.
    pub role_arn: Option<String>,
    /// Metrics, each with its dimensions, that are gathered in an interval. More are dropped and counted. Default 10,000.
    pub series: usize,
    /// Task attempts under way whose beginnings are remembered, so that their times can be told. Default 200,000.
    pub attempts: usize,
}

impl Default for MetricOptions {
    fn default() -> Self {
        Self {
            cloudwatch: false,
            namespace: "Newel/States".to_owned(),
            interval_seconds: 60,
            role_arn: None,
            series: 10_000,
            attempts: 200_000,
        }
    }
}

impl MetricOptions {
    /// The first thing wrong with them.
    ///
    /// # Errors
    /// A text that names the key.
    pub fn check(&self) -> Result<(), String> {
        positive("metrics.interval_seconds", self.interval_seconds)?;
        positive("metrics.series", self.series)?;
        if self.namespace.is_empty() || self.namespace.len() > 255 {
            return Err("metrics.namespace must have 1 to 255 characters".to_owned());
        }
        Ok(())
    }
}

impl LogOptions {
    /// The first thing wrong with them.
    ///
    /// # Errors
    /// A text that names the key.
    pub fn check(&self) -> Result<(), String> {
        positive("logs.queue", self.queue)?;
        positive("logs.file_bytes", self.file_bytes)
    }
}

impl EventOptions {
    /// The first thing wrong with them.
    ///
    /// # Errors
    /// A text that names the key.
    pub fn check(&self) -> Result<(), String> {
        positive("events.queue", self.queue)?;
        positive("events.file_bytes", self.file_bytes)?;
        positive("events.webhook_timeout_seconds", self.webhook_timeout_seconds)?;
        positive("events.webhook_attempts", self.webhook_attempts)?;
        positive("events.webhook_concurrency", self.webhook_concurrency)?;
        for (key, value, most) in [
            ("events.eventbridge_bus", &self.eventbridge_bus, 1_600),
            ("events.eventbridge_source", &self.eventbridge_source, 256),
        ] {
            if value.is_empty() || value.len() > most {
                return Err(format!("{key} must have 1 to {most} characters"));
            }
        }
        match &self.webhook_url {
            Some(url) => crate::webhook::target(url).map(drop),
            None if self.webhook_secret_file.is_some() => {
                Err("events.webhook_secret_file is set and events.webhook_url is not".to_owned())
            }
            None => Ok(()),
        }
    }
}

fn positive<T: Default + PartialEq>(key: &str, value: T) -> Result<(), String> {
    if value == T::default() { Err(format!("{key} must not be 0")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_named() {
        let check = |options: EventOptions, expect: Option<&str>| {
            let error = options.check().err();
            assert_eq!(error.is_some(), expect.is_some(), "{error:?}");
            assert!(error.unwrap_or_default().contains(expect.unwrap_or_default()));
        };
        let plain = EventOptions::default;
        check(plain(), None);
        check(EventOptions { webhook_url: Some("https://a/b".into()), ..plain() }, None);
        check(EventOptions { webhook_url: Some("ftp://a/b".into()), ..plain() }, Some("events.webhook_url"));
        check(EventOptions { webhook_url: Some("hook".into()), ..plain() }, Some("events.webhook_url"));
        check(EventOptions { webhook_secret_file: Some("s".into()), ..plain() }, Some("webhook_secret_file"));
        check(EventOptions { webhook_attempts: 0, ..plain() }, Some("events.webhook_attempts"));
        check(
            EventOptions { eventbridge_source: String::new(), ..plain() },
            Some("events.eventbridge_source"),
        );
        assert!(MetricOptions { namespace: String::new(), ..MetricOptions::default() }.check().is_err());
        assert!(LogOptions { queue: 0, ..LogOptions::default() }.check().is_err());
    }
}
