//! Faults: calls that are throttled, refused, delayed, cut off, or done without an answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::select::{Selector, Subject};
use crate::world::RuleError;

/// The longest delay: past it a test should cut the connection instead.
const MAX_DELAY_SECONDS: f64 = 3600.0;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The service's throttling error.
    Throttle,
    /// The service's internal error, a 5xx.
    ServerError,
    /// The service's access-denied error.
    Denied,
    /// The error given by `code`, `message` and `status`.
    Error,
    /// The connection is reset and the call has no effect.
    Reset,
    /// The call takes effect, then the connection is reset instead of an answer.
    LostAnswer,
    /// Only `delay`.
    Latency,
    /// `body` is answered with status 200 and the call has no effect.
    Answer,
}

/// Injects a fault into the calls it matches. The first matching rule that is due wins.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Which calls.
    #[serde(rename = "match", default)]
    pub select: Selector,
    /// What goes wrong.
    pub kind: FaultKind,
    /// For how many calls; without it, for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// For how many seconds from when the rule is installed, by the fake's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Only every so many matching calls, starting with the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u32>,
    /// Error code, for [`FaultKind::Error`]; the other kinds have their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Error message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// HTTP status of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Seconds of real time before the answer (or the reset).
    #[serde(default)]
    pub delay: f64,
    /// The answer, for [`FaultKind::Answer`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

impl FaultRule {
    /// A fault of `kind` in every call that `select` matches.
    pub fn new(select: Selector, kind: FaultKind) -> Self {
        Self {
            select,
            kind,
            times: None,
            seconds: None,
            every: None,
            code: None,
            message: None,
            status: None,
            delay: 0.0,
            body: None,
        }
    }

    /// Limits the rule to the next `times` matching calls.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn validate(&self) -> Result<(), RuleError> {
        if self.kind == FaultKind::Error && self.code.is_none() {
            return Err(RuleError::new("kind 'error' needs a 'code'"));
        }
        if self.kind == FaultKind::Answer && self.body.is_none() {
            return Err(RuleError::new("kind 'answer' needs a 'body'"));
        }
        if self.every == Some(0) || self.times == Some(0) {
            return Err(RuleError::new("'every' and 'times' count from 1"));
        }
        if !(0.0..=MAX_DELAY_SECONDS).contains(&self.delay)
            || self.seconds.is_some_and(|s| s.is_nan() || s < 0.0)
        {
            return Err(RuleError::new("'delay' or 'seconds' is out of range"));
        }
        if self.status.is_some_and(|status| !(200..=599).contains(&status)) {
            return Err(RuleError::new("'status' is not an HTTP status"));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Armed {
    rule: FaultRule,
    until_ms: Option<u64>,
    seen: u32,
}

/// The rules in force, in order.
#[derive(Debug, Default)]
pub(crate) struct FaultBook {
    rules: Vec<Armed>,
}

impl FaultBook {
    /// Replaces (`keep` false) or appends to the rules; on an error nothing changes.
    pub(crate) fn install(
        &mut self,
        rules: Vec<FaultRule>,
        keep: bool,
        max: usize,
        now_ms: u64,
    ) -> Result<(), RuleError> {
        if rules.len() + if keep { self.rules.len() } else { 0 } > max {
            return Err(RuleError::new(format!("more than {max} rules")));
        }
        rules.iter().try_for_each(FaultRule::validate)?;
        if !keep {
            self.rules.clear();
        }
        self.rules.extend(rules.into_iter().map(|rule| {
            let until_ms = rule.seconds.map(|seconds| now_ms.saturating_add((seconds * 1000.0) as u64));
            Armed { rule, until_ms, seen: 0 }
        }));
        Ok(())
    }

    pub(crate) fn rules(&self) -> Vec<FaultRule> {
        self.rules.iter().map(|armed| armed.rule.clone()).collect()
    }

    /// The fault of this call, if any; uses up one of the rule's times.
    pub(crate) fn take(&mut self, subject: &Subject<'_>, now_ms: u64) -> Option<FaultRule> {
        if self.rules.is_empty() {
            return None;
        }
        self.rules.retain(|armed| armed.until_ms.is_none_or(|until| now_ms < until));
        for at in 0..self.rules.len() {
            let armed = &mut self.rules[at];
            if !armed.rule.select.matches(subject) {
                continue;
            }
            let due = armed.rule.every.is_none_or(|every| armed.seen.is_multiple_of(every));
            armed.seen = armed.seen.wrapping_add(1);
            if !due {
                continue;
            }
            let fault = armed.rule.clone();
            if let Some(times) = &mut armed.rule.times {
                *times = times.saturating_sub(1);
                if *times == 0 {
                    self.rules.remove(at);
                }
            }
            return Some(fault);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::Service;

    fn subject(operation: &str) -> Subject<'_> {
        Subject {
            service: Service::Batch,
            operation,
            account: "000000000000",
            region: "us-east-1",
            role: "",
            name: "",
            group: "",
            definition: "",
        }
    }

    fn book(rules: &str) -> FaultBook {
        let mut book = FaultBook::default();
        book.install(serde_json::from_str(rules).unwrap(), false, 10, 1000).unwrap();
        book
    }

    #[test]
    fn times_every_and_seconds_bound_a_fault() {
        let check = |rules: &str, expect: &str| {
            let mut book = book(rules);
            let hits = (0..6).map(|call| match book.take(&subject("SubmitJob"), 1000 + call * 1000) {
                Some(_) => 'x',
                None => '.',
            });
            assert_eq!(hits.collect::<String>(), expect, "{rules}");
        };
        check(r#"[{"kind":"throttle"}]"#, "xxxxxx");
        check(r#"[{"kind":"throttle","times":2}]"#, "xx....");
        check(r#"[{"kind":"throttle","seconds":3}]"#, "xxx...");
        check(r#"[{"kind":"throttle","every":3}]"#, "x..x..");
        check(r#"[{"kind":"throttle","every":2,"times":2}]"#, "x.x...");
        check(r#"[{"kind":"throttle","match":{"operation":"DescribeJobs"}}]"#, "......");
        check(r#"[{"kind":"throttle","times":1},{"kind":"reset","times":1}]"#, "xx....");
    }

    #[test]
    fn senseless_rules_are_refused() {
        for bad in [
            r#"{"kind":"error"}"#,
            r#"{"kind":"answer"}"#,
            r#"{"kind":"throttle","every":0}"#,
            r#"{"kind":"throttle","times":0}"#,
            r#"{"kind":"latency","delay":-1}"#,
            r#"{"kind":"latency","delay":1e9}"#,
            r#"{"kind":"throttle","status":42}"#,
        ] {
            let rule: FaultRule = serde_json::from_str(bad).unwrap();
            assert!(FaultBook::default().install(vec![rule], false, 10, 0).is_err(), "{bad}");
        }
    }
}
