//! Results: what the state gets of a service's answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use newel_aws_catalog::from_wire;
use newel_value::{Object, ObjectBuilder, Str, Value};

use crate::descriptor::{Job, Output, Source};
use crate::integration::{DIALECT, Integration, WireRequest};
use crate::{TaskFailure, marker};

/// What is known of an HTTP answer besides its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The headers in the order they came; a name may come more than once.
    pub headers: Vec<(String, String)>,
    /// The request's id, from whichever header the service sends it in.
    pub request_id: Option<String>,
}

impl Integration<'_> {
    /// The output of a request-response task, and of the `TaskSubmitted` event of the other patterns: the API's answer in
    /// PascalCase with the metadata that the Java SDK keeps, or what Step Functions makes of it.
    ///
    /// # Errors
    /// The failure of a task whose call succeeded and yet says that it failed.
    pub fn answer(
        &self,
        request: &WireRequest,
        answer: &Value,
        http: &HttpAnswer,
    ) -> Result<Value, TaskFailure> {
        let shown =
            self.output.map_or_else(Value::empty_object, |shape| from_wire(self.api, shape, answer, DIALECT));
        let shown = self
            .json_members(shown, |bytes| Some(String::from_utf8(BASE64.decode(bytes).ok()?).ok()?.into()));
        if let Some(failure) = (self.action.failure)(self.pattern, &shown) {
            return Err(failure);
        }
        let shown = self.json_members(shown, |text| Value::parse(text).ok());
        let members = |members: &[(&'static str, Source)]| {
            let found = |(name, source): &(&'static str, Source)| {
                Some((Str::from(*name), source.of(request, answer)?.clone()))
            };
            members.iter().filter_map(found).collect::<Vec<_>>()
        };
        Ok(match self.action.output {
            Output::Answer(besides) => {
                let mut shown = shown.as_object().cloned().unwrap_or_default().to_builder();
                for (name, value) in members(besides) {
                    shown.insert(name, value);
                }
                with_metadata(&shown.build().into(), http, self.family.service)
            }
            Output::Members(own) => with_metadata(&own_members(members(own)), http, self.family.service),
            Output::Made(make) => with_metadata(&make(&shown), http, self.family.service),
            Output::Only(name) => shown.get(name).cloned().unwrap_or_default(),
        })
    }

    /// The answer with what `convert` makes of the members that hold JSON; those it makes nothing of stay.
    fn json_members(&self, shown: Value, convert: impl Fn(&str) -> Option<Value>) -> Value {
        let Value::Object(object) = &shown else { return shown };
        if !self.action.json.iter().any(|name| object.contains_key(name)) {
            return shown;
        }
        let converted =
            |name: &str, value: &Value| convert(value.as_str().filter(|_| self.action.json.contains(&name))?);
        let members = object
            .iter()
            .map(|(name, value)| (Str::clone(name), converted(name, value).unwrap_or_else(|| value.clone())));
        Value::Object(members.collect())
    }

    /// The output of a `.sync` task whose job succeeded: the described job, without metadata.
    #[must_use]
    pub fn job_result(&self, described: &Value) -> Value {
        let described = marker::strip(self.action.idempotency, described);
        match &self.action.job {
            Some(job) => self.job_result_of(job, &described),
            None => described,
        }
    }

    pub(crate) fn job_result_of(&self, job: &Job, described: &Value) -> Value {
        let shape = self.api.shape_named(job.result.shape);
        let shown =
            shape.map_or_else(|| described.clone(), |shape| from_wire(self.api, shape, described, DIALECT));
        let Some(wrapper) = job.result.wrapper else { return shown };
        let beside = job.result.beside.iter();
        let beside = beside
            .filter_map(|(name, pointer)| Some((Str::from(*name), described.pointer(pointer)?.clone())));
        let members = std::iter::once((Str::from(wrapper), shown)).chain(beside);
        own_members(members.collect())
    }

    /// The failure of a `.sync` task whose job failed.
    #[must_use]
    pub fn job_failure(&self, described: &Value) -> TaskFailure {
        TaskFailure { error: "States.TaskFailed".to_owned(), cause: self.job_result(described).to_json() }
    }
}

fn own_members(members: Vec<(Str, Value)>) -> Value {
    Value::Object(members.into_iter().collect())
}

/// An answer of a service, by its name in resource ARNs, as a workflow is to see it: with `SdkHttpMetadata` and
/// `SdkResponseMetadata`; members in name order, as AWS prints them.
#[must_use]
pub fn with_metadata(shown: &Value, http: &HttpAnswer, service: &str) -> Value {
    let mut lists: Vec<(Str, Vec<Value>)> = Vec::new();
    for (name, value) in &http.headers {
        let name = header_name(name, service);
        match lists.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value.as_str().into()),
            None => lists.push((name, vec![value.as_str().into()])),
        }
    }
    lists.sort_by(|a, b| a.0.cmp(&b.0));
    let first = |(name, values): &(Str, Vec<Value>)| Some((Str::clone(name), values.first()?.clone()));
    let first: Object = lists.iter().filter_map(first).collect();
    let all: Object = lists.into_iter().collect();
    let metadata = [
        ("AllHttpHeaders", Value::from(all)),
        ("HttpHeaders", first.into()),
        ("HttpStatusCode", i64::from(http.status).into()),
    ];
    let mut response = ObjectBuilder::default();
    response.insert_some("RequestId", http.request_id.as_deref());

    let shown = shown.as_object().cloned().unwrap_or_default();
    let mut members: Vec<(Str, Value)> = shown.iter().map(|(k, v)| (Str::clone(k), v.clone())).collect();
    members.push(("SdkHttpMetadata".into(), metadata.into_iter().collect::<Object>().into()));
    members.push(("SdkResponseMetadata".into(), response.build().into()));
    members.sort_by(|a, b| a.0.cmp(&b.0));
    Value::Object(members.into_iter().collect())
}

/// Names that services write in a way of their own; HTTP libraries give them in lower case.
const HEADER_NAMES: &[(&str, &str)] = &[
    ("x-amz-executed-version", "X-Amz-Executed-Version"),
    ("x-amz-function-error", "X-Amz-Function-Error"),
    ("x-amz-log-result", "X-Amz-Log-Result"),
    ("x-amzn-remapped-content-length", "x-amzn-Remapped-Content-Length"),
    ("x-amzn-requestid", "x-amzn-RequestId"),
    ("x-amzn-trace-id", "X-Amzn-Trace-Id"),
];

/// Services that write `Connection` where the others write `connection`.
const CAPITAL_CONNECTION: &[&str] = &["dynamodb", "lambda"];

/// A header's name as the service writes it and results show it.
fn header_name(name: &str, service: &str) -> Str {
    let lower = name.to_ascii_lowercase();
    if let Some((_, known)) = HEADER_NAMES.iter().find(|(known, _)| *known == lower) {
        return (*known).into();
    }
    if lower.starts_with("x-") || lower == "connection" && !CAPITAL_CONNECTION.contains(&service) {
        return lower.into();
    }
    let words = lower.split('-').map(newel_aws_catalog::naming::capitalize);
    words.collect::<Vec<_>>().join("-").into()
}
