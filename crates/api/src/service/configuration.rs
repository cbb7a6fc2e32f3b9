//! Logging, tracing and encryption of a state machine: what is accepted, and how it is shown.

use newel_engine::request::Configuration;
use newel_value::{Object, Value};

use crate::model::Input;
use crate::refusal::Refusal;

/// The configurations that a request gives, checked.
pub(super) fn checked(input: &Input) -> Result<Configuration, Refusal> {
    let logging = input.structure("loggingConfiguration");
    logging.map_or(Ok(()), check_logging)?;
    let owned = |object: &Object| Value::Object(object.clone());
    Ok(Configuration {
        logging: logging.map(owned),
        tracing: input.structure("tracingConfiguration").map(owned),
        encryption: checked_encryption(input)?,
    })
}

/// The `encryptionConfiguration` that a request gives, checked.
pub(super) fn checked_encryption(input: &Input) -> Result<Option<Value>, Refusal> {
    let encryption = input.structure("encryptionConfiguration");
    encryption.map_or(Ok(()), check_encryption)?;
    Ok(encryption.map(|encryption| Value::Object(encryption.clone())))
}

fn check_logging(logging: &Object) -> Result<(), Refusal> {
    let level = logging.get("level").and_then(Value::as_str).unwrap_or("OFF");
    let destinations = logging.get("destinations").and_then(Value::as_array).map_or(0, <[Value]>::len);
    if destinations > 1 || (level != "OFF" && destinations == 0) {
        return Err(Refusal::new(
            "InvalidLoggingConfiguration",
            "Invalid Logging Configuration: Must specify exactly one Log Destination.",
        ));
    }
    Ok(())
}

/// Whether the configuration is sound in itself; the engine knows whether there is such a key.
fn check_encryption(encryption: &Object) -> Result<(), Refusal> {
    let given = |member| encryption.get(member).is_some_and(|value| !value.is_null());
    let customer = encryption.get("type").and_then(Value::as_str) == Some("CUSTOMER_MANAGED_KMS_KEY");
    let why = match (customer, given("kmsKeyId"), given("kmsDataKeyReusePeriodSeconds")) {
        (true, true, _) | (false, false, false) => return Ok(()),
        (true, false, _) => "kmsKeyId must be set when type is CUSTOMER_MANAGED_KMS_KEY",
        (false, true, _) => "kmsKeyId must not be set when type is AWS_OWNED_KEY",
        (false, false, true) => "kmsDataKeyReusePeriodSeconds must not be set when type is AWS_OWNED_KEY",
    };
    Err(invalid_encryption(why))
}

fn invalid_encryption(why: &str) -> Refusal {
    Refusal::new("InvalidEncryptionConfiguration", format!("Invalid Encryption Configuration: '{why}'"))
}

/// `loggingConfiguration` with what AWS fills in.
#[derive(Debug)]
pub(crate) struct LoggingView<'a> {
    /// The level; `OFF` if nothing was said.
    pub(crate) level: &'a str,
    /// Whether inputs and outputs are logged.
    pub(crate) include_execution_data: bool,
    /// The destinations as given; absent if none were.
    pub(crate) destinations: Option<&'a Value>,
}

impl<'a> LoggingView<'a> {
    pub(crate) fn of(configuration: &'a Configuration) -> Self {
        let member = |name| configuration.logging.as_ref().and_then(|l| l.get(name));
        Self {
            level: member("level").and_then(Value::as_str).unwrap_or("OFF"),
            include_execution_data: member("includeExecutionData").and_then(Value::as_bool).unwrap_or(false),
            destinations: member("destinations").filter(|d| !d.is_null()),
        }
    }

    /// The ARNs of the log groups.
    pub(crate) fn log_groups(&self) -> impl Iterator<Item = &'a str> {
        let destinations = self.destinations.and_then(Value::as_array).unwrap_or_default();
        destinations.iter().filter_map(|d| d.pointer("/cloudWatchLogsLogGroup/logGroupArn")?.as_str())
    }
}

/// `tracingConfiguration` with what AWS fills in.
#[derive(Debug)]
pub(crate) struct TracingView {
    /// Whether executions are traced.
    pub(crate) enabled: bool,
}

impl TracingView {
    pub(crate) fn of(configuration: &Configuration) -> Self {
        let enabled = configuration.tracing.as_ref().and_then(|t| t.get("enabled")).and_then(Value::as_bool);
        Self { enabled: enabled.unwrap_or(false) }
    }
}

/// How long AWS reuses a data key when nothing is said.
const REUSE_SECONDS: u64 = 300;

/// `encryptionConfiguration` with what AWS fills in.
#[derive(Debug)]
pub(crate) struct EncryptionView<'a> {
    /// Whose key.
    pub(crate) kind: &'a str,
    /// The customer's key, as it was named.
    pub(crate) key: Option<&'a str>,
    /// For how long a data key of the customer's key is reused.
    pub(crate) reuse_seconds: Option<u64>,
}

impl<'a> EncryptionView<'a> {
    pub(crate) fn of(encryption: Option<&'a Value>) -> Self {
        let member = |name| encryption.and_then(|e| e.get(name));
        let key = member("kmsKeyId").and_then(Value::as_str);
        let seconds = member("kmsDataKeyReusePeriodSeconds").and_then(Value::as_i64);
        let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(REUSE_SECONDS);
        Self {
            kind: member("type").and_then(Value::as_str).unwrap_or("AWS_OWNED_KEY"),
            key,
            reuse_seconds: key.map(|_| seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object {
        Value::parse(text).unwrap().as_object().unwrap().clone()
    }

    #[test]
    fn logging_needs_one_destination_unless_it_is_off() {
        let one = r#"{"cloudWatchLogsLogGroup":{"logGroupArn":"arn:aws:logs:us-east-1:1:log-group:g:*"}}"#;
        for (text, accepted) in [
            ("{}".to_owned(), true),
            (r#"{"destinations":[]}"#.to_owned(), true),
            (format!(r#"{{"level":"OFF","destinations":[{one}]}}"#), true),
            (format!(r#"{{"level":"ALL","destinations":[{one}]}}"#), true),
            (r#"{"level":"ALL"}"#.to_owned(), false),
            (format!(r#"{{"level":"ALL","destinations":[{one},{one}]}}"#), false),
        ] {
            assert_eq!(check_logging(&object(&text)).is_ok(), accepted, "{text}");
        }
    }

    #[test]
    fn a_key_is_named_if_and_only_if_it_is_the_customers() {
        for (text, accepted) in [
            (r#"{"type":"AWS_OWNED_KEY"}"#, true),
            (r#"{"type":"AWS_OWNED_KEY","kmsKeyId":null}"#, true),
            (r#"{"type":"AWS_OWNED_KEY","kmsKeyId":"k"}"#, false),
            (r#"{"type":"AWS_OWNED_KEY","kmsDataKeyReusePeriodSeconds":60}"#, false),
            (r#"{"type":"CUSTOMER_MANAGED_KMS_KEY","kmsKeyId":"k"}"#, true),
            (r#"{"type":"CUSTOMER_MANAGED_KMS_KEY"}"#, false),
        ] {
            assert_eq!(check_encryption(&object(text)).is_ok(), accepted, "{text}");
        }
    }

    #[test]
    fn nothing_said_is_shown_as_off() {
        let configuration = Configuration::default();
        let logging = LoggingView::of(&configuration);
        assert!(logging.level == "OFF" && !logging.include_execution_data && logging.destinations.is_none());
        assert!(!TracingView::of(&configuration).enabled);
        let encryption = EncryptionView::of(configuration.encryption.as_ref());
        assert!(encryption.kind == "AWS_OWNED_KEY" && encryption.key.is_none());
    }
}
