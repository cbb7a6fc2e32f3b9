//! Configurations of state machines: whether two of them say the same, however they say it.

use crate::logging::Logging;
use crate::request::Configuration;
use crate::sealing::same_encryption;

impl Configuration {
    /// Whether executions are traced.
    fn is_traced(&self) -> bool {
        self.tracing.as_ref().and_then(|tracing| tracing.get("enabled")?.as_bool()).unwrap_or(false)
    }

    /// Whether another one says the same, with AWS's defaults where one says nothing.
    pub(crate) fn means(&self, other: &Self) -> bool {
        Logging::of(self) == Logging::of(other)
            && self.is_traced() == other.is_traced()
            && same_encryption(self.encryption.as_ref(), other.encryption.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use newel_value::Value;

    use super::*;

    fn configuration(text: &str) -> Configuration {
        let value = Value::parse(text).unwrap();
        let member = |name| value.get(name).cloned();
        Configuration {
            logging: member("logging"),
            tracing: member("tracing"),
            encryption: member("encryption"),
        }
    }

    #[test]
    fn a_default_that_is_said_makes_no_difference() {
        let nothing = Configuration::default();
        for text in [
            r#"{"logging":{}}"#,
            r#"{"logging":{"level":"OFF","includeExecutionData":false}}"#,
            r#"{"logging":{"destinations":[]}}"#,
            r#"{"logging":{"level":null}}"#,
            r#"{"tracing":{}}"#,
            r#"{"tracing":{"enabled":false}}"#,
            r#"{"encryption":{"type":"AWS_OWNED_KEY"}}"#,
        ] {
            assert!(configuration(text).means(&nothing) && nothing.means(&configuration(text)), "{text}");
        }
        let key = r#""type":"CUSTOMER_MANAGED_KMS_KEY","kmsKeyId":"k""#;
        let usual = configuration(&format!(r#"{{"encryption":{{{key}}}}}"#));
        let said = format!(r#"{{"encryption":{{{key},"kmsDataKeyReusePeriodSeconds":300}}}}"#);
        assert!(usual.means(&configuration(&said)));
        assert!(!usual.means(&configuration(&said.replace("300", "60"))));
    }

    #[test]
    fn whatever_is_done_otherwise_makes_one() {
        let group = |name: &str| {
            let arn = format!("arn:aws:logs:us-east-1:000000000000:log-group:{name}:*");
            format!(r#""destinations":[{{"cloudWatchLogsLogGroup":{{"logGroupArn":"{arn}"}}}}]"#)
        };
        let all = [
            "{}".to_owned(),
            r#"{"logging":{"includeExecutionData":true}}"#.to_owned(),
            format!(r#"{{"logging":{{{}}}}}"#, group("a")),
            format!(r#"{{"logging":{{{}}}}}"#, group("b")),
            format!(r#"{{"logging":{{"level":"ALL",{}}}}}"#, group("a")),
            r#"{"tracing":{"enabled":true}}"#.to_owned(),
            r#"{"encryption":{"type":"CUSTOMER_MANAGED_KMS_KEY","kmsKeyId":"k"}}"#.to_owned(),
            r#"{"encryption":{"type":"CUSTOMER_MANAGED_KMS_KEY","kmsKeyId":"l"}}"#.to_owned(),
        ];
        for (n, one) in all.iter().enumerate() {
            for (m, other) in all.iter().enumerate() {
                assert_eq!(configuration(one).means(&configuration(other)), n == m, "{one} {other}");
            }
        }
    }
}
