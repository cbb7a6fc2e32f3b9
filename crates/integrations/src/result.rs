//! Results: what the state gets of a service's answers.

use newel_aws_catalog::from_wire;
use newel_value::{Object, ObjectBuilder, Str, Value};

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
    /// PascalCase with the metadata that the Java SDK keeps.
    ///
    /// # Errors
    /// The failure of a `.sync` or `.waitForTaskToken` task whose call succeeded and yet started nothing (ECS).
    pub fn answer(
        &self,
        request: &WireRequest,
        answer: &Value,
        http: &HttpAnswer,
    ) -> Result<Value, TaskFailure> {
        let answer = self.with_repeated(request, answer);
        let shown = self
            .output
            .map_or_else(Value::empty_object, |shape| from_wire(self.api, shape, &answer, DIALECT));
        match self.action.failures.filter(|_| !self.ends_with_answer()) {
            Some(failures)
                if has_elements(&answer, failures.member) || self.started_nothing(request, &answer) =>
            {
                Err(TaskFailure { error: failures.error.to_owned(), cause: shown.to_json() })
            }
            _ => Ok(with_metadata(&shown, http)),
        }
    }

    /// The output of a `.sync` task whose job succeeded: the described job, without metadata.
    #[must_use]
    pub fn job_result(&self, described: &Value) -> Value {
        let described = marker::strip(self.action.idempotency, described);
        let shape = self.action.job.as_ref().and_then(|job| self.api.shape_named(job.shape));
        shape.map_or(described.clone(), |shape| from_wire(self.api, shape, &described, DIALECT))
    }

    /// The failure of a `.sync` task whose job failed.
    #[must_use]
    pub fn job_failure(&self, described: &Value) -> TaskFailure {
        TaskFailure { error: "States.TaskFailed".to_owned(), cause: self.job_result(described).to_json() }
    }

    fn started_nothing(&self, request: &WireRequest, answer: &Value) -> bool {
        self.job().is_some() && self.started(request, answer).is_none()
    }

    fn with_repeated(&self, request: &WireRequest, answer: &Value) -> Value {
        let Value::Object(object) = answer else { return answer.clone() };
        let mut answer = object.to_builder();
        for member in self.action.repeated {
            answer.insert_some(*member, request.body.get(member).cloned());
        }
        answer.build().into()
    }
}

fn has_elements(answer: &Value, member: &str) -> bool {
    answer.get(member).and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}

/// An answer, as a workflow is to see it, with `SdkHttpMetadata` and `SdkResponseMetadata`; members in name order, as AWS
/// prints them.
#[must_use]
pub fn with_metadata(shown: &Value, http: &HttpAnswer) -> Value {
    let mut lists: Vec<(Str, Vec<Value>)> = Vec::new();
    for (name, value) in &http.headers {
        let name = header_name(name);
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

/// A header's name as services write it and results show it; HTTP libraries give it in lower case.
fn header_name(name: &str) -> Str {
    let lower = name.to_ascii_lowercase();
    if lower == "x-amzn-requestid" {
        return "x-amzn-RequestId".into();
    }
    if lower.starts_with("x-") || lower == "connection" {
        return lower.into();
    }
    let words = lower.split('-').map(newel_aws_catalog::naming::capitalize);
    words.collect::<Vec<_>>().join("-").into()
}
