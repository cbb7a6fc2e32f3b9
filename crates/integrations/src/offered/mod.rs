//! The integrations without a table of the fuller kind ([`crate::descriptor`]): their patterns and parameters, as far as a
//! definition and a mocked result are checked by them. They are those whose parameters are Step Functions' own (HTTP Tasks,
//! API Gateway, a cluster's Kubernetes API), which have no model and which the worker `http` carries out, and those that no
//! worker of this release carries out. The facts follow
//! <https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html>.

mod parameters;
mod rules;
mod sdk;
mod services;

use newel_asl::catalog::Pattern;
use newel_aws_catalog::{Fault, TemplateSyntax};
use newel_value::Value;

pub(crate) use parameters::{Parameters, name_faults};
use rules::Rule;
pub(crate) use sdk::is_supported;
pub(crate) use services::SERVICES;

/// One service's optimized integration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    /// The service in the ARN and `resourceType` in the history: `athena`.
    pub(crate) name: &'static str,
    /// The worker family that is to serve it.
    pub(crate) family: &'static str,
    /// Its actions.
    pub(crate) actions: &'static [Action],
}

/// One action of a [`Service`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Action {
    /// The name in the ARN: `startQueryExecution`.
    pub(crate) name: &'static str,
    /// The service whose API it is made of, by its name in `aws-sdk` ARNs; none where there is no model.
    pub(crate) api: Option<&'static str>,
    /// What it takes.
    pub(crate) parameters: Parameters,
    /// What its parameters have to be besides, if they are Step Functions' own.
    pub(crate) rules: &'static [Rule],
    /// The API operation whose answer is the result of a request-response task.
    pub(crate) answer: Option<&'static str>,
    /// The `.sync` pattern.
    pub(crate) job: Option<Job>,
    /// Whether there is `.waitForTaskToken`.
    pub(crate) callback: bool,
    /// Members of the result that Step Functions gives as JSON, whatever the API's model says.
    pub(crate) parsed: fn(Pattern) -> &'static [&'static str],
}

/// The `.sync` pattern of an action.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// Whether there is `.sync:2` too.
    pub(crate) second_version: bool,
    /// The API operation that tells where the job is, if the API's model has it.
    pub(crate) poll: Option<&'static str>,
}

impl Action {
    /// The faults of a payload template for parameters that are Step Functions' own.
    pub(crate) fn check_own(&self, template: &Value, syntax: TemplateSyntax) -> Vec<Fault> {
        let named = self.parameters.check_own(template, syntax);
        let mut faults: Vec<Fault> =
            named.into_iter().map(|message| Fault { pointer: String::new(), message }).collect();
        if let Value::Object(template) = template {
            faults.extend(rules::faults(self.rules, template, Some(syntax)));
        }
        faults
    }

    /// The reasons against parameters that are Step Functions' own.
    pub(crate) fn refuse_own(&self, parameters: &Value) -> Vec<String> {
        let mut reasons = self.parameters.refuse_own(parameters);
        if let Value::Object(parameters) = parameters {
            reasons
                .extend(rules::faults(self.rules, parameters, None).into_iter().map(|fault| fault.message));
        }
        reasons
    }

    /// Whether there is that pattern.
    pub(crate) const fn offers(&self, pattern: Pattern) -> bool {
        match (pattern, self.job) {
            (Pattern::RequestResponse, _) => true,
            (Pattern::Callback, _) => self.callback,
            (Pattern::Job(1), job) => job.is_some(),
            (Pattern::Job(2), Some(job)) => job.second_version,
            (Pattern::Job(_), _) => false,
        }
    }

    /// The API operation whose answer a result under that pattern looks like. A callback's result is whatever comes with
    /// the token.
    pub(crate) const fn result(&self, pattern: Pattern) -> Option<&'static str> {
        match (pattern, self.job) {
            (Pattern::RequestResponse, _) => self.answer,
            (Pattern::Job(_), Some(job)) => job.poll,
            (Pattern::Job(_), None) | (Pattern::Callback, _) => None,
        }
    }
}

/// An action of an optimized integration by its names in ARNs.
pub(crate) fn of(service: &str, action: &str) -> Option<(&'static Service, &'static Action)> {
    let service = SERVICES.iter().find(|known| known.name == service)?;
    Some((service, service.actions.iter().find(|known| known.name == action)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_the_table() {
        let offers = |service, action, pattern| of(service, action).is_some_and(|(_, a)| a.offers(pattern));
        for (service, action, job, second, callback) in [
            ("states", "startExecution", true, true, true),
            ("eks", "runJob", true, false, true),
            ("http", "invoke", false, false, false),
        ] {
            let found = [Pattern::RequestResponse, Pattern::Job(1), Pattern::Job(2), Pattern::Callback]
                .map(|pattern| offers(service, action, pattern));
            assert_eq!(found, [true, job, second, callback], "{service}:{action}");
        }
        assert!(of("dynamodb", "query").is_none() && of("http", "Invoke").is_none());
    }

    #[test]
    fn no_action_is_in_both_lists() {
        for service in SERVICES {
            for action in service.actions {
                assert!(
                    crate::families::of(service.name, action.name).is_none(),
                    "{}:{}",
                    service.name,
                    action.name
                );
            }
        }
    }
}
