//! A service that answers as told and remembers what it was sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use newel_aws_catalog::Catalog;
use newel_integrations::{HttpAnswer, Integrations, ServiceError, WireRequest, families};
use newel_value::Value;
use newel_worker::aws::{CallError, Caller};
use newel_worker::{Attempt, AwsOptions, CallResult, Optimized, Options, Pattern, Repeat, Service};

/// What the service answers next.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Success with this body, as on the wire.
    Body(Value),
    /// An error of this code.
    Refused(&'static str),
    /// The wish for fewer calls.
    Throttled,
    /// Nothing: the connection breaks after the call has been sent.
    Lost,
}

impl Answer {
    pub(crate) fn of(text: &str) -> Self {
        Self::Body(json(text))
    }
}

pub(crate) fn json(text: &str) -> Value {
    Value::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The service; a clone is the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    answers: VecDeque<Answer>,
    sent: Vec<WireRequest>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Tells what is answered next; what was told before and not asked for is forgotten.
    pub(crate) fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.0.lock().unwrap().answers = answers.into_iter().collect();
    }

    pub(crate) fn forget_sent(&self) {
        self.0.lock().unwrap().sent.clear();
    }

    /// What was sent, the attempt's token as `TOKEN` and its execution as `EXECUTION`.
    pub(crate) fn sent(&self, attempt: &Attempt) -> Vec<String> {
        let state = self.0.lock().unwrap();
        let shown =
            state.sent.iter().map(|call| format!("{}.{} {}", call.service, call.operation, call.body));
        let shown = shown.map(|text| text.replace(&*attempt.submit_token, "TOKEN"));
        shown.map(|text| text.replace(&*attempt.execution_arn, "EXECUTION")).collect()
    }

    /// The adapter of the family that serves a resource.
    pub(crate) async fn adapter(&self, resource: &str) -> Optimized<Self> {
        let (service, action) = resource.split_once(':').unwrap();
        let (table, _) = families::of(service, action).unwrap_or_else(|| panic!("no table of {resource}"));
        self.adapter_of(table.family).await
    }

    /// The adapter of a family. Its second attempt at a call is its last.
    pub(crate) async fn adapter_of(&self, family: &str) -> Optimized<Self> {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../.newel/aws-catalog.bin");
        let catalog = Catalog::open(file).expect("the packed catalog: run `make` once");
        let aws = AwsOptions { dev_account_credentials: true, max_attempts: 2, ..AwsOptions::default() };
        let options = Options { aws, ..Options::default() };
        let integrations = Integrations::new(Arc::new(catalog));
        Optimized::load(self.clone(), family, &options, integrations).await.unwrap()
    }
}

#[async_trait]
impl Service for World {
    type Client = ();

    fn client(&self, _: &Caller) {}

    async fn send(&self, (): &(), request: &WireRequest, _: Repeat) -> CallResult {
        let mut state = self.0.lock().unwrap();
        state.sent.push(request.clone());
        let request_id = Some("id-1".to_owned());
        let error = |code: &str| {
            Box::new(ServiceError {
                extended_request_id: None,
                status: 400,
                code: code.to_owned(),
                message: Some("told to".to_owned()),
                request_id: Some("id-1".to_owned()),
            })
        };
        match state.answers.pop_front() {
            Some(Answer::Body(body)) => {
                Ok((body, HttpAnswer { status: 200, headers: Vec::new(), request_id }))
            }
            Some(Answer::Refused(code)) => Err(CallError::Refused { error: error(code), throttled: false }),
            Some(Answer::Throttled) => {
                Err(CallError::Refused { error: error("ThrottlingException"), throttled: true })
            }
            Some(Answer::Lost) => Err(CallError::Unknown { answer: None, cause: "reset".to_owned() }),
            None => panic!("{}.{} {} wasn't expected", request.service, request.operation, request.body),
        }
    }
}

/// An attempt of a resource.
pub(crate) fn attempt(resource: &str, pattern: Pattern, parameters: &str) -> Attempt {
    newel_worker::contract::attempt(resource, pattern, parameters)
}
