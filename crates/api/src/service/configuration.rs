//! Logging, tracing and encryption of a state machine: what is accepted, and how it is shown.

use newel_engine::request::Configuration;
use newel_value::{Object, Value};

use crate::model::Input;
use crate::refusal::Refusal;

/// The configurations that a request gives, checked.
pub(super) fn checked(input: &Input) -> Result<Configuration, Refusal> {
    let logging = input.structure("loggingConfiguration");
    logging.map_or(Ok(()), check_logging)?;
    Ok(Configuration {
        logging: logging.map(said),
        tracing: input.structure("tracingConfiguration").map(said),
        encryption: checked_encryption(input)?,
    })
}

/// The `encryptionConfiguration` that a request gives, checked.
pub(super) fn checked_encryption(input: &Input) -> Result<Option<Value>, Refusal> {
    let encryption = input.structure("encryptionConfiguration");
    encryption.map_or(Ok(()), check_encryption)?;
    Ok(encryption.map(said))
}

/// A structure without its members that are null, which say nothing.
fn said(structure: &Object) -> Value {
    fn of(value: &Value) -> Value {
        match value {
            Value::Object(object) => said(object),
            Value::Array(items) => items.iter().map(of).collect::<Vec<_>>().into(),
            scalar => scalar.clone(),
        }
    }
    let members = structure.iter().filter(|(_, value)| !value.is_null());
    Value::Object(members.map(|(name, value)| (name.clone(), of(value))).collect())
}

fn check_logging(logging: &Object) -> Result<(), Refusal> {
    let is_off = logging.get("level").and_then(Value::as_str).is_none_or(|level| level == "OFF");
    let why = match logging.get("destinations").and_then(Value::as_array).unwrap_or_default() {
        [] if is_off => return Ok(()),
        [one] if is_off || is_usable(one) => return Ok(()),
        [_] => "Log Destination not found.",
        [] | [_, _, ..] => "Must specify exactly one Log Destination.",
    };
    Err(Refusal::new("InvalidLoggingConfiguration", format!("Invalid Logging Configuration: {why}")))
}

/// Whether a destination names a log group: `arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*`. AWS wants the end; here what is
/// logged finds its group without it, too.
fn is_usable(destination: &Value) -> bool {
    let arn = destination.pointer("/cloudWatchLogsLogGroup/logGroupArn").and_then(Value::as_str);
    let fields: Vec<&str> = arn.unwrap_or_default().splitn(7, ':').collect();
    let ["arn", partition, "logs", region, account, "log-group", group] = fields[..] else { return false };
    let group = group.strip_suffix(":*").unwrap_or(group);
    ![partition, region, account, group].contains(&"") && !group.contains(':')
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
    fn logging_needs_a_log_group_that_can_be_one() {
        let group = |arn: &str| format!(r#"{{"cloudWatchLogsLogGroup":{{"logGroupArn":{arn}}}}}"#);
        let own = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/g";
        for (destination, usable) in [
            (group(&format!(r#""{own}:*""#)), true),
            (group(&format!(r#""{own}""#)), true),
            (group(&format!(r#""{own}:log-stream:s""#)), false),
            (group(r#""arn:aws:logs:us-east-1:000000000000:log-group::*""#), false),
            (group(r#""arn:aws:logs:us-east-1:000000000000:destination:d""#), false),
            (group(r#""arn:aws:s3:::b""#), false),
            (group(r#""bogus""#), false),
            (group("null"), false),
            (r#"{"cloudWatchLogsLogGroup":{}}"#.to_owned(), false),
            ("{}".to_owned(), false),
        ] {
            let checked =
                check_logging(&object(&format!(r#"{{"level":"ALL","destinations":[{destination}]}}"#)));
            let told = "Invalid Logging Configuration: Log Destination not found.";
            assert_eq!(
                checked.map_err(|refusal| refusal.message),
                usable.then_some(()).ok_or(told.to_owned())
            );
            let off = object(&format!(r#"{{"level":"OFF","destinations":[{destination}]}}"#));
            assert_eq!(check_logging(&off), Ok(()), "{destination}");
        }
    }

    #[test]
    fn what_is_null_is_not_said() {
        let text = r#"{"level":"OFF","includeExecutionData":null,"destinations":[{"cloudWatchLogsLogGroup":{"logGroupArn":null}}]}"#;
        let expect = r#"{"level":"OFF","destinations":[{"cloudWatchLogsLogGroup":{}}]}"#;
        assert_eq!(said(&object(text)).to_json(), expect);
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
