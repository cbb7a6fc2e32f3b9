//! Scripts: the life a job is to lead, and the rules that give each new job its script.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::select::{Selector, Subject};
use crate::services::Service;
use crate::world::RuleError;

const MAX_STEPS: usize = 64;
/// Ten years: longer than any test, and far from overflow in milliseconds.
const MAX_AFTER_SECONDS: f64 = 315_360_000.0;

/// A status and when it is entered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The status, as the service spells it on the wire.
    pub status: String,
    /// Seconds after the step before (for the first step: after creation, in the service's first status until then).
    #[serde(default)]
    pub after: f64,
    /// Members laid over the described job once the step is reached, with the wire's names: objects are merged member by
    /// member, lists element by element, everything else is replaced.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub with: Map<String, Value>,
}

impl Step {
    /// A step with nothing laid over.
    pub fn new(status: &str, after: f64) -> Self {
        Self { status: status.to_owned(), after, with: Map::new() }
    }

    /// Lays `value` over the described job's member `name`.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.with.insert(name.to_owned(), value.into());
        self
    }
}

/// Gives the jobs it matches a script. The first matching rule wins; a rule with `times` is gone after so many jobs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptRule {
    /// Which jobs; `service` must be given.
    #[serde(rename = "match")]
    pub select: Selector,
    /// For how many jobs; without it, for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// The job's life, at least one step.
    pub steps: Vec<Step>,
    /// What follows a stop or terminate call; empty for the service's usual way to stop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<Step>,
}

impl ScriptRule {
    /// A rule without a limit of times that runs `steps`.
    pub fn new(select: Selector, steps: Vec<Step>) -> Self {
        Self { select, times: None, steps, stop: Vec::new() }
    }

    /// Limits the rule to the next `times` jobs.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }
}

/// A status, the moment it is entered relative to the start of its sequence, and what is laid over from then on.
#[derive(Debug)]
pub(crate) struct Phase {
    pub(crate) at_ms: u64,
    pub(crate) status: String,
    pub(crate) with: Map<String, Value>,
}

/// A compiled script; shared by all the jobs that follow it.
#[derive(Debug)]
pub(crate) struct LifeCycle {
    pub(crate) run: Vec<Phase>,
    pub(crate) stop: Vec<Phase>,
}

impl LifeCycle {
    /// Compiles steps of `service`; `stop` empty means the service's default.
    fn compile(service: Service, run: &[Step], stop: &[Step]) -> Result<Self, RuleError> {
        let life = service.model().life.ok_or(RuleError::new("the service has no jobs to script"))?;
        let default_stop;
        let stop = if stop.is_empty() {
            default_stop = steps_of(life.stop);
            &default_stop
        } else {
            stop
        };
        let mut run = phases(run)?;
        if run.first().is_none_or(|phase| phase.at_ms > 0) {
            run.insert(0, Phase { at_ms: 0, status: life.run[0].0.to_owned(), with: Map::new() });
        }
        Ok(Self { run, stop: phases(stop)? })
    }
}

fn steps_of(defaults: &[(&str, f64)]) -> Vec<Step> {
    defaults.iter().map(|(status, after)| Step::new(status, *after)).collect()
}

fn phases(steps: &[Step]) -> Result<Vec<Phase>, RuleError> {
    if steps.is_empty() || steps.len() > MAX_STEPS {
        return Err(RuleError::new(format!("a script has 1 to {MAX_STEPS} steps, not {}", steps.len())));
    }
    let mut at = 0.0;
    let mut phases = Vec::with_capacity(steps.len());
    for step in steps {
        at += step.after;
        if !(0.0..=MAX_AFTER_SECONDS).contains(&step.after) || at > MAX_AFTER_SECONDS {
            return Err(RuleError::new(format!("'after' is out of range: {}", step.after)));
        }
        let at_ms = (at * 1000.0).round() as u64;
        phases.push(Phase { at_ms, status: step.status.clone(), with: step.with.clone() });
    }
    Ok(phases)
}

/// The rules in force, in order, and each service's default.
#[derive(Debug)]
pub(crate) struct ScriptBook {
    rules: Vec<(ScriptRule, Arc<LifeCycle>)>,
    defaults: Vec<Option<Arc<LifeCycle>>>,
}

impl ScriptBook {
    pub(crate) fn new() -> Self {
        let defaults = Service::ALL.iter().map(|service| {
            let life = service.model().life?;
            LifeCycle::compile(*service, &steps_of(life.run), &[]).ok().map(Arc::new)
        });
        Self { rules: Vec::new(), defaults: defaults.collect() }
    }

    /// Replaces (`keep` false) or appends to the rules; on an error nothing changes.
    pub(crate) fn install(
        &mut self,
        rules: Vec<ScriptRule>,
        keep: bool,
        max: usize,
    ) -> Result<(), RuleError> {
        if rules.len() + if keep { self.rules.len() } else { 0 } > max {
            return Err(RuleError::new(format!("more than {max} rules")));
        }
        let compiled = rules.into_iter().map(|rule| {
            let service = rule.select.service.ok_or(RuleError::new("match.service is required"))?;
            let life = LifeCycle::compile(service, &rule.steps, &rule.stop)?;
            Ok((rule, Arc::new(life)))
        });
        let compiled = compiled.collect::<Result<Vec<_>, RuleError>>()?;
        if !keep {
            self.rules.clear();
        }
        self.rules.extend(compiled);
        Ok(())
    }

    pub(crate) fn rules(&self) -> Vec<ScriptRule> {
        self.rules.iter().map(|(rule, _)| rule.clone()).collect()
    }

    /// The script of a new job; uses up one of the rule's times. `None` for a service without jobs.
    pub(crate) fn take(&mut self, subject: &Subject<'_>) -> Option<Arc<LifeCycle>> {
        let Some(at) = self.rules.iter().position(|(rule, _)| rule.select.matches(subject)) else {
            return self.defaults.get(subject.service as usize).cloned().flatten();
        };
        let life = Arc::clone(&self.rules[at].1);
        if let Some(times) = &mut self.rules[at].0.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.rules.remove(at);
            }
        }
        Some(life)
    }
}

/// Lays `patch` over `target`: see [`Step::with`].
pub(crate) fn lay_over(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => lay_members_over(target, patch),
        (Value::Array(target), Value::Array(patch)) => {
            for (at, element) in patch.iter().enumerate() {
                match target.get_mut(at) {
                    Some(present) => lay_over(present, element),
                    None => target.push(element.clone()),
                }
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

/// Lays the members of `patch` over those of `target`.
pub(crate) fn lay_members_over(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match target.get_mut(name) {
            Some(present) => lay_over(present, value),
            None => {
                target.insert(name.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_laid_over_by_structure() {
        let mut job =
            json!({"container": {"image": "i", "exitCode": 0}, "list": [{"a": 1}, {"a": 2}], "tags": ["x"]});
        lay_over(
            &mut job,
            &json!({"container": {"exitCode": 3}, "list": [{"b": 9}], "tags": "none", "more": true}),
        );
        let expect = json!({"container": {"image": "i", "exitCode": 3}, "list": [{"a": 1, "b": 9}, {"a": 2}],
            "tags": "none", "more": true});
        assert_eq!(job, expect);
    }

    #[test]
    fn bad_rules_are_refused_and_leave_the_book_alone() {
        let mut book = ScriptBook::new();
        let rule = |json: &str| serde_json::from_str::<ScriptRule>(json).unwrap();
        let good = rule(r#"{"match":{"service":"batch"},"steps":[{"status":"FAILED","after":1}]}"#);
        book.install(vec![good.clone()], false, 10).unwrap();
        for bad in [
            r#"{"match":{},"steps":[{"status":"FAILED"}]}"#,
            r#"{"match":{"service":"batch"},"steps":[]}"#,
            r#"{"match":{"service":"batch"},"steps":[{"status":"FAILED","after":-1}]}"#,
            r#"{"match":{"service":"batch"},"steps":[{"status":"FAILED","after":1e300}]}"#,
            r#"{"match":{"service":"dynamodb"},"steps":[{"status":"FAILED"}]}"#,
        ] {
            assert!(book.install(vec![rule(bad)], false, 10).is_err(), "{bad}");
        }
        assert!(book.install(vec![good; 10], true, 10).is_err());
        assert_eq!(book.rules().len(), 1);
    }

    #[test]
    fn a_late_first_step_is_preceded_by_the_first_status() {
        let life = LifeCycle::compile(Service::Glue, &[Step::new("FAILED", 2.0)], &[]).unwrap();
        let run: Vec<_> = life.run.iter().map(|phase| (phase.at_ms, phase.status.as_str())).collect();
        assert_eq!(run, [(0, "STARTING"), (2000, "FAILED")]);
        assert_eq!(life.stop.last().unwrap().status, "STOPPED");
    }
}
