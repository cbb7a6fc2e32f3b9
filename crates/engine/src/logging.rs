//! `loggingConfiguration`: which of an execution's events are logged, and where to
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html>).

use newel_machine::{Detail, StateType};
use newel_value::{Str, Value};

use crate::request::Configuration;

/// Which events are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// None.
    #[default]
    Off,
    /// Those that close the execution badly.
    Fatal,
    /// Those that tell of an error.
    Error,
    /// All.
    All,
}

impl LogLevel {
    /// The level of that name in the API.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Off, Self::Fatal, Self::Error, Self::All].into_iter().find(|level| level.as_str() == name)
    }

    /// The name as the API has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Fatal => "FATAL",
            Self::Error => "ERROR",
            Self::All => "ALL",
        }
    }

    /// Whether an event is logged at this level
    /// (<https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-log-level>).
    #[must_use]
    pub fn takes(self, detail: &Detail) -> bool {
        match self {
            Self::Off => false,
            Self::Fatal => is_fatal(detail),
            Self::Error => is_fatal(detail) || is_error(detail),
            Self::All => true,
        }
    }
}

const fn is_fatal(detail: &Detail) -> bool {
    matches!(detail, Detail::ExecutionFailed(_) | Detail::ExecutionAborted(_) | Detail::ExecutionTimedOut(_))
}

fn is_error(detail: &Detail) -> bool {
    if let Detail::StateEntered { state_type, .. } = detail {
        return *state_type == StateType::Fail;
    }
    // The names follow the rule that the table of levels has.
    let name = detail.type_name();
    ["Failed", "TimedOut", "Aborted"].iter().any(|end| name.ends_with(end))
}

/// What a revision says of logging.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    /// Which events.
    pub level: LogLevel,
    /// Whether their inputs and outputs are logged too.
    pub include_execution_data: bool,
    /// The ARNs of the CloudWatch log groups that it names: one, unless the level is `Off`.
    pub log_groups: Vec<Str>,
}

impl Logging {
    /// What a configuration says.
    #[must_use]
    pub fn of(configuration: &Configuration) -> Self {
        let Some(logging) = &configuration.logging else { return Self::default() };
        let destinations = logging.get("destinations").and_then(Value::as_array).unwrap_or_default();
        let group = |destination: &Value| {
            destination.pointer("/cloudWatchLogsLogGroup/logGroupArn")?.as_str().map(Str::from)
        };
        Self {
            level: logging.get("level").and_then(Value::as_str).and_then(LogLevel::parse).unwrap_or_default(),
            include_execution_data: logging
                .get("includeExecutionData")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            log_groups: destinations.iter().filter_map(group).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use newel_machine::Fault;
    use newel_value::Payload;

    use super::*;

    #[test]
    fn levels_take_what_aws_s_table_says() {
        let entered =
            |state_type| Detail::StateEntered { state_type, name: "S".into(), input: Payload::default() };
        let fault = Fault::default;
        for (detail, levels) in [
            (Detail::ExecutionFailed(fault()), "FATAL ERROR ALL"),
            (Detail::ExecutionTimedOut(fault()), "FATAL ERROR ALL"),
            (Detail::ExecutionAborted(fault()), "FATAL ERROR ALL"),
            (Detail::MapFailed, "ERROR ALL"),
            (Detail::MapRunAborted, "ERROR ALL"),
            (Detail::LambdaFunctionScheduleFailed(fault()), "ERROR ALL"),
            (entered(StateType::Fail), "ERROR ALL"),
            (entered(StateType::Pass), "ALL"),
            (Detail::MapSucceeded, "ALL"),
            (Detail::ExecutionSucceeded { output: Payload::default() }, "ALL"),
        ] {
            let taken: Vec<_> = [LogLevel::Off, LogLevel::Fatal, LogLevel::Error, LogLevel::All]
                .into_iter()
                .filter(|level| level.takes(&detail))
                .map(LogLevel::as_str)
                .collect();
            assert_eq!(taken.join(" "), levels, "{detail:?}");
        }
    }

    #[test]
    fn nothing_said_is_off() {
        assert_eq!(Logging::of(&Configuration::default()), Logging::default());
        let logging = Value::parse(
            r#"{"level":"ERROR","includeExecutionData":true,"destinations":[{"cloudWatchLogsLogGroup":{"logGroupArn":"g"}}]}"#,
        )
        .unwrap();
        let said = Logging::of(&Configuration { logging: Some(logging), ..Configuration::default() });
        let expect =
            Logging { level: LogLevel::Error, include_execution_data: true, log_groups: vec!["g".into()] };
        assert_eq!(said, expect);
    }
}
