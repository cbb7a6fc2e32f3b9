//! Makes actions out of what is particular about them.

use newel_asl::catalog::Pattern;
use newel_value::Value;

use super::{Action, Field, Idempotency, Job, Lookup, Output, Parameters, Source, Stored};
use crate::TaskFailure;

/// An action that takes what an operation takes and gives what it answers.
pub(crate) const fn call(name: &'static str, operation: &'static str) -> Action {
    Action {
        name,
        operation,
        parameters: Parameters::Request,
        lookup: None,
        job: None,
        callback: false,
        stored: None,
        json: &[],
        complete: complete_nothing,
        stamp: stamp_nothing,
        refuse: refuse_nothing,
        unknown_host: no_host,
        idempotency: Idempotency::None,
        output: Output::Answer(&[]),
        failure: never_fails,
    }
}

/// An action with parameters of Step Functions' own.
pub(crate) const fn own(name: &'static str, operation: &'static str, fields: &'static [Field]) -> Action {
    Action { parameters: Parameters::Own(fields), ..call(name, operation) }
}

impl Action {
    /// Whether there is that pattern.
    pub(crate) const fn offers(&self, pattern: Pattern) -> bool {
        match pattern {
            Pattern::RequestResponse => true,
            Pattern::Job(version) => version == 1 && self.job.is_some(),
            Pattern::Callback => self.callback,
        }
    }

    /// With `.sync`.
    pub(crate) const fn waits(self, job: Job) -> Self {
        Self { job: Some(job), ..self }
    }

    /// With `.waitForTaskToken`.
    pub(crate) const fn callback(self) -> Self {
        Self { callback: true, ..self }
    }

    /// The service drops a second request with the same value of this member.
    pub(crate) const fn token(self, member: &'static str, max_len: usize) -> Self {
        Self { idempotency: Idempotency::Token { member, max_len, lasts_seconds: None }, ..self }
    }

    /// The user names the job, whose time of creation is at this place in its description.
    pub(crate) const fn named(self, created: &'static str) -> Self {
        Self { idempotency: Idempotency::Name { created }, ..self }
    }

    /// Two calls do what one does.
    pub(crate) const fn natural(self) -> Self {
        Self { idempotency: Idempotency::Natural, ..self }
    }

    /// A payload may be an object in Amazon S3 instead.
    pub(crate) const fn stored(self, stored: Stored) -> Self {
        Self { stored: Some(stored), ..self }
    }

    /// Members whose bytes are JSON.
    pub(crate) const fn json(self, members: &'static [&'static str]) -> Self {
        Self { json: members, ..self }
    }

    /// What Step Functions adds to the parameters.
    pub(crate) const fn completed(self, complete: fn(Pattern, Value) -> Value) -> Self {
        Self { complete, ..self }
    }

    /// What the integration refuses beyond what the model says.
    pub(crate) const fn refusing(self, refuse: fn(Pattern, &Value) -> Option<String>) -> Self {
        Self { refuse, ..self }
    }

    /// The host that the parameters name and that can't be there.
    pub(crate) const fn unknown_host(self, unknown_host: fn(&Value) -> Option<String>) -> Self {
        Self { unknown_host, ..self }
    }

    /// The failure that an answer of success can tell of.
    pub(crate) const fn failing(self, failure: fn(Pattern, &Value) -> Option<TaskFailure>) -> Self {
        Self { failure, ..self }
    }

    /// Gives these members instead of the API's answer.
    pub(crate) const fn gives(self, members: &'static [(&'static str, Source)]) -> Self {
        Self { output: Output::Members(members), ..self }
    }

    /// With a call before, to find an id by its name.
    pub(crate) const fn looks_up(self, lookup: Lookup) -> Self {
        Self { lookup: Some(lookup), ..self }
    }
}

fn complete_nothing(_: Pattern, parameters: Value) -> Value {
    parameters
}

fn stamp_nothing(_: &str, request: Value) -> Value {
    request
}

fn refuse_nothing(_: Pattern, _: &Value) -> Option<String> {
    None
}

fn no_host(_: &Value) -> Option<String> {
    None
}

fn never_fails(_: Pattern, _: &Value) -> Option<TaskFailure> {
    None
}
